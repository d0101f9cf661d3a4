"""The customer as offers see one."""

from collections.abc import Sequence
from datetime import date, datetime

from crm.offers.values import Buyer
from loyalty.tiers import TierStep, step_before
from store.client import Document


def buyer_of(customer: Document, steps: Sequence[TierStep], at: datetime) -> Buyer:
    """Return a customer as offers see one who buys at an instant: of the tier held just before, as a sale is rated."""
    born = customer.get("birthDate")
    return Buyer(
        id=customer["_id"],
        tier_id=step_before(steps, at).tier,
        tags=frozenset(customer["tags"]),
        attributes=customer["attributes"],
        birth_date=date.fromisoformat(born) if born else None,
        first_purchase=customer["metrics"]["purchaseCount"] == 0,
    )

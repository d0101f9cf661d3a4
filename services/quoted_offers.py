"""Which offers a quote looks at: those that cart, customer or codes have to do with, then public ones to unlock."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from crm.offers.basket import Basket
from crm.offers.quoting import Candidate
from crm.offers.values import Buyer, Offer
from crm.refusals import Refusal, UserErrorCode
from services.audience import addressed_to
from services.buyers import buyer_of
from services.context import Call
from services.offer_usage import usages
from services.quoted_payments import Payments, not_to_hand_out
from services.shoppers import Shopper

SHOWN_MAX = 100
"""How many offers a quote tells of, those that apply included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Offers to judge, for whom: `first` may apply, `others` are public ones that could not, to fill what is shown."""

    buyer: Buyer | None
    first: Sequence[Candidate]
    others: Sequence[Candidate]

    @property
    def asks_for_tiers(self) -> bool:
        """Whether any of them is for customers of some tiers."""
        return any(one.offer.conditions.tiers is not None for one in (*self.first, *self.others))


async def candidates(call: Call, payments: Payments, basket: Basket, who: Shopper | None) -> Candidates:
    """Return the offers that a quote looks at.

    One that has not begun is told only to whoever sent its code; one whose reward is gone to nobody. A code whose offer
    is over is a warning.
    """
    buyer = buyer_of(who.person, who.steps, call.now) if who else None
    live, unlocked = await call.shop.known.offers(), payments.unlocked
    for id_ in [id_ for id_ in unlocked if id_ not in live.by_id or not _lasts(live.by_id[id_], call)]:
        problem = Refusal(UserErrorCode.OFFER_NOT_ELIGIBLE, "The offer of this code is over.", unlocked.pop(id_))
        payments.warnings.append(problem)
    found = {offer.id: offer for offer in live.book.candidates(basket, buyer, unlocked)}
    found |= await addressed_to(call, live, buyer.id if buyer else None)
    first = [offer for offer in found.values() if offer.id in unlocked or _is_live(offer, call)]
    gone = await not_to_hand_out(call, payments, who, first) if who else set()
    first = [offer for offer in first if offer.id not in gone]
    rest = (offer for offer in live.book.public if offer.id not in found and _is_live(offer, call))
    others = list(islice(rest, max(0, SHOWN_MAX - len(first))))
    used = await usages(call, [*first, *others], buyer.id if buyer else None, basket.cart.local_at)

    def candidate(offer: Offer) -> Candidate:
        return Candidate(offer=offer, usage=used[offer.id], code_sent=offer.id in unlocked)

    return Candidates(buyer=buyer, first=[candidate(one) for one in first], others=[candidate(one) for one in others])


def _is_live(offer: Offer, call: Call) -> bool:
    return (offer.starts_at is None or offer.starts_at <= call.now) and _lasts(offer, call)


def _lasts(offer: Offer, call: Call) -> bool:
    return offer.active and (offer.ends_at is None or call.now < offer.ends_at)

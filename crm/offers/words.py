"""Why an offer does not apply, in words that a shop can show."""

from crm.numbers import QUANTITY_DIGITS, decimal
from crm.offers.eligibility import Reason
from crm.offers.values import IneligibilityCode

_WORDS = {
    IneligibilityCode.NOT_STARTED: "It has not begun yet.",
    IneligibilityCode.ENDED: "It is over.",
    IneligibilityCode.WRONG_CHANNEL: "It is for other channels.",
    IneligibilityCode.WRONG_STORE: "It is for other stores.",
    IneligibilityCode.WRONG_TIME: "It is for other hours.",
    IneligibilityCode.NOT_IN_AUDIENCE: "It is for other customers.",
    IneligibilityCode.TIER_TOO_LOW: "It is for other tiers.",
    IneligibilityCode.BELOW_MINIMUM_SPEND: "The cart does not come to enough.",
    IneligibilityCode.BELOW_MINIMUM_QUANTITY: "There is not enough in the cart.",
    IneligibilityCode.PRODUCTS_MISSING: "The products it is about are not in the cart.",
    IneligibilityCode.CUSTOMER_LIMIT_REACHED: "This customer has had it as often as one may.",
    IneligibilityCode.OFFER_LIMIT_REACHED: "It has been had as often as it may.",
    IneligibilityCode.BUDGET_SPENT: "What there was to give is given.",
    IneligibilityCode.NOT_COMBINABLE: "It does not go with what gives more here.",
    IneligibilityCode.CONSENT_MISSING: "It needs a consent that was not given.",
    IneligibilityCode.CUSTOMER_REQUIRED: "It is for known customers.",
    IneligibilityCode.CODE_REQUIRED: "It needs its code.",
    IneligibilityCode.NOT_FIRST_PURCHASE: "It is for a first purchase.",
}


def message(reason: Reason, currency: str, currency_digits: int) -> str:
    """Return one sentence; with the distance, where it is known."""
    if reason.missing_amount is not None:
        amount = decimal(reason.missing_amount, currency_digits, trailing_zeros=True)
        return f"{amount} {currency} more to unlock."
    if reason.missing_quantity is not None:
        return f"{decimal(reason.missing_quantity, QUANTITY_DIGITS)} more to unlock."
    if reason.missing_points is not None:
        return f"{reason.missing_points} points more to the tier it is for."
    return _WORDS[reason.code]

"""By what a purchase earned, kept with it: between the document and the values of loyalty/earning, and its shares.

A return computes with these and with nothing else, so no later programme rates a sale again.
"""

from dataclasses import dataclass
from fractions import Fraction

from crm.numbers import extended
from loyalty.earning import (
    CappedRate,
    Terms,
    bonus_kept,
    cap_use,
    kept_share,
    points_taken_back,
    spent_given_back,
)
from services.context import Call
from services.selling import split_over_lines
from store.caps import CapKey
from store.client import Document


def terms_document(terms: Terms) -> Document:
    """Return terms as a purchase keeps them; what a simple programme does not need is left out."""
    document: Document = {"earnRates": [str(rate) for rate in terms.rates]}
    if terms.capped:
        document["capped"] = [
            {
                "ruleId": rate.rule_id,
                "period": rate.period_key,
                "rates": [str(one) for one in rate.rates],
                "room": str(rate.room),
            }
            for rate in terms.capped
        ]
    return document


def terms_value(purchase: Document) -> Terms:
    """Return by what a purchase earned; bonuses stand in the purchase with what was granted."""
    return Terms(
        rates=tuple(Fraction(rate) for rate in purchase["earnRates"]) or (Fraction(0),),
        capped=tuple(
            CappedRate(
                rule_id=rate["ruleId"],
                period_key=rate["period"],
                rates=tuple(Fraction(one) for one in rate["rates"]),
                room=Fraction(rate["room"]),
            )
            for rate in purchase.get("capped", ())
        ),
    )


def shares_of(purchase: Document) -> list[int]:
    """Return each line's share of the base that earns points."""
    lines, base = purchase["lines"], purchase["total"] - purchase["taxTotal"]
    return split_over_lines(base, [line["lineNumber"] for line in lines], [line["total"] for line in lines])


def kept_shares(purchase: Document) -> list[int]:
    """Return what is kept of these shares after the returns so far."""
    return _kept(purchase, shares_of(purchase))


def _kept(purchase: Document, shares: list[int]) -> list[int]:
    return [
        kept_share(share, returned=line.get("returnedQuantity", 0), quantity=line["quantity"])
        for share, line in zip(shares, purchase["lines"], strict=True)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """How much of a purchase has come back: `returned` of `base`, and whether anything is kept."""

    returned: int
    base: int
    anything_kept: bool

    def bonus_kept(self, points: int) -> int:
        """Return what is kept of flat points."""
        return bonus_kept(points, returned=self.returned, base=self.base, anything_kept=self.anything_kept)

    def spent_given_back(self, points: int) -> int:
        """Return what goes back of points that were spent."""
        return spent_given_back(points, returned=self.returned, base=self.base, anything_kept=self.anything_kept)


def returned_part(call: Call, purchase: Document, *, cancelled: bool = False) -> Part:
    """Return how much has come back, in shares of the base; where that is 0, in line totals, then in list prices."""
    lines = purchase["lines"]
    kept = not cancelled and any(line.get("returnedQuantity", 0) < line["quantity"] for line in lines)
    shares = shares_of(purchase)
    if not any(shares):
        shares = [line["total"] for line in lines]
    if not any(shares):
        digits = call.shop.currency_digits
        shares = [extended(line["quantity"], line["unitPrice"], digits) for line in lines]
    base = sum(shares)
    return Part(returned=base - sum(_kept(purchase, shares)), base=base, anything_kept=kept)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """What the returns of a purchase so far come to, in points.

    `taken_back` of what it earned, `earned_back` of that in points that count towards a tier, `given_back` of what it
    was paid with; `used` what it still uses of each cap.
    """

    taken_back: int
    earned_back: int
    given_back: int
    used: dict[CapKey, Fraction]


def owed(call: Call, purchase: Document, *, cancelled: bool = False) -> Owed:
    """Work out what all returns so far take and give: the difference to before is what one return does."""
    digits, terms = call.shop.currency_digits, terms_value(purchase)
    bonuses = purchase.get("bonuses", ())
    earned = purchase["pointsEarned"] - sum(bonus["points"] for bonus in bonuses)
    part = returned_part(call, purchase, cancelled=cancelled)
    shares = kept_shares(purchase) if part.anything_kept else [0] * len(purchase["lines"])
    earned_back = points_taken_back(earned, shares, terms, digits)
    used = cap_use(shares, terms, digits)
    bonus_back = 0
    for bonus in bonuses:
        kept = min(bonus["points"], part.bonus_kept(bonus["of"]))
        bonus_back += bonus["points"] - kept
        if bonus["period"]:
            key = (bonus["ruleId"], bonus["period"])
            used[key] = used.get(key, Fraction(0)) + kept
    return Owed(
        taken_back=earned_back + bonus_back,
        earned_back=earned_back,
        given_back=part.spent_given_back(purchase["pointsSpent"]),
        used=used,
    )

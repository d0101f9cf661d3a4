"""What a quote and a sale look up about offers: what was redeemed of them so far, and what the codes sent stand for."""

from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from crm.ids import OFFER, OFFER_CODE, REDEMPTION, prefix_of
from crm.offers.values import Offer, Usage
from crm.refusals import Refusal, UserErrorCode
from loyalty.periods import period_key
from services.context import Call
from store import keys, offer_codes, offer_redemptions
from store.client import Document, Tx
from store.offer_redemptions import Counted

NO_CODE = "There is no such code for this customer."
"""Of a code that is none and of one that is another's alike."""

USED_CODE = "This code was used already."

_CALENDAR = ZoneInfo("UTC")
"""Days are local by the time they are stored: here they are only put into their weeks, months and years."""


async def usages(
    call: Call, offers: Iterable[Offer], customer_id: str | None, local_at: datetime, *, tx: Tx | None = None
) -> dict[str, Usage]:
    """Return what was redeemed of each offer, by its id; nothing is asked for offers without limits.

    Args:
        customer_id: whose use is counted; None for an anonymous cart.
        local_at: the cart's instant in the time zone of its store, else of the shop: its period is counted.
    """
    wanted = list(offers)
    shared = [one.id for one in wanted if one.limits.total is not None or one.limits.budget is not None]
    personal = [one.id for one in wanted if one.limits.per_customer is not None or one.limits.per_period is not None]
    counted = await offer_redemptions.counters(call.database, shared, tx=tx)
    days = await offer_redemptions.by_person(call.database, customer_id, personal, tx=tx) if customer_id else {}
    return {one.id: usage_of(one, counted.get(one.id, Counted()), days.get(one.id, ()), local_at) for one in wanted}


def usage_of(offer: Offer, counted: Counted, days: Sequence[str], local_at: datetime) -> Usage:
    """Return what was redeemed of an offer: by everybody, and by a person on these days, as of a local instant."""
    period = offer.limits.period
    in_period = 0
    if period is not None and days:
        noon = [datetime.fromisoformat(f"{day}T12:00").replace(tzinfo=_CALENDAR) for day in days]
        now = period_key(period, local_at.replace(tzinfo=_CALENDAR), _CALENDAR)
        in_period = sum(period_key(period, one, _CALENDAR) == now for one in noon)
    return Usage(total=counted.redeemed, spent=counted.spent, by_customer=len(days), in_period=in_period)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundCode:
    """What a code that was sent stands for: nothing, a reward, an offer's code for all, or one `issued` of an offer.

    `key` is its key document, None for an unknown code.
    """

    index: int
    key: Document | None
    offer_id: str | None = None
    issued: Document | None = None

    @property
    def of_reward(self) -> bool:
        """Whether it is the code of a redeemed reward."""
        return self.key is not None and prefix_of(self.key["ref"]) == REDEMPTION

    def is_for(self, customer_id: str | None) -> bool:
        """Whether a buyer may use it: one's own, or whoever brings it where nobody is named."""
        if self.issued is None or customer_id is None:
            return True
        return self.issued["owner"] in (self.issued["_id"], customer_id)


async def find_codes(call: Call, codes: Sequence[str], *, tx: Tx | None = None) -> list[FoundCode]:
    """Return what each code stands for, in the order sent."""
    names = [keys.code(code) for code in codes]
    found = await keys.find(call.database, names, tx=tx)
    pairs = [(key["owner"], key["ref"]) for key in found.values() if prefix_of(key["ref"]) == OFFER_CODE]
    issued = await offer_codes.owned_by(call.database, pairs, tx=tx)
    return [_found(index, found.get(name), issued) for index, name in enumerate(names)]


def _found(index: int, key: Document | None, issued: dict[str, Document]) -> FoundCode:
    ref = key["ref"] if key else ""
    if ref in issued:
        return FoundCode(index=index, key=key, offer_id=issued[ref]["offerId"], issued=issued[ref])
    return FoundCode(index=index, key=key, offer_id=ref if prefix_of(ref) == OFFER else None)


def judged(
    codes: Iterable[FoundCode], customer_id: str | None, unlocked: Container[str]
) -> Iterator[tuple[FoundCode, Refusal | None]]:
    """Yield each code, none of a reward, with why it unlocks no offer: what a quote warns of, a sale refuses.

    Args:
        unlocked: the offers that the codes before it unlocked, as whoever asks notes them from code to code.
    """
    sent: set[str] = set()
    for code in codes:
        yield code, _problem(code, customer_id, unlocked, sent)
        if code.issued:
            sent.add(code.issued["_id"])


def _problem(
    code: FoundCode, customer_id: str | None, unlocked: Container[str], sent: Container[str]
) -> Refusal | None:
    at = ("codes", str(code.index))
    if code.offer_id is None or not code.is_for(customer_id):
        return Refusal(UserErrorCode.OFFER_NOT_ELIGIBLE, NO_CODE, at)
    if code.issued and (code.issued["status"] != offer_codes.ISSUED or code.issued["_id"] in sent):
        return Refusal(UserErrorCode.OFFER_EXHAUSTED, USED_CODE, at)
    if code.offer_id in unlocked:
        return Refusal(UserErrorCode.OFFER_NOT_ELIGIBLE, "Its offer applies once, by another code.", at)
    return None

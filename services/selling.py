"""Works out what a sale comes to before anything is read: pure arithmetic over the input."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from crm.callers import Caller
from crm.numbers import extended, split
from crm.refusals import Refusal, UserErrorCode, invalid
from crm.values import Channel
from services.inputs import PurchaseLineInput, RecordPurchaseInput, RecordReturnInput
from services.quote_inputs import CartInput

LINE_UNITS_MAX = 10**12


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceOfSale:
    """Where something was sold or came back; what the caller left out is the API key's."""

    channel: Channel | None
    store_code: str | None


def place_of(caller: Caller, input: RecordPurchaseInput | RecordReturnInput | CartInput) -> PlaceOfSale:
    """Return the place of a sale or return.

    Raises:
        Refusal: FORBIDDEN where the key belongs to another store or channel.
    """
    if caller.channel and input.channel and input.channel != caller.channel:
        raise Refusal(UserErrorCode.FORBIDDEN, "This key belongs to another channel.", ("channel",))
    if caller.store_code and input.store_code and input.store_code != caller.store_code:
        raise Refusal(UserErrorCode.FORBIDDEN, "This key belongs to another store.", ("storeCode",))
    return PlaceOfSale(channel=input.channel or caller.channel, store_code=input.store_code or caller.store_code)


def line_totals(input: RecordPurchaseInput, currency_digits: int) -> list[int]:
    """Return what each line comes to, in minor units, and hold that the whole sale adds up.

    Raises:
        Refusal: INVALID for a line below 0 or beyond all bounds, TOTAL_MISMATCH where the sum is not the total.
    """
    totals = [_line_total(line, index, currency_digits) for index, line in enumerate(input.lines)]
    goods = sum(totals) - input.discount_total
    expected = goods if input.tax_included else goods + input.tax_total
    if goods < 0 or expected != input.total:
        raise Refusal(
            UserErrorCode.TOTAL_MISMATCH,
            "The lines' totals less discountTotal, plus taxTotal unless it is included, are not the total.",
            ("total",),
        )
    if input.tax_total > input.total:
        raise invalid("The tax is more than the total.", "taxTotal")
    return totals


def line_amount(line: PurchaseLineInput, index: int, currency_digits: int) -> int:
    """Return quantity x unitPrice of a line in minor units.

    Raises:
        Refusal: INVALID where it is beyond all bounds.
    """
    full = extended(line.quantity, line.unit_price, currency_digits)
    if full > LINE_UNITS_MAX * 10**currency_digits:
        raise invalid("A line comes to at most 10^12.", "lines", str(index), "quantity")
    return full


def _line_total(line: PurchaseLineInput, index: int, currency_digits: int) -> int:
    full = line_amount(line, index, currency_digits)
    total = line.total if line.total is not None else full - line.discount
    if total < 0:
        raise invalid("A line never comes to less than 0.", "lines", str(index), "discount")
    return total


def split_over_lines(amount: int, line_numbers: Sequence[int], weights: Sequence[int]) -> list[int]:
    """Split an amount over lines in proportion to `weights`: by largest remainder, ties to the lower lineNumber."""
    order = sorted(range(len(line_numbers)), key=line_numbers.__getitem__)
    parts = dict(zip(order, split(amount, [weights[index] for index in order]), strict=True))
    return [parts[index] for index in range(len(line_numbers))]


def fingerprint(input: RecordPurchaseInput | RecordReturnInput, place: PlaceOfSale) -> str:
    """Return what tells two contents apart: everything sent but whose or of what it is, numbers by value."""
    content: dict[str, Any] = input.model_dump(
        exclude={"customer", "purchase", "channel", "store_code"}, exclude_defaults=True
    )
    content |= {"channel": place.channel, "storeCode": place.store_code}
    return content_fingerprint(content)


def content_fingerprint(content: Mapping[str, Any]) -> str:
    """Return what tells two contents apart, whatever the order of their names."""
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]

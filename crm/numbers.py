"""Exact numbers: decimal strings at the edge, scaled integers everywhere inside.

Money is an integer in the currency's minor unit, a quantity counts hundred-thousandths, a unit price counts
millionths of the currency's unit. No float ever holds any of them.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

QUANTITY_DIGITS = 5
UNIT_PRICE_DIGITS = 6
RATE_DIGITS = 6

_DECIMAL = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,6})?\Z")


def scaled(text: str, digits: int) -> int:
    """Return the decimal `text` as an integer with `digits` decimals.

    Raises:
        ValueError: `text` is no decimal of up to 12 digits before and 6 after the point, or has more than `digits`.
    """
    if not _DECIMAL.match(text):
        raise ValueError("Expected a decimal number such as 12.50.")
    whole, _, part = text.partition(".")
    part = part.rstrip("0")
    if len(part) > digits:
        raise ValueError(f"At most {digits} decimals are possible here.")
    value = int(whole.lstrip("-") + part.ljust(digits, "0"))
    return -value if text.startswith("-") else value


@lru_cache(maxsize=8192)  # a shop has few prices, and shows them all day
def decimal(value: int, digits: int, *, trailing_zeros: bool = False) -> str:
    """Return `value`, which has `digits` decimals, as a decimal string."""
    if value < 0:
        return "-" + decimal(-value, digits, trailing_zeros=trailing_zeros)
    text = str(value)
    if not digits:
        return text
    if len(text) <= digits:
        text = text.zfill(digits + 1)
    part = text[-digits:]
    if not trailing_zeros:
        part = part.rstrip("0")
    return f"{text[:-digits]}.{part}" if part else text[:-digits]


def round_half_up(numerator: int, denominator: int) -> int:
    """Return numerator / denominator rounded to the nearest integer, halves up; both must not be negative."""
    return (2 * numerator + denominator) // (2 * denominator)


def extended(quantity: int, unit_price: int, currency_digits: int) -> int:
    """Return quantity x unit price in minor units, rounded half up."""
    return round_half_up(quantity * unit_price * 10**currency_digits, 10 ** (QUANTITY_DIGITS + UNIT_PRICE_DIGITS))


def split(amount: int, weights: Sequence[int]) -> list[int]:
    """Split `amount` in proportion to `weights` so that the parts add up to it exactly.

    By largest remainder: each part is floored, what is left goes one by one to the largest remainders, ties to the
    lower index. Weights of zero throughout give everything to nobody: all parts are 0.

    Raises:
        ValueError: the amount or a weight is negative.
    """
    if amount < 0 or any(weight < 0 for weight in weights):
        raise ValueError("Only amounts and weights of zero or more can be split.")
    total = sum(weights)
    if total == 0:
        return [0] * len(weights)
    parts = [amount * weight // total for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda i: (-(amount * weights[i] % total), i))
    for index in by_remainder[: amount - sum(parts)]:
        parts[index] += 1
    return parts

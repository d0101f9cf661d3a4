"""What the tests of quotes share: the document, and short functions that ask for one."""

from typing import Any

from crm.callers import Caller
from tests.services.helpers import line
from tests.support import ADMIN, World

QUOTE = """query($cart: CartInput!, $first: Int! = 50) { quote(cart: $cart) {
  lines { lineNumber sku quantity unitPrice discount { amount } total { amount currencyCode } }
  subtotal { amount } discountTotal { amount } taxTotal { amount } total { amount }
  offers(first: $first) { offer { id title } applied discount { amount } points eligibility { eligible reasons {
    code message missingAmount { amount } missingQuantity missingPoints availableAt } } }
  pointsToEarn tierAfter { name } rewards { reward { id } affordable missingPoints }
  warnings { code field message } } }"""


def cart(*lines: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """Return the input of a cart: 10.00 and 2 x 5.00, unless said otherwise."""
    usual = [line(1, "1", "10.00"), line(2, "2", "5.00")]
    return {"channel": "POS", "currencyCode": "USD", "lines": list(lines) or usual, **fields}


async def quote(
    world: World, *lines: dict[str, Any], caller: Caller = ADMIN, first: int = 50, **fields: Any
) -> dict[str, Any]:
    """Return a quote."""
    variables = {"cart": cart(*lines, **fields), "first": first}
    quoted: dict[str, Any] = (await world.data(QUOTE, variables, caller=caller))["quote"]
    return quoted


async def refused(world: World, *lines: dict[str, Any], caller: Caller = ADMIN, **fields: Any) -> tuple[str, list[str]]:
    """Return code and field of the one error with which a quote is refused."""
    body = await world.answer(QUOTE, {"cart": cart(*lines, **fields)}, caller=caller)
    (error,) = body["errors"]
    return error["extensions"]["code"], error["extensions"]["field"]


def money(quoted: dict[str, Any]) -> tuple[str, str, str]:
    """Return subtotal, discountTotal and total."""
    return quoted["subtotal"]["amount"], quoted["discountTotal"]["amount"], quoted["total"]["amount"]


def applied(quoted: dict[str, Any]) -> list[str]:
    """Return the titles of the offers that apply."""
    return [one["offer"]["title"] for one in quoted["offers"] if one["applied"]]


def reasons(quoted: dict[str, Any], title: str) -> list[str]:
    """Return why an offer does not apply."""
    (one,) = (one for one in quoted["offers"] if one["offer"]["title"] == title)
    return [reason["code"] for reason in one["eligibility"]["reasons"]]


def warned(quoted: dict[str, Any]) -> list[tuple[str, list[str]]]:
    """Return codes and fields of the warnings."""
    return [(one["code"], one["field"]) for one in quoted["warnings"]]

"""The scalars of the contract.

Going out they print one form only. Coming in they hold that a string is a string; what it says is checked with the
input it belongs to, so that one bad row of a batch is told with its path and does not stop the others.
"""

from datetime import datetime
from typing import Any, NewType

import strawberry
from graphql import GraphQLError
from strawberry.types.scalar import ScalarDefinition

from services.input_types import CalendarDate, Currency, JsonObject, Minor, PriceUnits, QuantityUnits, RateUnits

Decimal = NewType("Decimal", str)
DateTime = NewType("DateTime", datetime)
Date = NewType("Date", str)
CurrencyCode = NewType("CurrencyCode", str)
JSON = NewType("JSON", object)


def instant_text(instant: datetime) -> str:
    """Return an instant as RFC 3339 in UTC with milliseconds and Z."""
    return instant.isoformat(timespec="milliseconds")[:23] + "Z"


def _string(value: Any) -> str:
    if not isinstance(value, str):
        raise GraphQLError("Expected a string.")
    return value


def _object(value: Any) -> Any:
    return value


def _scalar(name: str, description: str, *, serialize: Any = str, parse_value: Any = _string) -> ScalarDefinition:
    return strawberry.scalar(name=name, description=description, serialize=serialize, parse_value=parse_value)


_DECIMAL = _scalar(
    "Decimal", "A decimal number as a string: up to 12 digits, then up to 6 decimals; never a float or an exponent."
)
_DATE_TIME = _scalar(
    "DateTime", "An instant of RFC 3339; in with an offset, out in UTC with milliseconds and Z.", serialize=instant_text
)
_DATE = _scalar("Date", "A day, YYYY-MM-DD.")
_CURRENCY = _scalar("CurrencyCode", "A currency of ISO 4217, such as EUR.")
_JSON = _scalar("JSON", "A JSON object.", serialize=_object, parse_value=_object)

SCALARS: dict[object, ScalarDefinition] = {
    Decimal: _DECIMAL,
    Minor: _DECIMAL,
    QuantityUnits: _DECIMAL,
    PriceUnits: _DECIMAL,
    RateUnits: _DECIMAL,
    DateTime: _DATE_TIME,
    datetime: _DATE_TIME,
    Date: _DATE,
    CalendarDate: _DATE,
    CurrencyCode: _CURRENCY,
    Currency: _CURRENCY,
    JSON: _JSON,
    JsonObject: _JSON,
}
"""Which Python types, of outputs and of inputs, are which scalar."""

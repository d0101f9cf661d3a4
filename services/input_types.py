"""The kinds of values clients send, each checked and brought into its inner form in one place.

Validation needs two things that are not in the value: the currency's digits and the instant. They come in as
pydantic's validation context, a `Rules`. A ValueError's text is shown to the caller beside the field's path.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, NewType

import orjson
import phonenumbers
from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, ValidationInfo
from pydantic.alias_generators import to_camel

from crm.ids import prefix_of
from crm.numbers import QUANTITY_DIGITS, RATE_DIGITS, UNIT_PRICE_DIGITS, scaled
from crm.refusals import invalid

CLOCK_SKEW = timedelta(minutes=5)
AHEAD = "This lies more than 5 minutes ahead of our clock."
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
JSON_BYTES_MAX = 16_384
JSON_DEPTH_MAX = 5
NUMBER_MAX = 2**53

Id = NewType("Id", str)
Minor = NewType("Minor", int)
QuantityUnits = NewType("QuantityUnits", int)
PriceUnits = NewType("PriceUnits", int)
RateUnits = NewType("RateUnits", int)
CalendarDate = NewType("CalendarDate", str)
Currency = NewType("Currency", str)
JsonObject = NewType("JsonObject", dict[str, Any])

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)\Z", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)
_LOCALE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}\Z", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What validation needs beside the value."""

    currency: str
    currency_digits: int
    now: datetime


class Input(BaseModel):
    """What a client sends: names as in GraphQL, nothing unknown, frozen once it is checked."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", frozen=True)


def _rules(info: ValidationInfo) -> Rules:
    assert isinstance(info.context, Rules), "inputs are validated with their rules as context"
    return info.context


def clean_text(text: str) -> str:
    """Return a text that may have several lines.

    Raises:
        ValueError: it holds what neither a database nor a terminal can show.
    """
    if any(unicodedata.category(letter) in ("Cc", "Cs") and letter not in "\r\n\t" for letter in text):
        raise ValueError("Control characters and lone surrogates are not accepted.")
    return text


def _line(text: str) -> str:
    if any(letter in text for letter in "\r\n\t"):
        raise ValueError("Line breaks and tabs are not accepted here.")
    return clean_text(text)


def _email(text: str) -> str:
    try:
        return validate_email(text, check_deliverability=False, test_environment=True).normalized.lower()
    except EmailNotValidError:
        raise ValueError("This is not an e-mail address.") from None


def _phone(text: str) -> str:
    try:
        number = phonenumbers.parse(text, None)
    except phonenumbers.NumberParseException:
        raise ValueError("This is not a phone number with its country code, such as +49 30 123456.") from None
    if not phonenumbers.is_possible_number(number):
        raise ValueError("No phone number has these digits.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _locale(text: str) -> str:
    if not _LOCALE.match(text):
        raise ValueError("This is not a BCP 47 language tag such as de-AT.")
    return text


def _id(text: str) -> str:
    if prefix_of(text) is None:
        raise ValueError("This is not an id of this shop.")
    return text


def parse_instant(text: Any) -> datetime:
    """Return an RFC 3339 instant as UTC, cut to milliseconds.

    Raises:
        ValueError: it is none, has no offset, or lies outside 1900 to 9998.
    """
    if isinstance(text, datetime):
        return text
    if not isinstance(text, str) or not _INSTANT.match(text):
        raise ValueError("Expected an instant with its offset, such as 2026-11-21T09:30:00+01:00.")
    try:
        instant = datetime.fromisoformat(text.upper()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("There is no such instant.") from None
    if not EARLIEST <= instant < datetime(9998, 1, 1, tzinfo=UTC):
        raise ValueError("Instants from 1900 to 9997 are accepted.")
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def _past(instant: datetime, info: ValidationInfo) -> datetime:
    if instant > _rules(info).now + CLOCK_SKEW:
        raise ValueError(AHEAD)
    return instant


def parse_past_instant(text: Any, now: datetime, field: str) -> datetime:
    """Return an instant that a mutation takes as an argument of its own.

    Raises:
        Refusal: INVALID for what is none, or lies more than 5 minutes ahead.
    """
    try:
        instant = parse_instant(text)
    except ValueError as problem:
        raise invalid(str(problem), field) from None
    if instant > now + CLOCK_SKEW:
        raise invalid(AHEAD, field)
    return instant


def _date(text: str) -> str:
    try:
        if not _DATE.match(text):
            raise ValueError
        date.fromisoformat(text)
    except ValueError:
        raise ValueError("Expected a date such as 1990-05-17.") from None
    return text


def _birth_date(text: str, info: ValidationInfo) -> str:
    if not "1850-01-01" <= text <= _rules(info).now.date().isoformat():
        raise ValueError("Nobody was born on this date.")
    return text


def _decimal(text: Any, digits: int, *, least: int) -> int:
    if not isinstance(text, str):
        raise ValueError("Expected a decimal number as a string, such as 12.50.")
    value = scaled(text, digits)
    if value < least:
        raise ValueError("This must be more than 0." if least else "This must not be negative.")
    return value


def _amount(text: Any, info: ValidationInfo) -> int:
    return _decimal(text, _rules(info).currency_digits, least=0)


def _quantity(text: Any) -> int:
    return _decimal(text, QUANTITY_DIGITS, least=1)


def _unit_price(text: Any) -> int:
    return _decimal(text, UNIT_PRICE_DIGITS, least=0)


def _rate(text: Any) -> int:
    return _decimal(text, RATE_DIGITS, least=0)


def _currency(code: str) -> str:
    if not re.match(r"[A-Z]{3}\Z", code):
        raise ValueError("Expected a currency code of ISO 4217 such as EUR.")
    return code


def _json(value: Any) -> Any:
    if not isinstance(value, Mapping):
        raise ValueError("Expected an object.")
    _walk(value, 1)
    try:
        size = len(orjson.dumps(value))
    except (orjson.JSONEncodeError, TypeError):
        raise ValueError("This cannot be written as JSON.") from None
    if size > JSON_BYTES_MAX:
        raise ValueError(f"At most {JSON_BYTES_MAX} bytes of JSON are accepted.")
    return value


def _name(name: Any) -> None:
    if not isinstance(name, str) or not name or name.startswith("$") or "." in name:
        raise ValueError("Names must not be empty, begin with $ or contain a dot.")
    clean_text(name)


def _walk(value: Any, depth: int) -> None:
    """Refuse what a database would take for an operator or a path, and what nobody could query."""
    if depth > JSON_DEPTH_MAX:
        raise ValueError(f"At most {JSON_DEPTH_MAX} levels are accepted.")
    if isinstance(value, Mapping):
        for name, inner in value.items():
            _name(name)
            _walk(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _walk(inner, depth + 1)
    elif isinstance(value, str):
        clean_text(value)
    elif isinstance(value, (int, float)) and not abs(value) <= NUMBER_MAX:  # NaN is not either
        raise ValueError("Numbers beyond 2^53 lose digits in JSON; send them as strings.")


Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_line)]
Code = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100), AfterValidator(_line)]
ExternalValue = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255), AfterValidator(_line)
]
Comment = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=5000), AfterValidator(clean_text)
]
Url = Annotated[str, StringConstraints(max_length=2000, pattern=r"^https?://[^\s]+$"), AfterValidator(_line)]
Email = Annotated[str, StringConstraints(strip_whitespace=True, max_length=254), AfterValidator(_email)]
Phone = Annotated[str, StringConstraints(strip_whitespace=True, max_length=40), AfterValidator(_phone)]
Locale = Annotated[str, AfterValidator(_locale)]
NodeId = Annotated[Id, AfterValidator(_id)]
Instant = Annotated[datetime, BeforeValidator(parse_instant)]
PastInstant = Annotated[datetime, BeforeValidator(parse_instant), AfterValidator(_past)]
BirthDate = Annotated[CalendarDate, AfterValidator(_date), AfterValidator(_birth_date)]
Amount = Annotated[Minor, BeforeValidator(_amount)]
Quantity = Annotated[QuantityUnits, BeforeValidator(_quantity)]
Rate = Annotated[RateUnits, BeforeValidator(_rate)]
UnitPrice = Annotated[PriceUnits, BeforeValidator(_unit_price)]
CurrencyCode = Annotated[Currency, AfterValidator(_currency)]
Attributes = Annotated[JsonObject, BeforeValidator(_json)]
Points = Annotated[int, Field(ge=1, le=2**31 - 1)]
LineNumber = Annotated[int, Field(ge=1, le=100_000)]

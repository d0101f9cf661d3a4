"""What the caller did wrong, as data: a code, a field path and a sentence.

A pure rule raises a `Refusal`; one place per door (GraphQL mutation, GraphQL query, import) turns it into what that
door answers. Anything that is not a `Refusal` is our bug.
"""

from enum import StrEnum


class UserErrorCode(StrEnum):
    """Codes a client can program against; the message beside one is for people."""

    INVALID = "INVALID"
    NOT_FOUND = "NOT_FOUND"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    CONFLICT = "CONFLICT"
    FORBIDDEN = "FORBIDDEN"
    THROTTLED = "THROTTLED"
    INSUFFICIENT_POINTS = "INSUFFICIENT_POINTS"
    HOLD_EXPIRED = "HOLD_EXPIRED"
    HOLD_NOT_ACTIVE = "HOLD_NOT_ACTIVE"
    REWARD_UNAVAILABLE = "REWARD_UNAVAILABLE"
    OFFER_NOT_ELIGIBLE = "OFFER_NOT_ELIGIBLE"
    OFFER_EXHAUSTED = "OFFER_EXHAUSTED"
    TOTAL_MISMATCH = "TOTAL_MISMATCH"
    CURRENCY_MISMATCH = "CURRENCY_MISMATCH"
    RETURN_EXCEEDS_PURCHASE = "RETURN_EXCEEDS_PURCHASE"
    IDEMPOTENCY_KEY_MISMATCH = "IDEMPOTENCY_KEY_MISMATCH"
    IDEMPOTENCY_KEY_IN_USE = "IDEMPOTENCY_KEY_IN_USE"
    CURSOR_EXPIRED = "CURSOR_EXPIRED"


Field = tuple[str, ...]


class Refusal(Exception):
    """The request cannot be carried out as sent; nothing was written.

    Args:
        code: what a program can act on.
        message: one sentence for a person, without personal data of anybody else.
        field: path from the argument to what is wrong, indexes as strings; None where no single field is.
    """

    def __init__(self, code: UserErrorCode, message: str, field: Field | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field

    def under(self, *prefix: str) -> "Refusal":
        """Return the same refusal with `prefix` put before its field path."""
        return Refusal(self.code, self.message, (*prefix, *(self.field or ())))


class Refusals(Exception):
    """Several refusals of one request, all found before anything was written."""

    def __init__(self, refusals: tuple[Refusal, ...]) -> None:
        super().__init__("; ".join(refusal.message for refusal in refusals))
        self.refusals = refusals


def invalid(message: str, *field: str) -> Refusal:
    """Return an INVALID refusal of `field`."""
    return Refusal(UserErrorCode.INVALID, message, field or None)


def not_found(message: str, *field: str) -> Refusal:
    """Return a NOT_FOUND refusal of `field`."""
    return Refusal(UserErrorCode.NOT_FOUND, message, field or None)


def conflict(message: str, *field: str) -> Refusal:
    """Return a CONFLICT refusal of `field`."""
    return Refusal(UserErrorCode.CONFLICT, message, field or None)

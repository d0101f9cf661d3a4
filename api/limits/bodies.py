"""Reading a body: so many bytes in so much time, as befits who sends it."""

from dataclasses import dataclass

from starlette.types import Message, Receive

from api.limits import numbers
from api.limits.patience import Gone, Patience
from crm.callers import Caller


class BadBody(Exception):
    """The body is too large, or comes too slowly; `status` says which, in HTTP's terms."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Allowance:
    """How large a body may be, and how long it may take in all, however steadily it trickles."""

    bytes: int
    seconds: float
    values: int

    def too_large(self) -> BadBody:
        """Return the refusal of a body with more bytes."""
        return BadBody(413, f"A request of this caller has at most {self.bytes} bytes.")

    def too_slow(self) -> BadBody:
        """Return the refusal of a body that took longer."""
        return BadBody(408, f"The body did not arrive within {self.seconds:g} seconds.")


SMALL = Allowance(numbers.BODY_BYTES_MAX, numbers.BODY_SECONDS_MAX, numbers.VALUES_MAX)
LARGE = Allowance(numbers.BATCH_BODY_BYTES_MAX, numbers.BATCH_BODY_SECONDS_MAX, numbers.BATCH_VALUES_MAX)


def allowance_of(caller: Caller | None) -> Allowance:
    """Return what a caller may send; None for one who is not known yet."""
    return LARGE if caller is not None and caller.role in numbers.BATCH_ROLES else SMALL


async def read_body(receive: Receive, allowed: Allowance, patience: Patience, *, length: str | None) -> bytes:
    """Return a whole body.

    Args:
        patience: the request's; 408 is raised where its block ends.
        length: what Content-Length announces; a body that is too large is refused unread.

    Raises:
        BadBody: 413 for too many bytes, 408 where the time was over, 400 for a length that is none.
        Gone: the client left before it had sent it all.
    """
    if length is not None:
        _check_length(length, allowed)
    patience.wait(allowed.seconds, allowed.too_slow)
    body, more = _chunk(await receive())
    if more:
        body = await _all(bytearray(body), receive, allowed)
    if len(body) > allowed.bytes:
        raise allowed.too_large()
    patience.rest()
    return body


def _check_length(length: str, allowed: Allowance) -> None:
    if not (length.isascii() and length.isdecimal()):
        raise BadBody(400, "Content-Length is no number.")
    if len(length) > 12 or int(length) > allowed.bytes:  # noqa: PLR2004 -- a terabyte
        raise allowed.too_large()


def _chunk(message: Message) -> tuple[bytes, bool]:
    """Return what a message brings, and whether more is to come."""
    if message["type"] == "http.disconnect":
        raise Gone
    return message.get("body", b""), message.get("more_body", False)


async def _all(body: bytearray, receive: Receive, allowed: Allowance) -> bytes:
    more = True
    while more and len(body) <= allowed.bytes:
        chunk, more = _chunk(await receive())
        body += chunk
    return bytes(body)


def holds_at_most(value: object, most: int) -> bool:
    """Whether JSON holds at most so many values; it is not looked at further than that."""
    left, waiting = most, [value]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            left -= len(one)
            waiting += one.values()
        elif isinstance(one, list):
            left -= len(one)
            waiting += one
        if left < 0:
            return False
    return True

"""What the graphql-transport-ws protocol says of messages: their shape, how many, and how a socket is closed."""

import asyncio
from collections.abc import Mapping
from time import monotonic
from typing import Any

from api.requests import BadRequest, parsed

PROTOCOL = "graphql-transport-ws"
MESSAGE_BYTES_MAX = 65_536
ID_CHARS_MAX = 128
REASON_BYTES_MAX = 123
BURST, PER_SECOND = 200, 50
"""Messages a client may send at once, and in the long run."""
GOING_AWAY, TOO_BIG, TRY_LATER = 1001, 1009, 1013
BAD_MESSAGE, UNAUTHORIZED, FORBIDDEN, BAD_PROTOCOL = 4400, 4401, 4403, 4406
INIT_TIMEOUT, ID_IN_USE, INIT_TWICE, FAULT = 4408, 4409, 4429, 4500


class Close(Exception):
    """Ends the socket with a code of the protocol; the reason is safe to show."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        # RFC 6455, 5.5: a longer reason makes the frame illegal, and the client sees a socket that just broke.
        self.reason = reason.encode()[:REASON_BYTES_MAX].decode(errors="ignore")


def message_of(received: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a client sent as a message, which has a type.

    Raises:
        Close: it is no message.
    """
    text = received.get("text")
    if text is None:
        raise Close(BAD_MESSAGE, "Messages are text")
    try:
        sent = text.encode()
        if len(sent) > MESSAGE_BYTES_MAX:
            raise Close(TOO_BIG, f"A message has at most {MESSAGE_BYTES_MAX} bytes")
        message = parsed(sent)
    except (BadRequest, UnicodeEncodeError) as problem:
        raise Close(BAD_MESSAGE, str(problem)) from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise Close(BAD_MESSAGE, "A message is an object with a type")
    return message


def id_of(message: Mapping[str, Any]) -> str:
    """Return the id of a message's operation.

    Raises:
        Close: it has none.
    """
    id_ = message.get("id")
    if not isinstance(id_, str) or not 0 < len(id_) <= ID_CHARS_MAX:
        raise Close(BAD_MESSAGE, f"An id is a string of 1 to {ID_CHARS_MAX} characters")
    return id_


class Pace:
    """Holds back the reader of a client that sends faster than it may; the rest waits with the client."""

    def __init__(self) -> None:
        self._left, self._counted_at = float(BURST), monotonic()

    async def keep(self) -> None:
        """Count one message, and wait where there were too many."""
        now = monotonic()
        self._left = min(float(BURST), self._left + (now - self._counted_at) * PER_SECOND) - 1
        self._counted_at = now
        if self._left < 0:
            await asyncio.sleep(-self._left / PER_SECOND)

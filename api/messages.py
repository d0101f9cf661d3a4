"""An HTTP request and its answer in ASGI's own terms: bytes, and no more objects than one of each.

Starlette's are for the rest of the application: they can be asked anything, and take their time.
"""

from collections.abc import Awaitable, Sequence
from functools import lru_cache

from starlette.datastructures import QueryParams
from starlette.types import Message, Receive, Scope, Send

Header = tuple[bytes, bytes]
KNOWN = "crm.headers"
"""Where a request's scope keeps its headers by name: more than one layer looks at them."""


def headers_of(scope: Scope) -> dict[bytes, bytes]:
    """Return the headers of a request by their names, which ASGI has in small letters; of several the first."""
    known: dict[bytes, bytes] | None = scope.get(KNOWN)
    if known is None:
        known = scope[KNOWN] = dict(reversed(scope["headers"]))
    return known


class Request:
    """One request. Its body is left to whoever reads it from `receive`."""

    __slots__ = ("_headers", "_scope", "method", "receive")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self.method: str = scope["method"]
        self.receive = receive
        self._headers = headers_of(scope)
        self._scope = scope

    def header(self, name: bytes) -> str | None:
        """Return a header, None where it was not sent."""
        value = self._headers.get(name)
        return None if value is None else value.decode("latin-1")

    @property
    def address(self) -> str:
        """The client's address, empty where there is none, as over a Unix socket."""
        client = self._scope.get("client")
        return client[0] if client else ""

    @property
    def query(self) -> QueryParams:
        """What stands behind the path's question mark."""
        return QueryParams(self._scope["query_string"])


class Reply:
    """One answer, whole: an ASGI application that sends it, as Starlette's responses are."""

    __slots__ = ("_body", "_headers", "_status")

    def __init__(self, status: int, body: bytes, media: str, headers: Sequence[Header] = ()) -> None:
        self._status = status
        self._body = body
        self._headers = [(b"content-length", b"%d" % len(body)), _content_type(media), *headers]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": self._status, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._body})


@lru_cache(maxsize=8)
def _content_type(media: str) -> Header:
    return b"content-type", f"{media}; charset=utf-8".encode()


def marking(send: Send, *marks: Header) -> Send:
    """Return what sends an answer with these headers besides its own."""

    def marked(message: Message) -> Awaitable[None]:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *marks]
        return send(message)

    return marked

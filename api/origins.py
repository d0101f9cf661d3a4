"""Which websites may call from a browser: the shop's list, and this service's own page."""

import re
from collections.abc import Iterable

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from api.errors import error_response
from api.messages import headers_of, marking

ORIGIN = re.compile(r"https?://(?:[a-z0-9_.-]+|\[[0-9a-f:]+\])(?::[0-9]{1,5})?")
HEADER_NAMES = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+(?:\s*,\s*[A-Za-z0-9!#$%&'*+.^_`|~-]+)*")
HEADER_NAMES_LENGTH_MAX = 1000
EXPOSED = (b"access-control-expose-headers", b"Allow, Retry-After, WWW-Authenticate, X-Request-Id")
VARY = (b"vary", b"Origin")
PREFLIGHT_SECONDS = "7200"


def origins(text: str | None) -> frozenset[str]:
    """Return the origins of a list with commas.

    Raises:
        ValueError: one of them is no exact origin.
    """
    found = [one.strip() for one in (text or "").split(",") if one.strip()]
    for one in found:
        if not ORIGIN.fullmatch(one):
            raise ValueError(f"expected origins such as https://shop.example, in small letters and exact, got {one}.")
    return frozenset(found)


def may_open_socket(headers: Headers, allowed: Iterable[str]) -> bool:
    """Whether a socket may be opened from where its Origin says: nowhere in particular, here, or a listed website.

    A browser sends an Origin always, and no preflight before a socket: this is the only thing that keeps other websites
    out. Programs send none.
    """
    origin = headers.get("origin")
    if origin is None:
        return True
    return origin in allowed or origin.partition("://")[2] == headers.get("host")


class CORS:
    """Lets listed websites read answers. Callers are known by a header alone, so no cookies are ever allowed for."""

    def __init__(self, app: ASGIApp, allowed: frozenset[str]) -> None:
        self._app = app
        self._allowed = allowed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a preflight, or mark the answer for the origin that asked."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = headers_of(scope)
        origin = headers.get(b"origin", b"").decode("latin-1")
        if scope["method"] == "OPTIONS" and {b"origin", b"access-control-request-method"} <= headers.keys():
            names = headers.get(b"access-control-request-headers", b"").decode("latin-1")
            await self._preflight(origin, names)(scope, receive, send)
        elif origin in self._allowed:
            granted = (b"access-control-allow-origin", origin.encode())
            await self._app(scope, receive, marking(send, granted, EXPOSED, VARY))
        else:
            await self._app(scope, receive, marking(send, VARY))

    def _preflight(self, origin: str, names: str) -> Response:
        if origin not in self._allowed:
            return error_response(403, "FORBIDDEN", "This origin is not one of CRM_CORS_ORIGINS.", {"Vary": "Origin"})
        if len(names) > HEADER_NAMES_LENGTH_MAX or not HEADER_NAMES.fullmatch(names):
            names = "Authorization, Content-Type"
        granted = {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": "GET, POST",
            "Access-Control-Allow-Headers": names,
            "Access-Control-Max-Age": PREFLIGHT_SECONDS,
            "Vary": "Origin, Access-Control-Request-Headers",
        }
        return Response(status_code=204, headers=granted)

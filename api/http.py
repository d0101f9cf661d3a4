"""GraphQL over HTTP: reads a request, lets the engine run it, answers as the specification has it.

application/json answers a well-formed request with 200 whatever came of it; application/graphql-response+json says
with the status whether the request was executed at all.
"""

from collections.abc import Sequence
from typing import Any

import orjson
import structlog
from starlette.responses import HTMLResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from api.authentication import NO_CREDENTIAL, Unauthenticated
from api.documents import NOT_TRUSTED
from api.engine import Answer, refused, throttled
from api.errors import MASKED, error_response
from api.event_stream import EventStream, single
from api.jwks import IdentityProviderDown
from api.limits.bodies import Allowance, BadBody, allowance_of, holds_at_most, read_body
from api.limits.buckets import Throttled
from api.limits.door import APP_HEADER, Door
from api.limits.patience import Gone, Patience
from api.media import GRAPHQL_JSON, JSON, Accepted, accepted
from api.messages import Header, Reply, Request
from api.observability.record import note_answer, note_caller
from api.requests import BadRequest, GraphQLRequest, asked, parsed
from api.runner import Runner
from api.streams import Streams
from crm.callers import NOBODY, Caller

METHODS = ("GET", "HEAD", "POST")
STATUS = {
    "UNAUTHENTICATED": 401,
    "FORBIDDEN": 403,
    NOT_TRUSTED: 403,
    "METHOD_NOT_ALLOWED": 405,
    "NOT_ACCEPTABLE": 406,
    "THROTTLED": 429,
    "TIMEOUT": 504,
}
ALWAYS = frozenset({"UNAUTHENTICATED", "METHOD_NOT_ALLOWED", "NOT_ACCEPTABLE", "THROTTLED", NOT_TRUSTED})
"""Codes whose status is told in application/json too: these requests would fail whatever document they carried."""
EXPECTED = (BadBody, Unauthenticated, Throttled, IdentityProviderDown, Gone)
CLIENT_GONE = 499
APP_KEY = APP_HEADER.lower().encode()
log = structlog.get_logger()


class GraphQLEndpoint:
    """The ASGI application at /graphql. `page` is GraphiQL, where it is served."""

    def __init__(self, runner: Runner, door: Door, streams: Streams, page: HTMLResponse | None) -> None:
        self._runner = runner
        self._door = door
        self._streams = streams
        self._page = page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        answer = await self._answer(Request(scope, receive))
        await answer(scope, receive, send)

    async def _answer(self, request: Request) -> ASGIApp:
        """Return what sends the answer to one request; never an exception."""
        if request.method not in METHODS:
            return error_response(405, "METHOD_NOT_ALLOWED", "Method Not Allowed.", {"Allow": ", ".join(METHODS)})
        if self._page and _wants_page(request):
            return self._page
        takes = accepted(request.header(b"accept"))
        if takes.nothing:
            return _json(406, JSON, refused("NOT_ACCEPTABLE", f"Accept {JSON} or {GRAPHQL_JSON}.").body)
        media = takes.answer or JSON
        try:
            return await self._respond(request, takes, media)
        except EXPECTED as problem:
            return _not_run(problem, media)
        except Exception as error:  # the mask of last resort: no exception's text ever reaches a client
            log.error("request_failed", exc_info=error)
            return _answered(refused("INTERNAL", MASKED), media)

    async def _respond(self, request: Request, takes: Accepted, media: str) -> ASGIApp:
        authorization = request.header(b"authorization")
        known = await self._known(request, authorization)
        streaming, reading = takes.stream and request.method != "HEAD", request.method != "POST"
        with Patience(request.receive) as patience:
            wanted = await read(request, allowance_of(known), patience)
            caller = known or self._nobody(wanted)
            note_caller(caller)
            result = await self._runner.run(caller, wanted, reading=reading, streaming=streaming)
        if isinstance(result, Answer):
            return _answered(result, media) if takes.answer else single(result)
        return EventStream(result, self._streams, caller, authorization or "")

    async def _known(self, request: Request, authorization: str | None) -> Caller | None:
        """Return who calls, before the body is read; None for nobody, where that may be enough."""
        if self._page and authorization is None:
            return None
        return await self._door.enter(authorization, app_key=request.header(APP_KEY), address=request.address)

    def _nobody(self, wanted: GraphQLRequest) -> Caller:
        """Return who calls without a credential: in development anybody is told the schema, so GraphiQL can show it."""
        if self._runner.only_describes(wanted):
            return NOBODY
        raise Unauthenticated(NO_CREDENTIAL)


def _not_run(problem: Exception, media: str) -> Reply:
    """Return the answer to a request of which nothing was run."""
    match problem:
        case BadBody():
            return _json(problem.status, media, refused("BAD_REQUEST", str(problem)).body)
        case Unauthenticated():
            body = refused("UNAUTHENTICATED", str(problem)).body
            return _json(401, media, body, [(b"www-authenticate", b"Bearer")])
        case Throttled():
            return _answered(throttled(problem), media)
        case IdentityProviderDown():
            return _json(503, media, refused("INTERNAL", "The identity provider does not answer.").body)
        case _:
            return Reply(CLIENT_GONE, b"", media)


def status_of(answer: Answer, media: str) -> int:
    """Return the status of an answer in the media type it is given in."""
    if answer.code in ALWAYS:
        return STATUS[answer.code or ""]
    if answer.code == "INTERNAL":
        return 500
    if answer.executed or media == JSON:
        return 200
    return STATUS.get(answer.code or "", 400)


async def read(request: Request, allowed: Allowance, patience: Patience) -> GraphQLRequest:
    """Return what an HTTP request asks for.

    Raises:
        BadRequest: it asks for nothing that could be executed.
        BadBody: its body is too large or too slow.
    """
    if request.method != "POST":  # GET, and HEAD, which must not do more than GET does
        return asked(_parameters(request))
    if not _is_json(request.header(b"content-type")):
        raise BadRequest(415, f"Send {JSON}.")
    if (request.header(b"content-encoding") or "identity").lower() != "identity":
        raise BadRequest(415, "Send the body without a content encoding.")
    body = await read_body(request.receive, allowed, patience, length=request.header(b"content-length"))
    wanted = asked(parsed(body))
    if len(body) > allowed.values and not holds_at_most(wanted.variables, allowed.values):
        raise BadRequest(413, f"A request of this caller has at most {allowed.values} values.")
    return wanted


def _parameters(request: Request) -> dict[str, Any]:
    query = request.query
    parameters: dict[str, Any] = dict(query)
    if len(query.multi_items()) > len(parameters):
        raise BadRequest(400, "A parameter is there twice.")
    for name in ("variables", "extensions"):
        if parameters.get(name):
            parameters[name] = parsed(parameters[name].encode())
    return parameters


def _is_json(content_type: str | None) -> bool:
    return content_type == JSON or (content_type or "").split(";")[0].strip().lower() == JSON


def _wants_page(request: Request) -> bool:
    return (
        request.method != "POST" and "query" not in request.query and "text/html" in (request.header(b"accept") or "")
    )


def _answered(answer: Answer, media: str) -> Reply:
    headers: list[Header] = [(b"allow", b"POST")] if answer.code == "METHOD_NOT_ALLOWED" else []
    if answer.retry_after is not None:
        headers.append((b"retry-after", str(answer.retry_after).encode()))
    return _json(status_of(answer, media), media, answer.body, headers)


def _json(status: int, media: str, body: Any, headers: Sequence[Header] = ()) -> Reply:
    note_answer(body)
    return Reply(status, orjson.dumps(body), media, headers)

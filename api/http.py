"""GraphQL over HTTP: reads a request, lets the engine run it, answers as the specification has it.

application/json answers a well-formed request with 200 whatever came of it; application/graphql-response+json says
with the status whether the request was executed at all.
"""

from collections.abc import Mapping
from typing import Any

import orjson
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response

from api.authentication import NO_CREDENTIAL, Unauthenticated
from api.documents import NOT_TRUSTED
from api.engine import Answer, refused, throttled
from api.errors import MASKED
from api.event_stream import EventStream, single
from api.jwks import IdentityProviderDown
from api.limits.bodies import Allowance, BadBody, allowance_of, holds_at_most, read_body
from api.limits.buckets import Throttled
from api.limits.door import APP_HEADER, Door
from api.limits.leaving import Gone, looked_after
from api.media import GRAPHQL_JSON, JSON, Accepted, accepted
from api.observability.record import note_answer, note_caller
from api.requests import BadRequest, GraphQLRequest, asked, parsed
from api.runner import Runner
from api.streams import Streams
from crm.callers import NOBODY, Caller

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
EXPECTED = (BadBody, Unauthenticated, Throttled, IdentityProviderDown, ClientDisconnect, Gone)
log = structlog.get_logger()


class GraphQLEndpoint:
    """Answers at /graphql. `page` is GraphiQL, where it is served."""

    def __init__(self, runner: Runner, door: Door, streams: Streams, page: HTMLResponse | None) -> None:
        self._runner = runner
        self._door = door
        self._streams = streams
        self._page = page

    async def handle(self, request: Request) -> Response:
        """Return the answer to one HTTP request; never an exception."""
        if self._page and _wants_page(request):
            return self._page
        takes = accepted(request.headers.get("accept"))
        if takes.nothing:
            return _json(406, JSON, refused("NOT_ACCEPTABLE", f"Accept {JSON} or {GRAPHQL_JSON}.").body)
        media = takes.answer or JSON
        try:
            return await self._respond(request, takes, media)
        except EXPECTED as problem:
            return _told(problem, media)
        except Exception as error:  # the mask of last resort: no exception's text ever reaches a client
            log.error("request_failed", exc_info=error)
            return _answered(refused("INTERNAL", MASKED), media)

    async def _respond(self, request: Request, takes: Accepted, media: str) -> Response:
        known = await self._known(request)
        wanted = await read(request, allowance_of(known))
        caller = known or self._unknown(wanted)
        note_caller(caller)
        reading, streaming = request.method != "POST", takes.stream and request.method != "HEAD"
        with looked_after(request.receive):
            result = await self._runner.run(caller, wanted, reading=reading, streaming=streaming)
        if isinstance(result, Answer):
            return _answered(result, media) if takes.answer else single(result)
        return EventStream(result, self._streams, caller, request.headers.get("authorization", ""))

    async def _known(self, request: Request) -> Caller | None:
        """Return who calls, before the body is read; None for nobody, where that may be enough."""
        authorization = request.headers.get("authorization")
        if self._page and authorization is None:
            return None
        address = request.client.host if request.client else ""
        return await self._door.enter(authorization, app_key=request.headers.get(APP_HEADER), address=address)

    def _unknown(self, wanted: GraphQLRequest) -> Caller:
        """Return who calls without a credential: in development anybody is told the schema, so GraphiQL can show it."""
        if self._runner.only_describes(wanted):
            return NOBODY
        raise Unauthenticated(NO_CREDENTIAL)


def status_of(answer: Answer, media: str) -> int:
    """Return the status of an answer in the media type it is given in."""
    if answer.code in ALWAYS:
        return STATUS[answer.code or ""]
    if answer.code == "INTERNAL":
        return 500
    if answer.executed or media == JSON:
        return 200
    return STATUS.get(answer.code or "", 400)


async def read(request: Request, allowed: Allowance) -> GraphQLRequest:
    """Return what an HTTP request asks for.

    Raises:
        BadRequest: it asks for nothing that could be executed.
        BadBody: its body is too large or too slow.
    """
    if request.method != "POST":  # GET, and HEAD, which must not do more than GET does
        parameters: dict[str, Any] = dict(request.query_params)
        if len(request.query_params.multi_items()) > len(parameters):
            raise BadRequest(400, "A parameter is there twice.")
        for name in ("variables", "extensions"):
            if parameters.get(name):
                parameters[name] = parsed(parameters[name].encode())
        return asked(parameters)
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != JSON:
        raise BadRequest(415, f"Send {JSON}.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise BadRequest(415, "Send the body without a content encoding.")
    body = await read_body(request.stream(), allowed, length=request.headers.get("content-length"))
    wanted = asked(parsed(body))
    if len(body) > allowed.values and not holds_at_most(wanted.variables, allowed.values):
        raise BadRequest(413, f"A request of this caller has at most {allowed.values} values.")
    return wanted


def _wants_page(request: Request) -> bool:
    return (
        request.method != "POST"
        and "query" not in request.query_params
        and "text/html" in request.headers.get("accept", "")
    )


def _told(problem: Exception, media: str) -> Response:
    """Return the answer to a request that did not get as far as an operation."""
    if isinstance(problem, BadBody):
        return _json(problem.status, media, refused("BAD_REQUEST", str(problem)).body)
    if isinstance(problem, Unauthenticated):
        return _json(401, media, refused("UNAUTHENTICATED", str(problem)).body, {"WWW-Authenticate": "Bearer"})
    if isinstance(problem, Throttled):
        return _answered(throttled(problem), media)
    if isinstance(problem, IdentityProviderDown):
        return _json(503, media, refused("INTERNAL", "The identity provider does not answer.").body)
    return Response(status_code=499)  # the client has gone


def _answered(answer: Answer, media: str) -> Response:
    headers = {"Allow": "POST"} if answer.code == "METHOD_NOT_ALLOWED" else {}
    if answer.retry_after is not None:
        headers["Retry-After"] = str(answer.retry_after)
    return _json(status_of(answer, media), media, answer.body, headers)


def _json(status: int, media: str, body: Any, headers: Mapping[str, str] | None = None) -> Response:
    note_answer(body)
    return Response(orjson.dumps(body), status, headers, media_type=f"{media}; charset=utf-8")

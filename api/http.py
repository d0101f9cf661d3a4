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

from api.authentication import Authenticator, Unauthenticated
from api.documents import NOT_TRUSTED
from api.engine import Answer, refused
from api.errors import MASKED
from api.event_stream import EventStream, single
from api.jwks import IdentityProviderDown
from api.media import GRAPHQL_JSON, JSON, Accepted, accepted
from api.observability.record import note_answer, note_caller
from api.requests import BadRequest, GraphQLRequest, asked, parsed
from api.runner import Runner
from api.streams import Streams
from crm.callers import NOBODY, Caller

BODY_BYTES_MAX = 4 * 1024 * 1024
STATUS = {"UNAUTHENTICATED": 401, "FORBIDDEN": 403, NOT_TRUSTED: 403, "METHOD_NOT_ALLOWED": 405, "NOT_ACCEPTABLE": 406}
ALWAYS = frozenset({"UNAUTHENTICATED", "METHOD_NOT_ALLOWED", "NOT_ACCEPTABLE", NOT_TRUSTED})
"""Codes whose status is told in application/json too: these requests would fail whatever document they carried."""
log = structlog.get_logger()


class GraphQLEndpoint:
    """Answers at /graphql. `page` is GraphiQL, where it is served."""

    def __init__(
        self, runner: Runner, authenticator: Authenticator, streams: Streams, page: HTMLResponse | None
    ) -> None:
        self._runner = runner
        self._authenticator = authenticator
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
        except BadRequest as problem:
            return _json(problem.status, media, refused("BAD_REQUEST", str(problem)).body)
        except Unauthenticated as problem:
            body = refused("UNAUTHENTICATED", str(problem)).body
            return _json(401, media, body, {"WWW-Authenticate": "Bearer"})
        except IdentityProviderDown:
            return _json(503, media, refused("INTERNAL", "The identity provider does not answer.").body)
        except ClientDisconnect:
            return Response(status_code=499)
        except Exception as error:  # the mask of last resort: no exception's text ever reaches a client
            log.error("request_failed", exc_info=error)
            return _answered(refused("INTERNAL", MASKED), media)

    async def _respond(self, request: Request, takes: Accepted, media: str) -> Response:
        wanted = await read(request)
        caller = await self._caller(request, wanted)
        note_caller(caller)
        streaming = takes.stream and request.method != "HEAD"
        result = await self._runner.run(caller, wanted, reading=request.method != "POST", streaming=streaming)
        if isinstance(result, Answer):
            return _answered(result, media) if takes.answer else single(result)
        return EventStream(result, self._streams, caller, request.headers.get("authorization", ""))

    async def _caller(self, request: Request, wanted: GraphQLRequest) -> Caller:
        """Return who calls. In development the schema is told to anybody, so that GraphiQL can show it at once."""
        authorization = request.headers.get("authorization")
        if self._page and authorization is None and self._runner.only_describes(wanted):
            return NOBODY
        return await self._authenticator.authenticate(authorization)


def status_of(answer: Answer, media: str) -> int:
    """Return the status of an answer in the media type it is given in."""
    if answer.code in ALWAYS:
        return STATUS[answer.code or ""]
    if answer.code == "INTERNAL":
        return 500
    if answer.executed or media == JSON:
        return 200
    return STATUS.get(answer.code or "", 400)


async def read(request: Request) -> GraphQLRequest:
    """Return what an HTTP request asks for.

    Raises:
        BadRequest: it asks for nothing that could be executed.
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
    return asked(parsed(await _body(request)))


async def _body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_BYTES_MAX:
            raise BadRequest(413, f"A request has at most {BODY_BYTES_MAX} bytes.")
    return bytes(body)


def _wants_page(request: Request) -> bool:
    return (
        request.method != "POST"
        and "query" not in request.query_params
        and "text/html" in request.headers.get("accept", "")
    )


def _answered(answer: Answer, media: str) -> Response:
    allow = {"Allow": "POST"} if answer.code == "METHOD_NOT_ALLOWED" else None
    return _json(status_of(answer, media), media, answer.body, allow)


def _json(status: int, media: str, body: Any, headers: Mapping[str, str] | None = None) -> Response:
    note_answer(body)
    return Response(orjson.dumps(body), status, headers, media_type=f"{media}; charset=utf-8")

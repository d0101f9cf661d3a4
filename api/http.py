"""GraphQL over HTTP: reads a request, lets the engine run it, answers as the specification has it.

application/json answers a well-formed request with 200 whatever came of it; application/graphql-response+json says
with the status whether the request was executed at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, Response

from api.authentication import NO_CREDENTIAL, Unauthenticated
from api.engine import Answer, Engine, refused, throttled
from api.jwks import IdentityProviderDown
from api.limits.bodies import Allowance, BadBody, allowance_of, holds_at_most, read_body
from api.limits.buckets import Throttled
from api.limits.door import APP_HEADER, Door
from api.limits.leaving import Gone, looked_after
from api.observability.record import note_answer, note_caller, note_refusals
from crm.callers import NOBODY, Caller
from resolvers.context import Context
from services.context import Shop

JSON, GRAPHQL_JSON = "application/json", "application/graphql-response+json"
STATUS = {"UNAUTHENTICATED": 401, "FORBIDDEN": 403, "METHOD_NOT_ALLOWED": 405, "THROTTLED": 429, "TIMEOUT": 504}
ALWAYS = frozenset({"UNAUTHENTICATED", "METHOD_NOT_ALLOWED", "THROTTLED"})
"""Codes whose status is told in application/json too: these requests would fail whatever document they carried."""
EXPECTED = (Unauthenticated, IdentityProviderDown, Throttled, BadBody, ClientDisconnect, Gone)
log = structlog.get_logger()


class BadRequest(BadBody):
    """The HTTP request carries no GraphQL request; `status` says how."""


@dataclass(frozen=True, slots=True)
class GraphQLRequest:
    """What a client wants executed."""

    query: str
    variables: Mapping[str, Any] | None
    operation_name: str | None


class GraphQLEndpoint:
    """Answers at /graphql. `page` is GraphiQL, where it is served."""

    def __init__(self, shop: Shop, engine: Engine, door: Door, page: HTMLResponse | None) -> None:
        self._shop = shop
        self._engine = engine
        self._door = door
        self._page = page

    async def handle(self, request: Request) -> Response:
        """Return the answer to one HTTP request; never an exception."""
        if self._page and _wants_page(request):
            return self._page
        media = accepted(request.headers.get("accept"))
        if media is None:
            return _json(406, JSON, refused("NOT_ACCEPTABLE", f"Accept {JSON} or {GRAPHQL_JSON}.").body)
        try:
            answer = await self._run(request)
        except BadBody as problem:
            return _json(problem.status, media, refused("BAD_REQUEST", str(problem)).body)
        except Unauthenticated as problem:
            body = refused("UNAUTHENTICATED", str(problem)).body
            return _json(401, media, body, {"WWW-Authenticate": "Bearer"})
        except Throttled as problem:
            return _answered(throttled(problem), media)
        except IdentityProviderDown:
            return _json(503, media, refused("INTERNAL", "The identity provider does not answer.").body)
        except (ClientDisconnect, Gone):
            return Response(status_code=499)
        return _answered(answer, media)

    async def _run(self, request: Request) -> Answer:
        try:
            known = await self._known(request)
            asked = await read(request, allowance_of(known))
            caller = known or await self._caller(asked)
            note_caller(caller)
            context, reading = Context(self._shop.call(caller)), request.method != "POST"
            with looked_after(request.receive):
                answer = await self._engine.run(
                    context, asked.query, asked.variables, asked.operation_name, reading=reading
                )
            note_refusals(context.call.refusals)
            return answer
        except EXPECTED:
            raise
        except Exception as error:  # the mask of last resort: no exception's text ever reaches a client
            log.error("request_failed", exc_info=error)
            return Answer(
                refused("INTERNAL", "Something went wrong here; it was logged.").body, executed=False, code="INTERNAL"
            )

    async def _known(self, request: Request) -> Caller | None:
        """Return who calls, before the body is read; None for nobody, where that may be enough."""
        authorization = request.headers.get("authorization")
        if self._page and authorization is None:
            return None
        address = request.client.host if request.client else ""
        return await self._door.enter(authorization, app_key=request.headers.get(APP_HEADER), address=address)

    async def _caller(self, asked: GraphQLRequest) -> Caller:
        """Return who calls without a credential: in development anybody is told the schema, so GraphiQL can show it."""
        if self._engine.only_describes(asked.query, asked.operation_name):
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


def accepted(header: str | None) -> str | None:
    """Return the media type to answer in, None where the client takes neither."""
    if header is None:
        return JSON
    wanted = [part.split(";")[0].strip().lower() for part in header.split(",")]
    if GRAPHQL_JSON in wanted and (JSON not in wanted or wanted.index(GRAPHQL_JSON) < wanted.index(JSON)):
        return GRAPHQL_JSON
    if JSON in wanted or "*/*" in wanted or "application/*" in wanted:
        return JSON
    return None


async def read(request: Request, allowed: Allowance) -> GraphQLRequest:
    """Return what an HTTP request asks for.

    Raises:
        BadRequest: it asks for nothing that could be executed.
        BadBody: its body is too large or too slow.
    """
    if request.method != "POST":  # GET, and HEAD, which must not do more than GET does
        parameters: dict[str, Any] = dict(request.query_params)
        for name in ("variables", "extensions"):
            if parameters.get(name):
                parameters[name] = _parsed(parameters[name].encode())
        return _asked(parameters)
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != JSON:
        raise BadRequest(415, f"Send {JSON}.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise BadRequest(415, "Send the body without a content encoding.")
    body = await read_body(request.stream(), allowed, length=request.headers.get("content-length"))
    asked = _asked(_parsed(body))
    if len(body) > allowed.values and not holds_at_most(asked.variables, allowed.values):
        raise BadRequest(413, f"A request of this caller has at most {allowed.values} values.")
    return asked


def _parsed(text: bytes) -> Any:
    try:
        return orjson.loads(text)
    except (orjson.JSONDecodeError, RecursionError):
        raise BadRequest(400, "This is not JSON in UTF-8.") from None


def _asked(parameters: Any) -> GraphQLRequest:
    if not isinstance(parameters, dict):
        raise BadRequest(400, "Expected a JSON object with a query.")
    query, variables = parameters.get("query"), parameters.get("variables")
    name = parameters.get("operationName")
    if not isinstance(query, str) or not query.strip():
        raise BadRequest(400, "The query is missing.")
    if variables is not None and not isinstance(variables, dict):
        raise BadRequest(400, "variables must be an object.")
    if name is not None and not isinstance(name, str):
        raise BadRequest(400, "operationName must be a string.")
    if not isinstance(parameters.get("extensions", {}), (dict, type(None))):
        raise BadRequest(400, "extensions must be an object.")
    return GraphQLRequest(query, variables, name or None)


def _wants_page(request: Request) -> bool:
    return (
        request.method != "POST"
        and "query" not in request.query_params
        and "text/html" in request.headers.get("accept", "")
    )


def _answered(answer: Answer, media: str) -> Response:
    headers = {"Allow": "POST"} if answer.code == "METHOD_NOT_ALLOWED" else {}
    if answer.retry_after is not None:
        headers["Retry-After"] = str(answer.retry_after)
    return _json(status_of(answer, media), media, answer.body, headers)


def _json(status: int, media: str, body: Any, headers: Mapping[str, str] | None = None) -> Response:
    note_answer(body)
    return Response(orjson.dumps(body), status, headers, media_type=f"{media}; charset=utf-8")

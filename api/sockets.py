"""GraphQL over WebSocket: the graphql-transport-ws protocol, on starlette's sockets.

One socket carries many operations. What is wrong with one of them is answered to that one; only what breaks the
protocol itself closes the socket, with the protocol's code. The reader waits where a client sends faster than it may.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import orjson
import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from api.authentication import Unauthenticated
from api.documents import DocumentRefused
from api.engine import Answer, refusal_body, refused, throttled
from api.errors import MASKED
from api.jwks import IdentityProviderDown
from api.limits.buckets import Throttled
from api.limits.door import APP_HEADER, Door
from api.observability.record import note_answer, note_caller
from api.observability.requests import Requests
from api.origins import may_open_socket
from api.requests import BadRequest, GraphQLRequest, asked
from api.runner import Runner
from api.socket_protocol import (
    BAD_MESSAGE,
    BAD_PROTOCOL,
    FAULT,
    FORBIDDEN,
    GOING_AWAY,
    ID_IN_USE,
    INIT_TIMEOUT,
    INIT_TWICE,
    PROTOCOL,
    TRY_LATER,
    UNAUTHORIZED,
    Close,
    Pace,
    id_of,
    message_of,
)
from api.streams import TOO_MANY, Ending, Streams, TooMany
from crm.callers import Caller

INIT_SECONDS = 5.0
OPERATIONS_MAX = 100
log = structlog.get_logger()


class SocketEndpoint:
    """Takes sockets at /graphql from programs, from this service's own page, and from the shop's websites."""

    def __init__(
        self,
        runner: Runner,
        door: Door,
        streams: Streams,
        requests: Requests,
        allowed_origins: frozenset[str],
    ) -> None:
        self.runner = runner
        self.requests = requests
        self.door = door
        self.streams = streams
        self._allowed_origins = allowed_origins

    async def handle(self, websocket: WebSocket) -> None:
        """Converse with a client until one of both ends it; never an exception."""
        if not may_open_socket(websocket.headers, self._allowed_origins):
            await websocket.close()  # before it was accepted: answered with 403
            return
        if PROTOCOL not in websocket.scope["subprotocols"]:
            await websocket.accept()
            await websocket.close(BAD_PROTOCOL, f"Subprotocol not acceptable: offer {PROTOCOL}")
            return
        await websocket.accept(PROTOCOL)
        await Conversation(self, websocket).run()


class _Operation:
    """One operation under way; a mutation goes on where its answer is no longer wanted."""

    __slots__ = ("mutates", "task")

    def __init__(self) -> None:
        self.mutates = False
        self.task: asyncio.Task[None] | None = None

    def stop(self) -> None:
        if self.task and not self.mutates:
            self.task.cancel()


class Conversation:
    """One socket from connection_init to its close."""

    def __init__(self, endpoint: SocketEndpoint, websocket: WebSocket) -> None:
        self._endpoint = endpoint
        self._websocket = websocket
        self._authorization = ""
        self._app_key: str | None = None
        self._operations: dict[str, _Operation] = {}
        self._ending: Close | None = None
        self._task: asyncio.Task[None] | None = None
        self._pace = Pace()

    async def run(self) -> None:
        """Converse, close where that is still to be done, and leave nothing running."""
        self._task = asyncio.current_task()
        closing: Close | None = None
        try:
            await self._converse()
        except Close as close:
            closing = close
        except WebSocketDisconnect:
            pass
        except asyncio.CancelledError:
            if self._ending is None:  # not ours: the server wants this task to end
                raise
            closing = self._ending
        except Exception as error:  # the mask of last resort
            log.error("socket_failed", exc_info=error)
            closing = Close(FAULT, MASKED)
        finally:
            await self._stop_all()
        if closing:
            with suppress(WebSocketDisconnect):
                await self._websocket.close(closing.code, closing.reason)

    async def _converse(self) -> None:
        try:
            async with asyncio.timeout(INIT_SECONDS):
                caller = await self._initialised()
        except TimeoutError:
            raise Close(INIT_TIMEOUT, "Connection initialisation timeout") from None
        try:
            with self._endpoint.streams.held(caller, self._authorization, self._end):
                await self._send({"type": "connection_ack"})
                while True:
                    await self._obey(await self._message())
        except TooMany:
            raise Close(TRY_LATER, TOO_MANY) from None

    async def _initialised(self) -> Caller:
        while True:
            message = await self._message()
            match message["type"]:
                case "connection_init":
                    return await self._known(message.get("payload"))
                case "ping":
                    await self._pong(message)
                case "pong":
                    pass
                case "subscribe" | "complete":
                    raise Close(UNAUTHORIZED, "Unauthorized")
                case _:
                    raise Close(BAD_MESSAGE, "Unknown type of message")

    async def _known(self, payload: Any) -> Caller:
        """Return who calls: by the payload's authorization, else by the header of the request that opened this."""
        if not isinstance(payload, dict | None):
            raise Close(BAD_MESSAGE, "The payload of connection_init must be an object")
        given = {name.lower(): value for name, value in (payload or {}).items() if isinstance(value, str)}
        headers, app = self._websocket.headers, APP_HEADER.lower()
        self._authorization = given.get("authorization") or headers.get("authorization", "")
        self._app_key = given.get(app) or headers.get(app)
        try:
            return await self._caller()
        except Unauthenticated as problem:
            raise Close(FORBIDDEN, f"Forbidden: {problem}") from None
        except (IdentityProviderDown, Throttled) as problem:
            raise Close(TRY_LATER, str(problem)) from None

    async def _caller(self) -> Caller:
        """Return who calls; looked up for every operation, because a person may become known meanwhile."""
        address = self._websocket.client.host if self._websocket.client else ""
        return await self._endpoint.door.enter(self._authorization or None, app_key=self._app_key, address=address)

    async def _message(self) -> dict[str, Any]:
        """Return the next message, later where there were too many.

        Raises:
            Close: it is none.
            WebSocketDisconnect: the client has gone.
        """
        received = await self._websocket.receive()
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(received.get("code") or GOING_AWAY)
        await self._pace.keep()
        return message_of(received)

    async def _obey(self, message: Mapping[str, Any]) -> None:
        match message["type"]:
            case "subscribe":
                await self._subscribe(id_of(message), message.get("payload"))
            case "complete":
                operation = self._operations.pop(id_of(message), None)
                if operation:
                    operation.stop()
            case "ping":
                await self._pong(message)
            case "pong":
                pass
            case "connection_init":
                raise Close(INIT_TWICE, "Too many initialisation requests")
            case _:
                raise Close(BAD_MESSAGE, "Unknown type of message")

    async def _subscribe(self, id_: str, payload: Any) -> None:
        if not isinstance(payload, dict):
            raise Close(BAD_MESSAGE, "The payload of subscribe must be an object")
        if id_ in self._operations:
            raise Close(ID_IN_USE, f"Subscriber for {id_} already exists")
        if len(self._operations) >= OPERATIONS_MAX:
            message = f"At most {OPERATIONS_MAX} operations run on one socket at once."
            await self._send({"id": id_, "type": "error", "payload": [refusal_body("THROTTLED", message)]})
            return
        operation = _Operation()
        self._operations[id_] = operation
        operation.task = asyncio.create_task(self._carry_out(id_, operation, payload))

    async def _carry_out(self, id_: str, operation: _Operation, payload: Mapping[str, Any]) -> None:
        """Run one operation and send what comes of it; whatever goes wrong is its own affair."""
        with self._endpoint.requests.record(transport="ws"):
            await self._try(id_, operation, payload)
        if self._operations.get(id_) is operation:
            del self._operations[id_]

    async def _try(self, id_: str, operation: _Operation, payload: Mapping[str, Any]) -> None:
        try:
            await self._run(id_, operation, asked(payload))
        except (BadRequest, DocumentRefused) as problem:
            code = problem.code if isinstance(problem, DocumentRefused) else "BAD_REQUEST"
            await self._tell(id_, operation, refused(code, str(problem)))
        except Unauthenticated:  # good when the socket was opened
            self._end(Ending.CREDENTIAL_OVER)
        except Throttled as problem:
            await self._tell(id_, operation, throttled(problem))
        except IdentityProviderDown as problem:
            await self._tell(id_, operation, refused("INTERNAL", str(problem)))
        except Exception as error:  # the mask of last resort
            log.error("operation_failed", exc_info=error)
            await self._tell(id_, operation, refused("INTERNAL", MASKED))

    async def _run(self, id_: str, operation: _Operation, request: GraphQLRequest) -> None:
        caller = await self._caller()
        note_caller(caller)
        operation.mutates = self._endpoint.runner.mutates(caller, request)
        result = await self._endpoint.runner.run(caller, request, streaming=True)
        if isinstance(result, Answer):
            await self._tell(id_, operation, result)
            return
        try:
            async for answer in result:
                if not await self._endpoint.streams.still_good(self._authorization):
                    self._end(Ending.CREDENTIAL_OVER)
                    return
                await self._next(id_, operation, answer)
            await self._complete(id_, operation)
        finally:
            await result.aclose()

    async def _tell(self, id_: str, operation: _Operation, answer: Answer) -> None:
        """Send a single answer: what was executed as data, what was refused as the operation's error."""
        note_answer(answer.body)
        if answer.executed:
            await self._next(id_, operation, answer)
            await self._complete(id_, operation)
        elif self._operations.get(id_) is operation:
            del self._operations[id_]
            await self._send({"id": id_, "type": "error", "payload": answer.body["errors"]})

    async def _next(self, id_: str, operation: _Operation, answer: Answer) -> None:
        if self._operations.get(id_) is operation:
            await self._send({"id": id_, "type": "next", "payload": answer.body})

    async def _complete(self, id_: str, operation: _Operation) -> None:
        if self._operations.get(id_) is operation:
            del self._operations[id_]  # the id is free before the client can know
            await self._send({"id": id_, "type": "complete"})

    async def _pong(self, message: Mapping[str, Any]) -> None:
        payload = {"payload": message["payload"]} if isinstance(message.get("payload"), dict) else {}
        await self._send({"type": "pong", **payload})

    async def _send(self, message: Mapping[str, Any]) -> None:
        with suppress(WebSocketDisconnect):  # the reader notices too, and ends everything
            await self._websocket.send_text(orjson.dumps(message).decode())

    def _end(self, why: Ending) -> None:
        """End the socket from elsewhere.

        4403 is what clients of the protocol take as "come again with a new credential"; completing the operations
        instead would tell them that there is nothing more to come.
        """
        if self._task and self._ending is None:
            over = why is Ending.CREDENTIAL_OVER
            self._ending = Close(FORBIDDEN, "Forbidden") if over else Close(GOING_AWAY, "Going away")
            self._task.cancel()

    async def _stop_all(self) -> None:
        """Stop what was asked for; mutations are left to end by themselves, for somebody meant them."""
        operations = list(self._operations.values())
        self._operations.clear()
        for operation in operations:
            operation.stop()
        tasks = [operation.task for operation in operations if operation.task]
        await asyncio.gather(*tasks, return_exceptions=True)

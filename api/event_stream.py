"""Answers as text/event-stream: the distinct connections mode of the graphql-sse protocol, one operation a request.

Lines end with LF alone and each event is one `data:` line: urql and others split at two LFs and know no CR.
"""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress

import orjson
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.engine import Answer, refused
from api.errors import error_response
from api.media import EVENT_STREAM
from api.streams import TOO_MANY, Ending, Streams, TooMany
from crm.callers import Caller

KEEP_ALIVE_SECONDS = 12.0
COMMENT = b":\n\n"
COMPLETE = b"event: complete\ndata: \n\n"
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def single(answer: Answer) -> Response:
    """Return a stream of one answer, whole at once, for a client that takes nothing but a stream."""
    return Response(event(answer) + COMPLETE, headers=HEADERS, media_type=EVENT_STREAM)


def event(answer: Answer) -> bytes:
    """Return an answer as the event that carries it."""
    return b"event: next\ndata: " + orjson.dumps(answer.body) + b"\n\n"


class EventStream(Response):
    """Sends answers until they end, the client goes, the credential ends or the server leaves.

    A stream that the server leaves has no `complete`: the client sees a connection that broke, and comes again.
    """

    media_type = EVENT_STREAM

    def __init__(
        self, answers: AsyncGenerator[Answer, None], streams: Streams, caller: Caller, authorization: str
    ) -> None:
        super().__init__(headers=HEADERS)
        del self.headers["content-length"]
        self._answers = answers
        self._streams = streams
        self._caller = caller
        self._authorization = authorization
        self._ended = asyncio.Event()
        self._last = b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send, and listen for the client's going meanwhile: between two events nothing is written that could fail."""
        try:
            with self._streams.held(self._caller, self._authorization, self._end):
                await self._stream(receive, send)
        except TooMany:
            await self._answers.aclose()
            await error_response(429, "THROTTLED", TOO_MANY)(scope, receive, send)

    async def _stream(self, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        writing = asyncio.create_task(self._write(send))
        going = asyncio.create_task(_gone(receive))
        ended = asyncio.create_task(self._ended.wait())
        try:
            await asyncio.wait({writing, going, ended}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (writing, going, ended):
                task.cancel()
            await asyncio.gather(writing, going, ended, return_exceptions=True)
        with suppress(OSError):
            await send({"type": "http.response.body", "body": self._last})

    def _end(self, why: Ending) -> None:
        if why is Ending.CREDENTIAL_OVER:
            self._last = event(refused("UNAUTHENTICATED", "The credential has ended.")) + COMPLETE
        self._ended.set()

    async def _write(self, send: Send) -> None:
        async def put(body: bytes) -> None:
            await send({"type": "http.response.body", "body": body, "more_body": True})

        coming: asyncio.Future[Answer] | None = None
        try:
            await put(COMMENT)  # the headers go out now, and not with the first event
            while True:
                coming = coming or asyncio.ensure_future(anext(self._answers))
                done, _ = await asyncio.wait({coming}, timeout=KEEP_ALIVE_SECONDS)
                if not done:
                    await put(COMMENT)
                    continue
                answer, coming = coming.result(), None
                if not await self._streams.still_good(self._authorization):
                    self._end(Ending.CREDENTIAL_OVER)
                    return
                await put(event(answer))
        except StopAsyncIteration:
            await put(COMPLETE)
        finally:
            if coming:
                coming.cancel()
                await asyncio.gather(coming, return_exceptions=True)
            await self._answers.aclose()


async def _gone(receive: Receive) -> None:
    """Return when the client has gone."""
    while (await receive())["type"] != "http.disconnect":
        pass

"""An answer that takes a while: it is made in one task while another watches whether anybody still wants it.

A client that leaves is noticed when its connection ends, not when the next write fails, so that its request gives its
place in the engine to somebody else at once. When the server stops, every open answer is ended with an error that
says so. A stream that has nothing to send for a while (a long prompt) sends a comment, or something between would
take the connection for dead.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from runtime.api.errors import OPENAI, ApiError, Shape
from runtime.api.vouching import Closing

if TYPE_CHECKING:
    from runtime.api.streams import Streams

KEEP_ALIVE_SECONDS = 15.0
COMMENT = b": still here\n\n"

_log = logging.getLogger("pannier.api")


class Sink:
    """Where an answer is written: either one whole response, or a stream of server-sent events."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, shape: Shape = OPENAI) -> None:
        self._scope, self._receive, self._send = scope, receive, send
        self._shape = shape
        self.streaming = False
        self._may_comment = False
        self.complete = False
        self.written = 0

    async def whole(self, response: Response) -> None:
        """Send a complete response."""
        self.complete = True
        await response(self._scope, self._receive, self._send)

    async def open_events(self) -> None:
        """Begin a stream of server-sent events."""
        await self.open("text/event-stream; charset=utf-8")

    async def open(self, media_type: str) -> None:
        """Send status 200 and the headers of a stream; from now on errors are a part of it."""
        self.streaming = True
        self._may_comment = media_type.startswith("text/event-stream")
        await self._send({"type": "http.response.start", "status": 200, "headers": stream_headers(media_type)})

    async def event(self, data: str) -> None:
        """Send one event whose data is `data`, a line of text."""
        await self.write(f"data: {data}\n\n".encode())

    async def write(self, data: bytes) -> None:
        """Send a piece of the stream as it is."""
        self.written += 1
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def comment(self) -> None:
        """Send something that every client skips, if this stream has such a thing."""
        if not self._may_comment:
            return
        await self._send({"type": "http.response.body", "body": COMMENT, "more_body": True})

    async def close(self) -> None:
        """End the stream."""
        self.complete = True
        await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def fail(self, error: ApiError) -> None:
        """Tell the error in whichever way is still open."""
        if self.complete:
            return
        if not self.streaming:
            await self.whole(error.response(self._shape))
            return
        await self.write(self._shape.event(self._shape.document(error)))
        await self.close()


def stream_headers(media_type: str) -> list[tuple[bytes, bytes]]:
    """The headers of a stream."""
    return [(b"content-type", media_type.encode()), *_STREAM_HEADERS]


_STREAM_HEADERS = [
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would hold the stream back otherwise
]


class Reply(Response):
    """Runs `write(sink)` for as long as the client is there and the server is not `closing`.

    streams: where a stream of events may be kept, if it is one and the client asks for it.
    """

    def __init__(
        self,
        write: Callable[[Sink], Awaitable[None]],
        closing: Closing,
        shape: Shape = OPENAI,
        streams: Streams | None = None,
    ) -> None:
        super().__init__()
        self._streams = streams
        self._shape = shape
        self._write = write
        self._closing = closing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write, watching the client and the server's end."""
        if self._streams is not None and Headers(scope=scope).get("x-stream-resumable", "").lower() == "true":
            await self._streams.begin(self._write, self._closing, self._shape)(scope, receive, send)
            return
        sink = Sink(scope, receive, send, self._shape)
        writing = asyncio.ensure_future(written(self._write, sink))
        leaving = asyncio.ensure_future(client_left(receive))
        closing = asyncio.ensure_future(self._closing.wait())
        try:
            events = 0
            while not (writing.done() or leaving.done() or closing.done()):
                await asyncio.wait(
                    {writing, leaving, closing}, timeout=KEEP_ALIVE_SECONDS, return_when="FIRST_COMPLETED"
                )
                if sink.streaming and sink.written == events and not sink.complete:
                    await sink.comment()
                events = sink.written
            if closing.done() and not (writing.done() or leaving.done()):
                await cancelled(writing)
                await sink.fail(self._closing.error)
        finally:
            await cancelled(writing, leaving, closing)


def answered(make: Callable[[], Awaitable[Response]], closing: Closing, shape: Shape = OPENAI) -> Reply:
    """A whole answer that takes a while to make."""

    async def write(sink: Sink) -> None:
        await sink.whole(await make())

    return Reply(write, closing, shape)


async def written(write: Callable[[Sink], Awaitable[None]], sink: Sink) -> None:
    """Let the answer be written; whatever goes wrong is told in it."""
    try:
        await write(sink)
    except ApiError as error:
        await sink.fail(error)
    except Exception as error:  # whatever it is, the client gets an end and the others go on
        _log.error("a request failed", exc_info=error)
        await sink.fail(ApiError(500, "The server made a mistake with this request.", "internal_error"))


async def client_left(receive: Receive) -> None:
    """Returns when the connection has ended."""
    while (await receive())["type"] != "http.disconnect":
        pass


async def cancelled(*tasks: asyncio.Future[Any]) -> None:
    """Cancel, and wait until it is true."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

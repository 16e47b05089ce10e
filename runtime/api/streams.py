"""Streams that outlive their connection, for clients that ask for it.

A request with the header `X-Stream-Resumable: true` gets `X-Stream-Id` and `X-Stream-Secret` with its stream, whose
events are numbered. Whoever has both may go on at `GET /v1/streams/{id}` after the event named in `Last-Event-ID`. Such
a request is not cancelled when its client leaves, but ten minutes after the last one left, or with `DELETE` at that
address; any other one is at once.
"""

from __future__ import annotations

import asyncio
import hmac
import secrets
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from runtime.api import reply
from runtime.api.errors import OPENAI, ApiError, Shape, invalid, unavailable
from runtime.api.vouching import Closing

if TYPE_CHECKING:
    from runtime.api.service import Service

KEPT_SECONDS = 600.0
MAX_STREAMS = 64
MAX_BYTES = 16 * 1024 * 1024  # of one stream

SHAPE = OPENAI
BODIES: dict[str, Any] = {}


async def resume(service: Service, request: Request) -> Response:
    """Replay a stream from behind `Last-Event-ID` and follow it to its end."""
    stream = service.streams.find(request.path_params["stream_id"], request.headers.get("x-stream-secret", ""))
    last = request.headers.get("last-event-id", "0")
    if not (last.isascii() and last.isdigit() and len(last) < 10):
        raise invalid("The header 'Last-Event-ID' should be the number of an event.", "Last-Event-ID")
    return _Following(stream, int(last), service.closing)


async def give_up(service: Service, request: Request) -> Response:
    """Forget a stream, and cancel what is left of its request."""
    service.streams.find(request.path_params["stream_id"], request.headers.get("x-stream-secret", "")).drop()
    return Response(status_code=204)


class Streams:
    """Those that are kept. The oldest that nobody follows gives way to a new one."""

    def __init__(self) -> None:
        self._kept: dict[str, Stream] = {}

    def begin(self, write: Callable[[reply.Sink], Awaitable[None]], closing: Closing, shape: Shape) -> Response:
        """Answer with a new stream. Raises `ApiError` 429 if too many are being followed."""
        if len(self._kept) >= MAX_STREAMS:
            idle = next((stream for stream in self._kept.values() if not stream.followers), None)
            if idle is None:
                raise ApiError(429, f"{MAX_STREAMS} resumable streams are open already.", "busy",
                               headers={"Retry-After": "1"})  # fmt: skip
            idle.drop()
        stream = Stream(self._kept)
        self._kept[stream.id] = stream
        stream.run(write, closing, shape)
        return _Following(stream, 0, closing, first=True)

    def find(self, stream_id: str, secret: str) -> Stream:
        """The stream with this id and secret. Raises `ApiError` 404 that does not tell which of the two is wrong."""
        stream = self._kept.get(stream_id)
        right = hmac.compare_digest((stream.secret if stream else "").encode(), secret.encode("utf-8", "replace"))
        if stream is None or not right:
            raise ApiError(404, "There is no such stream, or not any more, or the secret is not its own.", "not_found")
        return stream


class Stream:
    """One answer on its way, recorded."""

    def __init__(self, kept: dict[str, Stream]) -> None:
        self.id = f"stream_{secrets.token_hex(12)}"
        self.secret = secrets.token_urlsafe(24)
        self.events: list[bytes] = []
        self.headers: list[tuple[bytes, bytes]] | None = None
        self.refusal: Response | None = None
        self.done = False
        self.followers = 0
        self._kept = kept
        self._bytes = 0
        self._changed = asyncio.Event()
        self._task: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def run(self, write: Callable[[reply.Sink], Awaitable[None]], closing: Closing, shape: Shape) -> None:
        """Let the answer be written, whoever listens."""
        sink = _Recorder(self, shape)

        async def record() -> None:
            writing = asyncio.ensure_future(reply.written(write, sink))
            ending = asyncio.ensure_future(closing.wait())
            try:
                await asyncio.wait({writing, ending}, return_when="FIRST_COMPLETED")
                if not writing.done():
                    await reply.cancelled(writing)
                    await sink.fail(closing.error)
            finally:
                await reply.cancelled(writing, ending)
                self.done = True
                self.tell()

        self._task = asyncio.ensure_future(record())

    def add(self, data: bytes) -> None:
        """One more event."""
        self._bytes += len(data)
        if self._bytes > MAX_BYTES:
            raise ApiError(500, f"A resumable stream cannot be longer than {MAX_BYTES} bytes.", "stream_too_long")
        self.events.append(b"id: %d\n" % (len(self.events) + 1) + data)
        self.tell()

    def tell(self) -> None:
        """Wake whoever waits for more."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def changed(self, seconds: float) -> bool:
        """Wait for more; False if nothing came in that time."""
        try:
            await asyncio.wait_for(self._changed.wait(), seconds)
        except TimeoutError:
            return False
        return True

    def join(self) -> None:
        """Somebody follows."""
        self.followers += 1
        if self._timer:
            self._timer.cancel()

    def leave(self) -> None:
        """Somebody does not follow any more."""
        self.followers -= 1
        if not self.followers:
            self._timer = asyncio.get_running_loop().call_later(KEPT_SECONDS, self.drop)

    def drop(self) -> None:
        """Forget it, and cancel what is left of its request."""
        self._kept.pop(self.id, None)
        if self._timer:
            self._timer.cancel()
        if self._task:
            self._task.cancel()


class _Recorder(reply.Sink):
    """A sink that writes into a stream."""

    def __init__(self, stream: Stream, shape: Shape) -> None:
        self._stream = stream
        self._shape = shape
        self.streaming = self.complete = False
        self.written = 0

    async def whole(self, response: Response) -> None:
        self.complete = True
        self._stream.refusal = response
        self._stream.tell()

    async def open(self, media_type: str) -> None:
        self.streaming = True
        self._stream.headers = reply.stream_headers(media_type)
        self._stream.tell()

    async def write(self, data: bytes) -> None:
        self._stream.add(data)

    async def close(self) -> None:
        self.complete = True


class _Following(Response):
    """Sends a stream's events from a place on, for as long as the client is there."""

    def __init__(self, stream: Stream, at: int, closing: Closing, *, first: bool = False) -> None:
        super().__init__()
        self._stream = stream
        self._at = at
        self._closing = closing
        self._first = first

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Follow, watching the client."""
        self._stream.join()
        following = asyncio.ensure_future(self._follow(scope, receive, send))
        leaving = asyncio.ensure_future(reply.client_left(receive))
        try:
            await asyncio.wait({following, leaving}, return_when="FIRST_COMPLETED")
        finally:
            await reply.cancelled(following, leaving)
            self._stream.leave()

    async def _follow(self, scope: Scope, receive: Receive, send: Send) -> None:
        stream = self._stream
        while stream.headers is None and stream.refusal is None and not stream.done:
            await stream.changed(reply.KEEP_ALIVE_SECONDS)
        if stream.headers is None:
            stream.drop()
            await (stream.refusal or unavailable("The request was given up.", "stopped").response())(
                scope, receive, send
            )
            return
        names = [(b"x-stream-id", stream.id.encode())]
        if self._first:
            names.append((b"x-stream-secret", stream.secret.encode()))
        await send({"type": "http.response.start", "status": 200, "headers": [*stream.headers, *names]})
        while True:
            waiting = stream.events[self._at :]
            if waiting:
                self._at += len(waiting)
                await send({"type": "http.response.body", "body": b"".join(waiting), "more_body": True})
            elif stream.done:
                break
            elif not await stream.changed(reply.KEEP_ALIVE_SECONDS):
                await send({"type": "http.response.body", "body": reply.COMMENT, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

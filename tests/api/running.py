"""A real server on loopback over the fake engine, in a thread of the test."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from runtime.api.about import About
from runtime.api.app import Application, create_app
from runtime.api.binding import bind
from runtime.api.server import serve
from runtime.api.settings import ServerSettings, UiConfig
from runtime.api.vouching import Check
from runtime.engine.core import Engine
from runtime.engine.fake import FakeBehaviour, FakeEngine

MODEL = "test-model"


@dataclass
class Running:
    """A server that listens. `ended_in`: seconds its end took, once it ended."""

    url: str
    engine: FakeEngine
    http: httpx.Client
    _loop: asyncio.AbstractEventLoop
    _stop: asyncio.Event
    _thread: threading.Thread
    _app: Application
    errors: list[BaseException] = field(default_factory=list)

    @property
    def port(self) -> int:
        return httpx.URL(self.url).port or 0

    def stop(self) -> float:
        """Stop the server; how many seconds it took."""
        begin = time.perf_counter()
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)
        assert not self._thread.is_alive(), "the server did not end"
        return time.perf_counter() - begin

    def condemn(self, message: str) -> None:
        """Do what the launch side does when the model's hash is wrong, without stopping."""
        self._loop.call_soon_threadsafe(self._app.service.closing.because_damaged, message)

    def chat(self, content: object = "Hello", **fields: object) -> httpx.Response:
        """POST one user message."""
        return self.http.post(
            "/v1/chat/completions", json={"messages": [{"role": "user", "content": content}], **fields}
        )

    def wait_cancelled(self, seconds: float = 1.0) -> list[str]:
        """The cancelled requests, waited for."""
        deadline = time.monotonic() + seconds
        while not self.engine.cancelled and time.monotonic() < deadline:
            time.sleep(0.005)
        return self.engine.cancelled


@contextmanager
def running(
    behaviour: FakeBehaviour | None = None,
    settings: ServerSettings | None = None,
    ui: UiConfig | None = None,
    *,
    engine: type[FakeEngine] = FakeEngine,
    about: About | None = None,
    webui: Path | None = None,
    ready: bool = True,
    check: Check | None = None,
) -> Iterator[Running]:
    """Start a server; waits until the fake model is loaded unless `ready` is False."""
    started: list[Running] = []
    failures: list[BaseException] = []
    listening = threading.Event()

    async def main() -> None:
        fake = engine(behaviour)
        await fake.start()
        stop = asyncio.Event()
        app = create_app(_checked(fake), settings or ServerSettings(MODEL), ui, about, webui=webui, check=check)

        def on_listening(url: str) -> None:
            client = httpx.Client(base_url=url, timeout=20, trust_env=False)
            started.append(Running(url, fake, client, asyncio.get_running_loop(), stop, thread, app))
            listening.set()

        if ready:
            await fake.wait_ready()
        await serve(app, bind("127.0.0.1", 0), stop, on_listening=on_listening)
        await fake.stop()

    def run() -> None:
        try:
            asyncio.run(main())
        except BaseException as error:
            failures.append(error)
            listening.set()
            raise

    thread = threading.Thread(target=run)
    thread.start()
    assert listening.wait(20)
    if failures:
        raise failures[0]
    server = started[0]
    try:
        yield server
    finally:
        server.http.close()
        if thread.is_alive():
            server.stop()


def _checked(engine: Engine) -> Engine:
    """The fake is an engine, as the type checker and the reader see here."""
    return engine

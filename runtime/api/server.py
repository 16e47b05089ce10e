"""Uvicorn, reduced to what one program needs: one bound socket, HTTP/1.1, a quiet log, a quick end.

Signals are the launch side's: it sets `stop`, and `serve` returns within a second, open streams or not.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import logging
import socket
import sys
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Any

from runtime.api import binding


def _skip_package_init(name: str) -> None:
    """Put `name` into `sys.modules` without running its `__init__`.

    Uvicorn's imports its whole command line, click included: 50 ms of every start, for nothing we use.
    """
    spec = importlib.util.find_spec(name)
    if name not in sys.modules and spec is not None:
        sys.modules[name] = importlib.util.module_from_spec(spec)


_skip_package_init("uvicorn")

import uvicorn  # noqa: E402 - after the line above
from uvicorn.config import Config  # noqa: E402

uvicorn.Config = Config  # type: ignore[misc]  # the one name of the package that its own modules use

import uvicorn.lifespan.off  # noqa: E402 - Uvicorn finds it by name; a freezer would not
from uvicorn.server import Server  # noqa: E402

from runtime.api.app import Application  # noqa: E402
from runtime.api.patience import PatientProtocol  # noqa: E402
from runtime.errors import PannierError  # noqa: E402

GRACE_SECONDS = 0.5
"""How long open answers may take to say their last word."""
KEEP_ALIVE_SECONDS = 75
WARM_UP_AFTER_SECONDS = 0.2
"""Seconds between looks whether nobody is being answered; what warms up takes a processor from who is."""


async def serve(
    app: Application,
    sock: socket.socket,
    stop: asyncio.Event,
    *,
    on_listening: Callable[[str], None] | None = None,
) -> None:
    """Answer requests on `sock` until `stop` is set. `on_listening` is called once with the address to open."""
    _quiet_logging()
    server = _Server(_config(app), app, stop, on_listening)
    warming = asyncio.ensure_future(_furnish(app))
    try:
        await server.serve(sockets=[sock])
    finally:
        warming.cancel()
        await asyncio.gather(warming, return_exceptions=True)


def _config(app: Application) -> Config:
    return Config(
        app,
        http=PatientProtocol,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,  # who asked what is nobody's business
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        backlog=binding.BACKLOG,
    )


class _Server(Server):
    """Uvicorn's server with our signals, our clock and our end."""

    def __init__(
        self, config: Config, app: Application, stop: asyncio.Event, on_listening: Callable[[str], None] | None
    ) -> None:
        super().__init__(config)
        self._app = app
        self._stop = stop
        self._on_listening = on_listening

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        await self.on_tick(0)
        if sockets and self._on_listening:
            self._on_listening(binding.url(sockets[0]))

    async def main_loop(self) -> None:
        while not self._stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), 1.0)
            await self.on_tick(0)  # the Date header

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        self._app.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        tasks = set(self.server_state.tasks)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=GRACE_SECONDS)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        for connection in list(self.server_state.connections):
            transport: Any = connection.transport
            transport.abort()


async def _furnish(app: Application) -> None:
    """Import and build what the first request needs: the routes at once, the rest when nobody waits any more."""
    await asyncio.to_thread(app.api.make)
    with contextlib.suppress(PannierError):
        await app.service.engine.wait_ready()
        await asyncio.sleep(WARM_UP_AFTER_SECONDS)
        while app.service.metrics.running_now:
            await asyncio.sleep(WARM_UP_AFTER_SECONDS)
        await asyncio.to_thread(app.warm_up)


class _NoTraceback(logging.Formatter):
    """Says where and what kind of error, never its text: a message may hold what somebody wrote to the model."""

    def formatException(  # noqa: N802 - logging's name
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        kind, _, trace = ei
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        where = f" at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace else ""
        return f"  {kind.__name__ if kind else 'error'}{where}"


def _quiet_logging() -> None:
    """Errors only, to stderr, for Uvicorn and for us; where somebody has set up logging, theirs stays."""
    for name in ("uvicorn", "pannier"):
        logger = logging.getLogger(name)
        if not logger.handlers and not logging.getLogger().handlers:
            handler = logging.StreamHandler()
            handler.setFormatter(_NoTraceback("%(name)s: %(message)s"))
            logger.addHandler(handler)
            logger.setLevel(logging.ERROR)

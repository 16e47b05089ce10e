"""The server's life, from the listening socket to the last goodbye. Slow to import: the worker loads meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket

from runtime.api import server
from runtime.api.about import About
from runtime.api.app import create_app
from runtime.api.settings import ServerSettings, UiConfig
from runtime.cli.door import Door
from runtime.console import Console
from runtime.container.archive import Archive
from runtime.engine.client import WorkerEngine
from runtime.errors import PannierError
from runtime.launch import looks, network
from runtime.launch.modelcheck import Verified, model_check
from runtime.launch.opening import chat_template
from runtime.launch.options import sampling
from runtime.launch.osdep import system
from runtime.launch.session import Session
from runtime.manifest import DistManifest


async def serve(
    archive: Archive[DistManifest],
    started: Session,
    sock: socket.socket,
    door: Door,
    console: Console,
    *,
    browser: bool,
) -> int:
    """Serve on this socket with the worker that is loading; 0 when told to stop. browser: show the page to somebody.

    Raises a `PannierError` for what ended it otherwise.
    """
    stop = asyncio.Event()
    _stop_on_signals(stop)
    engine = WorkerEngine(started.command, launched=started.worker, renew=started.renew, fall_back=started.fall_back)
    await engine.start()
    check = model_check(archive, started.places)
    app = create_app(engine, *_settings(archive, started, sock, door), check=check)
    listens = asyncio.Event()
    failure: list[PannierError] = []

    async def watch() -> None:
        try:
            facts = await engine.wait_ready()
            await listens.wait()
            console.say(f"ready: {facts.name} on {facts.backend}, {facts.context_size} tokens of context")
            check.start()  # not before: reading gigabytes would hold up the start
            await check.wait_async()
            check.raise_if_damaged()
        except PannierError as error:
            failure.append(error)
            if check.verified is Verified.NO:
                app.service.closing.because_damaged(error.message)
            stop.set()

    def listening(url: str) -> None:
        console.say(f"{archive.manifest.name} serves its chat page at {url} and its API at {url}/v1 (Ctrl-C ends it)")
        listens.set()
        if browser:
            system.open_browser(url)

    watching = asyncio.create_task(watch())
    try:
        await server.serve(app, sock, stop, on_listening=listening)
    finally:
        watching.cancel()
        check.stop()
        await engine.stop()
    if failure:
        raise failure[0]
    return 0


def _settings(
    archive: Archive[DistManifest], started: Session, sock: socket.socket, door: Door
) -> tuple[ServerSettings, UiConfig, About]:
    manifest = archive.manifest
    settings = ServerSettings(
        model_id=manifest.model.name,
        host=door.host,
        api_keys=door.api_keys,
        allowed_hosts=door.hosts,
        allowed_origins=door.origins,
        chat_template=door.chat_template if door.chat_template is not None else chat_template(archive),
        sampling=sampling(manifest),
    )
    return settings, looks.look_of(manifest, network.addresses(sock)), looks.about_of(archive, started.choice)


def _stop_on_signals(stop: asyncio.Event) -> None:
    """Ctrl-C and SIGTERM ask for the end; asking twice (terminal and bootloader both do) changes nothing."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        try:
            loop.add_signal_handler(number, stop.set)
        except NotImplementedError:  # Windows
            with contextlib.suppress(ValueError):
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))

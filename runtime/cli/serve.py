"""`serve`, what a dist does when nothing is said: the API and the chat page, until Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.api import binding
from runtime.console import Console
from runtime.container.archive import Archive
from runtime.errors import PannierError, UsageError
from runtime.launch import session
from runtime.launch.modelcheck import Verified, model_check
from runtime.launch.opening import chat_template, open_own
from runtime.launch.options import LaunchOptions, add_engine_flags, section
from runtime.launch.osdep import system
from runtime.manifest import DistManifest


@dataclass(frozen=True, slots=True)
class Door:
    """Who may use the server, and what the command line replaces of the model's."""

    host: str
    api_keys: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    chat_template: str | None = None

    @classmethod
    def of(cls, args: argparse.Namespace, host: str) -> Door:
        """Raises `UsageError` for a file that cannot be read or holds no key."""
        keys = [*(args.api_key or ())]
        if args.api_key_file is not None:
            lines = [line.strip() for line in _read(args.api_key_file, "--api-key-file").splitlines()]
            found = [line for line in lines if line and not line.startswith("#")]
            if not found:
                raise UsageError(f"{args.api_key_file} holds no key.", "Write one key a line into it.")
            keys += found
        if "" in keys:
            raise UsageError("An API key is empty.", "Give one of some length, or none at all.")
        template = None if args.chat_template is None else _read(args.chat_template, "--chat-template")
        return cls(host, tuple(keys), tuple(args.allow_host or ()), tuple(args.allow_origin or ()), template)


def _read(path: str, flag: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise UsageError(f"{flag} {path} cannot be read: {error}.", "Give a text file in UTF-8.") from None


def add_parser(verbs: Any) -> None:
    """Declare the verb."""
    parser = verbs.add_parser("serve", help="serve the chat page and the API (the default)")
    parser.add_argument("--host", metavar="H", help="address to listen on (default: only this computer)")
    parser.add_argument("--port", type=int, metavar="P", help="port to listen on (default: 8080, or the next free one)")
    parser.add_argument("--no-browser", action="store_true", help="do not open the chat page")
    parser.add_argument("--api-key", action="append", metavar="K", help="key that API clients must send; repeatable")
    parser.add_argument("--api-key-file", metavar="FILE", help="more of them, one a line; # begins a comment")
    parser.add_argument(
        "--allow-host", action="append", metavar="NAME", help="name this server may be called by; repeatable"
    )
    parser.add_argument(
        "--allow-origin", action="append", metavar="URL", help="web page from elsewhere that may use the API, or *"
    )
    parser.add_argument("--chat-template", metavar="FILE", help="Jinja template to use instead of the model's own")
    add_engine_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Serve until told to stop. The order matters: port, worker, and only then what takes long to import."""
    with open_own() as archive:
        defaults = section(archive.manifest, "serve")
        host = args.host or str(defaults.get("host") or binding.DEFAULT_HOST)
        port = args.port if args.port is not None else (int(defaults.get("port") or 0) or None)
        door = Door.of(args, host)
        sock = binding.bind(host, port)
        started = session.start(archive, LaunchOptions.of(archive.manifest, args), console)
        if started.fit:
            console.say(f"fits: {started.fit}")
        browser = not args.no_browser and bool(defaults.get("browser", True))
        return asyncio.run(_serve(archive, started, sock, door, console, browser=browser))


async def _serve(
    archive: Archive[DistManifest],
    started: session.Session,
    sock: Any,
    door: Door,
    console: Console,
    *,
    browser: bool,
) -> int:
    stop = asyncio.Event()
    _stop_on_signals(stop)

    from runtime.api.app import create_app  # late: the worker loads the model meanwhile
    from runtime.api.server import serve
    from runtime.engine.client import WorkerEngine

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
        await serve(app, sock, stop, on_listening=listening)
    finally:
        watching.cancel()
        check.stop()
        await engine.stop()
    if failure:
        raise failure[0]
    return 0


def _settings(archive: Archive[DistManifest], started: session.Session, sock: Any, door: Door) -> Any:
    from runtime.api.settings import ServerSettings
    from runtime.launch import looks, network

    manifest = archive.manifest
    settings = ServerSettings(
        model_id=manifest.model.name,
        host=door.host,
        api_keys=door.api_keys,
        allowed_hosts=door.hosts,
        allowed_origins=door.origins,
        chat_template=door.chat_template if door.chat_template is not None else chat_template(archive),
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

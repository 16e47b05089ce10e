"""`serve`, what a dist does when nothing is said: the API and the chat page, until Ctrl-C."""

from __future__ import annotations

import argparse
from typing import Any

from runtime.api import binding
from runtime.cli.door import Door
from runtime.console import Console
from runtime.launch import session
from runtime.launch.opening import open_own
from runtime.launch.options import LaunchOptions, add_engine_flags, section


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

        import asyncio  # late, as all that follows: the worker loads the model meanwhile

        from runtime.cli.serving import serve

        return asyncio.run(serve(archive, started, sock, door, console, browser=browser))

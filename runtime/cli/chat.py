"""`chat`: talk in the terminal. Answers on stdout, everything else on stderr, so that it can be scripted, too."""

from __future__ import annotations

import argparse
import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from runtime.console import Console
from runtime.errors import INTERRUPTED, UsageError
from runtime.launch import session
from runtime.launch.modelcheck import model_check
from runtime.launch.opening import chat_template, open_own
from runtime.launch.options import LaunchOptions, add_engine_flags, sampling, section

if TYPE_CHECKING:
    from runtime.engine.core import SamplingParams


def add_parser(verbs: Any) -> None:
    """Declare the verb."""
    parser = verbs.add_parser("chat", help="talk in the terminal")
    parser.add_argument("--system", metavar="TEXT", help="system prompt (default: the dist's)")
    parser.add_argument("--max-tokens", type=int, metavar="N", help="longest answer, in tokens")
    parser.add_argument("--temperature", type=float, metavar="T", help="0 always takes the likeliest word")
    parser.add_argument("--seed", type=int, metavar="S", help="same seed, same answers")
    add_engine_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Start the engine, talk, end."""
    if args.max_tokens is not None and args.max_tokens < 1:
        raise UsageError(f"--max-tokens {args.max_tokens} is not a number of tokens.", "Give a positive number.")
    with open_own() as archive:
        started = session.start(archive, LaunchOptions.of(archive.manifest, args), console)
        told = args.system if args.system is not None else section(archive.manifest, "chat").get("system_prompt")
        check = model_check(archive, started.places)
        with _loop() as loop:
            try:
                drawn = sampling(archive.manifest, temperature=args.temperature, seed=args.seed)
                _talk(started, loop, str(told or ""), chat_template(archive), drawn, check, args, console)
            except KeyboardInterrupt:
                console.out("")
                return INTERRUPTED
            finally:
                check.stop()
        check.raise_if_damaged()
    return 0


def _talk(
    started: session.Session,
    loop: asyncio.AbstractEventLoop,
    system: str,
    given_template: str | None,
    drawn: SamplingParams,
    check: Any,
    args: argparse.Namespace,
    console: Console,
) -> None:
    from runtime.chat.template import ChatTemplate
    from runtime.chat.transcript import Transcript
    from runtime.cli.talk import Talk
    from runtime.engine.client import WorkerEngine

    async def ready() -> tuple[WorkerEngine, ChatTemplate]:
        engine = WorkerEngine(
            started.command, launched=started.worker, renew=started.renew, fall_back=started.fall_back
        )
        await engine.start()
        return engine, ChatTemplate.of(await engine.wait_ready(), given_template)

    console.status("loading the model …")
    engine, template = asyncio.run_coroutine_threadsafe(ready(), loop).result()
    console.status("")
    check.start()
    if console.is_terminal:
        console.say("Ask away; /help tells what else there is.")
    try:
        Talk(
            engine,
            template,
            Transcript(system),
            drawn,
            args.max_tokens,
            lambda work: asyncio.run_coroutine_threadsafe(work, loop),
            console,
        ).until_the_end()
    finally:
        asyncio.run_coroutine_threadsafe(engine.stop(), loop).result()


@contextmanager
def _loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop in a thread of its own, for as long as the block lasts."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="engine", daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()

"""`run "PROMPT"`: one answer on stdout, and nothing else there."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from runtime.cli.form import add_form_flags, grammar_of_flags
from runtime.console import Console
from runtime.errors import INTERRUPTED, EngineError, UsageError
from runtime.launch import session
from runtime.launch.opening import chat_template, open_own
from runtime.launch.options import LaunchOptions, add_engine_flags, sampling, section

if TYPE_CHECKING:
    from runtime.engine.core import SamplingParams
    from runtime.launch.modelcheck import ModelCheck

LAST_LOOK = 0.2
"""Seconds to wait for the check of the model at the end of an answer; a small model is done by then."""


def add_parser(verbs: Any) -> None:
    """Declare the verb."""
    parser = verbs.add_parser("run", help="answer one prompt on standard output")
    parser.add_argument("prompt", metavar="PROMPT", help="what to ask; - reads it from standard input")
    parser.add_argument("--max-tokens", type=int, metavar="N", help="longest answer, in tokens")
    parser.add_argument("--temperature", type=float, metavar="T", help="0 always takes the likeliest word")
    parser.add_argument("--seed", type=int, metavar="S", help="same seed, same answer")
    parser.add_argument("--system", metavar="TEXT", help="system prompt (default: the dist's)")
    add_form_flags(parser)
    add_engine_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Start the engine, answer, end."""
    prompt = sys.stdin.read() if args.prompt == "-" else args.prompt
    if not prompt.strip():
        raise UsageError("The prompt is empty.", 'Say something: run "Hello"')
    if args.max_tokens is not None and args.max_tokens < 1:
        raise UsageError(f"--max-tokens {args.max_tokens} is not a number of tokens.", "Give a positive number.")
    grammar = grammar_of_flags(args)
    with open_own() as archive:
        started = session.start(archive, LaunchOptions.of(archive.manifest, args), console)
        if started.fit and started.fit.given_up:
            console.say(f"fits: {started.fit}")
        told = args.system if args.system is not None else section(archive.manifest, "chat").get("system_prompt")
        try:
            import asyncio  # late, as all that is not needed to choose what the worker loads

            from runtime.launch.modelcheck import model_check

            check = model_check(archive, started.places)
            drawn = sampling(archive.manifest, temperature=args.temperature, seed=args.seed)
            drawn = drawn if grammar is None else replace(drawn, grammar=grammar)
            asked = _Asked(prompt, str(told or ""), drawn, args.max_tokens)
            return asyncio.run(_answer(started, check, asked, chat_template(archive), console))
        except KeyboardInterrupt:
            return INTERRUPTED


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be answered, and how."""

    prompt: str
    system_prompt: str
    sampling: SamplingParams
    max_tokens: int | None


async def _answer(
    started: session.Session,
    check: ModelCheck,
    asked: _Asked,
    given_template: str | None,
    console: Console,
) -> int:
    from runtime.chat.prompt import Conversation, compose
    from runtime.chat.template import ChatTemplate
    from runtime.cli.telling import Telling
    from runtime.engine.client import WorkerEngine
    from runtime.engine.core import Failed, Finished, FinishReason, GenerationRequest, TextDelta
    from runtime.launch.modelcheck import Verified

    engine = WorkerEngine(started.command, launched=started.worker, renew=started.renew, fall_back=started.fall_back)
    await engine.start()
    try:
        template = ChatTemplate.of(await engine.wait_ready(), given_template)
        check.start()
        messages = [{"role": "system", "content": asked.system_prompt}] if asked.system_prompt else []
        messages.append({"role": "user", "content": asked.prompt})
        shaped = asked.sampling.grammar is not None
        prompt = compose(template, Conversation(messages, asked.sampling, asked.max_tokens, constrained=shaped))
        request = GenerationRequest(
            "run", prompt.text, asked.sampling, asked.max_tokens, prompt.stop, visible=prompt.marks
        )
        telling = Telling(prompt, console)
        async for event in engine.generate(request):
            check.raise_if_damaged()
            if isinstance(event, TextDelta):
                telling.text(event.text)
            elif isinstance(event, Failed):
                raise EngineError(event.message)
            elif isinstance(event, Finished):
                telling.finish()
                console.status("")
                if event.reason is FinishReason.LENGTH and (shaped or asked.max_tokens is None):
                    console.say("cut: the answer reached its greatest length before its end")
        telling.end_line()
        if check.wait(LAST_LOOK) is Verified.PENDING:
            console.say("unverified: the model's bytes were not all checked before this answer ended; `verify` does it")
        check.raise_if_damaged()
        return 0
    finally:
        check.stop()
        await engine.stop()

"""A conversation in the terminal: what a line means, and the answers as they come.

Questions are read in the main thread, where Ctrl-C is heard; the engine lives in an event loop in another one.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Coroutine
from concurrent.futures import Future, wait
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

from runtime.chat.prompt import Conversation, compose
from runtime.chat.template import ChatTemplate, TemplateError
from runtime.chat.transcript import Transcript, Turn, from_json, to_json
from runtime.cli.telling import Telling
from runtime.console import Console
from runtime.engine.core import Engine, Failed, Finished, FinishReason, GenerationRequest, SamplingParams, TextDelta
from runtime.errors import EngineError

HELP = """\
/help           this list
/system [TEXT]  tell what the model is told before the conversation, or change it
/regenerate     answer the last question again
/new            begin a new conversation
/save FILE      keep the conversation in a file, which the chat page imports, too
/load FILE      go on with a conversation from such a file
/quit           leave; so does Ctrl-D
A line that ends in \\ goes on in the next one; a line of \"\"\" begins and ends several.
Ctrl-C stops an answer."""

PROMPT, MORE = "> ", "… "
_BLOCK = '"""'
_TICK = 0.2  # seconds; on Windows a wait without an end cannot be interrupted


class Talk:
    """One conversation. run: lets the engine's loop do something, and gives its future."""

    def __init__(
        self,
        engine: Engine,
        template: ChatTemplate,
        transcript: Transcript,
        sampling: SamplingParams,
        max_tokens: int | None,
        run: Callable[[Coroutine[Any, Any, None]], Future[None]],
        console: Console,
    ) -> None:
        self.transcript = transcript
        self._engine = engine
        self._template = template
        self._sampling = sampling
        self._max_tokens = max_tokens
        self._run = run
        self._console = console
        self._verbs: dict[str, Callable[[str], None]] = {
            "help": lambda _: self._console.say(HELP),
            "system": self._system,
            "regenerate": self._regenerate,
            "new": self._new,
            "save": self._save,
            "load": self._load,
        }

    def until_the_end(self) -> None:
        """Read and answer until the input ends or somebody leaves. Raises `EngineError` where the engine gave up."""
        while (words := self._read()) is not None:
            verb, _, rest = words.partition(" ")
            if verb in ("/quit", "/exit"):
                return
            if verb.startswith("/") and "\n" not in words:
                self._obey(verb[1:], rest.strip())
            elif words.strip():
                self.transcript.turns.append(Turn(words))
                self._answer()

    def _read(self) -> str | None:
        """A question of one or several lines; None at the end of the input."""
        line = self._console.ask(PROMPT)
        if line is None:
            return None
        lines: list[str] = []
        if line.strip() == _BLOCK:
            while (line := self._console.ask(MORE)) is not None and line.strip() != _BLOCK:
                lines.append(line)
            return "\n".join(lines)
        while line is not None and line.endswith("\\"):
            lines.append(line[:-1])
            line = self._console.ask(MORE)
        return "\n".join([*lines, line or ""])

    def _obey(self, verb: str, rest: str) -> None:
        known = self._verbs.get(verb)
        if known is None:
            self._console.say(f"There is no /{verb}; /help lists what there is.")
        else:
            known(rest)

    def _system(self, text: str) -> None:
        if text:
            self.transcript.system = text
        self._console.say(f"System prompt: {self.transcript.system or 'none'}")

    def _new(self, _: str) -> None:
        self.transcript.turns.clear()
        self._console.say("A new conversation.")

    def _regenerate(self, _: str) -> None:
        if not self.transcript.turns:
            self._console.say("Nothing was asked yet.")
            return
        self.transcript.turns[-1].answer = None
        self._answer()

    def _save(self, name: str) -> None:
        if not name:
            self._console.say("Say where: /save FILE")
            return
        try:
            Path(name).expanduser().write_text(to_json(self.transcript), encoding="utf-8")
        except OSError as error:
            self._console.say(f"{name} cannot be written: {error.strerror or error}.")
        else:
            self._console.say(f"Saved in {name}.")

    def _load(self, name: str) -> None:
        try:
            self.transcript = from_json(Path(name).expanduser().read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            self._console.say(f"{name or 'No file'} cannot be loaded: {getattr(error, 'strerror', None) or error}.")
        else:
            self._console.say(f"Loaded {len(self.transcript.turns)} questions with their answers.")

    def _answer(self) -> None:
        """Answer the last question; Ctrl-C stops it, and what came of it stays."""
        future = self._run(self._write(self.transcript.turns[-1]))
        try:
            while not wait([future], _TICK).done:
                pass
        except KeyboardInterrupt:
            future.cancel()
            self._console.out("")
            self._console.say("Stopped.")
        else:
            future.result()

    async def _write(self, turn: Turn) -> None:
        asked = Conversation(self.transcript.messages(), self._sampling, self._max_tokens)
        try:
            prompt = await asyncio.to_thread(compose, self._template, asked)
        except TemplateError as error:
            raise EngineError(str(error)) from None
        request = GenerationRequest(
            uuid.uuid4().hex, prompt.text, self._sampling, self._max_tokens, prompt.stop, visible=prompt.marks
        )
        telling = Telling(prompt, self._console)
        turn.answer = ""
        async with aclosing(cast("Any", self._engine.generate(request))) as events:
            async for event in events:
                if isinstance(event, TextDelta):
                    telling.text(event.text)
                    turn.answer = telling.said
                elif isinstance(event, Failed):
                    telling.end_line()
                    self._console.say(event.message)
                    return
                elif isinstance(event, Finished):
                    telling.finish()
                    turn.answer = telling.said
                    telling.end_line()
                    if event.reason is FinishReason.LENGTH:
                        self._console.say("The answer reached its greatest length.")
                    return

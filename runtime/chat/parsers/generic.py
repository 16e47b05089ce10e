"""Models with no writing of their own: taught Hermes's in the prompt (`plain_tools`), read in any usual one."""

from __future__ import annotations

from runtime.chat.parsers import hermes
from runtime.chat.parsers.family import Family
from runtime.chat.parsers.grammar import json_calls, thinking
from runtime.chat.parsers.reader import Reader, Step

_FENCE = "```"


def script(reader: Reader) -> Step[None]:
    """Reasoning; a bare or fenced call where the answer begins; content with tagged calls in it."""
    yield from thinking(reader)
    if reader.tools:
        reader.record()
        yield from reader.skip_space()
        fence = (yield from reader.take(f"{_FENCE}json", f"{_FENCE}tool_call", _FENCE)) is not None
        yield from reader.skip_space()
        if not (yield from json_calls(reader, only_offered=True)):
            reader.give_back()
        elif fence:
            yield from reader.skip_space()
            yield from reader.take(_FENCE)
    yield from hermes.tagged(reader)


FAMILY = Family("generic", script, hermes.written, marks=hermes.FAMILY.marks)

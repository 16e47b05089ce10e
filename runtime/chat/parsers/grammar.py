"""What several families have in common: reasoning at the start, and calls written as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

from runtime.chat.parsers.reader import Reader, Step, ignore

_NAMES = ("name", "tool_name", "function")
_ARGUMENTS = ("arguments", "parameters", "args")
_OTHERS = ("type", "id", "tool_call_id", "call_id")


def thinking(reader: Reader, opening: str = "<think>", closing: str = "</think>") -> Step[None]:
    """Reasoning, if the answer begins with it."""
    reader.record()
    yield from reader.skip_space()
    if (yield from reader.looking_at(opening)) is None:
        reader.give_back()
        return
    reader.drop(opening)
    yield from reader.copy_until(reader.out.reasoning, closing)
    reader.out.thought()


def json_calls(reader: Reader, *, only_offered: bool = False) -> Step[bool]:
    """One call, several one behind the other (perhaps with `;` between), or a list of them; whether any began.

    only_offered: nothing but the JSON tells that this is a call, so it must name a tool that there is.
    """
    listed = yield from reader.take("[")
    began = False
    while True:
        yield from reader.skip_space()
        if (yield from reader.take("{")) is None:
            if listed and began:
                yield from reader.take("]")
            return began
        call = _Call(reader, only_offered)
        whole = yield from _members(call)
        began = began or call.began
        if not whole or not call.began:
            return began
        reader.out.call_end()
        yield from reader.skip_space()
        between = yield from reader.take("," if listed else ";")
        if not listed and between is None and (yield from reader.looking_at("{")) is None:
            return True


@dataclass(slots=True)
class _Call:
    """A call whose members come in any order: arguments wait for the name."""

    reader: Reader
    only_offered: bool
    began: bool = False
    waiting: list[str] = field(default_factory=list)
    identity: str | None = None

    def named(self, name: str) -> bool:
        if self.began or not name or (self.only_offered and name not in self.reader.tools):
            return self.began
        self.began = True
        self.reader.out.call(name, self.identity)
        self.arguments("".join(self.waiting))
        return True

    def arguments(self, text: str) -> None:
        if self.began:
            self.reader.out.arguments(text)
        else:
            self.waiting.append(text)


def _members(call: _Call) -> Step[bool]:
    """The members of an object whose brace was read; whether it came to its end."""
    reader = call.reader
    yield from reader.skip_space()
    if (yield from reader.take("}")):
        return True
    while True:
        key = yield from reader.string()
        yield from reader.skip_space()
        if key is None or not (yield from reader.take(":")):
            return False
        yield from reader.skip_space()
        if not (yield from _member(call, key)):
            return False
        yield from reader.skip_space()
        mark = yield from reader.take(",", "}")
        if mark != ",":
            return mark is not None
        yield from reader.skip_space()


def _member(call: _Call, key: str) -> Step[bool]:
    reader = call.reader
    if key == "function" and (yield from reader.take("{")):
        return (yield from _members(call))
    if key in _NAMES:
        name = yield from reader.string()
        return name is not None and call.named(name)
    if key in _ARGUMENTS:
        if (yield from reader.looking_at('"')) is None:
            return (yield from reader.json_value(call.arguments))
        text = yield from reader.string()  # JSON inside a string, as OpenAI's API has it
        call.arguments(_as_object(text or ""))
        return text is not None
    if key in ("id", "tool_call_id", "call_id") and (yield from reader.looking_at('"')):
        call.identity = yield from reader.string()
        return True
    if call.only_offered and key not in _OTHERS:
        return False  # an answer that happens to be JSON
    return (yield from reader.json_value(ignore))


def _as_object(text: str) -> str:
    try:
        return text if isinstance(json.loads(text), dict) else json.dumps(text)
    except ValueError:
        return text

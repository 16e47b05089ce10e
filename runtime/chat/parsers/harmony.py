"""gpt-oss (Harmony): messages in channels, `<|channel|>analysis<|message|>…<|end|>`; a call is one to a function."""

from __future__ import annotations

import re

from runtime.chat.parsers.family import Calls, Family, Tools
from runtime.chat.parsers.reader import Reader, Step, ignore
from runtime.chat.parsers.writing import arguments
from runtime.grammar.rules import Rules, literal, one_of

_START, _CHANNEL, _MESSAGE = "<|start|>", "<|channel|>", "<|message|>"
_END, _CALL, _RETURN, _CONSTRAIN = "<|end|>", "<|call|>", "<|return|>", "<|constrain|>"
_ENDS = (_END, _CALL, _RETURN, _START, _CHANNEL)
_RECIPIENT = re.compile(r"to=(?:functions\.)?([\w.:/-]+)")
_TO = " to=functions."


def script(reader: Reader) -> Step[None]:
    """Messages, each with a head that says what it is; words without a head are content."""
    head: str | None = ""
    if (yield from reader.looking_at(_CHANNEL, _START, _TO)) is None:
        head = yield from reader.copy_until(reader.out.content, *_ENDS)
        if head is None:
            return
    while True:
        rest, mark = yield from reader.take_until(_MESSAGE)
        if mark is None:
            return
        yield from _body(reader, f"{head}{rest}")
        head = ""


def _body(reader: Reader, head: str) -> Step[None]:
    recipient = _RECIPIENT.search(head)
    if recipient and reader.tools:
        reader.out.call(recipient[1])
        yield from reader.skip_space()
        yield from reader.json_value(reader.out.arguments)
        reader.out.call_end()
        yield from reader.copy_until(ignore, _END, _CALL, _RETURN)
    elif "analysis" in head.rpartition(_CHANNEL)[2]:
        yield from reader.copy_until(reader.out.reasoning, _END, _CALL, _RETURN)
        reader.out.thought()
    else:
        yield from reader.copy_until(reader.out.content, _END, _CALL, _RETURN)


def written(tools: Tools, rules: Rules, _: bool) -> Calls:
    """One call: it ends the answer. The recipient stands before the channel or behind it."""
    ways = [
        f'{literal(_TO + name)} {literal(_CHANNEL + "commentary")}? (" "? {literal(_CONSTRAIN)} "json" | " json")? '
        f"{literal(_MESSAGE)} {arguments(schema, rules)}"
        for name, schema in tools.items()
    ]
    addressed = one_of(*ways)
    return Calls(f"{literal(_CHANNEL + 'commentary')}? {addressed}", (_TO,))


FAMILY = Family(
    "harmony", script, written, (f"{_CHANNEL}analysis{_MESSAGE}", _END), f"{_CHANNEL}final{_MESSAGE}",
    (_START, _CHANNEL, _MESSAGE, _END, _CALL, _RETURN, _CONSTRAIN),
)  # fmt: skip

"""Families that differ only in what stands around their calls in JSON: Granite 3, Phi 4, Firefunction, Command R."""

from __future__ import annotations

from runtime.chat.parsers.family import Calls, Family, Tools
from runtime.chat.parsers.grammar import json_calls, thinking
from runtime.chat.parsers.reader import Reader, Step
from runtime.chat.parsers.writing import json_call, listed, space
from runtime.grammar.rules import Rules, literal

_KEYS = ("name", "arguments")
_COHERE_THINKING = ("<|START_THINKING|>", "<|END_THINKING|>")
_COHERE_RESPONSE = ("<|START_RESPONSE|>", "<|END_RESPONSE|>", "<|START_TEXT|>", "<|END_TEXT|>")


def _family(
    name: str, opening: str, closing: str = "", *, think: tuple[str, str] = ("<think>", "</think>"),
    dropped: tuple[str, ...] = (), keys: tuple[str, str] = _KEYS,
) -> Family:  # fmt: skip
    """opening, closing: around the calls. dropped: tags that say nothing beside that content begins or ends.

    keys: what a call calls its name and its arguments; where they are not the usual ones, it has a number, too.
    """

    def script(reader: Reader) -> Step[None]:
        yield from thinking(reader, *think)
        marks = (opening, *dropped) if reader.tools else dropped
        while mark := (yield from reader.copy_until(reader.out.content, *marks)):
            if mark != opening:
                continue
            reader.record(opening)
            before = reader.out.calls
            yield from reader.skip_space()
            yield from json_calls(reader)
            if reader.out.calls == before:
                reader.give_back()
            elif closing:
                yield from reader.skip_space()
                yield from reader.take(closing)

    def written(tools: Tools, rules: Rules, many: bool) -> Calls:
        gap = space(rules)
        numbered = f'"\\"tool_call_id\\"" ":" {gap} "\\"" [0-9]{{1,3}} "\\"" "," {gap}' if keys != _KEYS else ""
        calls = listed(json_call(tools, rules, keys, numbered), rules, many)
        end = f"{gap} {literal(closing)}" if closing else ""
        return Calls(f"{literal(opening)} {gap} {calls} {end}", (opening,))

    marks = tuple(mark for mark in (opening, closing, *think, *dropped) if mark)
    return Family(name, script, written, think, marks=marks)


GRANITE = _family("granite", "<|tool_call|>")
PHI = _family("phi", "<|tool_call|>", "<|/tool_call|>")
FUNCTOOLS = _family("functools", "functools")
COMMAND_R = _family(
    "command-r", "<|START_ACTION|>", "<|END_ACTION|>", think=_COHERE_THINKING, dropped=_COHERE_RESPONSE,
    keys=("tool_name", "parameters"),
)  # fmt: skip

"""What a family of models is: how its answers are read, and how its calls are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from runtime.chat.parsers.reader import Reader, Step
from runtime.grammar.rules import Rules

Tools = Mapping[str, Mapping[str, Any]]
"""Name → JSON Schema of the arguments."""


@dataclass(frozen=True, slots=True)
class Calls:
    """How calls are written. root: the body of a rule for all of them, from the first one's first character on.

    triggers: with which of these texts calls begin, so that an answer in words may become one; at_start: only where it
    begins with it.
    """

    root: str
    triggers: tuple[str, ...]
    at_start: bool = False


@dataclass(frozen=True, slots=True)
class Family:
    """One way of writing calls and reasoning.

    script: the grammar for reading, see `reader`. calls: the grammar for writing, of one call or of as many as the
    model likes. thinking: what reasoning stands between, for prompts that end inside of it. opening: what must stand
    before content, where anything must. marks: tokens the script looks for that a vocabulary may hold as control
    tokens, whose text is not shown otherwise.
    """

    name: str
    script: Callable[[Reader], Step[None]]
    calls: Callable[[Tools, Rules, bool], Calls]
    thinking: tuple[str, str] = ("<think>", "</think>")
    opening: str = ""
    marks: tuple[str, ...] = ()


def offered(tools: Sequence[Mapping[str, Any]]) -> Tools:
    """The tools of a request, in OpenAI's shape, by name."""
    functions = [tool["function"] for tool in tools]
    return {function["name"]: function.get("parameters") or {"type": "object"} for function in functions}

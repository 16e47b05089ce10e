"""Reading a text that is still being written.

A family's grammar is written as a plain function from top to bottom, as if the whole answer lay there: a generator that
`yield`s where the text is not there yet. What it decides never depends on where the text was cut: every step either
knows enough or waits.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Mapping
from typing import Any, TypeVar

from runtime.chat.parsers.pieces import Output

_Result = TypeVar("_Result")
Step = Generator[None, None, _Result]
"""Part of a grammar: waits by yielding, returns what it found."""


def ignore(_: str) -> None:
    """Where text goes that nobody needs."""


class Reader:
    """The answer so far, from the point the grammar has reached.

    tools: name → JSON Schema of the arguments, of every tool the model may call; empty where calls are not looked for.
    """

    def __init__(self, tools: Mapping[str, Mapping[str, Any]], out: Output) -> None:
        self.tools = tools
        self.out = out
        self._text = ""
        self._ended = False
        self._recorded: list[str] | None = None

    def feed(self, text: str) -> None:
        """More text came."""
        self._text += text

    def end(self) -> None:
        """No more text will come."""
        self._ended = True

    def record(self, before: str = "") -> None:
        """Remember what is read from here on, behind `before`: it may turn out to be mere text."""
        self._recorded = [before]

    def recorded(self) -> str:
        """Everything read since `record`."""
        return "".join(self._recorded or ())

    def give_back(self) -> None:
        """What was read since `record` was no call after all: it is content."""
        self.out.content(self.recorded())
        self._recorded = None

    def drop(self, mark: str) -> None:
        """Read over `mark`, which is known to be next."""
        self._cut(len(mark))

    def copy_until(self, write: Callable[[str], None], *marks: str) -> Step[str | None]:
        """Hand the text to `write` as it comes, up to the first of `marks`, which is read over and returned."""
        while True:
            found = [(at, mark) for mark in marks if (at := self._text.find(mark)) >= 0]
            if found:
                at, mark = min(found)
                write(self._cut(at))
                self._cut(len(mark))
                return mark
            keep = 0 if self._ended else self._undecided(marks)
            if len(self._text) > keep:
                write(self._cut(len(self._text) - keep))
            if self._ended:
                return None
            yield

    def take_until(self, *marks: str) -> Step[tuple[str, str | None]]:
        """All the text up to the first of `marks`, and that mark; None where none of them came."""
        pieces: list[str] = []
        mark = yield from self.copy_until(pieces.append, *marks)
        return "".join(pieces), mark

    def looking_at(self, *marks: str) -> Step[str | None]:
        """The one of `marks` that comes next, if one does. Nothing is read."""
        by_length = sorted(marks, key=len, reverse=True)
        while True:
            waiting = False
            for mark in by_length:
                if self._text.startswith(mark):
                    return mark
                if mark.startswith(self._text) and not self._ended:
                    waiting = True
                    break
            if not waiting:
                return None
            yield

    def take(self, *marks: str) -> Step[str | None]:
        """The same, and read over it."""
        mark = yield from self.looking_at(*marks)
        if mark:
            self.drop(mark)
        return mark

    def skip_space(self) -> Step[None]:
        """Read over white space."""
        while True:
            self._cut(len(self._text) - len(self._text.lstrip()))
            if self._text or self._ended:
                return
            yield

    def string(self) -> Step[str | None]:
        """A JSON string's value; None if there is none."""
        if not (yield from self.looking_at('"')):
            return None
        pieces: list[str] = []
        if not (yield from self.json_value(pieces.append)):
            return None
        try:
            value = json.loads("".join(pieces), strict=False)
        except ValueError:
            return None
        return value if isinstance(value, str) else None

    def json_value(self, write: Callable[[str], None]) -> Step[bool]:
        """Hand one JSON value to `write` as it comes, as it is written; whether it came to its end."""
        if (yield from self.looking_at("{", "[", '"')) is None:
            return (yield from self._scalar(write))
        depth, quoted, escaped = 0, False, False
        while True:
            for at, character in enumerate(self._text):
                if escaped:
                    escaped = False
                    continue
                if character == "\\" and quoted:
                    escaped = True
                elif character == '"':
                    quoted = not quoted
                elif not quoted and character in "{[":
                    depth += 1
                elif not quoted and character in "}]":
                    depth -= 1
                if depth == 0 and not quoted:
                    write(self._cut(at + 1))
                    return True
            if self._text:
                write(self._cut(len(self._text)))
            if self._ended:
                return False
            yield

    def _scalar(self, write: Callable[[str], None]) -> Step[bool]:
        """A number or a word; it ends before whatever cannot be part of it."""
        length = 0
        while True:
            for at, character in enumerate(self._text):
                if not (character.isalnum() or character in "+-._"):
                    length += at
                    write(self._cut(at))
                    return length > 0
            length += len(self._text)
            if self._text:
                write(self._cut(len(self._text)))
            if self._ended:
                return length > 0
            yield

    def _cut(self, length: int) -> str:
        text, self._text = self._text[:length], self._text[length:]
        if self._recorded is not None:
            self._recorded.append(text)
        return text

    def _undecided(self, marks: tuple[str, ...]) -> int:
        """Length of the longest end of the text with which one of `marks` begins."""
        longest = max(map(len, marks), default=1) - 1
        for length in range(min(longest, len(self._text)), 0, -1):
            end = self._text[-length:]
            if any(mark.startswith(end) for mark in marks):
                return length
        return 0

"""The nouns of an answer that is more than text, and where a parser writes them.

An answer is reasoning, content and calls of tools, in pieces, in the order in which they came.
"""

from __future__ import annotations

import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass

from runtime.engine.core import TokenChances

_ID_LETTERS = string.ascii_letters + string.digits
_ID_LENGTH = 9  # Mistral's templates refuse any other; nobody else minds


@dataclass(frozen=True, slots=True)
class Spent:
    """What an answer took so far: tokens, those of the prompt that were cached, and seconds.

    guessed: tokens that were tried before it was known that they come; right: those that came. Told at the end.
    """

    prompt_tokens: int
    cached_tokens: int
    completion_tokens: int
    prompt_seconds: float
    generation_seconds: float
    guessed: int = 0
    right: int = 0


@dataclass(frozen=True, slots=True)
class Content:
    """Text for the person who asked. chances: of the tokens behind it; spent: up to it; where they were asked for."""

    text: str
    chances: tuple[TokenChances, ...] = ()
    spent: Spent | None = None


@dataclass(frozen=True, slots=True)
class Reasoning:
    """Text the model wrote for itself."""

    text: str


@dataclass(frozen=True, slots=True)
class CallStart:
    """A call of the tool `name` begins; the `index`-th of this answer, from 0."""

    index: int
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class CallArguments:
    """More of the JSON text that is the call's arguments."""

    index: int
    text: str


Piece = Content | Reasoning | CallStart | CallArguments


@dataclass(frozen=True, slots=True)
class Call:
    """A whole call. `arguments` is JSON as the model wrote it, so it may be unfinished where the answer was cut."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Message:
    """A whole answer."""

    content: str = ""
    reasoning: str = ""
    calls: tuple[Call, ...] = ()


class Gathering:
    """An answer's pieces on their way to become one message."""

    def __init__(self) -> None:
        self._content: list[str] = []
        self._reasoning: list[str] = []
        self._calls: list[tuple[CallStart, list[str]]] = []

    def add(self, piece: Piece) -> None:
        """One more piece."""
        match piece:
            case Content(text):
                self._content.append(text)
            case Reasoning(text):
                self._reasoning.append(text)
            case CallStart():
                self._calls.append((piece, []))
            case CallArguments(_, text):
                self._calls[-1][1].append(text)

    def message(self) -> Message:
        """All of it so far."""
        calls = tuple(Call(start.id, start.name, "".join(arguments)) for start, arguments in self._calls)
        return Message("".join(self._content), "".join(self._reasoning), calls)


def new_id() -> str:
    """An id for a call that got none from the model."""
    return "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))


class Output:
    """Collects pieces, and keeps away the empty lines that models put between the parts of an answer.

    Spaces at the end of a part are held until it goes on: before a call they were never meant for anybody.
    """

    def __init__(self, make_id: Callable[[], str] = new_id) -> None:
        self._make_id = make_id
        self._pieces: list[Piece] = []
        self._held = ""  # spaces after the content so far
        self._held_thought = ""
        self._reasoned = False
        self._spoke = False
        self.thinking = False  # the text so far ends inside of reasoning
        self.has_thought = False  # it came to the end of some
        self.calls = 0
        self._argued = True

    def content(self, text: str) -> None:
        """Text for the person."""
        if not self._spoke and (self._reasoned or self.calls):
            text = text.lstrip()
        text = self._held + text
        body = text.rstrip()
        self._held = text[len(body) :]
        if body:
            self._spoke, self.thinking = True, False
            self._add(Content(body))

    def reasoning(self, text: str) -> None:
        """Text of the model for itself."""
        self._spoke, self.thinking = False, True
        if not self._reasoned:
            text = text.lstrip()
        text = self._held_thought + text
        body = text.rstrip()
        self._held_thought = text[len(body) :]
        if body:
            self._reasoned = True
            self._add(Reasoning(body))

    def thought(self) -> None:
        """Reasoning was here, even if it was empty: the empty lines behind it belong to it."""
        self._reasoned = self.has_thought = True
        self.thinking = False
        self._held_thought = ""

    def call(self, name: str, identity: str | None = None) -> None:
        """A call begins."""
        self._held = ""
        self._spoke = self._argued = self.thinking = False
        self._add(CallStart(self.calls, identity or self._make_id(), name))
        self.calls += 1

    def arguments(self, text: str) -> None:
        """More of the last call's arguments."""
        if text:
            self._argued = True
            self._add(CallArguments(self.calls - 1, text))

    def call_end(self) -> None:
        """The last call is complete; one without arguments has empty ones."""
        if not self._argued:
            self.arguments("{}")

    def finish(self) -> None:
        """The answer is complete: spaces at its end are its own unless something was taken out before them."""
        if self._held and not self.calls and not (self._reasoned and not self._spoke):
            self._add(Content(self._held))
        self._held = ""

    @property
    def is_undecided(self) -> bool:
        """Whether nothing has come of the text yet."""
        return not (self._spoke or self._reasoned or self.calls)

    def take(self) -> list[Piece]:
        """What came since the last time."""
        pieces, self._pieces = self._pieces, []
        return pieces

    def _add(self, piece: Piece) -> None:
        match self._pieces[-1:], piece:
            case [Content(before)], Content(text):
                self._pieces[-1] = Content(before + text)
            case [Reasoning(before)], Reasoning(text):
                self._pieces[-1] = Reasoning(before + text)
            case [CallArguments(_, before)], CallArguments(index, text):
                self._pieces[-1] = CallArguments(index, before + text)
            case _:
                self._pieces.append(piece)

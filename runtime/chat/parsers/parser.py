"""A parser at work on one answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from runtime.chat.parsers.family import Family, Tools
from runtime.chat.parsers.pieces import Gathering, Message, Output, Piece, new_id
from runtime.chat.parsers.reader import Reader


class Parser:
    """Takes an answer's text as it comes and hands out its pieces.

    begun: what the answer is taken to begin with although the prompt says it already (an opened `<think>`).
    reasoning_tokens: of the tokens so far, those that went into reasoning, its tags included.
    """

    def __init__(
        self, family: Family, tools: Tools | None = None, *, begun: str = "", make_id: Callable[[], str] = new_id
    ) -> None:
        self._out = Output(make_id)
        self._reader = Reader(tools or {}, self._out)
        self._script = family.script(self._reader)
        self._running = True
        self._unassigned = 0  # tokens of which nothing has come yet
        self.reasoning_tokens = 0
        if begun:
            self.push(begun, tokens=0)

    def push(self, text: str, tokens: int = 1) -> list[Piece]:
        """More text, of so many tokens; what is certain now. Of several tokens each is taken to be as long."""
        parts = max(1, tokens)
        for part in range(parts):
            self._reader.feed(text[len(text) * part // parts : len(text) * (part + 1) // parts])
            self._step()
            self._count(tokens > 0)
        return self._out.take()

    def finish(self) -> list[Piece]:
        """No more text; the rest."""
        self._reader.end()
        while self._running:
            self._step()
        self._out.finish()
        return self._out.take()

    def _count(self, tokens: int) -> None:
        """What came of the last tokens, and of those before them that might still have become anything."""
        out = self._out
        self._unassigned += tokens
        if out.thinking or out.has_thought:
            self.reasoning_tokens += self._unassigned
            out.has_thought = False
        elif out.is_undecided:
            return
        self._unassigned = 0

    def _step(self) -> None:
        if self._running:
            try:
                next(self._script)
            except StopIteration:
                self._running = False


def parse(family: Family, text: str | Iterable[str], tools: Tools | None = None, *, begun: str = "") -> Message:
    """A whole answer at once, from one text or from its chunks. Ids count up: "0", "1", …"""
    numbers = iter(range(1 << 30))
    parser = Parser(family, tools, begun=begun, make_id=lambda: str(next(numbers)))
    gathering = Gathering()
    for chunk in [text] if isinstance(text, str) else text:
        for piece in parser.push(chunk):
            gathering.add(piece)
    for piece in parser.finish():
        gathering.add(piece)
    return gathering.message()

"""A parser at work on one answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from runtime.chat.parsers.family import Family, Tools
from runtime.chat.parsers.pieces import Gathering, Message, Output, Piece, new_id
from runtime.chat.parsers.reader import Reader


class Parser:
    """Takes an answer's text as it comes and hands out its pieces.

    begun: what the answer is taken to begin with although the prompt says it already (an opened `<think>`).
    """

    def __init__(
        self, family: Family, tools: Tools | None = None, *, begun: str = "", make_id: Callable[[], str] = new_id
    ) -> None:
        self._out = Output(make_id)
        self._reader = Reader(tools or {}, self._out)
        self._script = family.script(self._reader)
        self._running = True
        if begun:
            self.push(begun)

    def push(self, text: str) -> list[Piece]:
        """More text; what is certain now."""
        self._reader.feed(text)
        self._step()
        return self._out.take()

    def finish(self) -> list[Piece]:
        """No more text; the rest."""
        self._reader.end()
        while self._running:
            self._step()
        self._out.finish()
        return self._out.take()

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

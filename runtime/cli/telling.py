"""An answer on standard output, as it comes; of reasoning only, to a person, that there is some."""

from __future__ import annotations

from collections.abc import Sequence

from runtime.chat.parsers.pieces import Content, Piece, Reasoning
from runtime.chat.prompt import Prompt
from runtime.console import Console


class Telling:
    """Tells one answer. said: all of its content so far."""

    def __init__(self, prompt: Prompt, console: Console) -> None:
        self._parser = prompt.parser() if prompt.parser else None
        self._console = console
        self.said = ""

    def text(self, text: str) -> None:
        """More text of the model."""
        self._tell([Content(text)] if self._parser is None else self._parser.push(text))

    def finish(self) -> None:
        """The model has no more text."""
        self._tell(self._parser.finish() if self._parser else [])

    def end_line(self) -> None:
        """Whatever comes next begins at the beginning of a line."""
        self._console.status("")
        if not self.said.endswith("\n"):
            self._console.out("")

    def _tell(self, pieces: Sequence[Piece]) -> None:
        for piece in pieces:
            if isinstance(piece, Content):
                self._console.status("")
                self._console.out(piece.text, end="")
                self.said += piece.text
            elif isinstance(piece, Reasoning):
                self._console.status("thinking …")

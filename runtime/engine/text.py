"""From token pieces to text a person may see: whole characters, and never a part of a stop string.

A token is bytes, not characters: one emoji may be spread over four tokens, and a stop string may begin in the middle of
one token and end in the next. What is shown must not depend on where the token boundaries fall, so this class holds
back exactly what could still turn out otherwise, and no more.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable


class TextAssembler:
    """Assembles one request's text from its token pieces.

    Of several stop strings the one that is complete first ends the text; of those complete at the same character, the
    longest. Bytes that are no UTF-8 become U+FFFD. `stopped_by` is the stop string that ended the text, else None.
    indent: of every line but the first at least so many characters are spaces or tabs; `is_outdented` once one has
    fewer, before which the text ends.
    """

    def __init__(self, stop: Iterable[str] = (), indent: int = 0) -> None:
        self._stop = tuple(text for text in stop if text)
        self._longest = max(map(len, self._stop), default=0)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self._indent = indent
        self._margin: str | None = None  # what a line begins with, until it is known whether it is enough
        self.is_outdented = False
        self.stopped_by: str | None = None

    def push(self, piece: bytes) -> str:
        """Take the next token's bytes; the text that may be shown now. Nothing comes after a stop string."""
        return self._indented(self._take(self._decoder.decode(piece)))

    def finish(self) -> str:
        """No more tokens: what was held back and proved harmless. An unfinished character becomes U+FFFD."""
        ready = self._take(self._decoder.decode(b"", final=True))
        if self.stopped_by is None:
            ready, self._held = ready + self._held, ""
        return self._indented(ready)

    def _indented(self, text: str) -> str:
        """As much of the text as is in lines that are indented enough; a line's margin is held until that is known."""
        if not self._indent:
            return text
        ready: list[str] = []
        for character in text:
            if self.is_outdented:
                break
            if self._margin is None:
                ready.append(character)
            elif character in " \t":
                self._margin += character
                continue
            elif len(self._margin) < self._indent:
                self.is_outdented = True
                break
            else:
                ready.append(self._margin + character)
            self._margin = "" if character == "\n" else None
        return "".join(ready)

    def _take(self, text: str) -> str:
        if self.stopped_by is not None or not text:
            return ""
        text = self._held + text
        matches = [(start + len(stop), start, stop) for stop in self._stop if (start := text.find(stop)) >= 0]
        if matches:
            _, start, self.stopped_by = min(matches)
            self._held = ""
            return text[:start]
        keep = self._undecided(text)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def _undecided(self, text: str) -> int:
        """Length of the longest end of `text` with which a stop string begins."""
        for length in range(min(self._longest - 1, len(text)), 0, -1):
            end = text[-length:]
            if any(stop.startswith(end) for stop in self._stop):
                return length
        return 0

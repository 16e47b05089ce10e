"""What the model remembers, kept for whoever comes next: lines that run, lines that rest, and what they share.

A request's prompt is computed only from where it parts from everything remembered: from running requests, from those
that ended, and from *checkpoints*, copies left behind where a text is likely to part again. Lines that rest are
forgotten, the longest unused first, when their room or their number is wanted, or when they exceed their budget: idle
cells are not free, every step of the others looks over them.

What may be shared is the memory's nature (`Memory.kind`):

FULL    attention over everything: any beginning of any line, in place.
WINDOW  layers that see only the last tokens: a line where it stands (the copy gets a window of its own), or anywhere
        as long as it is shorter than the window. A resting line may also be cut back and taken over, if the window
        before the cut is still there.
STATE   one state: a line exactly where it stands. Some can be taken back a few tokens; then the line must go on before
        it can be shared, and where it rests it is taken over.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from runtime.engine.worker.prefix import PrefixTree

WORTH_SHARING = 16
"""Tokens; for fewer it does not pay to wait for another request, or to leave a checkpoint."""


class MemoryKind(StrEnum):
    """By what a model remembers."""

    FULL = "full"
    WINDOW = "window"
    STATE = "state"


class Memory(Protocol):
    """The real cache, line by line; `worker.context.Context` is one."""

    kind: MemoryKind

    def fork(self, source: int, length: int, line: int) -> bool:
        """Let an empty line begin with the first tokens of another. False if it could not: then it is still empty."""

    def truncate(self, line: int, length: int) -> bool:
        """Keep only the first tokens of a line. False where the model cannot: then the line is of no use."""

    def forget(self, line: int) -> None:
        """Empty a line."""

    def reaches_back(self, line: int, length: int) -> bool:
        """Whether the line, cut to `length`, would still have all that the next token needs."""

    def stands_alone(self, length: int) -> bool:
        """Whether all of a line that long is inside the window."""

    def stands(self, line: int) -> bool:
        """Whether the line can be shared or cut as it is; else it must go on first."""


class PrefixCache:
    """`lines` lines over `cells` cells, at most `idle_cells` of them for lines at rest."""

    def __init__(self, memory: Memory, *, lines: int, cells: int, idle_cells: int) -> None:
        self._memory = memory
        self._tree = PrefixTree()
        self._unused = [*reversed(range(lines))]
        self._resting: dict[int, None] = {}  # the longest unused first
        self._cells = cells
        self._idle_cells = idle_cells

    @property
    def exact(self) -> bool:
        """Whether a line can be shared only where it stands, so that checkpoints are worth their room."""
        return self._memory.kind is not MemoryKind.FULL

    @property
    def lines(self) -> int:
        """Lines in use, at rest or not."""
        return len(self._tree)

    @property
    def used(self) -> int:
        """Cells in use."""
        return self._tree.size

    def room(self) -> int:
        """Cells that are free, or would be if all lines at rest were forgotten."""
        return self._cells - self._tree.size + self._tree.held_only_by(set(self._resting))

    def make_room(self, cells: int) -> bool:
        """Forget lines at rest until so many cells are free. False if that is not enough."""
        while self._cells - self._tree.size < cells:
            if not self._resting:
                return False
            self.drop(next(iter(self._resting)))
        return True

    def parted(self, tokens: Sequence[int]) -> int:
        """How far any line, usable or not, goes along with these tokens."""
        return max(self._tree.shared(tokens).values(), default=0)

    def usable(self, tokens: Sequence[int]) -> int:
        """How many of the tokens `open` would find computed. The last never counts: its logits are wanted."""
        return self._best(tokens)[1]

    def cost(self, tokens: Sequence[int]) -> int:
        """How much of `room()` a line with these tokens takes: all but what it shares with lines that run."""
        usable = self.usable(tokens)
        others = (length for line, length in self._tree.shared(tokens).items() if line not in self._resting)
        return len(tokens) - min(usable, max(others, default=0))

    def open(self, tokens: Sequence[int]) -> tuple[int, int]:
        """A running line that begins with as many of the tokens as are remembered; the line, and how many."""
        source, length = self._best(tokens)
        if source is None:
            return self._open_empty(), 0
        if source in self._resting and (self._takes_over(source, length) or not self._free_a_line(but=source)):
            del self._resting[source]
            if length == self._tree.length(source) or self._memory.truncate(source, length):
                self._tree.cut(source, length)
                return source, length
            self._empty(source)
            return self._open_empty(), 0
        return self._fork(source, length)

    def grew(self, line: int, tokens: Sequence[int]) -> None:
        """The line goes on with tokens that were computed."""
        self._tree.grow(line, tokens)

    def rest(self, line: int) -> None:
        """Nobody works on the line any more; it is kept while there is room."""
        if self._tree.length(line) == 0:
            self.drop(line)
            return
        self._resting[line] = None
        while self._resting and self._tree.held_only_by(set(self._resting)) > self._idle_cells:
            self.drop(next(iter(self._resting)))

    def checkpoint(self, line: int) -> None:
        """Leave a copy of the line as it stands, if there is room for one."""
        if self._free_a_line():
            copy, length = self._fork(line, self._tree.length(line))
            if length:
                self.rest(copy)
            else:
                self.drop(copy)

    def forget_resting(self) -> bool:
        """Forget all lines at rest. False if there were none."""
        victims = [*self._resting]
        for line in victims:
            self.drop(line)
        return bool(victims)

    def drop(self, line: int) -> None:
        """Forget a line, running or at rest."""
        self._resting.pop(line, None)
        self._empty(line)

    def _best(self, tokens: Sequence[int]) -> tuple[int | None, int]:
        """The line that saves most; at equal length one that rests, for it may be taken over."""
        best: tuple[int, bool, int] = (0, False, -1)
        for line, length in self._tree.shared(tokens).items():
            candidate = (self._shareable(line, min(length, len(tokens) - 1)), line in self._resting, line)
            best = max(best, candidate)
        return (best[2], best[0]) if best[0] else (None, 0)

    def _shareable(self, line: int, length: int) -> int:
        """How much of the first `length` tokens of a line may be used; all or nothing."""
        whole = self._tree.length(line)
        match self._memory.kind:
            case MemoryKind.FULL:
                return length
            case MemoryKind.STATE:
                return length if length == whole and (line in self._resting or self._memory.stands(line)) else 0
            case MemoryKind.WINDOW:
                if length == whole or self._memory.stands_alone(whole):
                    return length
                return length if line in self._resting and self._memory.reaches_back(line, length) else 0

    def _takes_over(self, line: int, length: int) -> bool:
        """Whether nothing worth keeping is lost when a resting line goes on as another's."""
        whole = self._tree.length(line)
        if not self._memory.stands(line):
            return length == whole
        if self._memory.kind is MemoryKind.FULL:
            return length == whole
        return length < whole and not self._memory.stands_alone(whole)

    def _fork(self, source: int, length: int) -> tuple[int, int]:
        if source in self._resting:
            self._resting[source] = self._resting.pop(source)  # just used
        self._free_a_line(but=source)
        line = self._unused.pop()
        if self._memory.fork(source, length, line):
            self._tree.fork(source, length, line)
            return line, length
        self._memory.forget(line)
        self._tree.open(line)
        return line, 0

    def _open_empty(self) -> int:
        self._free_a_line()
        line = self._unused.pop()
        self._tree.open(line)
        return line

    def _free_a_line(self, but: int | None = None) -> bool:
        """See to it that a line is unused, forgetting one at rest if need be. False if there is none."""
        if not self._unused and (victim := next((line for line in self._resting if line != but), None)) is not None:
            self.drop(victim)
        return bool(self._unused)

    def _empty(self, line: int) -> None:
        self._memory.forget(line)
        self._tree.remove(line)
        self._unused.append(line)

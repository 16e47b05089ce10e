"""Which tokens lie in the cache, and who holds them: a tree of runs of tokens, shared from the root down.

A *line* is one sequence of tokens with a number of its own. Lines that were forked from one another hold the same runs
up to where they part; every run stands for as many cells of the cache as it has tokens, however many lines hold it. Two
lines that came to say the same by chance, each for itself, hold different cells and therefore different runs.

Nothing here knows llama.cpp; `worker.cache` keeps the tree and the real cache in step.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

_BLOCK = 64


class _Run:
    """Tokens from position `start` on, the same cells for every line in `holders`."""

    __slots__ = ("children", "holders", "parent", "start", "tokens")

    def __init__(self, parent: _Run | None, start: int, tokens: list[int], holders: set[int]) -> None:
        self.parent = parent
        self.start = start
        self.tokens = tokens
        self.holders = holders
        self.children: list[_Run] = []

    @property
    def end(self) -> int:
        return self.start + len(self.tokens)


class PrefixTree:
    """Lines of tokens that share their beginnings. `size`: distinct cells in use."""

    def __init__(self) -> None:
        self._root = _Run(None, 0, [], set())
        self._last: dict[int, _Run] = {}
        self.size = 0

    def __contains__(self, line: int) -> bool:
        return line in self._last

    def __len__(self) -> int:
        return len(self._last)

    def __iter__(self) -> Iterator[int]:
        return iter(self._last)

    def length(self, line: int) -> int:
        """How many tokens a line has."""
        return self._last[line].end

    def text(self, line: int) -> list[int]:
        """A line's tokens."""
        return [token for run in reversed([*self._path(line)]) for token in run.tokens]

    def open(self, line: int) -> None:
        """A new, empty line."""
        if line in self._last:
            raise ValueError(f"line {line} exists already")
        self._root.holders.add(line)
        self._last[line] = self._root

    def grow(self, line: int, tokens: Sequence[int]) -> None:
        """Append tokens in cells of their own."""
        if not tokens:
            return
        run = self._last[line]
        if run is self._root or run.children or len(run.holders) > 1:
            child = _Run(run, run.end, [], {line})
            run.children.append(child)
            self._last[line] = run = child
        run.tokens.extend(tokens)
        self.size += len(tokens)

    def fork(self, source: int, length: int, line: int) -> None:
        """A new line that shares the first `length` tokens of `source`."""
        self.open(line)
        run = self._at(source, length)
        self._last[line] = run
        while run is not self._root and run.parent is not None:
            run.holders.add(line)
            run = run.parent

    def cut(self, line: int, length: int) -> None:
        """Keep only the first `length` tokens of a line; others that share the rest keep it."""
        kept = self._at(line, length)
        for run in [*self._path(line)]:
            if run is kept:
                break
            self._leave(run, line)
        self._last[line] = kept

    def remove(self, line: int) -> None:
        """Forget a line; what only it held is gone."""
        for run in [*self._path(line)]:
            self._leave(run, line)
        self._root.holders.discard(line)
        del self._last[line]

    def shared(self, tokens: Sequence[int]) -> dict[int, int]:
        """For every line, how many of its first tokens are those of `tokens`."""
        found: dict[int, int] = dict.fromkeys(self._root.holders, 0)
        open_runs = [*self._root.children]
        while open_runs:
            run = open_runs.pop()
            common = common_prefix(run.tokens, tokens, run.start)
            if not common:
                continue
            for line in run.holders:
                found[line] = run.start + common
            if common == len(run.tokens):
                open_runs += run.children
        return found

    def held_only_by(self, lines: set[int]) -> int:
        """Cells that would be free if these lines were removed."""
        total, open_runs = 0, [*self._root.children]
        while open_runs:
            run = open_runs.pop()
            if run.holders <= lines:
                total += len(run.tokens)
            open_runs += run.children
        return total

    def _path(self, line: int) -> Iterator[_Run]:
        """A line's runs, the last one first, without the root."""
        run: _Run | None = self._last[line]
        while run is not None and run is not self._root:
            yield run
            run = run.parent

    def _at(self, line: int, length: int) -> _Run:
        """The run of a line that ends exactly at `length`; split off where there is none."""
        if not 0 <= length <= self.length(line):
            raise ValueError(f"line {line} has {self.length(line)} tokens, not {length}")
        if length == 0:
            return self._root
        run = next(run for run in self._path(line) if run.start < length)
        return run if run.end == length else self._split(run, length)

    def _split(self, run: _Run, length: int) -> _Run:
        """Cut a run in two; the first half, which is new. The second keeps its identity, and so the lines' ends."""
        if run.parent is None:
            raise ValueError("the root cannot be split")
        at = length - run.start
        first = _Run(run.parent, run.start, run.tokens[:at], set(run.holders))
        run.parent.children[run.parent.children.index(run)] = first
        first.children = [run]
        run.parent, run.start, run.tokens = first, length, run.tokens[at:]
        return first

    def _leave(self, run: _Run, line: int) -> None:
        run.holders.discard(line)
        if not run.holders and run.parent is not None:
            run.parent.children.remove(run)
            self.size -= len(run.tokens)


def common_prefix(run: Sequence[int], tokens: Sequence[int], start: int = 0) -> int:
    """How many of the first tokens of `run` are those of `tokens` from `start` on. Compares in blocks, in C."""
    limit = min(len(run), len(tokens) - start)
    at = 0
    while at < limit and run[at : min(at + _BLOCK, limit)] == tokens[start + at : start + min(at + _BLOCK, limit)]:
        at = min(at + _BLOCK, limit)
    while at < limit and run[at] == tokens[start + at]:
        at += 1
    return max(0, at)

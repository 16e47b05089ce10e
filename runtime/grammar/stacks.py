"""The ways in which llama.cpp reads a grammar at once: a set of stacks, moved on by characters.

llama.cpp follows every way a text can be read at the same time, each as a stack of places in the rules. How many there
get to be decides what a token costs, and no more than that does. Here the same stacks are moved without any vocabulary:
by the classes of characters that the grammar tells apart.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

from runtime.grammar.gbnf import END, LAST, TOKEN, Gbnf, alternatives
from runtime.grammar.ranges import Ranges
from runtime.grammar.rules import ShapeError

World = tuple[int, ...]
"""Stacks that are there at once, each by its number, in order."""

BOTTOM = 1
"""The stack that all others stand on. Who comes down to it has read what there was to read: all, or a part."""

MAX_HEIGHT = 60
"""How far the ways to read a text may have parted from one another."""

_TOKENS = 1  # the class of what is named as a whole token
_MAX_MEMBERS = 20_000


class Budget:
    """How many steps may be taken in all."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    def take(self, steps: int) -> None:
        """Raises `ShapeError` where there are no more."""
        self._left -= steps
        if self._left < 0:
            raise ShapeError("it is too large, or too intricate, to be certain what it would cost")


class Stacks:
    """Those of one grammar. A stack is a number; `top` and `below` say what it is, `depth` how high."""

    def __init__(self, grammar: Gbnf, budget: Budget) -> None:
        self.budget = budget
        self._edges = _edges(grammar)
        self._flat: list[int | str] = []  # a class of characters as a set of bits is an int in `_classes`
        self._classes: list[int] = []
        self._begins: list[int] = []
        self._starts: list[list[int]] = []
        self._lay_out(grammar)
        self.top, self.below, self.depth = [-1, -1], [0, 0], [0, 1]
        self._numbers: dict[tuple[int, int], int] = {}
        self._settled: dict[int, World] = {}
        self._steps: dict[World, list[tuple[int, list[int]]]] = {}
        self.start: World = tuple(
            sorted({one for at in self._starts[grammar.root] for one in self._settle(self._put(at, BOTTOM))})
        )

    def steps(self, world: World) -> list[tuple[int, list[int]]]:
        """The classes of characters (as bits) that lead on from here, and with each the stacks that take it."""
        if world not in self._steps:
            self._steps[world] = self._find_steps(world)
        return self._steps[world]

    def _find_steps(self, world: World) -> list[tuple[int, list[int]]]:
        members = [(self._classes[self.top[stack]], stack) for stack in world if stack != BOTTOM]
        seen = 0
        for bits, _ in members:
            if seen & bits:
                break
            seen |= bits
        else:
            return [(bits, [stack]) for bits, stack in members if bits]
        return self._apart(members)

    def after(self, takers: Iterable[int]) -> Counter[int]:
        """The stacks behind a character that these took, and by how many of them each is reached."""
        found: Counter[int] = Counter()
        for stack in takers:
            found.update(self.behind(stack))
        self.budget.take(len(found) + 1)
        return found

    def behind(self, stack: int) -> World:
        """The stacks that come of one when it took a character."""
        if stack not in self._settled:
            self._settled[stack] = self._settle(self._put(self.top[stack] + 1, self.below[stack]))
        return self._settled[stack]

    def characters(self, bits: int) -> Ranges:
        """The characters of a class; none where it is of tokens."""
        ranges: list[tuple[int, int]] = []
        for number, (low, after) in enumerate(pairwise(self._edges), start=1):
            if bits >> number & 1:
                if ranges and ranges[-1][1] == low - 1:
                    ranges[-1] = ranges[-1][0], after - 1
                else:
                    ranges.append((low, after - 1))
        return tuple(ranges)

    def bottom(self, world: World) -> int:
        """What all of them stand on, each with something above it."""
        nodes = {*world}
        while len(nodes) > 1:
            self.budget.take(len(nodes))
            highest = max(self.depth[node] for node in nodes)
            nodes = {self.below[node] if self.depth[node] == highest else node for node in nodes}
        common = nodes.pop()
        return self.below[common] if common in world else common

    def places(self, stack: int) -> list[int]:
        """What lies on one another, from the bottom up."""
        found = []
        while stack != BOTTOM:
            found.append(self.top[stack])
            stack = self.below[stack]
        self.budget.take(len(found))
        return found[::-1]

    def alone(self, at: int) -> int:
        """The stack with nothing but this place on it."""
        return self._put(at, BOTTOM)

    def moved(self, world: World, old: int, new: int) -> World:
        """The same stacks on `new` instead of `old`. Who had come down to that goes on from there."""
        self.budget.take(len(world))
        if old == new:
            return world
        found: set[int] = set()
        for stack in world:
            if stack == old:
                found.update(self._settle(new))
                continue
            places = []
            while stack != old:
                places.append(self.top[stack])
                stack = self.below[stack]
            if len(places) > MAX_HEIGHT:
                raise ShapeError("ways to read it part from one another without end")
            stack = new
            for at in reversed(places):
                stack = self._put(at, stack)
            found.add(stack)
        return tuple(sorted(found))

    def along(self, stack: int) -> int:
        """The last of the characters in a row that follow this one in its rule, if the stack is alone."""
        last = self._ends[self.top[stack]]
        return stack if last == self.top[stack] else self._put(last, self.below[stack])

    def _put(self, at: int, below: int) -> int:
        """The stack with a place on it, if there is anything at that place."""
        if self._flat[at] is END:
            return below
        key = at, below
        if key not in self._numbers:
            self._numbers[key] = len(self.top)
            self.top.append(at)
            self.below.append(below)
            self.depth.append(self.depth[below] + 1)
        return self._numbers[key]

    def _settle(self, stack: int) -> World:
        """All ways on from here to the next character, as llama.cpp finds them."""
        found: set[int] = set()
        seen: set[int] = set()
        todo = [stack]
        while todo:
            stack = todo.pop()
            if stack in seen:
                continue
            seen.add(stack)
            rule = self._flat[self.top[stack]] if stack != BOTTOM else TOKEN
            if isinstance(rule, str):
                found.add(stack)
                continue
            rest = self._put(self.top[stack] + 1, self.below[stack])
            todo += [self._put(at, rest) for at in self._starts[rule]]
            if len(seen) > _MAX_MEMBERS:
                raise ShapeError("it can be read in too many ways at once")
        self.budget.take(len(seen))
        return tuple(sorted(found))

    def _apart(self, members: Sequence[tuple[int, int]]) -> list[tuple[int, list[int]]]:
        """Classes that overlap, cut into such that do not."""
        atoms: list[tuple[int, list[int]]] = []
        for bits, stack in members:
            cut: list[tuple[int, list[int]]] = []
            for atom, takers in atoms:
                if both := atom & bits:
                    cut.append((both, [*takers, stack]))
                    if rest := atom & ~bits:
                        cut.append((rest, takers))
                    bits &= ~both
                else:
                    cut.append((atom, takers))
            if bits:
                cut.append((bits, [stack]))
            atoms = cut
            self.budget.take(len(atoms))
        return atoms

    def _lay_out(self, grammar: Gbnf) -> None:
        """All rules in one row, so that a place is a number."""
        known: dict[Ranges, int] = {}
        for rule in grammar.rules:
            begin = len(self._flat)
            self._starts.append([begin + at for at in alternatives(rule)])
            for symbol in rule:
                self._classes.append(0)
                if isinstance(symbol, tuple):
                    if symbol not in known:
                        known[symbol] = _bits(symbol, self._edges)
                    self._classes[-1] = known[symbol]
                    self._flat.append("characters")
                else:
                    self._flat.append(symbol)
                    self._classes[-1] = _TOKENS if symbol is TOKEN else 0
        self._ends = [*range(len(self._flat))]
        for at in range(len(self._flat) - 2, -1, -1):
            if self._classes[at] and self._classes[at + 1]:
                self._ends[at] = self._ends[at + 1]


def _edges(grammar: Gbnf) -> list[int]:
    """Where the grammar tells one character from the next."""
    classes = {symbol for rule in grammar.rules for symbol in rule if isinstance(symbol, tuple)}
    edges = {0, LAST + 1}
    for ranges in classes:
        for low, high in ranges:
            edges |= {low, high + 1}
    return sorted(edges)


def _bits(ranges: Ranges, edges: Sequence[int]) -> int:
    """A class of characters as bits, one for each stretch between two edges, from bit 1 on."""
    bits = 0
    for low, high in ranges:
        begin, end = bisect_left(edges, low), bisect_left(edges, high + 1)
        bits |= (1 << end + 1) - (1 << begin + 1)
    return bits

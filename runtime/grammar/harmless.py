"""Grammars that cost no more than a token may: others are written anew, or refused.

A grammar can be made so that llama.cpp follows thousands of ways to read one text (a long chain of parts that may be
nothing, a repetition of a repetition, alternatives that begin alike inside of one another). Then a single token takes
minutes, and meanwhile nobody is served. So what a grammar comes to is looked at before the worker hears of it,
heaviest first, within a budget. Where it has no more than a regular expression's power, the same texts can be told with
one way to read each; else it is refused with the reason.
"""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice

from runtime.grammar.gbnf import read, refuse_left_recursion
from runtime.grammar.ranges import Ranges
from runtime.grammar.rules import ShapeError
from runtime.grammar.stacks import BOTTOM, Budget, Stacks, World

MAX_WAYS = 400
"""How many stacks may be there at once."""
MAX_REPEATS = 100
"""In how many ways the same part of a token may be read: llama.cpp follows each on its own."""
_STEPS = 300_000
_RUN = 64  # characters of a token that is one character many times
_LONG = 8  # characters of any other token, beyond which no vocabulary has what a grammar would make it read
_CALLERS = 16
_MAX_STATES = 2000


@lru_cache(maxsize=64)
def harmless(text: str) -> str:
    """A grammar for the same answers, most often `text` itself. Raises `ShapeError`."""
    grammar = read(text)
    try:
        refuse_left_recursion(grammar)
        _Exploration(Stacks(grammar, Budget(_STEPS))).run()
    except ShapeError:
        told = _told_plainly(Stacks(grammar, Budget(_STEPS // 2)))
        if told is None:
            raise
        return told
    return text


@dataclass(slots=True)
class _Part:
    """A set of ways without what they all stand on, and all that is known of it; or (the number of its stack, negative)
    the one place in a rule to return to, which then holds such a set.

    callers: where it came about: the part that holds it, and on what it stands there. exits: what it may be when some
    of its ways are down at the bottom. meets: classes of characters by which two of its ways become one.
    """

    callers: dict[tuple[World, int], None] = field(default_factory=dict)  # in order
    exits: list[World] = field(default_factory=list)
    meets: list[int] = field(default_factory=list)


_ROOT: World = ()


class _Exploration:
    """Of all that a grammar may come to.

    What a set of ways does until one of them is down at what they all stand on does not depend on what that is. So it
    is looked at once, wherever it comes about, and grammars that go round and round have an end.
    """

    def __init__(self, stacks: Stacks) -> None:
        self._stacks = stacks
        self._parts: dict[World, _Part] = {_ROOT: _Part()}
        self._arrivals: list[tuple[World, World]] = [(_ROOT, stacks.start)]
        self._todo: list[tuple[int, World]] = []
        self._watched: dict[World, tuple[int, int]] = {}  # in how many ways it was reached, and looked how far ahead

    def run(self) -> None:
        """Raises `ShapeError` as soon as there are too many ways, or too much to look at."""
        stacks = self._stacks
        self._arrive()
        while self._todo:
            _, world = heapq.heappop(self._todo)
            for bits, takers in stacks.steps(world):
                after = stacks.after(takers)
                if len(takers) > 1 and max(after.values()) > 1:
                    self._parts[world].meets.append(bits)
                self._arrivals.append((world, tuple(sorted(after))))
            self._arrive()
        for world, part in self._parts.items():
            for bits in part.meets:
                for holder, bottom in islice(part.callers, _CALLERS):
                    self._watch(self._whole(world, holder, bottom), bits)

    def _arrive(self) -> None:
        """Take in what came about: (part, what became of it)."""
        stacks = self._stacks
        while self._arrivals:
            parent, world = self._arrivals.pop()
            if len(world) > MAX_WAYS:
                raise ShapeError("it can be read in too many ways at once")
            if BOTTOM in world:
                self._leave(parent, world)
                continue
            bottom = stacks.bottom(world)
            here = stacks.moved(world, bottom, BOTTOM)
            if len(here) == 1:
                here = (stacks.along(here[0]),)
            if here not in self._parts:
                self._parts[here] = _Part()
                heapq.heappush(self._todo, (-len(here), here))
            holder, on = parent, BOTTOM
            for place in stacks.places(bottom):
                frame = stacks.alone(place)
                self._call((-frame,), holder, on)
                holder, on = (-frame,), frame
            self._call(here, holder, on)

    def _call(self, world: World, holder: World, bottom: int) -> None:
        """A part came about in `holder`, on `bottom` there: what it may end as is so there too."""
        part = self._parts.setdefault(world, _Part())
        if (holder, bottom) not in part.callers:
            part.callers[holder, bottom] = None
            self._arrivals += [(holder, self._stacks.moved(one, BOTTOM, bottom)) for one in part.exits]

    def _leave(self, parent: World, world: World) -> None:
        """Some of a part's ways are down at the bottom: go on from there wherever the part came about."""
        part = self._parts[parent]
        if world in part.exits:
            return
        part.exits.append(world)
        self._arrivals += [(caller, self._stacks.moved(world, BOTTOM, bottom)) for caller, bottom in part.callers]
        if parent == _ROOT and (rest := tuple(stack for stack in world if stack != BOTTOM)):
            self._arrivals.append((_ROOT, rest))

    def _whole(self, world: World, holder: World, bottom: int) -> World:
        """The part as it stands in an answer."""
        while True:
            world = self._stacks.moved(world, BOTTOM, bottom)
            if holder == _ROOT:
                return world
            holder, bottom = next(iter(self._parts[holder].callers))

    def _watch(self, world: World, bits: int) -> None:
        """Here two ways meet. See that they do not part and meet again and again within one token."""
        first = self._moved(Counter(world), bits)
        counts = first
        for _ in range(_RUN):
            counts = self._moved(counts, bits)
        todo = [first]
        for left in range(_LONG, 0, -1):
            further: list[Counter[int]] = []
            for counts in todo:
                here, most = tuple(sorted(counts)), max(counts.values(), default=0)
                before, as_far = self._watched.get(here, (1, 0))
                if most < 2 * before and (most < 2 or left <= as_far):
                    continue
                self._watched[here] = max(most, before), max(left, as_far)
                further += [self._moved(counts, step) for step, _ in self._stacks.steps(here)]
            todo = further

    def _moved(self, counts: Counter[int], bits: int) -> Counter[int]:
        """In how many ways each stack is reached by a character of this class."""
        stacks, found = self._stacks, Counter[int]()
        for step, takers in stacks.steps(tuple(sorted(counts))):
            if step & bits:
                for stack in takers:
                    for one in stacks.behind(stack):
                        found[one] += counts[stack]
                stacks.budget.take(len(found) + 1)
                break
        if found and max(found.values()) > MAX_REPEATS:
            raise ShapeError("the same text can be read in too many ways")
        return found


def _told_plainly(stacks: Stacks) -> str | None:
    """The same answers with one way to read each: every set of stacks becomes one state. None where that has no end."""
    numbers = {stacks.start: 0}
    todo, lines = [stacks.start], []
    try:
        while todo:
            world = todo.pop()
            ways: dict[World, int] = {}
            for bits, takers in stacks.steps(world):
                behind = tuple(sorted(stacks.after(takers)))
                ways[behind] = ways.get(behind, 0) | bits
            told = ['""'] if BOTTOM in world else []
            for behind, bits in ways.items():
                if behind not in numbers:
                    numbers[behind] = len(numbers)
                    todo.append(behind)
                if not (ranges := stacks.characters(bits)):
                    return None
                told.append(f"[{_written(ranges)}] s{numbers[behind]}")
            lines.append(f"s{numbers[world]} ::= {' | '.join(told)}")
            if len(numbers) > _MAX_STATES:
                return None
    except ShapeError:
        return None
    return "\n".join(["root ::= s0", *lines])


def _written(ranges: Ranges) -> str:
    return "".join(f"\\U{low:08X}" + (f"-\\U{high:08X}" if high > low else "") for low, high in ranges)

"""The tree of what is remembered, and the cache above it, against the plainest model of both."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from runtime.engine.worker.cache import MemoryKind, PrefixCache
from runtime.engine.worker.prefix import PrefixTree, common_prefix

TOKENS = st.lists(st.integers(0, 2), max_size=12)


@given(TOKENS, TOKENS, st.integers(0, 4))
def test_the_common_prefix_is_the_one_counted_by_hand(run: list[int], tokens: list[int], start: int):
    pairs = zip(run, tokens[start:], strict=False)
    by_hand = next((at for at, (one, other) in enumerate(pairs) if one != other), min(len(run), len(tokens[start:])))
    assert common_prefix(run, tokens, start) == by_hand


def test_the_common_prefix_is_found_beyond_one_block():
    text = [*range(1000)]
    assert common_prefix(text, [*range(700), -1]) == 700


class TreeAndDictionary(RuleBasedStateMachine):
    """A line in the tree is a list of cells in a dictionary: shared cells have the same number in both lists."""

    def __init__(self) -> None:
        super().__init__()
        self.tree = PrefixTree()
        self.lines: dict[int, list[tuple[int, int]]] = {}  # line → (cell, token)
        self.cells = 0

    @rule(line=st.integers(0, 5))
    def open(self, line: int) -> None:
        if line not in self.lines:
            self.tree.open(line)
            self.lines[line] = []

    @precondition(lambda self: self.lines)
    @rule(data=st.data(), tokens=TOKENS)
    def grow(self, data: st.DataObject, tokens: list[int]) -> None:
        line = data.draw(st.sampled_from(sorted(self.lines)))
        self.tree.grow(line, tokens)
        self.lines[line] += [(self.cells + at, token) for at, token in enumerate(tokens)]
        self.cells += len(tokens)

    @precondition(lambda self: self.lines)
    @rule(data=st.data(), line=st.integers(0, 5))
    def fork(self, data: st.DataObject, line: int) -> None:
        source = data.draw(st.sampled_from(sorted(self.lines)))
        length = data.draw(st.integers(0, len(self.lines[source])))
        if line not in self.lines:
            self.tree.fork(source, length, line)
            self.lines[line] = self.lines[source][:length]

    @precondition(lambda self: self.lines)
    @rule(data=st.data())
    def cut(self, data: st.DataObject) -> None:
        line = data.draw(st.sampled_from(sorted(self.lines)))
        length = data.draw(st.integers(0, len(self.lines[line])))
        self.tree.cut(line, length)
        self.lines[line] = self.lines[line][:length]

    @precondition(lambda self: self.lines)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        line = data.draw(st.sampled_from(sorted(self.lines)))
        self.tree.remove(line)
        del self.lines[line]

    @invariant()
    def it_holds_the_same_texts_in_as_many_cells(self) -> None:
        assert {line: self.tree.text(line) for line in self.tree} == {
            line: [token for _, token in cells] for line, cells in self.lines.items()
        }
        assert self.tree.size == len({cell for cells in self.lines.values() for cell, _ in cells})

    @precondition(lambda self: self.lines)
    @rule(tokens=TOKENS)
    def shared(self, tokens: list[int]) -> None:
        assert self.tree.shared(tokens) == {
            line: common_prefix([token for _, token in cells], tokens) for line, cells in self.lines.items()
        }

    @rule(some=st.sets(st.integers(0, 5)))
    def held_only_by(self, some: set[int]) -> None:
        others = {cell for line, cells in self.lines.items() if line not in some for cell, _ in cells}
        mine = {cell for line, cells in self.lines.items() if line in some for cell, _ in cells}
        assert self.tree.held_only_by(some) == len(mine - others)


TestTreeAndDictionary = TreeAndDictionary.TestCase
TestTreeAndDictionary.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)


@dataclass
class PlainMemory:
    """What the real memory would hold, and the rules it would not forgive breaking."""

    kind: MemoryKind
    window: int = 6
    held: dict[int, list[int]] = field(default_factory=dict)
    taken_back: set[int] = field(default_factory=set)

    def text(self, line: int) -> list[int]:
        return self.held.get(line, [])

    def fork(self, source: int, length: int, line: int) -> bool:
        assert not self.text(line)
        whole = len(self.text(source))
        if self.kind is MemoryKind.STATE:
            assert length == whole
            if not self.stands(source):
                return False
        if self.kind is MemoryKind.WINDOW:
            assert length == whole or whole < self.window
        self.held[line] = self.text(source)[:length]
        return True

    def truncate(self, line: int, length: int) -> bool:
        if self.kind is MemoryKind.STATE:
            assert self.stands(line)
            assert len(self.text(line)) - length <= 2
            self.taken_back.add(line)
        self.held[line] = self.text(line)[:length]
        return True

    def forget(self, line: int) -> None:
        self.held.pop(line, None)
        self.taken_back.discard(line)

    def reaches_back(self, line: int, length: int) -> bool:
        return len(self.text(line)) - length <= 2

    def stands_alone(self, length: int) -> bool:
        return length < self.window

    def stands(self, line: int) -> bool:
        return line not in self.taken_back

    def go_on(self, line: int, tokens: list[int]) -> None:
        self.held.setdefault(line, []).extend(tokens)
        if tokens:
            self.taken_back.discard(line)


class CacheAndMemory(RuleBasedStateMachine):
    """Lines are opened, grown, rested; the memory must always hold what the tree says, and be asked nothing bad."""

    LINES, CELLS, IDLE = 5, 40, 15

    @initialize(kind=st.sampled_from(MemoryKind))
    def begin(self, kind: MemoryKind) -> None:
        self.memory = PlainMemory(kind)
        self.cache = PrefixCache(self.memory, lines=self.LINES, cells=self.CELLS, idle_cells=self.IDLE)
        self.running: dict[int, list[int]] = {}

    @precondition(lambda self: len(self.running) < self.LINES - 1)
    @rule(tokens=st.lists(st.integers(0, 1), min_size=1, max_size=10))
    def open(self, tokens: list[int]) -> None:
        usable = self.cache.usable(tokens)
        line, length = self.cache.open(tokens)
        assert line not in self.running
        assert length == usable < len(tokens)
        assert self.memory.text(line) == tokens[:length]
        self.running[line] = tokens[:length]
        self.go_on(line, tokens[length:])

    @precondition(lambda self: self.running)
    @rule(data=st.data(), tokens=st.lists(st.integers(0, 1), max_size=4))
    def grow(self, data: st.DataObject, tokens: list[int]) -> None:
        self.go_on(data.draw(st.sampled_from(sorted(self.running))), tokens)

    def go_on(self, line: int, tokens: list[int]) -> None:
        room = self.cache.room()
        if self.cache.make_room(len(tokens)):
            assert len(tokens) <= room
            self.memory.go_on(line, tokens)
            self.running[line] += tokens
            self.cache.grew(line, tokens)
        else:
            assert len(tokens) > room

    @precondition(lambda self: self.running)
    @rule(data=st.data(), guesses=st.lists(st.integers(0, 1), min_size=1, max_size=2))
    def guess_wrong(self, data: st.DataObject, guesses: list[int]) -> None:
        line = data.draw(st.sampled_from(sorted(self.running)))
        if self.memory.kind is not MemoryKind.WINDOW:
            self.memory.go_on(line, guesses)
            self.memory.truncate(line, len(self.running[line]))

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def rest(self, data: st.DataObject) -> None:
        line = data.draw(st.sampled_from(sorted(self.running)))
        del self.running[line]
        self.cache.rest(line)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def checkpoint(self, data: st.DataObject) -> None:
        self.cache.checkpoint(data.draw(st.sampled_from(sorted(self.running))))

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def drop(self, data: st.DataObject) -> None:
        line = data.draw(st.sampled_from(sorted(self.running)))
        del self.running[line]
        self.cache.drop(line)

    @invariant()
    def what_runs_is_remembered(self) -> None:
        if hasattr(self, "running"):
            assert {line: self.memory.text(line) for line in self.running} == self.running
            assert self.cache.used <= self.CELLS
            assert self.cache.lines <= self.LINES


TestCacheAndMemory = CacheAndMemory.TestCase
TestCacheAndMemory.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


class Served:
    """A cache with plenty of room, and requests served one after the other."""

    def __init__(self, kind: MemoryKind, idle_cells: int = 1000) -> None:
        self.memory = PlainMemory(kind)
        self.cache = PrefixCache(self.memory, lines=8, cells=1000, idle_cells=idle_cells)

    def reused(self, tokens: list[int]) -> int:
        """Serve a request to its end; how many of its tokens were remembered."""
        line, length = self.cache.open(tokens)
        self.memory.go_on(line, tokens[length:])
        self.cache.grew(line, tokens[length:])
        self.cache.rest(line)
        return length


@pytest.mark.parametrize(
    ("kind", "reused"), [(MemoryKind.FULL, 20), (MemoryKind.WINDOW, 0), (MemoryKind.STATE, 0)], ids=str
)
def test_a_branch_far_back_is_shared_where_the_memory_can_go_back(kind: MemoryKind, reused: int):
    served = Served(kind)
    served.reused([*range(40)])
    assert served.reused([*range(20), 99, 98]) == reused


@pytest.mark.parametrize("kind", MemoryKind)
def test_a_text_that_goes_on_reuses_all_of_it(kind: MemoryKind):
    served = Served(kind)
    served.reused([*range(40)])
    assert served.reused([*range(50)]) == 40


def test_a_state_that_was_taken_back_is_taken_over_where_it_rests_and_not_shared_where_it_runs():
    served = Served(MemoryKind.STATE)
    first, _ = served.cache.open([*range(40)])
    served.memory.go_on(first, [*range(42)])
    served.memory.truncate(first, 40)
    served.cache.grew(first, [*range(40)])
    assert served.cache.usable([*range(50)]) == 0
    served.cache.rest(first)
    assert served.cache.open([*range(50)]) == (first, 40)


def test_lines_at_rest_keep_to_their_budget_and_the_longest_unused_goes_first():
    served = Served(MemoryKind.FULL, idle_cells=25)
    for first in (100, 200, 300):
        served.reused([first, *range(9)])
    assert served.cache.used == 20
    assert served.reused([100, *range(9)]) == 0
    assert served.reused([300, *range(9)]) == 9

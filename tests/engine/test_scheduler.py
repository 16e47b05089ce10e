"""Who computes what, without a model: fairness, sharing, giving way, and that everybody gets done."""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.engine.worker.cache import MemoryKind, PrefixCache
from runtime.engine.worker.scheduler import Scheduler
from runtime.engine.worker.sequence import Chunk, Sequence, shifted
from tests.engine.test_prefix import PlainMemory

LIMIT = 32


@dataclass
class Desk:
    """A scheduler over a memory that checks what is computed, and a model that draws 1000, 1001, … ."""

    parallel: int = 4
    cells: int = 1000
    kind: MemoryKind = MemoryKind.FULL
    lengths: dict[str, int] = field(default_factory=dict)  # tokens each request has when it is over
    computed: int = 0

    def __post_init__(self) -> None:
        self.memory = PlainMemory(self.kind)
        lines = 2 * self.parallel + 1
        self.cache = PrefixCache(self.memory, lines=lines, cells=self.cells, idle_cells=self.cells)
        self.scheduler = Scheduler(self.cache, self.parallel, LIMIT)
        self.done: list[str] = []

    def ask(self, name: str, prompt: list[int], answer: int = 3) -> Sequence:
        sequence = Sequence(name, len(self.lengths), prompt)
        self.lengths[name] = len(prompt) + answer
        self.scheduler.add(sequence)
        return sequence

    def step(self, prompt_tokens: int = LIMIT) -> list[Chunk]:
        admitted = [*self.scheduler.admit()]
        for sequence in admitted:
            assert sequence.line is not None
            assert self.memory.text(sequence.line) == sequence.tokens[: sequence.computed]
        chunks = self.scheduler.plan(prompt_tokens)
        assert sum(chunk.count for chunk in chunks) <= LIMIT
        for chunk in chunks:
            self._compute(chunk)
        assert self.cache.used <= self.cells
        return chunks

    def run(self) -> int:
        steps = 0
        while self.scheduler.waiting or self.scheduler.running:
            assert self.step(), "nobody got on"
            steps += 1
        return steps

    def _compute(self, chunk: Chunk) -> None:
        sequence, draws = chunk.sequence, chunk.draws
        assert sequence.line is not None
        assert chunk.count > 0
        self.memory.held.setdefault(sequence.line, []).extend(chunk.tokens)
        self.computed += chunk.count
        self.scheduler.advance(chunk)
        assert self.memory.text(sequence.line) == sequence.tokens[: sequence.computed]
        if draws:
            sequence.tokens.append(1000 + len(sequence.tokens))
            if len(sequence.tokens) >= self.lengths[sequence.name]:
                self.scheduler.leave(sequence)
                self.done.append(sequence.name)


def counts(chunks: list[Chunk]) -> dict[str, int]:
    return {chunk.sequence.name: chunk.count for chunk in chunks}


def prompt(first: int, length: int) -> list[int]:
    return [first, *range(1, length)]


def test_who_decodes_comes_first_and_prompts_get_what_is_left():
    desk = Desk()
    desk.ask("short", prompt(1, 4), answer=9)
    desk.step()
    desk.ask("long", prompt(2, 200))
    assert counts(desk.step(prompt_tokens=11)) == {"short": 1, "long": 11}
    assert counts(desk.step()) == {"short": 1, "long": LIMIT - 1}


def test_prompts_fill_up_what_products_take_together():
    desk = Desk()
    for number in range(3):
        desk.ask(f"reader {number}", prompt(number, 4), answer=9)
    desk.step()
    desk.ask("long", prompt(9, 200))
    assert [counts(desk.step(prompt_tokens=tokens))["long"] for tokens in (30, 29, 28, 13)] == [29, 29, 21, 13]


def test_who_decodes_rests_while_prompts_may_have_more_than_a_step_and_fill_it():
    desk = Desk()
    desk.ask("reader", prompt(1, 4), answer=9)
    desk.step()
    desk.ask("long", prompt(2, 31 + 32 + 31 + 20))
    steps = [counts(desk.step(prompt_tokens=2 * LIMIT)) for _ in range(4)]
    assert steps == [{"reader": 1, "long": 31}, {"long": 32}, {"reader": 1, "long": 31}, {"reader": 1, "long": 20}]


def test_the_prompt_that_has_least_left_comes_first():
    desk = Desk(parallel=3)
    for first, (name, length) in enumerate({"a": 60, "b": 60, "c": 20}.items()):
        desk.ask(name, prompt(first, length), answer=9)
    steps = [counts(desk.step()) for _ in range(3)]
    assert steps == [{"c": 20, "a": 12}, {"c": 1, "a": 31}, {"c": 1, "a": 17, "b": 14}]


def test_a_long_prompt_gets_its_turn_however_many_short_ones_come():
    desk = Desk(parallel=4)
    desk.ask("long", prompt(0, 300))
    steps = []
    for number in range(1, 60):
        if len(desk.scheduler.waiting) + len(desk.scheduler.running) < 4:
            desk.ask(f"short {number}", prompt(number, 40), answer=1)
        steps.append(counts(desk.step()))
        if "long" in desk.done:
            break
    assert "long" in desk.done
    alone = -(-300 // LIMIT)
    assert len(steps) <= 4 * alone + 4
    assert any(name.startswith("short") for name in desk.done[:5])


def test_requests_beyond_the_limit_wait_in_their_order():
    desk = Desk(parallel=2)
    for first, name in enumerate("abcd"):
        desk.ask(name, prompt(first, 8))
    desk.step()
    assert [sequence.name for sequence in desk.scheduler.running] == ["a", "b"]
    desk.run()
    assert desk.done == ["a", "b", "c", "d"]


def test_requests_that_come_together_with_one_prompt_compute_it_once():
    desk = Desk(parallel=8)
    for name in "abcdefgh":
        desk.ask(name, [*range(300), ord(name)], answer=1)
    desk.run()
    assert desk.computed == 300 + 8


def test_a_shared_prompt_is_computed_once_by_memories_that_cannot_go_back_too():
    for kind in MemoryKind:
        desk = Desk(parallel=8, kind=kind)
        for name in "abcdefgh":
            desk.ask(name, [*range(300), ord(name), *range(5)], answer=1)
        desk.run()
        assert desk.computed == 300 + 8 * 6, kind


def test_one_that_shares_nothing_passes_those_that_wait_for_a_shared_prompt():
    desk = Desk()
    desk.ask("first", [*range(300)])
    desk.ask("same", [*range(300), 7])
    desk.ask("other", prompt(9, 10))
    desk.step()
    assert [sequence.name for sequence in desk.scheduler.running] == ["other", "first"] or [
        sequence.name for sequence in desk.scheduler.running
    ] == ["first", "other"]
    assert [sequence.name for sequence in desk.scheduler.waiting] == ["same"]


def test_a_holder_that_leaves_frees_those_that_waited_for_it():
    desk = Desk()
    holder = desk.ask("first", [*range(300)])
    desk.ask("same", [*range(300), 7])
    desk.step()
    desk.scheduler.leave(holder)
    desk.run()
    assert desk.done == ["same"]
    assert desk.computed == 300 + 1 + 2  # what the holder had computed is not computed again


def test_when_the_cache_is_full_the_youngest_is_set_back_and_done_later():
    desk = Desk(cells=100, parallel=3)
    for first, name in enumerate("abc"):
        desk.ask(name, prompt(first, 10), answer=60)
    desk.run()
    assert desk.scheduler.set_backs > 0
    assert desk.done[0] == "a"
    assert sorted(desk.done) == ["a", "b", "c"]


def test_the_oldest_is_never_set_back():
    desk = Desk(cells=100, parallel=3)
    oldest = desk.ask("a", prompt(0, 10), answer=80)
    for first, name in enumerate("bc", start=1):
        desk.ask(name, prompt(first, 10), answer=60)
    desk.step()
    while "a" not in desk.done:
        desk.step()
        assert oldest in desk.scheduler.running or "a" in desk.done
    desk.run()
    assert sorted(desk.done) == ["a", "b", "c"]


@settings(max_examples=80, deadline=None)
@given(st.data(), st.sampled_from(MemoryKind))
def test_whatever_comes_and_goes_everybody_else_gets_done_and_nothing_stays(data: st.DataObject, kind: MemoryKind):
    desk = Desk(parallel=data.draw(st.integers(1, 4)), cells=120, kind=kind)
    stems = [[*range(stem, stem + 40)] for stem in (0, 0, 500)]
    asked: dict[str, Sequence] = {}
    cancelled = set()
    for name in map(str, range(data.draw(st.integers(1, 8)))):
        stem = data.draw(st.sampled_from(stems))[: data.draw(st.integers(1, 40))]
        tail = data.draw(st.lists(st.integers(0, 3), max_size=30))
        asked[name] = desk.ask(name, stem + tail, answer=data.draw(st.integers(1, 40)))
        for _ in range(data.draw(st.integers(0, 3))):
            desk.step(data.draw(st.integers(1, LIMIT)))
        victim = data.draw(st.sampled_from([*asked]))
        if data.draw(st.integers(0, 4)) == 0 and victim not in desk.done and victim not in cancelled:
            cancelled.add(victim)
            desk.scheduler.leave(asked[victim])
    desk.run()
    assert sorted(desk.done) == sorted(asked.keys() - cancelled)
    assert desk.cache.room() == 120


@given(st.integers(0, 60), st.integers(4, 40), st.integers(0, 200))
def test_a_text_cut_at_once_is_the_text_cut_while_it_grew(keep: int, size: int, length: int):
    grown: list[int] = []
    for token in range(length):
        grown.append(token)
        if len(grown) >= size:
            grown = shifted(grown, keep, size)
    assert grown == shifted([*range(length)], keep, size)
    assert len(grown) < size
    assert grown[: min(keep, size // 2)] == [*range(length)][: min(keep, size // 2)]
    assert grown[-1:] == [*range(length)][-1:]

"""How much of prompts a step carries and when tokens are told, on machines that are only a clock."""

from __future__ import annotations

import itertools
import random
import statistics
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from runtime.engine.worker.pace import UNKNOWN_SECONDS, Pace
from runtime.engine.worker.rhythm import Rhythm

LIMIT = 512
STREAMS = 8


@dataclass
class Machine:
    """Steps take what they should, up to a tenth longer, and one of thirty half as long again.

    alone: seconds of a step without prompts. cost: seconds that tokens of a prompt add, by their number and depth.
    """

    alone: float
    cost: Callable[[int, float], float]
    seed: int
    now: float = 100.0
    begins_dear: bool = False
    told: list[float] = field(default_factory=list)  # moments

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.pace = Pace(LIMIT, begins_dear=self.begins_dear)
        self.rhythm = Rhythm(lambda: self.now)

    def step(self, decoding: int, tokens: int, depth: int, apart: float = 0.0, *, done: bool = True) -> None:
        middle = depth + tokens / 2
        seconds = (self.alone if decoding else 0.0) + (self.cost(tokens, middle) if tokens else 0.0)
        seconds *= 1 + self.random.uniform(0, 0.1) + (0.5 if self.random.random() < 1 / 30 else 0)
        self.now += seconds
        if decoding:
            self.told.append(self.rhythm.due(apart))
        self.pace.learn(decoding, tokens, seconds, depth=middle, done=done)

    def read(self, prompt: int, *, decoding: int, prompts: int = 1) -> float:
        """How long a prompt takes, or so many together."""
        begin, computed = self.now, 0
        while computed < prompt:
            left = prompt - computed
            apart = self.pace.apart(decoding, prompts)
            spare = self.rhythm.spare(apart)
            tokens = self.pace.prompt_tokens(decoding, prompts, depth=computed, left=left, spare=spare)
            tokens = min(tokens, LIMIT - decoding, left)
            self.step(decoding, tokens, computed, apart)
            computed += tokens
        return self.now - begin

    def talk(self, tokens: int) -> float:
        """How far apart tokens are without prompts."""
        for _ in range(tokens):
            self.step(STREAMS, 0, 0)
        return statistics.median(later - earlier for earlier, later in itertools.pairwise(self.told[-tokens:]))


def processor(seed: int) -> Machine:
    """What is computed together costs as much as apart, and tokens cost more the deeper they are."""
    return Machine(0.010, lambda tokens, depth: tokens * 0.0006 * (1 + depth / 8000), seed)


def slow_processor(seed: int) -> Machine:
    return Machine(0.120, lambda tokens, depth: tokens * 0.007, seed)


def graphics_card(seed: int) -> Machine:
    """A few tokens cost it nearly as much as many."""
    return Machine(0.0025, lambda tokens, depth: 0.003 + tokens * 0.00003, seed)


def half_a_graphics_card(seed: int) -> Machine:
    """The other half's weights are copied to it for every step with a prompt."""
    return Machine(0.018, lambda tokens, depth: 0.140 + tokens * 0.00003, seed, begins_dear=True)


def half_a_slow_graphics_card(seed: int) -> Machine:
    return Machine(0.100, lambda tokens, depth: 0.400 + tokens * 0.006, seed, begins_dear=True)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("machine", [processor, slow_processor, graphics_card])
def test_readers_wait_at_most_four_times_as_long_while_a_prompt_gets_on(machine: Callable[[int], Machine], seed: int):
    one = machine(seed)
    undisturbed = one.read(4000, decoding=0)
    usual = one.talk(40)
    begun = len(one.told) - 1
    disturbed = one.read(4000, decoding=STREAMS)
    gaps = [later - earlier for earlier, later in itertools.pairwise(one.told[begun:])]
    assert max(gaps) < 4 * usual
    assert undisturbed / disturbed > 0.63, "2.6 of 3.6 parts of the time are 0.72"
    assert min(gaps[5:-5]) > 3 * usual, "as many tokens as they may wait for, not more"


@pytest.mark.parametrize("prompts", [1, 4])
@pytest.mark.parametrize("seed", range(5))
def test_where_few_tokens_take_as_long_as_many_prompts_take_whole_steps_and_readers_their_part(seed: int, prompts: int):
    one = half_a_graphics_card(seed)
    undisturbed = one.read(4000, decoding=0)
    one.talk(40)
    one.read(1000, decoding=STREAMS)
    begun = len(one.told)
    disturbed = one.read(4000, decoding=STREAMS, prompts=prompts)
    share, most = undisturbed / disturbed, prompts * 2.6 / (1 + prompts * 2.6)
    assert most - 0.2 < share < most + 0.15
    assert len(one.told) - begun > (disturbed / one.alone) * (1 - most) * 0.7, "they read on"


@pytest.mark.parametrize("prompts", [1, 4])
@pytest.mark.parametrize("seed", range(5))
def test_where_each_token_takes_long_too_steps_are_only_so_large_that_to_begin_is_half_of_them(seed: int, prompts: int):
    one = half_a_slow_graphics_card(seed)
    one.read(40, decoding=0)
    undisturbed = one.read(4000, decoding=0)
    usual = one.talk(40)
    begun = len(one.told) - 1
    disturbed = one.read(4000, decoding=STREAMS, prompts=prompts)
    gaps = [later - earlier for earlier, later in itertools.pairwise(one.told[begun:])]
    assert statistics.quantiles(gaps, n=10)[-1] < 3 * one.cost(0, 0) + usual
    assert undisturbed / disturbed > 0.3


def test_a_step_that_the_machine_slept_through_does_not_hold_the_prompt_up_for_as_long():
    one = half_a_graphics_card(1)
    one.read(1000, decoding=0)
    one.talk(10)
    one.read(1000, decoding=STREAMS)
    one.pace.learn(STREAMS, LIMIT, 600.0)
    assert one.pace.prompt_tokens(STREAMS, 1, left=20) == 0
    begin = one.now
    one.read(20, decoding=STREAMS)
    assert 8 * one.alone < one.now - begin < 12 * one.alone + 2 * one.cost(20, 0)


def test_who_read_have_their_part_after_the_last_prompt_as_well_so_that_the_next_need_not_wait():
    one = half_a_graphics_card(1)
    one.read(1000, decoding=0)
    one.talk(10)
    one.read(500, decoding=STREAMS)
    assert one.pace.prompt_tokens(STREAMS, 0) == 0, "they are first"
    for _ in range(10):
        one.step(STREAMS, 0, 0)
        one.pace.prompt_tokens(STREAMS, 0)
    assert one.pace.prompt_tokens(STREAMS, 1, left=4000) > 0


def test_a_slow_first_prompt_does_not_make_steps_small_for_ever():
    one = half_a_graphics_card(1)
    one.pace.learn(0, LIMIT, 3.0)
    for tokens in (40, 100, 60, 200, 45, 120):
        one.read(tokens, decoding=0)
    one.talk(10)
    undisturbed = 8 * one.cost(LIMIT, 0)
    assert one.read(4000, decoding=STREAMS) < 4 * undisturbed


def test_tokens_are_held_back_for_as_long_as_nobody_notices():
    one = processor(1)
    one.read(4000, decoding=0)
    one.talk(40)
    one.read(4000, decoding=STREAMS)
    held = one.told[-1] - one.now
    assert 0 < held < 0.15


def test_tokens_are_told_at_once_where_no_prompt_waits():
    one = processor(1)
    one.read(1000, decoding=0)
    one.talk(10)
    one.read(1000, decoding=STREAMS)
    one.step(STREAMS, 0, 0)
    assert one.told[-1] == one.now


def test_a_short_prompt_is_read_without_putting_tokens_in_reserve_first():
    one = processor(1)
    one.read(1000, decoding=0)
    one.talk(10)
    begin = one.now
    one.read(24, decoding=STREAMS)
    assert one.now - begin < 3 * one.alone, "one step"


def test_a_lone_prompt_takes_whole_steps():
    pace = Pace(LIMIT)
    assert pace.prompt_tokens(decoding=0, prompts=1, left=4000) == LIMIT
    assert pace.apart(decoding=0, prompts=1) == 0


def test_prompts_that_became_dearer_soon_take_no_longer_than_they_may():
    one = processor(2)
    one.read(4000, decoding=0)
    usual = one.talk(40)
    cost = one.cost
    one.cost = lambda tokens, depth: 3 * cost(tokens, depth)
    begun = len(one.told)
    one.read(4000, decoding=STREAMS)
    gaps = [later - earlier for earlier, later in itertools.pairwise(one.told[begun:])]
    assert max(gaps[20:]) < 4 * usual


def test_what_a_device_still_computes_is_counted_when_it_is_done():
    """It takes steps on while it still computes those before, and only the last one waits for all of them."""
    prompt, expected = 4 * LIMIT, 4 * LIMIT * 0.00005
    pace = Pace(LIMIT)
    for step in range(3):
        pace.learn(0, LIMIT, 0.001, depth=(step + 0.5) * LIMIT, done=False)
    pace.learn(0, LIMIT, expected - 0.003, depth=3.5 * LIMIT)
    assert pace.expected(0, prompt, prompt / 2) == pytest.approx(expected, rel=0.01)


def test_what_a_device_still_computes_is_not_held_against_those_who_decode_next():
    pace = Pace(LIMIT)
    pace.learn(8, 0, 0.010)
    pace.learn(0, LIMIT, 0.001, depth=256, done=False)
    pace.learn(8, 0, 0.035)
    assert pace.expected(8, 0) == pytest.approx(0.010)
    assert pace.expected(0, LIMIT, 256) == pytest.approx(0.026)


def test_a_step_without_prompts_is_looked_at_when_many_more_decode_than_is_known():
    pace = Pace(LIMIT)
    pace.learn(0, 250, 0.25)
    pace.learn(1, 0, 0.010)
    assert pace.prompt_tokens(decoding=1, prompts=15) > 0
    assert pace.prompt_tokens(decoding=12, prompts=2) == 0
    pace.learn(12, 0, 0.080)
    assert 400 < pace.prompt_tokens(decoding=12, prompts=2) < 500


def test_a_prompt_gets_on_where_other_work_makes_readers_wait_anyway():
    """Texts that become vectors between any two steps take longer than tokens are told apart."""
    one = processor(1)
    one.read(1000, decoding=0)
    one.talk(40)
    computed = 0
    for _ in range(20):
        one.now += 0.3
        apart = one.pace.apart(STREAMS, 1)
        spare = one.rhythm.spare(apart)
        tokens = one.pace.prompt_tokens(STREAMS, 1, depth=computed, left=4000 - computed, spare=spare)
        one.step(STREAMS, tokens, computed, apart)
        computed += tokens
    assert computed > 15 * 30


def test_a_prompt_gets_on_where_those_who_decode_became_slow():
    one = processor(1)
    one.read(1000, decoding=0)
    one.talk(40)
    one.alone *= 5
    undisturbed = 1000 * 0.0006
    assert one.read(1000, decoding=STREAMS) < 12 * undisturbed


def test_a_device_that_computes_whole_steps_while_a_token_is_due_keeps_no_more_than_others():
    fast = Machine(0.008, lambda tokens, depth: 0.001 + tokens * 0.00001, 1)
    fast.read(4000, decoding=0)
    usual = fast.talk(40)
    begun = len(fast.told)
    fast.read(30_000, decoding=STREAMS)
    assert fast.told[-1] - fast.now < 0.15 + 8 * usual
    gaps = [later - earlier for earlier, later in itertools.pairwise(fast.told[begun:])]
    assert statistics.median(gaps[-20:]) < 2.5 * usual, "as far apart as they are drawn"


def test_a_device_that_was_left_alone_with_a_step_tells_nothing_of_it():
    pace = Pace(LIMIT)
    pace.learn(0, LIMIT, LIMIT * 0.0001, depth=256)
    for _ in range(10):
        pace.learn(0, LIMIT, 0.001, depth=256, done=False)
    pace.interrupted()  # who asked is gone, and nobody waits for it
    pace.learn(0, 20, 0.002, depth=10)
    assert pace.expected(0, LIMIT, 256) == pytest.approx(LIMIT * 0.0001, rel=0.01)


def test_steps_with_prompts_alone_do_not_make_them_smaller_and_smaller():
    """Texts grow while prompts keep coming; that decoding became dearer must not be held against the prompts."""
    pace = Pace(LIMIT)
    decode, each = 0.020, 0.001
    pace.learn(0, LIMIT, LIMIT * each)
    for step in range(400):
        decode = 0.020 + step * 0.0005
        tokens = pace.prompt_tokens(decoding=8, prompts=8)
        pace.learn(8, tokens, decode + tokens * each)
    assert tokens * each > decode


def test_the_first_step_of_all_does_not_make_prompts_seem_dear():
    """It also reads the model from the disk."""
    pace = Pace(LIMIT)
    pace.learn(0, 40, 1.5)
    pace.learn(1, 0, 0.010)
    pace.learn(0, LIMIT, 0.512)
    assert pace.prompt_tokens(decoding=1, prompts=12) > 50


def test_prompts_get_on_faster_where_several_wait_but_hold_nobody_up_for_long():
    pace = Pace(LIMIT)
    for _ in range(50):
        pace.learn(4, 0, 0.050)
        pace.learn(4, 100, 0.050 + 100 * 0.002)
    seconds = [pace.prompt_tokens(decoding=4, prompts=prompts) * 0.002 for prompts in (2, 3, 12)]
    assert seconds == pytest.approx([0.26, 0.52, 0.7], abs=0.003), "2.6 steps for each of two, or 0.7 s"


def test_long_steps_are_expected_while_nothing_is_known_and_one_slow_step_changes_nothing():
    pace = Pace(LIMIT)
    assert pace.expected(1, 0) == UNKNOWN_SECONDS
    for _ in range(10):
        pace.learn(1, 0, 0.01)
    pace.learn(1, 0, 60.0)
    assert pace.expected(1, 0) < 0.02


def test_a_busy_machine_makes_the_steps_after_it_neither_much_smaller_nor_longer():
    pace = Pace(LIMIT)
    for _ in range(20):
        pace.learn(8, 0, 0.010)
        pace.learn(8, 100, 0.010 + 100 * 0.0002)
    usual = pace.prompt_tokens(decoding=8, prompts=2)
    pace.learn(8, usual, 0.2)
    assert usual / 2 < pace.prompt_tokens(decoding=8, prompts=2) < usual
    pace.learn(8, usual, 0.010 + usual * 0.0002)
    for _ in range(3):
        pace.learn(8, 0, 0.1)
    assert pace.prompt_tokens(decoding=8, prompts=2) == pytest.approx(usual, rel=0.15)

"""When a draft's guesses are made: where they bring more tokens a second, by a clock that only counts."""

from __future__ import annotations

import random
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.engine.worker.payoff import Hope, Payoff


@dataclass(frozen=True)
class Machine:
    """Seconds: a step for those who decode, a guess in it, a step of the draft."""

    plain: float = 1.0
    place: float = 0.1
    draft: float = 0.1


def speed(machine: Machine, chances: list[float], steps: int = 4000, sure: float = 1.0, seed: int = 1) -> float:
    """Tokens a second over those without guesses, of answers whose guesses come with these chances."""
    luck, payoff = random.Random(seed), Payoff()
    hopes = [payoff.hope() for _ in chances]
    seconds = tokens = 0.0
    for _ in range(steps):
        lengths = payoff.lengths(hopes, len(hopes))
        guessed = [_first(length, sure, luck) for length in lengths]
        right = [_first(count, chance, luck) for count, chance in zip(guessed, chances, strict=True)]
        if any(lengths):
            rounds = max(min(count + 1, length) for count, length in zip(guessed, lengths, strict=True))
            payoff.drafted(sum(map(bool, lengths)), machine.draft)
            seconds += rounds * machine.draft
        step = machine.plain + machine.place * sum(guessed)
        payoff.stepped(len(hopes), sum(guessed), step)
        for hope, length, count, came in zip(hopes, lengths, guessed, right, strict=True):
            if length:
                payoff.judge(hope, length, count, came)
        seconds += step
        tokens += len(hopes) + sum(right)
    return tokens / seconds / (len(hopes) / machine.plain)


def _first(most: int, chance: float, luck: random.Random) -> int:
    """How many come, one after the other, until one does not."""
    return next((at for at in range(most) if luck.random() >= chance), most)


@settings(max_examples=40, deadline=None)
@given(
    st.builds(Machine, place=st.floats(0, 1), draft=st.floats(0.01, 1)),
    st.lists(st.floats(0, 1), min_size=1, max_size=8),
    st.floats(0, 1),
)
def test_whatever_guesses_cost_they_cost_next_to_nothing_where_they_are_not_worth_it(
    machine: Machine, chances: list[float], sure: float
):
    assert speed(machine, chances, sure=sure) > 0.95


@pytest.mark.parametrize(
    ("machine", "chance", "least"),
    [(Machine(), 0.9, 2.2), (Machine(place=0.02, draft=0.05), 0.95, 5.0), (Machine(place=0.3), 0.9, 1.4)],
)
@pytest.mark.parametrize("answers", [1, 4])
def test_where_they_are_worth_it_they_are_made(machine: Machine, chance: float, least: float, answers: int):
    machine = Machine(machine.plain, machine.place / answers, machine.draft)
    assert speed(machine, [chance] * answers) > least


def test_those_are_chosen_whose_guesses_come():
    both, alone = speed(Machine(), [0.95, 0.05]), speed(Machine(), [0.05])
    assert both > 1.4
    assert 0.97 < alone < 1.03


def test_nothing_is_guessed_before_it_is_known_what_a_step_takes_and_now_and_then_it_is_seen_again():
    payoff = Payoff()
    hope = payoff.hope()
    for _ in range(2):
        assert payoff.lengths([hope], 1) == [0]
        payoff.stepped(1, 0, 1.0)
    made = []
    for _ in range(200):
        (length,) = payoff.lengths([hope], 1)
        made.append(length)
        payoff.stepped(1, length, 1.0)
        payoff.drafted(1, 0.01)
        if length:
            payoff.judge(hope, length, length, length)
    assert 1 <= made.count(0) <= 6
    assert made[-1] == 16


@pytest.mark.parametrize("slow", [0, 1, 40])
def test_a_step_that_took_long_by_chance_does_not_make_guesses_look_cheap(slow: int):
    payoff, machine = Payoff(), Machine(place=0.5, draft=0.2)
    hope = payoff.hope()
    lengths = []
    for step in range(400):
        (length,) = payoff.lengths([hope], 1)
        lengths.append(length)
        if length:
            payoff.drafted(1, machine.draft)
            payoff.judge(hope, length, length, length // 2)
        payoff.stepped(1, length, 10.0 if step == slow else machine.plain + length * machine.place)
    assert sum(map(bool, lengths)) < 130


def test_an_answer_that_becomes_predictable_is_guessed_again():
    payoff, machine = Payoff(), Machine()
    hope = payoff.hope()
    lengths = []
    for step in range(2000):
        (length,) = payoff.lengths([hope], 1)
        lengths.append(length)
        if length:
            payoff.drafted(1, machine.draft)
            payoff.judge(hope, length, length, length if step > 1000 else 0)
        payoff.stepped(1, length, machine.plain + length * machine.place)
    assert sum(map(bool, lengths[:1000])) < 50
    assert sum(map(bool, lengths[1500:])) > 450


@given(st.floats(0, 1), st.floats(0, 1), st.integers(1, 16))
def test_no_more_come_than_are_tried(sure: float, right: float, length: int):
    hope = Hope(sure, right)
    assert 0 <= hope.won(length) <= hope.tried(length) <= length + 1e-9

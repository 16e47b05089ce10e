"""Guesses of the next tokens: where they come from, when they stop, and that they change nothing but the speed."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.engine.client import WorkerEngine
from runtime.engine.core import SamplingParams, TokenBias
from runtime.engine.worker.lookup import Lookup
from tests.engine.comparing import ask
from tests.engine.workers import GREEDY, Worker, events, tokens_of

TEXT = [*range(100, 130)]


def test_what_followed_the_last_tokens_before_is_guessed():
    lookup = Lookup()
    assert lookup.guess([*TEXT, 1, 2, *TEXT[:3]], 16) == TEXT[3:7]
    assert lookup.guess([*TEXT, 1, 2, 3], 16) == []


def test_of_several_places_the_last_one_counts():
    assert Lookup().guess([5, 6, 7, 1, 1, 5, 6, 7, 2, 2, 5, 6, 7], 16) == [2, 2, 5, 6]


def test_what_repeats_itself_is_guessed_to_go_on_so():
    assert Lookup().guess([5, 5, 5, 5], 16) == [5, 5, 5, 5]
    assert Lookup().guess([1, 2, 3, 1, 2, 3], 16) == [1, 2, 3, 1]


def test_no_more_is_guessed_than_there_is_room_for():
    assert Lookup().guess([*TEXT, *TEXT[:3]], 2) == TEXT[3:5]
    assert Lookup().guess([*TEXT, *TEXT[:3]], -1) == []


def test_who_guesses_right_guesses_more_and_who_guesses_wrong_stops_for_a_while():
    text = [*TEXT, *TEXT[:3]]
    right, wrong = Lookup(), Lookup()
    for _ in range(4):
        right.judge(len(right.guess(text, 99)), len(right.guess(text, 99)))
        if guessed := wrong.guess(text, 99):
            wrong.judge(len(guessed), 0)
    assert len(right.guess(text, 99)) == 16
    assert wrong.guess(text, 99) == []
    assert any(wrong.guess(text, 99) for _ in range(100)), "a text may begin to repeat later"


def test_who_never_guesses_right_guesses_ever_less():
    text, lookup, asked = [*TEXT, *TEXT[:3]], Lookup(), 0
    for _ in range(2000):
        if guessed := lookup.guess(text, 99):
            lookup.judge(len(guessed), 0)
            asked += len(guessed)
    assert asked < 20


@given(st.lists(st.integers(0, 3), max_size=40), st.lists(st.integers(0, 3), max_size=40))
def test_a_text_that_was_cut_is_guessed_from_as_a_new_one(old: list[int], new: list[int]):
    lookup = Lookup()
    lookup.guess(old, 16)
    new = new[: max(0, len(old) - 1)]
    assert lookup.guess(new, 16) == Lookup().guess(new, 16) or len(new) == len(old)


FEW = tuple(TokenBias(token, 100.0) for token in (35, 64, 140))
ONE_WORD = SamplingParams(temperature=0, logit_bias=FEW[:1])
THREE_WORDS = SamplingParams(temperature=1, seed=5, logit_bias=FEW)


@pytest.mark.parametrize(("sampling", "share"), [(GREEDY, 1.05), (THREE_WORDS, 1.0), (ONE_WORD, 0.75)])
@pytest.mark.parametrize("split", [False, True])
def test_an_answer_is_the_same_with_guesses_in_fewer_steps(
    worker: Worker, sampling: SamplingParams, share: float, split: bool
):
    """Of three words drawn at random many guesses are wrong; of one word for ever all are right."""
    prompts = ["The teacher asks", "A river", "Nobody knows"]

    async def told(engine: WorkerEngine) -> tuple[list[list[int]], int]:
        requests = [ask(prompt, prompt, sampling=sampling, max_tokens=150) for prompt in prompts]
        found = [tokens_of(one) for one in await asyncio.gather(*(events(engine, request) for request in requests))]
        again = ask("again", prompts[0], sampling=sampling, max_tokens=40)
        found.append(tokens_of(await events(engine, again)))  # from what the cache holds of the first
        await asyncio.sleep(2.2)  # a beat with all of it
        return found, engine.counters.steps

    plain, steps = worker.use(told, parallel=4, split_cache=split)
    guessed, fewer = worker.use(told, parallel=4, split_cache=split, lookup=True)
    assert guessed == plain
    assert fewer <= share * steps

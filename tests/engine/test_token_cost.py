"""What a token of a prompt costs, learned from steps."""

from __future__ import annotations

import random

import pytest

from runtime.engine.worker.token_cost import TokenCost

FIRST, GROWTH = 0.0002, 1 / 1000


def taken(tokens: int, depth: float, factor: float = 1.0) -> float:
    """Seconds of so many tokens that begin at a depth."""
    return factor * tokens * FIRST * (1 + GROWTH * (depth + tokens / 2))


def read(cost: TokenCost, until: int, step: int = 40, factor: float = 1.0, noise: float = 0.0) -> None:
    rng = random.Random(1)
    for depth in range(0, until, step):
        seconds = taken(step, depth, factor) * rng.uniform(1 - noise, 1 + noise)
        cost.learn(step, depth + step / 2, seconds)


def test_how_the_cost_grows_is_found_out_and_holds_for_the_next_prompt():
    cost = TokenCost()
    assert not cost.is_known
    read(cost, 4000)
    for depth in (0, 1000, 4000):
        assert cost.of(40, depth + 20) == pytest.approx(taken(40, depth), rel=0.02)
        tokens = cost.tokens(0.030, depth)
        assert taken(tokens, depth) <= 0.0306
        assert taken(tokens + 1, depth) >= 0.0294


def test_steps_that_vary_by_a_fifth_still_tell():
    cost = TokenCost()
    read(cost, 4000, noise=0.2)
    assert cost.of(40, 4000) == pytest.approx(taken(40, 3980), rel=0.15)
    assert cost.of(40, 20) == pytest.approx(taken(40, 0), rel=0.3)


def test_a_machine_that_became_slower_is_believed_within_a_few_steps_and_mostly_at_other_depths():
    cost = TokenCost()
    read(cost, 4000)
    read(cost, 400, factor=1.3)
    assert cost.of(40, 420) == pytest.approx(taken(40, 400, 1.3), rel=0.05)
    assert cost.of(40, 4000) == pytest.approx(taken(40, 3980, 1.3), rel=0.2)


def test_steps_much_alike_tell_nothing_of_growth():
    cost = TokenCost()
    read(cost, 400, noise=0.5)
    assert cost.of(1, 4000) == cost.of(1, 0)


def test_cost_that_falls_with_depth_is_taken_for_level():
    cost = TokenCost()
    for depth in range(0, 4000, 40):
        cost.learn(40, depth, 40 * (0.001 - depth * 1e-7))
    assert cost.of(1, 4000) == cost.of(1, 0) > 0


def test_one_step_on_a_busy_machine_is_half_believed_at_most():
    cost = TokenCost()
    read(cost, 4000)
    before = cost.of(40, 4000)
    cost.learn(40, 4000, 10 * before)
    assert cost.of(40, 4000) < 1.25 * before


def test_nothing_is_said_of_tokens_before_any_step():
    with pytest.raises(ValueError, match="no step"):
        TokenCost().tokens(1.0, 0)

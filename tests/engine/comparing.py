"""Whether two answers are the same, but for what the shape of a batch does to the last bits of a logit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeVar

from runtime.engine.core import Event, GenerationRequest, SamplingParams, TextDelta, TokenChances

K = TypeVar("K")
TELLING = SamplingParams(temperature=0, n_probs=5)


def ask(name: object, prompt: str, **changes: object) -> GenerationRequest:
    """A request whose answer can be compared."""
    plain = GenerationRequest(str(name), prompt, TELLING, max_tokens=16, ignore_eos=True)
    return replace(plain, **changes)  # type: ignore[arg-type]


def chances_of(found: list[Event]) -> list[TokenChances]:
    return [chances for event in found if isinstance(event, TextDelta) for chances in event.chances]


def token_of(chances: TokenChances) -> int:
    return chances.drawn.token


def noise(one: list[TokenChances], other: list[TokenChances]) -> float:
    """The largest difference between log-probabilities of the same tokens after the same text."""
    largest = 0.0
    for left, right in zip(one, other, strict=False):
        known = {chance.token: chance.logprob for chance in right.top}
        differences = [abs(chance.logprob - known[chance.token]) for chance in left.top if chance.token in known]
        largest = max([largest, *differences])
        if token_of(left) != token_of(right):
            break
    return largest


def assert_same_but_for_noise(
    alone: Mapping[K, list[Event]], together: Mapping[K, list[Event]], *, shorter: bool = False, most: float = 0.2
) -> None:
    """Equal texts; or different ones from a place on where the two likeliest tokens are as close as batching shakes.

    shorter: those together may have been asked for less. most: by how much a logit may change at all; quantised models
    round what they compute with, too.
    """
    pairs = [(chances_of(alone[name]), chances_of(found)) for name, found in together.items()]
    shaken = max((noise(one, other) for one, other in pairs), default=0.0)
    assert shaken < most, "another batch shape changes a logit a little, not the meaning"
    for one, other in pairs:
        parted = next(
            (left for left, right in zip(one, other, strict=False) if token_of(left) != token_of(right)), None
        )
        if parted:
            first, second = parted.top[:2]
            assert first.logprob - second.logprob <= 2 * shaken
        elif not shorter:
            assert len(one) == len(other)

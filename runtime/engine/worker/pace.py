"""How long steps take, learned while they are taken.

Two things follow from it: how many tokens of prompts a step may carry without those who are reading along noticing, and
when a step takes so long that something must be wrong.
"""

from __future__ import annotations

_STRETCH = 3.5
"""A step with prompts may take so many times as long as one without. Prompts then get 2.5 of 3.5 parts of the time."""

_LEAST = 16
"""Tokens of prompts a step always may carry, so that they get on whatever was measured."""

_WEIGHT = 0.2
"""How fast what is learned replaces what was learned before."""

_OUTLIER = 4.0
"""A step slower than this many times the expected one counts as only that much slower: the machine was busy."""

UNKNOWN_SECONDS = 30.0
"""Expected of a step while nothing is known: the model may still lie on a slow disk."""


class Pace:
    """limit: tokens a step can carry at most."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._decoding: float | None = None  # seconds of a step without prompts
        self._per_token: float | None = None  # seconds more for each token of a prompt

    def prompt_tokens(self, decoding: int, prompts: int) -> int:
        """How many tokens of prompts the next step may carry when so many sequences decode, and so many prompts wait.

        Where more wait for their first word than read along, they count for more: a step costs about as much for one
        who decodes as for all of them, so the sooner they decode together, the better for everybody.
        """
        if decoding == 0:
            return self._limit
        if self._decoding is None or self._per_token is None:
            return max(_LEAST, self._limit // 8)
        stretch = _STRETCH * max(1.0, prompts / decoding)
        return max(_LEAST, min(self._limit, int((stretch - 1) * self._decoding / self._per_token)))

    def expected(self, decoding: int, prompt_tokens: int) -> float:
        """Seconds a step should take."""
        if (decoding and self._decoding is None) or (prompt_tokens and self._per_token is None):
            return UNKNOWN_SECONDS
        return (decoding > 0) * (self._decoding or 0.0) + prompt_tokens * (self._per_token or 0.0)

    def learn(self, decoding: int, prompt_tokens: int, seconds: float) -> None:
        """A step took so long."""
        if prompt_tokens == 0:
            self._decoding = _blend(self._decoding, seconds)
        elif decoding == 0 or self._decoding is not None:
            rest = seconds - (self._decoding or 0.0) * (decoding > 0)
            self._per_token = _blend(self._per_token, max(rest, seconds / 10) / prompt_tokens)


def _blend(known: float | None, seen: float) -> float:
    if known is None:
        return seen
    return known + _WEIGHT * (min(seen, _OUTLIER * known) - known)

"""What a token of a prompt costs, which grows with what it looks back on: to attention all that was read before."""

from __future__ import annotations

import math

_TELLING = 64
"""Tokens of prompts in a step that tells half of what there is to know about their cost."""

_OUTLIER = 1.5
"""Prompts this many times as dear as expected count as only that much dearer: the machine was busy. If they stay so,
the next steps say it again; while they were believed at once, one such step made the next ten too small.
"""

_FORGETTING = 0.995
"""Of what steps said of the growth. It is the model's and the machine's, so that many steps may tell; how dear tokens
are changes with what else the machine does, and is learned from the last few.
"""

_APART = 256
"""So many tokens steps must lie apart (their standard deviation) to tell how the cost grows."""


class TokenCost:
    """Seconds of a token: those at no depth, times 1 + growth * depth. The growth is that of a least-squares line."""

    def __init__(self) -> None:
        self._first: float | None = None  # seconds of a token at no depth
        self._growth = 0.0  # of the cost for each token of depth, as a part of the first one's
        self._sums = [0.0] * 5  # weighted: 1, depth, depth**2, seconds, depth * seconds

    @property
    def is_known(self) -> bool:
        """Whether any step told."""
        return self._first is not None

    def of(self, tokens: int, depth: float) -> float:
        """Seconds of so many tokens, on average so deep in their texts."""
        return tokens * (self._first or 0.0) * (1 + self._growth * depth)

    def tokens(self, seconds: float, depth: int) -> int:
        """How many tokens take so long, the first of them at this depth."""
        if self._first is None:
            raise ValueError("no step has told what a token costs")
        here, more = self._first * (1 + self._growth * depth), self._first * self._growth / 2
        return int(2 * seconds / (here + math.sqrt(here * here + 4 * more * seconds)))

    def learn(self, tokens: int, depth: float, seconds: float) -> None:
        """So many tokens, on average so deep, took so long."""
        weight, each = tokens / (tokens + _TELLING), seconds / tokens
        if self._first is not None:
            each = min(each, _OUTLIER * self.of(1, depth))
        seen = (1.0, depth, depth * depth, each, depth * each)
        self._sums = [_FORGETTING * known + weight * one for known, one in zip(self._sums, seen, strict=True)]
        growth = self._line()
        if self._first is not None:
            # What is known of the cost was learned about here: it stays as it is here, and turns elsewhere.
            self._first *= (1 + self._growth * depth) / (1 + growth * depth)
        self._growth = growth
        first = each / (1 + self._growth * depth)
        self._first = first if self._first is None else self._first + weight * (first - self._first)

    def _line(self) -> float:
        """The growth that fits best, of which none is below nothing; the old one where steps are too much alike."""
        ones, depths, squares, costs, mixed = self._sums
        spread = ones * squares - depths * depths
        if spread < (ones * _APART) ** 2:
            return self._growth
        first, slope = squares * costs - depths * mixed, ones * mixed - depths * costs
        return max(0.0, slope / first) if first > 0 else self._growth

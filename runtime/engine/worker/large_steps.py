"""How much of prompts goes into a step, and how often, where every such step begins dear: weights are copied for it."""

from __future__ import annotations

import statistics
from collections import deque

_REMEMBERED = 3
"""Steps of about a size whose median counts: in one of them the machine was busy, or the weights came from the disk."""

_COPIED = 32
"""ggml copies weights for so many tokens, and computes fewer where the weights lie: they tell nothing of the others."""

_LEAST = 2 * _COPIED


class LargeSteps:
    """Steps are as large as is worth it; between them those who read have their part of the time. Times in seconds."""

    def __init__(self) -> None:
        self._seen: dict[int, deque[tuple[float, int]]] = {}  # what steps took, and their tokens, by powers of two
        self._part = 0.0  # that prompts may have for each token that is read
        self._owed = 0.0  # that they took more than their part

    def tokens(self, part: float, pause: float, most: int) -> int:
        """How many of prompts the next step is to carry; 0 where those who read are first.

        part: of the time that prompts may have for each token that is read. pause: what a step may take in any case.
        """
        self._part = part
        return 0 if self._owed > 0 else self._worthwhile(pause, most)

    def passed(self) -> None:
        """A step without prompts was taken."""
        self._owed = max(0.0, self._owed - self._part)

    def took(self, tokens: int, seconds: float, *, steps: int) -> None:
        """A step took so much longer for so many tokens of prompts. steps: without prompts before the next at most."""
        if tokens >= _COPIED:
            self._seen.setdefault(tokens.bit_length(), deque(maxlen=_REMEMBERED)).append((seconds, tokens))
        self._owed = max(0.0, min(seconds - self._part, steps * self._part))

    def _worthwhile(self, pause: float, most: int) -> int:
        """As many as take so long, or as many that to begin is no more than half of it all.

        From a line through what steps of all sizes took, each size counting alike, for most steps are of one. All of
        them where too little is known.
        """
        if len(self._seen) < 2:
            return most
        usual = [statistics.median_low(steps) for steps in self._seen.values()]
        each, begin = statistics.linear_regression([tokens for _, tokens in usual], [took for took, _ in usual])
        begin = max(0.0, begin)
        return int(min(most, max(_LEAST, max(pause - begin, begin) / each))) if each > 0 else most

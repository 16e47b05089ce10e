"""How much of prompts goes into a step, and how often, where every such step begins dear: weights are copied for it."""

from __future__ import annotations

import statistics
from collections import defaultdict, deque

_REMEMBERED = 64
"""Steps that tell what they cost."""

_TELLING = 2
"""Steps of about a size that tell something: in one alone the machine was busy, or the weights came from the disk."""

_COPIED = 32
"""ggml copies weights for so many tokens, and computes fewer where the weights lie: they tell nothing of the others."""

_LEAST = 2 * _COPIED

_UNKNOWN_SHARE = 4
"""A step is this part of a whole one while too little is known."""


class LargeSteps:
    """Steps are as large as is worth it; between them those who read have their part of the time. Times in seconds.

    limit: tokens of a whole step. patience: steps without prompts between two with them, at most.
    """

    def __init__(self, limit: int, patience: int) -> None:
        self._limit, self._patience = limit, patience
        self._seen: deque[tuple[float, int]] = deque(maxlen=_REMEMBERED)  # what steps took, and their tokens
        self._part = 0.0  # that prompts may have for each token that is read
        self._owed = 0.0  # that they took more than their part

    def tokens(self, part: float, pause: float) -> int:
        """How many of prompts the next step is to carry; 0 where those who read are first.

        part: of the time that prompts may have for each token that is read. pause: what a step may take in any case.
        """
        self._part = part
        self._owed = min(self._owed, self._patience * part)
        return 0 if self._owed > 0 else self._worthwhile(pause)

    def passed(self) -> None:
        """A step without prompts was taken."""
        self._owed = max(0.0, self._owed - self._part)

    def took(self, tokens: int, seconds: float, *, disturbed: bool) -> None:
        """A step took so much longer for so many tokens of prompts. disturbed: there were some who read."""
        if tokens >= _COPIED:
            self._seen.append((seconds, tokens))
        if disturbed:
            self._owed = max(0.0, seconds - self._part)

    def _worthwhile(self, pause: float) -> int:
        """As many as take so long, or as many that to begin is no more than half of it all.

        From a line through what steps of all sizes took, each size counting alike, for most steps are of one.
        """
        sizes: defaultdict[int, list[tuple[float, int]]] = defaultdict(list)
        for step in self._seen:
            sizes[step[1].bit_length()].append(step)
        usual = [statistics.median_low(steps) for steps in sizes.values() if len(steps) >= _TELLING]
        if len(usual) < 2:
            return max(_LEAST, self._limit // _UNKNOWN_SHARE)
        each, begin = statistics.linear_regression([tokens for _, tokens in usual], [took for took, _ in usual])
        begin = max(0.0, begin)
        return int(min(self._limit, max(_LEAST, max(pause - begin, begin) / each))) if each > 0 else self._limit

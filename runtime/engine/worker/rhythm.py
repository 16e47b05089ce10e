"""When tokens are told while a prompt is computed beside those who read: evenly, and not as they are drawn.

A step may take twice as long as it should, or carry more of the prompt than a reader would wait for: nobody notices as
long as tokens are in reserve, which were drawn quickly, one step after the other, and are told one by one.
"""

from __future__ import annotations

import time
from collections.abc import Callable

HELD = 0.15
"""Seconds that tokens may be held back so that steps can carry more of a prompt. Readers hardly notice so little."""


class Rhythm:
    """Of all who read: what is drawn for them in one step is told together. Times in seconds."""

    def __init__(self, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._told = 0.0  # when the last tokens that were drawn are told, or were

    def spare(self, apart: float) -> float:
        """How long a step may take until readers would have to wait, if tokens are told so far apart."""
        return max(0.0, self._told + apart - self._clock())

    def due(self, apart: float) -> float:
        """Tokens were drawn just now: the moment of the clock at which they are told. With `apart` 0 that is now.

        Where they are drawn faster than that all the time, they are told as far apart as they are drawn.
        """
        now = self._clock()
        latest = max(self._told, now + HELD + 2 * apart)  # never before those before
        self._told = max(now, min(self._told + apart, latest)) if apart else now
        return self._told

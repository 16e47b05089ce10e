"""When tokens are told while a prompt is computed beside those who read: evenly, and not as they are drawn.

A step may take twice as long as it should, or carry more of the prompt than a reader would wait for: nobody notices as
long as tokens are in reserve, which were drawn quickly, one step after the other, and are told one by one.
"""

from __future__ import annotations

import time
from collections.abc import Callable


class Rhythm:
    """Of all who read: a step draws a token for each of them. Times in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told = 0.0  # when the last tokens that were drawn are told, or were

    def spare(self, apart: float) -> float:
        """How long a step may take until readers would have to wait, if tokens are told so far apart."""
        return max(0.0, self._told + apart - self._clock())

    def due(self, apart: float) -> float:
        """Tokens were drawn just now: the moment of the clock at which they are told. Apart by nothing: at once."""
        self._told = max(self._clock(), self._told + apart) if apart else self._clock()
        return self._told

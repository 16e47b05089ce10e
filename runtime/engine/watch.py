"""Tells a worker that works from one that hangs.

Time is counted in ticks, each worth no more than it should take: while a laptop sleeps, or the server itself is held
up, no patience is lost.
"""

from __future__ import annotations

from dataclasses import dataclass

from runtime.engine.core import Counters
from runtime.engine.messages import Beat

TICK_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Patience:
    """When a worker counts as hung: without a beat for `silence` seconds, or a step `factor` times longer than expected
    and at least `step` seconds long.
    """

    silence: float = 30.0
    step: float = 60.0
    factor: float = 20.0


class Watch:
    """Over one worker."""

    def __init__(self, patience: Patience) -> None:
        self._patience = patience
        self._silence = 0.0
        self._last = Beat(0.0, 0.0, Counters())

    def hear(self, beat: Beat) -> None:
        """The worker lives."""
        self._silence, self._last = 0.0, beat

    def tick(self, seconds: float) -> str:
        """Time passed. Why the worker counts as hung, as the rest of a sentence about it; "" while it does not."""
        self._silence += min(seconds, 2 * TICK_SECONDS)
        if self._silence > self._patience.silence:
            return f"gave no sign of life for {self._silence:.0f} seconds and was ended"
        longest = max(self._patience.step, self._patience.factor * self._last.expected)
        if self._last.working > longest:
            expected = f"{self._last.expected:.1f}"
            return f"was ended after {self._last.working:.0f} seconds in a step that should have taken {expected}"
        return ""

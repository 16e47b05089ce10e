"""Whether a worker that died is started again, and when."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    """When a worker that died is started again.

    The first time at once, then after `pause` seconds, twice as long each time; `deaths` within `window` seconds are
    too many.
    """

    deaths: int = 5
    window: float = 60.0
    pause: float = 0.25


class Restarts:
    """Counts the deaths. Its text is the rest of a sentence: how many there were."""

    def __init__(self, policy: RestartPolicy) -> None:
        self._policy = policy
        self._deaths: deque[float] = deque()

    def after_death(self, now: float) -> float | None:
        """Seconds to wait before the next start; None if it is no use."""
        self._deaths.append(now)
        while self._deaths[0] < now - self._policy.window:
            self._deaths.popleft()
        if len(self._deaths) >= self._policy.deaths:
            return None
        return 0.0 if len(self._deaths) == 1 else self._policy.pause * 2.0 ** (len(self._deaths) - 2)

    def __str__(self) -> str:
        return f"{len(self._deaths)} times within {self._policy.window:g} seconds"

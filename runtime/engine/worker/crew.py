"""How many threads compute: as many as the machine really gives.

ggml's threads meet at barriers hundreds of times a step, and there they spin. Where other programs want the processors,
too, the one that was put to sleep is waited for by all the others, and a step takes ten times as long as with fewer
threads. So it is watched how much processor time a step really got: if its threads were put to sleep a good part of
the time, there are too many of them. After a while one more is tried, ever more rarely if that was no good.
"""

from __future__ import annotations

_ENOUGH = 0.75
"""Share of its time a thread must get; a thread at rest only at barriers gets all of it, for it spins there."""

_WINDOW = 0.2
"""Seconds of computing that are looked at together."""

_PATIENCE = 2
"""So many windows in a row must be short of processors before there are fewer threads: a browser that opens a page
takes one for a moment, and so does our own server while it starts.
"""

_RETRY = 0.2
_RETRY_MOST = 160.0
"""Seconds of computing after which one more thread is tried: at first, and at most. A step of a long prompt takes half
a second, and with a thread less twice that, so the first try comes soon.
"""


class Crew:
    """most: threads when nobody else wants the processors."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._wall = self._processor = self._calm = 0.0
        self._short = 0  # windows in a row
        self._retry = _RETRY
        self._tries_one_more = False
        self.threads = most

    def learn(self, wall: float, processor: float) -> bool:
        """A step took so many seconds, and so many seconds of processor time. Whether `threads` changed."""
        self._wall += wall
        self._processor += processor
        if self._wall < _WINDOW:
            return False
        granted = self._processor / self._wall
        self._calm += self._wall
        self._wall = self._processor = 0.0
        before = self.threads
        self._short = self._short + 1 if granted < _ENOUGH * self.threads else 0
        if not self._short:
            self._grow()
        elif self._tries_one_more or self._short >= _PATIENCE:
            self._shrink(granted)
        return self.threads != before

    def _grow(self) -> None:
        worked, self._tries_one_more = self._tries_one_more, False
        if self.threads == self._most:
            self._retry = _RETRY
        elif worked or self._calm >= self._retry:
            self.threads, self._calm, self._tries_one_more = self.threads + 1, 0.0, True

    def _shrink(self, granted: float) -> None:
        if self._tries_one_more:
            self._retry = min(2 * self._retry, _RETRY_MOST)
        self._tries_one_more = False
        self.threads = max(1, min(self.threads - 1, round(granted)))
        self._calm = 0.0
        self._short = 0

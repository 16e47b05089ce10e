"""Tells the server, second by second, that this process lives and what it is doing.

From a thread of its own: llama.cpp computes without the interpreter's lock, so as long as this thread runs at all, the
process is neither stopped nor stuck. Time is counted in beats, not read off a clock: a laptop that slept for an hour
between two beats worked for two seconds at most.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from runtime.engine.core import Counters
from runtime.engine.messages import Beat

BEAT_SECONDS = 1.0


class _Step:
    """What is being computed. worked: for how many seconds; a new one for each, so that nobody waits for a lock."""

    __slots__ = ("expected", "worked")

    def __init__(self, expected: float) -> None:
        self.expected = expected
        self.worked = 0.0


class Heart:
    """send: takes the beats. counters: what to tell with each."""

    def __init__(self, send: Callable[[Beat], None]) -> None:
        self._send = send
        self._step: _Step | None = None
        self.counters: Callable[[], Counters] = Counters

    def start(self) -> None:
        """Begin to beat."""
        threading.Thread(target=self._beat, name="heart", daemon=True).start()

    def begin(self, expected: float) -> None:
        """A step begins that should take `expected` seconds."""
        self._step = _Step(expected)

    def end(self) -> None:
        """The step is over; of no effect without one."""
        self._step = None

    @contextmanager
    def working(self, expected: float) -> Iterator[None]:
        """Around a step that should take `expected` seconds."""
        self.begin(expected)
        try:
            yield
        finally:
            self.end()

    def _beat(self) -> None:
        last = time.monotonic()
        while True:
            time.sleep(BEAT_SECONDS)
            now = time.monotonic()
            step = self._step or _Step(0.0)
            if step is self._step:
                step.worked += min(now - last, 2 * BEAT_SECONDS)
            last = now
            self._send(Beat(step.worked, step.expected, self.counters()))

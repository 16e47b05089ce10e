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


class Heart:
    """send: takes the beats. counters: what to tell with each."""

    def __init__(self, send: Callable[[Beat], None]) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._expected = 0.0
        self._worked: float | None = None  # seconds into the step that is being computed
        self.counters: Callable[[], Counters] = Counters

    def start(self) -> None:
        """Begin to beat."""
        threading.Thread(target=self._beat, name="heart", daemon=True).start()

    @contextmanager
    def working(self, expected: float) -> Iterator[None]:
        """Around a step that should take `expected` seconds."""
        with self._lock:
            self._expected, self._worked = expected, 0.0
        try:
            yield
        finally:
            with self._lock:
                self._worked = None

    def _beat(self) -> None:
        last = time.monotonic()
        while True:
            time.sleep(BEAT_SECONDS)
            now = time.monotonic()
            with self._lock:
                if self._worked is not None:
                    self._worked += min(now - last, 2 * BEAT_SECONDS)
                beat = Beat(self._worked or 0.0, self._expected, self.counters())
            last = now
            self._send(beat)

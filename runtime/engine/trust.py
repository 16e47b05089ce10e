"""Whether a worker's death is its backend's fault: then another backend takes over.

It cannot be seen from outside whether a driver crashed or a request brought the worker down. Of a backend that never
answered anybody, the first crash is enough: whatever came would meet it again. Of one that has answered, the second in
a row is needed; a request that kills has been found out by then (`ledger.py`).
"""

from __future__ import annotations

from typing import Protocol

from runtime.engine.process import Death


class FallBack(Protocol):
    """Readies the next backend."""

    def __call__(self, how: str, *, loading: bool, certain: bool = True) -> str | None:
        """Tell so in a sentence; None where there is none. May take seconds.

        how: the backend failed, as the end of a sentence about the engine. loading: with the message that it could not
        load. certain: it was the backend's fault.
        """


_CRASHES = 2


class Trust:
    """In one backend. has_answered: it has told something to somebody."""

    def __init__(self) -> None:
        self.has_answered = False
        self._crashes = 0

    def answered(self, *, over: bool) -> None:
        """It told something of an answer; over: to its end."""
        self.has_answered = True
        if over:
            self._crashes = 0

    def lost(self, death: Death) -> bool:
        """A worker on it died; whether that was once too often."""
        if not death.is_crash or death.is_own_fault:
            return False
        self._crashes += 1
        return not self.has_answered or self._crashes >= _CRASHES

"""What guesses how answers go on: what it is asked, and what it answers. `Draft` is one, `Foresight` another."""

from __future__ import annotations

from collections.abc import Collection
from collections.abc import Sequence as Row
from dataclasses import dataclass, field
from typing import Protocol

from runtime.engine.worker.sequence import Sequence

LITTLE = 4
"""Tokens to read of a request before a guess that take no longer than one."""


@dataclass(frozen=True, slots=True)
class Ask:
    """At most so many tokens are to be guessed for a request."""

    sequence: Sequence
    most: int


@dataclass(frozen=True, slots=True)
class Guessed:
    """What came of `Ask`s, by the requests' names. Who is not there has not been read to its end yet.

    steps: of the guesser. has_read: so much was read in the first that it says nothing of what a guess takes.
    """

    tokens: dict[str, list[int]] = field(default_factory=dict)
    steps: int = 0
    has_read: bool = False


class Guesser(Protocol):
    """One thread only. name: what the log calls it."""

    name: str

    def keep_only(self, names: Collection[str]) -> None:
        """No other requests run any more."""

    def guess(self, asks: Row[Ask]) -> Guessed:
        """Read on, and guess where all has been read. Raises `DecodeError`; it may be asked again all the same."""

    def stop(self) -> None:
        """It is not asked any more."""

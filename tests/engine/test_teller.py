"""When what is to be told is told, and in what order."""

from __future__ import annotations

import queue
import time

from runtime.engine.core import Finished, FinishReason, Reading, TextDelta, Timings
from runtime.engine.messages import Message
from runtime.engine.worker.teller import Teller

LATER = 0.2
NEVER = 60.0


class Ear:
    """Hears what a teller says."""

    def __init__(self) -> None:
        self._heard: queue.Queue[tuple[float, tuple[Message, ...]]] = queue.Queue()
        self.teller = Teller(lambda *messages: self._heard.put((time.perf_counter(), messages)))

    def next(self) -> tuple[float, tuple[Message, ...]]:
        """When it was said, and what."""
        return self._heard.get(timeout=10)


def word(who: str, text: str) -> TextDelta:
    return TextDelta(who, text, (1,))


def end(who: str) -> Finished:
    return Finished(who, FinishReason.STOP, 1, 1, Timings(0, 0))


def test_words_are_told_together_when_they_are_due_and_others_meanwhile():
    ear, now = Ear(), time.perf_counter()
    ear.teller.at(now + LATER, word("a", "1"), word("b", "1"))
    ear.teller(Reading("c", 1, 2))
    _, first = ear.next()
    told, second = ear.next()
    assert first == (Reading("c", 1, 2),)
    assert second == (word("a", "1"), word("b", "1"))
    assert told >= now + LATER


def test_an_end_brings_along_what_was_held_back_of_it_and_of_nobody_else():
    ear, now = Ear(), time.perf_counter()
    ear.teller.at(now + NEVER, word("a", "1"), word("b", "1"))
    ear.teller.at(now + 2 * NEVER, word("a", "2"))
    ear.teller(end("a"))
    assert ear.next()[1] == (word("a", "1"), word("a", "2"), end("a"))
    ear.teller(end("b"))
    assert ear.next()[1] == (word("b", "1"), end("b"))


def test_words_that_are_due_do_not_overtake_those_held_back_before():
    ear, now = Ear(), time.perf_counter()
    ear.teller.at(now + NEVER, word("a", "1"), word("b", "1"))
    ear.teller.at(now, word("a", "2"))
    assert ear.next()[1] == (word("a", "1"), word("b", "1"), word("a", "2"))

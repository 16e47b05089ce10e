"""Draws the next tokens of several answers at once.

For every token llama.cpp looks at the whole vocabulary. For thirty answers, one after the other, that would be a good
part of a step's time, in which all threads but one have nothing to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import takewhile

from runtime.engine.core import TokenChances
from runtime.engine.worker.context import Context
from runtime.engine.worker.job import Job
from runtime.engine.worker.samplers import Easel

_HANDS = 4
"""Threads that draw at most; more of them wait for the interpreter more than they draw."""

_ALONE = 2
"""So many answers are drawn before a second thread has woken up."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Tokens to draw for an answer: one from the first batch entry; from each further one as long as what was guessed
    to come before it is what was drawn.
    """

    job: Job
    entries: Sequence[int]
    guessed: Sequence[int] = ()


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn for an answer; why there is no more, if there should be."""

    tokens: Sequence[tuple[int, TokenChances | None]] = ()
    error: Exception | None = None

    def agrees(self, guessed: Sequence[int]) -> int:
        """How many of the guessed tokens, from the first on, were drawn."""
        return sum(1 for _ in takewhile(lambda pair: pair[0][0] == pair[1], zip(self.tokens, guessed, strict=False)))


class Drawing:
    """threads: as many as compute; they have nothing to do meanwhile."""

    def __init__(self, context: Context, threads: int) -> None:
        size = context.model.vocabulary_size
        self._easels = [Easel(context.model.llama, context.handle, size) for _ in range(max(1, min(threads, _HANDS)))]
        self._helpers = ThreadPoolExecutor(len(self._easels), "drawing")

    def draw(self, wanted: Sequence[Wanted]) -> list[Drawn]:
        """For each answer its next token, or several."""
        drawn = [Drawn()] * len(wanted)
        left = iter(range(len(wanted)))  # shared by all: who is done takes the next

        def work(easel: Easel, places: Iterable[int]) -> None:
            for place in places:
                drawn[place] = _drawn(easel, wanted[place])

        if len(wanted) > _ALONE and len(self._easels) > 1:
            work(self._easels[0], [next(left)])  # the first look at a step's logits puts them in order
            helpers = [self._helpers.submit(work, easel, left) for easel in self._easels[1:]]
            work(self._easels[0], left)
            for helper in helpers:
                helper.result()
        else:
            work(self._easels[0], left)
        return drawn


def _drawn(easel: Easel, wanted: Wanted) -> Drawn:
    job, guessed = wanted.job, wanted.guessed
    if job.sampler is None:
        raise ValueError(f"{job.request.id} was never begun")
    drawn: list[tuple[int, TokenChances | None]] = []
    try:
        for ahead, entry in enumerate(wanted.entries):
            token, chances = job.sampler.sample(easel, entry, job.answer.count + ahead)
            drawn.append((token, chances))
            if ahead == len(guessed) or guessed[ahead] != token:
                break
    except Exception as error:  # told to who asked; the other answers go on
        return Drawn(drawn, error)
    return Drawn(drawn)

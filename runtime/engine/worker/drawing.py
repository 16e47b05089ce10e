"""Draws the next tokens of several answers at once.

For every token llama.cpp looks at the whole vocabulary. For thirty answers, one after the other, that would be a good
part of a step's time, in which all threads but one have nothing to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from runtime.engine.core import TokenChances
from runtime.engine.worker.context import Context
from runtime.engine.worker.job import Job
from runtime.engine.worker.samplers import Easel

_HANDS = 4
"""Threads that draw at most; more of them wait for the interpreter more than they draw."""

_ALONE = 2
"""So many answers are drawn before a second thread has woken up."""


@dataclass(frozen=True, slots=True)
class Drawn:
    """What was drawn for an answer; why there is nothing, if there should be."""

    token: int = -1
    chances: TokenChances | None = None
    error: Exception | None = None


class Drawing:
    """threads: as many as compute; they have nothing to do meanwhile."""

    def __init__(self, context: Context, threads: int) -> None:
        self._easels = [Easel(context.model.llama, context.handle) for _ in range(max(1, min(threads, _HANDS)))]
        self._helpers = ThreadPoolExecutor(len(self._easels), "drawing")

    def draw(self, wanted: Sequence[tuple[Job, int]]) -> list[Drawn]:
        """For each job a token, from the logits of its batch entry."""
        drawn = [Drawn()] * len(wanted)
        left = iter(range(len(wanted)))  # shared by all: who is done takes the next

        def work(easel: Easel, places: Iterable[int]) -> None:
            for place in places:
                drawn[place] = _drawn(easel, *wanted[place])

        if len(wanted) > _ALONE and len(self._easels) > 1:
            work(self._easels[0], [next(left)])  # the first look at a step's logits puts them in order
            helpers = [self._helpers.submit(work, easel, left) for easel in self._easels[1:]]
            work(self._easels[0], left)
            for helper in helpers:
                helper.result()
        else:
            work(self._easels[0], left)
        return drawn


def _drawn(easel: Easel, job: Job, output: int) -> Drawn:
    if job.sampler is None:
        raise ValueError(f"{job.request.id} was never begun")
    try:
        return Drawn(*job.sampler.sample(easel, output, job.answer.count))
    except Exception as error:  # told to who asked; the other answers go on
        return Drawn(error=error)

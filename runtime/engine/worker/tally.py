"""What a worker did so far, as its counters tell it."""

from __future__ import annotations

from collections.abc import Sequence

from runtime.engine.core import Counters
from runtime.engine.worker.cache import PrefixCache
from runtime.engine.worker.job import Job
from runtime.engine.worker.scheduler import Scheduler
from runtime.engine.worker.sequence import Chunk


class Tally:
    """Added to by the thread that computes, read by the heart's: a number may be a step old, and nothing else."""

    def __init__(self, scheduler: Scheduler, cache: PrefixCache) -> None:
        self._scheduler = scheduler
        self._cache = cache
        self._steps = self._batch_tokens = self._prompt_tokens = self._cached_tokens = 0
        self._generated = self._first = self._guessed = self._right = 0
        self._first_seconds = self._next_seconds = 0.0

    def counters(self) -> Counters:
        """All of it, and what is to do now."""
        return Counters(
            waiting=len(self._scheduler.waiting),
            running=len(self._scheduler.running),
            set_backs=self._scheduler.set_backs,
            cells=self._cache.used,
            lines=self._cache.lines,
            steps=self._steps,
            batch_tokens=self._batch_tokens,
            prompt_tokens=self._prompt_tokens,
            cached_tokens=self._cached_tokens,
            generated_tokens=self._generated,
            first_tokens=self._first,
            first_seconds=self._first_seconds,
            next_seconds=self._next_seconds,
            guessed=self._guessed,
            right=self._right,
        )

    def begun(self, job: Job) -> None:
        """A request was admitted."""
        self._prompt_tokens += job.prompt_tokens
        self._cached_tokens += min(job.sequence.computed, job.prompt_tokens)

    def step(self, chunks: Sequence[Chunk]) -> None:
        """These were computed together."""
        self._steps += 1
        self._batch_tokens += sum(chunk.size for chunk in chunks)

    def guesses(self, job: Job) -> None:
        """An answer is over, whatever was guessed of it."""
        self._guessed += job.guessed
        self._right += job.right

    def token(self, job: Job) -> None:
        """An answer has one more token."""
        self._generated += 1
        is_first, seconds = job.clock.token()
        if is_first:
            self._first += 1
            self._first_seconds += seconds
        else:
            self._next_seconds += seconds

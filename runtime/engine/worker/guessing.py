"""Guessed tokens on their way: who gets some tried with the next step, and what of them stays in the cache."""

from __future__ import annotations

from runtime.engine.messages import Load
from runtime.engine.worker.cache import MemoryKind
from runtime.engine.worker.context import Context
from runtime.engine.worker.drawing import Drawn
from runtime.engine.worker.job import Job
from runtime.engine.worker.lookup import Lookup
from runtime.engine.worker.scheduler import Scheduler
from runtime.engine.worker.sequence import Chunk


class Guessing:
    """Only where it is wished, or the answer was foretold, and where the cache can take back a token: with attention
    over everything.
    """

    def __init__(self, context: Context, load: Load, scheduler: Scheduler) -> None:
        self._context = context
        self._scheduler = scheduler
        self._works = context.kind is MemoryKind.FULL
        self._for_all = load.lookup
        self._spare = context.lines - load.parallel  # tokens a step can be asked for besides one of each request

    def begin(self, job: Job) -> None:
        """The job came."""
        if self._works and (self._for_all or job.foretold):
            job.lookup = Lookup(job.foretold, job.prompt_tokens)

    def guess(self, jobs: dict[str, Job]) -> None:
        """What those who decode may say next."""
        if not any(job.lookup for job in jobs.values()):
            return
        spare, decoding = self._spare, [sequence for sequence in self._scheduler.running if sequence.is_decoding]
        for others, sequence in zip(reversed(range(len(decoding))), decoding, strict=True):
            job = jobs[sequence.name]
            if job.lookup is not None:
                fair = -(-spare // (others + 1))  # rounded up
                most = min(fair, job.answer.left - 1, self._context.size - len(sequence.tokens) - 1)
                sequence.guessed = job.lookup.guess(sequence.tokens, int(most))
                spare -= len(sequence.guessed)

    def judge(self, job: Job, chunk: Chunk, drawn: Drawn) -> None:
        """Keep what was guessed right, and forget what was computed for nothing."""
        if not chunk.guessed or job.lookup is None or chunk.sequence.line is None:
            return
        right = drawn.agrees(chunk.guessed)
        job.lookup.judge(len(chunk.guessed), right)
        self._scheduler.guessed_right(chunk, right)
        self._context.truncate(chunk.sequence.line, chunk.sequence.computed)

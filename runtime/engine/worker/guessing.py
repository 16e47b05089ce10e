"""Guessed tokens on their way: who gets some tried with the next step, and what of them stays in the cache."""

from __future__ import annotations

from collections.abc import Sequence

from runtime.engine.messages import Load
from runtime.engine.worker.cache import MemoryKind
from runtime.engine.worker.context import Context
from runtime.engine.worker.drafting import Drafting
from runtime.engine.worker.drawing import Drawn
from runtime.engine.worker.guesser import Ask
from runtime.engine.worker.job import Job
from runtime.engine.worker.lookup import Lookup
from runtime.engine.worker.scheduler import Scheduler
from runtime.engine.worker.sequence import Chunk


class Guessing:
    """Where it is wished, the answer was foretold, or something guesses ahead; and where tokens can be taken back. What
    was foretold or said before goes before what would have to be computed.
    """

    def __init__(self, context: Context, load: Load, scheduler: Scheduler, drafting: Drafting | None) -> None:
        self._context = context
        self._scheduler = scheduler
        self._drafting = drafting
        self._works = context.back > 0
        # llama.cpp computes texts with states by turns where they differ in length. For the sake of one it may move the
        # state of another, and leaves the copies behind with which that one would be taken back.
        self._only_alone = context.kind is not MemoryKind.FULL
        self._for_all = load.lookup
        self._spare = context.lines - load.parallel  # tokens a step can be asked for besides one of each request

    def begin(self, job: Job) -> None:
        """The job came."""
        if self._works and (self._for_all or job.foretold):
            job.lookup = Lookup(job.foretold, job.prompt_tokens)

    def guess(self, jobs: dict[str, Job]) -> None:
        """What those who decode may say next."""
        if self._drafting is None and not any(job.lookup for job in jobs.values()):
            return
        decoding = [jobs[sequence.name] for sequence in self._scheduler.running if sequence.is_decoding]
        spare = self._look_up(decoding, 0 if self._only_alone and len(self._scheduler.running) > 1 else self._spare)
        if self._drafting is not None:
            self._draft([job for job in decoding if not job.sequence.guessed], spare, self._drafting)

    def stepped(self, chunks: Sequence[Chunk], seconds: float) -> None:
        """These, of which none is a prompt's, were computed together, and drawn from, in so many seconds."""
        if self._drafting is not None:
            self._drafting.stepped(len(chunks), sum(len(chunk.guessed) for chunk in chunks), seconds)

    def judge(self, job: Job, chunk: Chunk, drawn: Drawn) -> None:
        """Keep what was guessed right, and forget what was computed for nothing."""
        if not chunk.guessed or job.judge is None or chunk.sequence.line is None:
            return
        guessed, right = len(chunk.guessed), drawn.agrees(chunk.guessed)
        job.judge(guessed, right)
        job.guessed += guessed
        job.right += right
        self._scheduler.guessed_right(chunk, right)
        if not self._context.truncate(chunk.sequence.line, chunk.sequence.computed):
            self._scheduler.set_back(chunk.sequence)

    def _look_up(self, jobs: Sequence[Job], spare: int) -> int:
        """Guesses from what is known of the answers; how many more tokens a step can be asked for."""
        for others, job in zip(reversed(range(len(jobs))), jobs, strict=True):
            job.sequence.guessed, job.judge = [], None
            if job.lookup is not None:
                job.sequence.guessed = job.lookup.guess(job.sequence.tokens, self._most(job, spare, others))
                job.judge = job.lookup.judge
                spare -= len(job.sequence.guessed)
        return spare

    def _draft(self, jobs: Sequence[Job], spare: int, drafting: Drafting) -> None:
        """The draft's guesses for these."""
        asks = []
        for others, job in zip(reversed(range(len(jobs))), jobs, strict=True):
            most = self._most(job, spare, others)
            if most > 0:
                asks.append(Ask(job.sequence, most))
                spare -= most
        trials = drafting.guess(asks, self._scheduler.running)
        for job in jobs:
            if trial := trials.get(job.sequence.name):
                job.judge = trial.judge

    def _most(self, job: Job, spare: int, others: int) -> int:
        """How many tokens to guess of an answer at most, where so many are left for it and for others."""
        if job.sequence.marks:
            return 0  # a copy is to be left of what is one state: it would have the guesses in it
        fair = -(-spare // (others + 1))  # rounded up
        room = self._context.size - len(job.sequence.tokens) - 1
        return int(min(fair, job.answer.left - 1, room, self._context.back))

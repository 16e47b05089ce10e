"""Serves many requests at once: hear → admit → plan → compute → draw → tell, for ever.

Policy lives elsewhere: `scheduler` says who computes what, `cache` what need not be computed, `pace` how much a step
may carry. Here it is carried out. `submit` and `cancel` may be called from any thread; `run` is the thread that owns
the model; events leave through `send`, those of one step together.
"""

from __future__ import annotations

import itertools
import queue
import time
import traceback

from runtime.engine import failures
from runtime.engine.core import (
    Event,
    Failed,
    FailureKind,
    FinishReason,
    GenerationRequest,
    Queued,
    Reading,
    Started,
)
from runtime.engine.messages import Load
from runtime.engine.worker.batch import Batch
from runtime.engine.worker.cache import PrefixCache
from runtime.engine.worker.context import NO_ROOM, Context, DecodeError
from runtime.engine.worker.drafting import Drafting
from runtime.engine.worker.drawing import Drawing, Drawn, Wanted
from runtime.engine.worker.embedding import Texts, VectorCalls
from runtime.engine.worker.grammar import GrammarError
from runtime.engine.worker.guessing import Guessing
from runtime.engine.worker.heart import Heart
from runtime.engine.worker.job import Job, examine
from runtime.engine.worker.pace import UNKNOWN_SECONDS, Pace
from runtime.engine.worker.rhythm import Rhythm
from runtime.engine.worker.scheduler import Scheduler
from runtime.engine.worker.sequence import Chunk, shifted
from runtime.engine.worker.tally import Tally
from runtime.engine.worker.teller import Teller

NOT_OURS = OSError, MemoryError
"""Errors that are no mistakes of ours: what the system refuses, and on Windows what crashed in a library."""

_WRONG_BATCH = -1  # llama_decode's code for a batch that cannot be; what is below it comes from the device


class Loop:
    """`load.parallel` requests run at once, `load.queue_limit` may wait besides; more are told to come again."""

    def __init__(
        self, context: Context, load: Load, send: Teller, heart: Heart, drafting: Drafting | None = None
    ) -> None:
        """drafting: guesses ahead, where it is there."""
        self._context = context
        self._load = load
        self._send = send
        self._heart = heart
        self._batch = Batch(context.model, context.batch_tokens)
        idle = context.cells if context.is_split else max(context.size, context.cells // 4)  # else all look over them
        self._cache = PrefixCache(context, lines=context.lines, cells=context.cells, idle_cells=idle)
        self._scheduler = Scheduler(self._cache, load.parallel, context.batch_tokens)
        self._pace = Pace(context.batch_tokens, begins_dear=context.copies_weights)
        self._drawing = Drawing(context, context.threads)
        self._jobs: dict[str, Job] = {}
        self._arrivals = itertools.count()
        self._inbox: queue.SimpleQueue[Job | Texts | str | int] = queue.SimpleQueue()  # ids of the cancelled: str of a
        # request, int of a call
        self._vectors = VectorCalls(context.model, load, send, heart)
        self._rhythm = Rhythm()
        self._outbox: list[Event] = []
        self._next_tokens: list[Event] = []  # of those who have read some, told in their rhythm
        self._due = 0.0
        self._turn = 0.0  # when the present one began
        self._seconds_per_request = 1.0
        self._guessing = Guessing(context, load, self._scheduler, drafting)
        self._tally = Tally(self._scheduler, self._cache)
        heart.counters = self._tally.counters

    # Any thread

    def submit(self, request: GenerationRequest) -> None:
        """Queue a request, or tell at once why it cannot be served."""
        try:
            job = examine(request, next(self._arrivals), self._context)
        except NOT_OURS:
            raise
        except Exception as error:  # only who asked is to suffer for it
            job = _failure(request.id, error)
        if isinstance(job, Failed):
            self._send(job)
        else:
            self._inbox.put(job)

    def cancel(self, request_id: str) -> None:
        """Nobody waits for this request any more; of no effect once it is over."""
        self._inbox.put(request_id)

    def embed(self, call: Texts) -> None:
        """Turn texts into vectors or scores, a step at a time between the others' steps."""
        self._inbox.put(call)

    def drop(self, call: int) -> None:
        """Nobody waits for these texts any more; of no effect once they are done."""
        self._inbox.put(call)

    # The model's thread

    def run(self) -> None:
        """Serve for ever."""
        while True:
            self._turn = time.perf_counter()
            self._hear()
            self._admit()
            decoding = sum(sequence.is_decoding for sequence in self._scheduler.running)
            prompts = min(len(self._jobs), self._load.parallel) - decoding
            if not self._scheduler.rests:
                with self._heart.working(UNKNOWN_SECONDS):
                    self._guessing.guess(self._jobs)
            following = self._scheduler.next_prompt
            apart = self._pace.apart(decoding, prompts) if following else 0.0
            depth, left = (following.computed, following.pending) if following else (0, 0)
            spare = self._rhythm.spare(apart)
            budget = self._pace.prompt_tokens(decoding, prompts, depth=depth, left=left, spare=spare)
            self._step(self._scheduler.plan(budget), apart if budget < left else 0.0)
            self._tell()
            if self._vectors:
                self._pace.interrupted()
                self._vectors.step()
                self._tell()

    def _hear(self) -> None:
        """Take what came; wait for it if there is nothing else to do."""
        while not (self._jobs or self._vectors) or not self._inbox.empty():
            if self._inbox.empty():
                self._pace.interrupted()
            heard = self._inbox.get()
            self._turn = time.perf_counter()
            if isinstance(heard, Job):
                self._enqueue(heard)
            elif isinstance(heard, Texts):
                self._vectors.add(heard)
            elif isinstance(heard, int):
                self._vectors.drop(heard)
            elif heard in self._jobs:
                self._finish(self._jobs[heard], FinishReason.CANCELLED)
            self._tell()

    def _enqueue(self, job: Job) -> None:
        waiting = len(self._scheduler.waiting)
        if waiting >= self._load.queue_limit and not job.request.answered:
            seconds = max(1.0, self._seconds_per_request * waiting / max(1, len(self._scheduler.running)))
            self._outbox.append(failures.busy(job.request.id, waiting, seconds))
            return
        self._guessing.begin(job)
        self._jobs[job.request.id] = job
        self._scheduler.add(job.sequence)

    def _admit(self) -> None:
        """Let in whom there is room for, and tell the others their place."""
        for sequence in self._scheduler.admit():
            job = self._jobs[sequence.name]
            if job.sampler is None:
                self._begin(job)
        for place, sequence in enumerate(self._scheduler.waiting, start=1):
            job = self._jobs[sequence.name]
            if job.sampler is None and job.place != place:
                job.place = place
                self._outbox.append(Queued(sequence.name, place))

    def _begin(self, job: Job) -> None:
        try:
            job.begin(self._context)
        except NOT_OURS:
            raise
        except Exception as error:
            self._fail(job, _failure(job.request.id, error))
            return
        self._tally.begun(job)
        if job.is_over:  # it was over before it began, or when another worker told its last token
            self._start(job)
            self._finish(job)

    def _start(self, *jobs: Job) -> None:
        """Tell of requests that they are being computed, before they are: if it is the end of this worker, the server
        must know who was there, and that others only waited for their turn.
        """
        started = [Started(job.request.id, job.prompt_tokens, job.sequence.computed, job.seed) for job in jobs]
        self._send.at_once(*started)
        for job in jobs:
            job.is_started = True

    def _step(self, chunks: list[Chunk], apart: float = 0.0) -> None:
        """Compute the chunks, and draw from those that are complete. apart: how far apart readers are told tokens."""
        if not chunks:
            return
        jobs = [self._jobs[chunk.sequence.name] for chunk in chunks]
        if new := [job for job in jobs if not job.is_started]:
            self._start(*new)
        decoding = sum(chunk.sequence.is_decoding for chunk in chunks)
        prompts = [chunk for chunk in chunks if not chunk.sequence.is_decoding]
        prompt_tokens = sum(chunk.count for chunk in prompts)
        depth = sum(chunk.count * chunk.depth for chunk in prompts) / max(1, prompt_tokens)
        begin = time.perf_counter()
        try:
            outputs = self._fill(chunks)
            self._heart.begin(self._pace.expected(decoding, prompt_tokens, depth))
            self._context.decode(self._batch)
        except DecodeError as error:
            self._heart.end()
            self._recover(chunks, error)
            return
        drawing = [chunk for chunk in chunks if chunk.draws]
        for job, chunk in zip(jobs, chunks, strict=True):
            self._scheduler.advance(chunk)
            if chunk.sequence.pending and not job.answer.count:
                processed = min(chunk.sequence.computed, job.prompt_tokens)
                self._outbox.append(Reading(job.request.id, processed, job.prompt_tokens))
        self._heart.begin(0.0)  # a grammar can be made so that one token takes for ever
        wanted = [Wanted(self._jobs[chunk.sequence.name], outputs[chunk], chunk.guessed) for chunk in drawing]
        drawn = self._drawing.draw(wanted)
        self._heart.end()
        for chunk, one in zip(drawing, drawn, strict=True):
            job = self._jobs[chunk.sequence.name]
            self._guessing.judge(job, chunk, one)
            self._take(job, one)
        if decoding:
            self._due = self._rhythm.due(apart)
        now = time.perf_counter()
        done = bool(drawing) or not self._context.returns_early
        self._pace.learn(decoding, prompt_tokens, now - self._turn, depth=depth, done=done)
        if not prompt_tokens:
            self._guessing.stepped(chunks, now - begin)
        self._tally.step(chunks)

    def _fill(self, chunks: list[Chunk]) -> dict[Chunk, list[int]]:
        """Put the chunks into the batch; for each the entries with which to draw."""
        self._batch.clear()
        outputs: dict[Chunk, list[int]] = {}
        for chunk in chunks:
            sequence, wanted = chunk.sequence, 1 + len(chunk.guessed) if chunk.draws else 0
            tokens = (*chunk.tokens, *chunk.guessed)
            end = len(tokens) + self._batch.add(tokens, sequence.computed, sequence.line or 0, outputs=wanted)
            outputs[chunk] = [*range(end - wanted, end)]
        return outputs

    def _take(self, job: Job, drawn: Drawn) -> None:
        """The next tokens of an answer."""
        job.clock.prompt_done()
        told = self._next_tokens if job.answer.count > len(job.request.answered) else self._outbox
        error = drawn.error
        for token, chances in drawn.tokens:
            try:
                told += job.answer.take(token, chances)
            except Exception as unforeseen:
                error = unforeseen
                break
            job.sequence.tokens.append(token)
            self._tally.token(job)
            if job.request.seconds is not None:
                job.answer.look_at_the_clock(job.clock.timings().generation_seconds)
            if job.is_over:
                self._finish(job)
                return
        if error is not None:
            self._fail(job, _failure(job.request.id, error))
        elif job.keep is not None and len(job.sequence.tokens) >= self._context.size:
            tokens = shifted(job.sequence.tokens, job.keep, self._context.size)
            self._scheduler.restart(job.sequence, tokens)

    def _recover(self, chunks: list[Chunk], error: DecodeError) -> None:
        """A step failed: make room, or find out by whose fault, so that nobody else suffers for it.

        Where it is the device that failed, nobody can go on here: the next worker, perhaps on another, does.
        """
        if error.code < _WRONG_BATCH:
            raise error
        running = self._scheduler.running
        if error.code == NO_ROOM and self._cache.forget_resting():
            return  # planned again, with more room
        if error.code == NO_ROOM and len(running) > 1:
            self._scheduler.set_back()
        elif len(chunks) == 1:
            self._fail(self._jobs[chunks[0].sequence.name], failures.internal(chunks[0].sequence.name, error.message))
        else:
            for chunk in chunks:
                sequence = chunk.sequence
                if sequence.line is None:
                    continue
                if self._context.truncate(sequence.line, sequence.computed):
                    self._turn = time.perf_counter()
                    self._step([chunk])
                else:
                    self._scheduler.set_back(sequence)

    def _finish(self, job: Job, reason: FinishReason | None = None) -> None:
        job.answer.reason = reason or job.answer.reason
        timings = job.clock.timings()
        self._outbox += job.answer.finish(job.prompt_tokens, timings, (job.guessed, job.right))
        seconds = timings.prompt_seconds + timings.generation_seconds
        self._seconds_per_request += 0.2 * (seconds - self._seconds_per_request)
        self._close(job, keep=True)

    def _fail(self, job: Job, failure: Failed) -> None:
        self._outbox.append(failure)
        self._close(job, keep=failure.kind is not FailureKind.INTERNAL)

    def _close(self, job: Job, *, keep: bool) -> None:
        self._tally.guesses(job)
        self._scheduler.leave(job.sequence, keep=keep)
        job.close()
        del self._jobs[job.request.id]

    def _tell(self) -> None:
        if self._next_tokens:
            self._send.at(self._due, *self._next_tokens)
            self._next_tokens.clear()
        if self._outbox:
            self._send(*self._outbox)
            self._outbox.clear()


def _failure(request_id: str, error: Exception) -> Failed:
    if isinstance(error, GrammarError):
        return failures.invalid(request_id, error.message)
    traceback.print_exception(error)
    return failures.internal(request_id, "The engine met an unforeseen error.")

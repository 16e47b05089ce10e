"""Serves requests one after the other, in the order they came.

The interface is what lasts (`submit` and `cancel` from any thread, `run` in the thread that owns the model, events out
through `send`); how requests share the model is this module's own business.
"""

from __future__ import annotations

import os
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing

from runtime.engine import failures
from runtime.engine.core import (
    Event,
    Failed,
    FailureKind,
    Finished,
    FinishReason,
    GenerationRequest,
    Started,
    TextDelta,
    Timings,
)
from runtime.engine.text import TextAssembler
from runtime.engine.worker.context import Batch, Context
from runtime.engine.worker.model import Model
from runtime.engine.worker.sampling import GrammarError, Sampler
from runtime.errors import EngineError

_SEQUENCE = 0


class Loop:
    """A first-come-first-served loop over one sequence. What the last request left in the cache, the next may use."""

    def __init__(self, context: Context, send: Callable[[Event], None]) -> None:
        self._context = context
        self._model = context.model
        self._send = send
        self._batch = Batch(context.model, context.batch_tokens)
        self._remembered: list[int] = []  # the tokens whose state the cache holds
        self._end_tokens: list[int] | None = None
        self._changed = threading.Condition()
        self._waiting: deque[GenerationRequest] = deque()
        self._running = ""
        self._cancelled = False

    def submit(self, request: GenerationRequest) -> None:
        """Queue a request. Any thread."""
        with self._changed:
            self._waiting.append(request)
            self._changed.notify()

    def cancel(self, request_id: str) -> None:
        """Nobody waits for this request any more. Any thread; of no effect once it is over."""
        with self._changed:
            if request_id == self._running:
                self._cancelled = True
            for request in [waiting for waiting in self._waiting if waiting.id == request_id]:
                self._waiting.remove(request)
                self._send(Finished(request_id, FinishReason.CANCELLED, 0, 0, Timings(0.0, 0.0)))

    def run(self) -> None:
        """Serve for ever."""
        while True:
            request = self._next()
            try:
                for event in self._serve(request):
                    self._send(event)
            except GrammarError as error:
                self._send(failures.invalid(request.id, error.message))
            except EngineError as error:
                self._forget()
                self._send(Failed(request.id, FailureKind.INTERNAL, error.message))
            except Exception:
                self._forget()
                traceback.print_exc()
                self._send(Failed(request.id, FailureKind.INTERNAL, "The engine met an unforeseen error."))

    def _next(self) -> GenerationRequest:
        with self._changed:
            self._running = ""
            while not self._waiting:
                self._changed.wait()
            request = self._waiting.popleft()
            self._running, self._cancelled = request.id, False
            return request

    def _serve(self, request: GenerationRequest) -> Iterator[Event]:
        """Admit, compute the prompt, then draw and compute token by token until there is a reason to end."""
        prompt = self._admit(request)
        if isinstance(prompt, Failed):
            yield prompt
            return
        seed = int.from_bytes(os.urandom(4)) if request.sampling.seed is None else request.sampling.seed
        forbidden = self._ends() if request.ignore_eos else ()
        with closing(Sampler(self._model, request.sampling, seed, prompt, forbidden=forbidden)) as sampler:
            clock = _Clock()
            cached = self._reuse(prompt)
            yield Started(request.id, len(prompt), cached, seed)
            answer = _Answer(self._model, request, room=self._context.size - len(prompt))
            try:
                output = self._compute(prompt[cached:])
                clock.prompt_done()
                while answer.reason is None:
                    token = sampler.sample(self._context, output, answer.count)
                    yield from answer.take(token)
                    if answer.reason is None:
                        output = self._compute([token])
            except _Cancelled:
                answer.reason = FinishReason.CANCELLED
            yield from answer.finish(len(prompt), clock.timings())

    def _admit(self, request: GenerationRequest) -> list[int] | Failed:
        """The prompt's tokens, or why the request cannot be served."""
        if not self._model.generates:
            return failures.invalid(request.id, "This model does not generate text.")
        if request.sampling.json_schema is not None:
            return failures.invalid(request.id, "Answers in the form of a JSON Schema are not supported yet.")
        if request.sampling.grammar is not None and request.ignore_eos:
            return failures.invalid(
                request.id, "A grammar says itself where it ends; it cannot be used with ignore_eos."
            )
        try:
            prompt = self._model.prompt_tokens(request.prompt)
        except EngineError as error:
            return failures.invalid(request.id, error.message)
        if not prompt:
            return failures.empty_prompt(request.id)
        if len(prompt) >= self._context.size:
            return failures.too_long(request.id, len(prompt), self._context.size)
        return prompt

    def _reuse(self, prompt: list[int]) -> int:
        """Cut the cache down to what it shares with the prompt; how many tokens need not be computed again.

        The prompt's last token always is: only computing it gives the logits of the first token of the answer.
        """
        pairs = zip(self._remembered, prompt[:-1], strict=False)
        shared = next(
            (at for at, (old, new) in enumerate(pairs) if old != new), min(len(self._remembered), len(prompt) - 1)
        )
        if shared < len(self._remembered) and not self._context.truncate(_SEQUENCE, shared):
            self._context.clear()
            shared = 0
        self._remembered = prompt[:shared]
        return shared

    def _compute(self, tokens: list[int]) -> int:
        """Decode the sequence's next tokens; the batch entry to sample from. Raises `_Cancelled` between batches."""
        output = -1
        for start in range(0, len(tokens), self._batch.capacity):
            if self._cancelled:
                raise _Cancelled
            chunk = tokens[start : start + self._batch.capacity]
            self._batch.clear()
            for token in chunk:
                is_last = start + len(self._batch) + 1 == len(tokens)
                output = self._batch.add(token, len(self._remembered) + len(self._batch), _SEQUENCE, output=is_last)
            self._context.decode(self._batch)
            self._remembered += chunk
        return output

    def _forget(self) -> None:
        """After a failure: nothing in the cache is to be trusted."""
        self._context.clear()
        self._remembered = []

    def _ends(self) -> list[int]:
        """All tokens that end a generation; looked up once, for the whole vocabulary has to be asked."""
        if self._end_tokens is None:
            model = self._model
            self._end_tokens = [token for token in range(model.vocabulary_size) if model.ends_generation(token)]
        return self._end_tokens


class _Cancelled(Exception):  # noqa: N818 - no error: the caller went away
    """Unwinds the running request."""


class _Clock:
    """Times the two halves of a request."""

    def __init__(self) -> None:
        self._begin = self._prompt_end = time.perf_counter()

    def prompt_done(self) -> None:
        """What comes now is generation."""
        self._prompt_end = time.perf_counter()

    def timings(self) -> Timings:
        """Both halves up to now."""
        return Timings(self._prompt_end - self._begin, time.perf_counter() - self._prompt_end)


class _Answer:
    """The answer so far, and whether it is over. `room`: tokens that fit into the context."""

    def __init__(self, model: Model, request: GenerationRequest, room: int) -> None:
        self._model = model
        self._request = request
        self._limit = room if request.max_tokens is None else min(room, request.max_tokens)
        self._text = TextAssembler(request.stop)
        self._untold: list[int] = []
        self.count = 0
        self.reason = None if self._limit > 0 else FinishReason.LENGTH

    def take(self, token: int) -> Iterator[TextDelta]:
        """The next token; its text, if any may be shown yet."""
        self.count += 1
        if self._model.ends_generation(token):
            self.reason = FinishReason.STOP
            return
        self._untold.append(token)
        yield from self._tell(self._text.push(self._model.piece(token)))
        if self._text.stopped_by is not None:
            self.reason = FinishReason.STOP
        elif self.count >= self._limit:
            self.reason = FinishReason.LENGTH

    def finish(self, prompt_tokens: int, timings: Timings) -> Iterator[Event]:
        """What was held back, and the end."""
        yield from self._tell(self._text.finish())
        reason = self.reason or FinishReason.STOP
        yield Finished(self._request.id, reason, prompt_tokens, self.count, timings, self._text.stopped_by)

    def _tell(self, text: str) -> Iterator[TextDelta]:
        if text:
            yield TextDelta(self._request.id, text, tuple(self._untold))
            self._untold.clear()

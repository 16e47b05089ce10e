"""A request on its way through the worker: what came, what it is computed from, what comes out."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from runtime.engine import failures
from runtime.engine.core import Failed, GenerationRequest, Timings
from runtime.engine.worker.answer import Answer
from runtime.engine.worker.budget import Budget
from runtime.engine.worker.context import Context
from runtime.engine.worker.lookup import Lookup
from runtime.engine.worker.model import Model
from runtime.engine.worker.sampling import Sampler
from runtime.engine.worker.sequence import Sequence, shifted
from runtime.errors import EngineError


class Clock:
    """Times a request: its two halves, and when its tokens come."""

    def __init__(self) -> None:
        self._begin = time.perf_counter()
        self._admitted = self._begin
        self._prompt_end = self._last = 0.0

    def admitted(self) -> None:
        """Its first half begins; the first token is waited for since it came."""
        self._admitted = time.perf_counter()

    def token(self) -> tuple[bool, float]:
        """A token was drawn: whether it is the first, and how long it was waited for."""
        now, last = time.perf_counter(), self._last
        self._last = now
        return not last, now - (last or self._begin)

    def prompt_done(self) -> None:
        """What comes now is generation; of effect the first time only."""
        self._prompt_end = self._prompt_end or time.perf_counter()

    def timings(self) -> Timings:
        """Both halves up to now."""
        now = time.perf_counter()
        prompt_end = self._prompt_end or now
        return Timings(prompt_end - self._admitted, now - prompt_end)


@dataclass(slots=True, eq=False)
class Job:
    """A request that can be served. sampler: made when it is admitted first. place: as told while it waits.

    is_started: it was told that it is being computed. lookup: guesses its next tokens, where that is wished; foretold:
    what they may be. judge: is told how many tokens are being guessed now, and how many of them were right; guessed,
    right: of all that were. keep: tokens that stay where it goes on beyond the end of the context; None where it ends
    there. forbidden: tokens that are never drawn.
    """

    request: GenerationRequest
    prompt: list[int]
    seed: int
    sequence: Sequence
    answer: Answer
    sampler: Sampler | None = None
    place: int = 0
    is_started: bool = False
    lookup: Lookup | None = None
    foretold: list[int] = field(default_factory=list)
    judge: Callable[[int, int], None] | None = None
    guessed: int = 0
    right: int = 0
    keep: int | None = None
    forbidden: tuple[int, ...] = ()
    clock: Clock = field(default_factory=Clock)

    @property
    def prompt_tokens(self) -> int:
        """How many tokens the prompt has."""
        return len(self.prompt)

    @property
    def is_over(self) -> bool:
        """Whether there is nothing more to draw."""
        return self.answer.reason is not None

    def begin(self, context: Context) -> None:
        """Make ready to draw. Raises `GrammarError`."""
        self.clock.admitted()
        self.sampler = Sampler(
            context.model,
            self.request.sampling,
            self.seed,
            self.prompt,
            forbidden=self.forbidden,
            context_size=context.size,
            budget=Budget(context.model, self.request.reasoning) if self.request.reasoning else None,
        )
        self.sampler.replay(self.request.answered)

    def close(self) -> None:
        """Free what it holds."""
        if self.sampler is not None:
            self.sampler.close()
            self.sampler = None


def examine(request: GenerationRequest, arrival: int, context: Context) -> Job | Failed:
    """The job of a request, or why it cannot be served. Any thread; costs what tokenising the prompt costs; the first
    that goes on for so many tokens, whatever comes, also what looking through the whole vocabulary costs.
    """
    model = context.model
    if not context.generates:
        return failures.invalid(request.id, "This model does not generate text.")
    if request.sampling.grammar is not None and request.ignore_eos:
        return failures.invalid(request.id, "A grammar says itself where it ends; it cannot be used with ignore_eos.")
    try:
        prompt = model.prompt_tokens(request.prompt)
        answered = model.checked(request.answered)
        model.checked(bias.token for bias in request.sampling.logit_bias)
    except EngineError as error:
        return failures.invalid(request.id, error.message)
    if not prompt:
        return failures.empty_prompt(request.id)
    if len(prompt) >= context.size:
        return failures.too_long(request.id, len(prompt), context.size)
    seed = int.from_bytes(os.urandom(4)) if request.sampling.seed is None else request.sampling.seed
    answer = Answer(model, request, room=context.size - len(prompt) if request.shift is None else None)
    tokens, keep = [*prompt, *answered], _kept(request, prompt, model)
    if keep is not None:
        tokens = shifted(tokens, keep, context.size)
    foretold: list[int] = []
    if request.prediction:
        foretold = model.tokenize(request.prediction, parse_special=False, add_special=False)
    return Job(
        *(request, prompt, seed, Sequence(request.id, arrival, tokens), answer),
        foretold=foretold,
        keep=keep,
        forbidden=model.end_tokens if request.ignore_eos else (),
    )


def _kept(request: GenerationRequest, prompt: list[int], model: Model) -> int | None:
    if request.shift is None:
        return None
    return len(prompt) if request.shift < 0 else request.shift + (model.adds_bos and prompt[0] == model.bos)

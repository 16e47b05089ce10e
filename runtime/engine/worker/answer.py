"""One request's answer: its text as far as it may be shown, and whether it is over."""

from __future__ import annotations

import math
from collections.abc import Iterator

from runtime.engine.core import Finished, FinishReason, GenerationRequest, TextDelta, Timings, TokenChances
from runtime.engine.text import TextAssembler
from runtime.engine.worker.model import Model


class Answer:
    """The answer so far. room: tokens that fit into the context, None for any number.

    count: tokens drawn, an end token included.
    """

    def __init__(self, model: Model, request: GenerationRequest, room: int | None) -> None:
        self._model = model
        self._request = request
        self._limit = min((limit for limit in (room, request.max_tokens) if limit is not None), default=math.inf)
        self._text = TextAssembler(request.stop, request.indent)
        self._visible = model.control_tokens(request.visible)
        self._untold: list[int] = []
        self._chances: list[TokenChances] = []
        self.count = 0
        self._has_line = False
        self.reason = None if self._limit > 0 else FinishReason.LENGTH
        for token in request.answered:
            self._text.push(self._piece(token))
            self._count()
            if model.ends_generation(token) and not request.ignore_eos:
                self.reason = FinishReason.STOP

    @property
    def left(self) -> float:
        """How many tokens it may still have."""
        return self._limit - self.count

    def take(self, token: int, chances: TokenChances | None = None) -> Iterator[TextDelta]:
        """The next token; its text, if any may be shown yet."""
        ends = self._model.ends_generation(token)
        if not ends or token in self._visible:
            self._untold.append(token)
            if chances is not None:
                self._chances.append(chances)
            yield from self._tell(self._text.push(self._piece(token)))
        self._count()
        if ends:
            self.reason = FinishReason.STOP

    def look_at_the_clock(self, seconds: float) -> None:
        """It has been written for so long: it ends where it was given less, and has a line."""
        if self._request.seconds is not None and self._has_line and seconds > self._request.seconds:
            self.reason = self.reason or FinishReason.LENGTH

    def finish(self, prompt_tokens: int, timings: Timings, guesses: tuple[int, int]) -> Iterator[TextDelta | Finished]:
        """What was held back, and the end. guesses: how many were tried, and how many were right."""
        yield from self._tell(self._text.finish())
        reason = self.reason or FinishReason.STOP
        yield Finished(self._request.id, reason, prompt_tokens, self.count, timings, self._text.stopped_by, *guesses)

    def _count(self) -> None:
        self.count += 1
        if self._text.stopped_by is not None:
            self.reason = FinishReason.STOP
        elif self._text.is_outdented or self.count >= self._limit:
            self.reason = FinishReason.LENGTH

    def _piece(self, token: int) -> bytes:
        return self._model.piece(token, special=token in self._visible)

    def _tell(self, text: str) -> Iterator[TextDelta]:
        if text:
            self._has_line = self._has_line or "\n" in text
            yield TextDelta(self._request.id, text, tuple(self._untold), tuple(self._chances))
            self._untold.clear()
            self._chances.clear()

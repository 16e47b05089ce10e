"""One answer, or several to the same prompt, as events that every dialect tells in its own words.

Started, any number of pieces, Ended. Whatever fails is raised as `ApiError`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from runtime.api.errors import ApiError, of_failure, unavailable
from runtime.chat.parsers.pieces import CallArguments, CallStart, Content, Piece, Spent
from runtime.engine.core import (
    Failed,
    Finished,
    FinishReason,
    GenerationRequest,
    Queued,
    Reading,
    Started,
    TextDelta,
    TokenChances,
)

if TYPE_CHECKING:
    from runtime.api.service import Asked, Service

_WAITING = 64  # events of all answers together, before those that make them wait


@dataclass(frozen=True, slots=True)
class Ended:
    """The answer is complete. reason: "stop", "length" or "tool_calls". cached_tokens: of the prompt.

    reasoning_tokens: of the answer, those that went into reasoning that was told apart.
    """

    reason: str
    finished: Finished
    cached_tokens: int
    reasoning_tokens: int = 0

    @property
    def spent(self) -> Spent:
        """All it took."""
        timings = self.finished.timings
        return Spent(
            self.finished.prompt_tokens, self.cached_tokens, self.finished.completion_tokens,
            timings.prompt_seconds, timings.generation_seconds, self.finished.guessed, self.finished.right,
        )  # fmt: skip


AnswerEvent = Started | Piece | Ended


def answers(
    service: Service, asked: Asked
) -> AbstractAsyncContextManager[AsyncGenerator[tuple[int, AnswerEvent], None]]:
    """The events of all answers, each with the index of its answer. Leaving the context cancels what is left."""
    return aclosing(_one(service, asked) if len(asked.requests) == 1 else _several(service, asked))


async def _one(service: Service, asked: Asked) -> AsyncGenerator[tuple[int, AnswerEvent], None]:
    async with aclosing(_answer(service, asked, asked.requests[0])) as events:
        async for event in events:
            yield 0, event


async def _several(service: Service, asked: Asked) -> AsyncGenerator[tuple[int, AnswerEvent], None]:
    queue: asyncio.Queue[tuple[int, AnswerEvent | Exception]] = asyncio.Queue(_WAITING)

    async def run(index: int, request: GenerationRequest) -> None:
        try:
            async with aclosing(_answer(service, asked, request)) as events:
                async for event in events:
                    await queue.put((index, event))
        except Exception as error:
            await queue.put((index, error))

    tasks = [asyncio.ensure_future(run(index, request)) for index, request in enumerate(asked.requests)]
    try:
        left = len(tasks)
        while left:
            index, event = await queue.get()
            if isinstance(event, Exception):
                raise event
            left -= isinstance(event, Ended)
            yield index, event
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _answer(service: Service, asked: Asked, request: GenerationRequest) -> AsyncGenerator[AnswerEvent, None]:
    parser = asked.prompt.parser() if asked.prompt.parser else None
    cached = calls = 0
    chances: tuple[TokenChances, ...] = ()
    meter: Meter | None = None
    with service.metrics.running(request.id):
        async with service.generate(request) as events:
            async for event in events:
                if type(event) is TextDelta:
                    spent = meter.count(event) if meter else None
                    if parser is None:
                        yield Content(event.text, event.chances, spent)
                        continue
                    pieces = parser.push(event.text, len(event.tokens))
                    if asked.with_chances:
                        pieces, chances = _with_chances(pieces, (*chances, *event.chances))
                    for piece in pieces:
                        calls += type(piece) is CallStart
                        if _is_wanted(asked, piece):
                            yield replace(piece, spent=spent) if spent and isinstance(piece, Content) else piece
                    continue
                match event:
                    case Queued() | Reading() if asked.on_waiting:
                        await asked.on_waiting(event)
                    case Started():
                        cached = event.cached_tokens
                        service.metrics.started(event)
                        meter = Meter(event) if asked.metered else None
                        yield event
                    case Failed():
                        raise of_failure(event)
                    case Finished():
                        service.metrics.finished(event)
                        for piece in parser.finish() if parser else ():
                            calls += type(piece) is CallStart
                            if _is_wanted(asked, piece):
                                yield piece
                        thought = parser.reasoning_tokens if parser else 0
                        yield Ended(_reason(event, called=calls > 0), event, cached, thought)
                        return
    raise ApiError(500, "The engine ended the answer without saying why.", "internal_error")


class Meter:
    """Watches how long an answer takes, from its admission on."""

    def __init__(self, started: Started) -> None:
        self._started = started
        self._begin = time.perf_counter()
        self._first = 0.0
        self._count = 0

    def count(self, delta: TextDelta) -> Spent:
        """More text came; what it took up to here."""
        now = time.perf_counter()
        self._first = self._first or now
        self._count += len(delta.tokens)
        times = (self._first - self._begin, now - self._first)
        return Spent(self._started.prompt_tokens, self._started.cached_tokens, self._count, *times)


def _with_chances(
    pieces: list[Piece], chances: tuple[TokenChances, ...]
) -> tuple[list[Piece], tuple[TokenChances, ...]]:
    """Chances go with the content they are of, and wait for it; those of reasoning and calls are told to nobody."""
    told: list[Piece] = []
    for piece in pieces:
        told.append(replace(piece, chances=_behind(piece.text, chances)) if isinstance(piece, Content) else piece)
        chances = ()
    return told, chances


def _behind(text: str, chances: tuple[TokenChances, ...]) -> tuple[TokenChances, ...]:
    """The last tokens that make up `text`; what came before them was a tag."""
    missing = len(text.encode("utf-8", "replace"))
    at = len(chances)
    while at and missing > 0:
        at -= 1
        missing -= len(chances[at].drawn.bytes)
    return chances[at:]


def _is_wanted(asked: Asked, piece: Piece) -> bool:
    """A model that was asked for one call may write more of them."""
    return not (asked.one_call and isinstance(piece, CallStart | CallArguments) and piece.index > 0)


def _reason(finished: Finished, *, called: bool) -> str:
    match finished.reason:
        case FinishReason.STOP:
            return "tool_calls" if called else "stop"
        case FinishReason.LENGTH:
            return "length"
        case FinishReason.CANCELLED:  # by somebody else than the client: it would have left
            raise unavailable("The request was cancelled because the server is stopping.", "stopped")

"""What the routes of every dialect stand on: the engine, its template, and the way from a conversation to requests."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar, cast

from runtime.api.about import About
from runtime.api.errors import invalid, of_template, unavailable
from runtime.api.metrics import Metrics
from runtime.api.settings import ServerSettings, UiConfig
from runtime.api.vouching import Check, Closing
from runtime.chat.template import ChatTemplate, TemplateError
from runtime.engine.core import (
    Engine,
    EngineState,
    Event,
    GenerationRequest,
    ModelFacts,
    Queued,
    Reading,
    SamplingParams,
)

if TYPE_CHECKING:
    from pydantic import BaseModel

    from runtime.api.streams import Streams
    from runtime.chat.prompt import Conversation, Prompt


_SHAPES = ("grammar", "json_schema", "response_format", "format", "text", "output_config", "options", "tools")
"""What a request may say of its answer's shape, in whatever dialect."""

_Body = TypeVar("_Body", bound="BaseModel")
_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class Asked:
    """What the engine is asked, one request for each answer, and how its answers are read.

    one_call: no more than one call is told. metered: content tells what it took so far. on_waiting: hears the place in
    the queue, and how far the prompt is read, for whom wants to know.
    """

    requests: tuple[GenerationRequest, ...]
    prompt: Prompt
    one_call: bool = False
    metered: bool = False
    on_waiting: Callable[[Queued | Reading], Awaitable[None]] | None = None

    @property
    def with_chances(self) -> bool:
        """Whether the tokens' probabilities were asked for."""
        return self.requests[0].sampling.n_probs is not None

    @property
    def id(self) -> str:
        """Of all of it together."""
        return self.requests[0].id


class Service:
    """What the routes stand on. `closing` is set when the server begins to stop; check: of the model's bytes."""

    def __init__(
        self, engine: Engine, settings: ServerSettings, ui: UiConfig, about: About, check: Check | None = None
    ) -> None:
        self.engine = engine
        self.settings = settings
        self.ui = ui
        self.about = about
        self.check = check
        self.closing = Closing()
        self.metrics = Metrics()
        self._careful = ThreadPoolExecutor(1, "shapes")
        self._streams: Streams | None = None
        self._template: tuple[ModelFacts, ChatTemplate] | None = None

    @property
    def facts(self) -> ModelFacts | None:
        """What the loaded model is, once it was."""
        return self.engine.facts

    @property
    def streams(self) -> Streams:
        """The streams that outlive their connections."""
        if self._streams is None:
            from runtime.api.streams import Streams

            self._streams = Streams()
        return self._streams

    def ready_facts(self) -> ModelFacts:
        """The same, or `ApiError` 503 with the state while there is no model to ask."""
        if self.closing.is_set():  # a connection that is kept alive gets here until the very end
            raise self.closing.error
        status, facts = self.engine.status, self.engine.facts
        if status.state in (EngineState.FAILED, EngineState.STOPPED):
            raise unavailable(status.detail or "The engine has stopped.", "engine_failed")
        if facts is None:
            raise unavailable("The model is still loading; please try again in a moment.", "model_loading")
        return facts

    def template(self, facts: ModelFacts) -> ChatTemplate:
        """The chat template in use; made again only if the model's facts change."""
        if self._template is None or self._template[0] is not facts:
            self._template = facts, ChatTemplate.of(facts, self.settings.chat_template)
        return self._template[1]

    async def read(self, make: Callable[[_Body, SamplingParams], _Read], body: _Body) -> _Read:
        """What a request asks for. Raises `ApiError`.

        Shapes are looked at one after the other, in a thread of their own: one may take a second or two, and neither a
        stream nor a request without any waits for that.
        """
        if not any(getattr(body, name, None) for name in _SHAPES):
            return make(body, self.settings.sampling)
        return await asyncio.get_running_loop().run_in_executor(self._careful, make, body, self.settings.sampling)

    async def prepare(self, asked: Conversation) -> Asked:
        """Render the prompt. Raises `ApiError`. Long conversations render in a thread, so that no stream stalls."""
        from runtime.chat.prompt import CannotAskError, compose

        template = self.template(self.ready_facts())
        executor = self._careful if asked.tools else None
        try:
            prompt = await asyncio.get_running_loop().run_in_executor(executor, compose, template, asked)
        except TemplateError as error:
            raise of_template(error) from None
        except CannotAskError as error:
            raise invalid(f"Refused: {error.message}.", error.field, "unsupported_value") from None
        sampling = asked.sampling
        if prompt.grammar is not None:
            sampling = replace(sampling, grammar=prompt.grammar, grammar_triggers=prompt.triggers)
        first = GenerationRequest(
            id=uuid.uuid4().hex,
            prompt=prompt.text,
            sampling=sampling,
            max_tokens=asked.max_tokens,
            stop=(*asked.stop, *prompt.stop),
            ignore_eos=asked.ignore_eos,
            visible=prompt.marks,
            shift=asked.shift,
            prediction=asked.prediction,
            reasoning=prompt.reasoning,
        )
        return Asked(repeated(first, asked.answers), prompt, one_call=not asked.parallel)

    def generate(self, request: GenerationRequest) -> AbstractAsyncContextManager[AsyncGenerator[Event, None]]:
        """The engine's events; leaving the context cancels whatever is left of the request."""
        return aclosing(cast("AsyncGenerator[Event, None]", self.engine.generate(request)))


def raw_request(
    prompt: str | Sequence[int],
    sampling: SamplingParams,
    max_tokens: int | None,
    stop: tuple[str, ...],
    *,
    ignore_eos: bool = False,
    seconds: float | None = None,
    shift: int | None = None,
    indent: int = 0,
) -> GenerationRequest:
    """A request whose prompt is the caller's own, with no template between."""
    return GenerationRequest(
        uuid.uuid4().hex, prompt, sampling, max_tokens, stop, ignore_eos, seconds=seconds, shift=shift, indent=indent
    )


def repeated(request: GenerationRequest, count: int) -> tuple[GenerationRequest, ...]:
    """The same request several times; a seed that was given counts up, or all answers would be one."""

    def another(index: int) -> GenerationRequest:
        seed = request.sampling.seed
        sampling = request.sampling if seed is None else replace(request.sampling, seed=(seed + index) % 2**32)
        return replace(request, id=f"{request.id}-{index}", sampling=sampling)

    return (request, *(another(index) for index in range(1, count)))

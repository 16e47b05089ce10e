"""The one inner request that every dialect is translated to, and what all of them share."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, aclosing
from dataclasses import dataclass
from typing import Any, cast

from runtime.api.errors import of_template, unavailable
from runtime.api.settings import ServerSettings, UiConfig
from runtime.chat.template import ChatTemplate, TemplateError
from runtime.engine.core import Engine, EngineState, Event, GenerationRequest, ModelFacts, SamplingParams


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages to be answered, in the shape templates expect, and how.

    variables: what the caller hands the template beyond its messages ("enable_thinking").
    """

    messages: Sequence[Mapping[str, Any]]
    sampling: SamplingParams
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    ignore_eos: bool = False
    variables: Mapping[str, Any] | None = None


class Service:
    """What the routes stand on. `closing` is set when the server begins to stop."""

    def __init__(self, engine: Engine, settings: ServerSettings, ui: UiConfig) -> None:
        self.engine = engine
        self.settings = settings
        self.ui = ui
        self.closing = asyncio.Event()
        self._template: tuple[ModelFacts, ChatTemplate] | None = None

    @property
    def facts(self) -> ModelFacts | None:
        """What the loaded model is, once it was."""
        return self.engine.facts

    def ready_facts(self) -> ModelFacts:
        """The same, or `ApiError` 503 with the state while there is no model to ask."""
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

    async def prepare(self, asked: Conversation) -> GenerationRequest:
        """Render the prompt. Raises `ApiError`. Long conversations render in a thread, so that no stream stalls."""
        template = self.template(self.ready_facts())
        try:
            prompt = await asyncio.to_thread(template.render, asked.messages, variables=asked.variables)
        except TemplateError as error:
            raise of_template(error) from None
        return GenerationRequest(
            id=uuid.uuid4().hex,
            prompt=prompt,
            sampling=asked.sampling,
            max_tokens=asked.max_tokens,
            stop=(*asked.stop, *template.stops),
            ignore_eos=asked.ignore_eos,
        )

    def generate(self, request: GenerationRequest) -> AbstractAsyncContextManager[AsyncGenerator[Event, None]]:
        """The engine's events; leaving the context cancels whatever is left of the request."""
        return aclosing(cast("AsyncGenerator[Event, None]", self.engine.generate(request)))

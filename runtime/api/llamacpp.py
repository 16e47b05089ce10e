"""llama-server's own dialect: `/completion`, tokens, templates, and what the server is. None of it shows another
user's text: `/slots` and `/metrics` are numbers.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from runtime.api.answer import Ended
from runtime.api.door import read_body
from runtime.api.errors import ApiError, Shape, invalid, json_response, of_failure, sse, unavailable
from runtime.api.fields import SamplingFields, sampling_of
from runtime.api.limits import checked_stops
from runtime.api.openai import schema
from runtime.api.openai.completions import checked_tokens
from runtime.api.openai.usage import timings
from runtime.api.parse import parse
from runtime.api.reply import Reply, Sink
from runtime.api.service import Service, raw_request
from runtime.engine.core import Failed, Finished, FinishReason, GenerationRequest, Started, TextDelta
from runtime.errors import EngineError


class CompletionBody(SamplingFields):
    """`/completion`: text or tokens to go on with."""

    prompt: str | Annotated[list[Any], Field(min_length=1, description="Token ids, texts between them.")]
    n_predict: Annotated[int | None, Field(ge=-1)] = None
    max_tokens: Annotated[int | None, Field(ge=-1)] = None
    stop: str | list[str] | None = None
    stream: bool | None = None
    return_tokens: bool | None = None
    model: str | None = None


class TokenizeBody(BaseModel):
    """`/tokenize`."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)

    content: str
    add_special: bool = False
    parse_special: bool = True
    with_pieces: bool = False


class DetokenizeBody(BaseModel):
    """`/detokenize`."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)

    tokens: list[int]


def _document(error: ApiError) -> dict[str, Any]:
    return {"error": {"code": error.status, "message": error.message, "type": error.type}}


SHAPE = Shape(_document, sse)
BODIES = {
    "completion": CompletionBody,
    "tokenize": TokenizeBody,
    "detokenize": DetokenizeBody,
    "apply_template": schema.ChatCompletionRequest,
}


async def completion(service: Service, request: Request) -> Response:
    """Go on with a text, at once or as a stream of server-sent events."""
    body = parse(CompletionBody, await read_body(request, service.settings.max_body_bytes))
    service.ready_facts()
    limit = body.n_predict if body.n_predict is not None else body.max_tokens
    asked = raw_request(
        await _prompt(service, body.prompt),
        sampling_of(body, service.settings.sampling),
        None if limit is None else schema.checked_limit(limit, "n_predict"),
        checked_stops(body.stop),
        ignore_eos=bool(body.ignore_eos),
    )
    answer = _Completion(service, asked, with_tokens=bool(body.return_tokens))
    if body.stream:
        return Reply(answer.stream, service.closing, SHAPE, service.streams)
    return Reply(answer.whole, service.closing, SHAPE)


async def tokenize(service: Service, request: Request) -> Response:
    """Token ids of a text."""
    body = parse(TokenizeBody, await read_body(request, service.settings.max_body_bytes))
    tokens = await _tokens(service, body.content, parse_special=body.parse_special, add_special=body.add_special)
    if not body.with_pieces:
        return json_response({"tokens": tokens})
    pieces = [{"id": token, "piece": await service.engine.detokenize([token])} for token in tokens]
    return json_response({"tokens": pieces})


async def detokenize(service: Service, request: Request) -> Response:
    """Text of token ids."""
    body = parse(DetokenizeBody, await read_body(request, service.settings.max_body_bytes))
    service.ready_facts()
    try:
        return json_response({"content": await service.engine.detokenize(checked_tokens(body.tokens, "tokens"))})
    except EngineError as error:
        raise invalid(error.message, "tokens") from None


async def apply_template(service: Service, request: Request) -> Response:
    """The prompt that a conversation becomes."""
    body = await read_body(request, service.settings.max_body_bytes)
    asked = parse(schema.ChatCompletionRequest, body)
    prepared = await service.prepare(schema.conversation(asked, service.settings.sampling))
    return json_response({"prompt": prepared.requests[0].prompt})


async def props(service: Service, _: Request) -> Response:
    """What the server is and what a request gets that asks for nothing."""
    facts = service.ready_facts()
    template = service.template(facts)
    return json_response(
        {
            "default_generation_settings": {"n_ctx": facts.context_size, "params": asdict(service.settings.sampling)},
            "total_slots": facts.parallel,
            "model_alias": service.settings.model_id,
            "model_path": facts.name,  # never a path of this machine
            "chat_template": template.source,
            "chat_template_tool_use": template.source if template.mentions_tools else "",
            "bos_token": facts.bos_text,
            "eos_token": facts.eos_text,
            "modalities": {"vision": False, "audio": False},
            "build_info": f"pannier ({facts.backend})",
            "is_sleeping": False,
        }
    )


async def slots(service: Service, _: Request) -> Response:
    """How many requests run; requests are not bound to slots, so only their number is true."""
    facts = service.ready_facts()
    running = min(service.metrics.processing, facts.parallel)
    rows = [{"id": at, "n_ctx": facts.context_size, "is_processing": at < running} for at in range(facts.parallel)]
    return json_response(rows)


async def metrics(service: Service, _: Request) -> Response:
    """Counters, as Prometheus reads them."""
    text = service.metrics.as_prometheus(service.engine.status, service.engine.counters)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


class _Completion:
    """One answer in either form."""

    def __init__(self, service: Service, asked: GenerationRequest, *, with_tokens: bool) -> None:
        self._service = service
        self._asked = asked
        self._with_tokens = with_tokens
        self._prompt_tokens = self._cached_tokens = self._count = 0

    async def whole(self, sink: Sink) -> None:
        """All of it in one JSON document."""
        text: list[str] = []
        tokens: list[int] = []
        finished = await self._run(sink, text, tokens, stream=False)
        await sink.whole(json_response(self._last(finished, "".join(text), tokens)))

    async def stream(self, sink: Sink) -> None:
        """An event for each piece of text; the last one has everything else."""
        finished = await self._run(sink, [], [], stream=True)
        await sink.event(json.dumps(self._last(finished, "", [])))
        await sink.close()

    async def _run(self, sink: Sink, text: list[str], tokens: list[int], *, stream: bool) -> Finished:
        metrics = self._service.metrics
        with metrics.running(self._asked.id):
            async with self._service.generate(self._asked) as events:
                async for event in events:
                    match event:
                        case Started():
                            metrics.started(event)
                            self._prompt_tokens, self._cached_tokens = event.prompt_tokens, event.cached_tokens
                            if stream:
                                await sink.open_events()
                        case TextDelta() if stream:
                            self._count += len(event.tokens)
                            await sink.event(self._chunk(event))
                        case TextDelta():
                            text.append(event.text)
                            tokens.extend(event.tokens)
                        case Failed():
                            raise of_failure(event)
                        case Finished():
                            metrics.finished(event)
                            return event
        raise ApiError(500, "The engine ended the answer without saying why.", "internal_error")

    def _chunk(self, event: TextDelta) -> str:
        return json.dumps(
            {
                "index": 0,
                "content": event.text,
                "tokens": event.tokens,
                "stop": False,
                "id_slot": -1,
                "tokens_predicted": self._count,
                "tokens_evaluated": self._prompt_tokens,
            }
        )

    def _last(self, finished: Finished, text: str, tokens: list[int]) -> dict[str, Any]:
        sampling = asdict(self._asked.sampling)
        limit = -1 if self._asked.max_tokens is None else self._asked.max_tokens
        return {
            "index": 0,
            "content": text,
            "tokens": tokens if self._with_tokens else [],
            "id_slot": -1,
            "stop": True,
            "model": self._service.settings.model_id,
            "tokens_predicted": finished.completion_tokens,
            "tokens_evaluated": finished.prompt_tokens,
            "generation_settings": {**sampling, "n_predict": limit, "stop": list(self._asked.stop)},
            "prompt": self._asked.prompt,
            "truncated": False,
            "stop_type": _stop_type(finished),
            "stopping_word": finished.stop or "",
            "tokens_cached": finished.prompt_tokens + finished.completion_tokens,
            "timings": timings(Ended("", finished, self._cached_tokens)),
        }


def _stop_type(finished: Finished) -> str:
    match finished.reason:
        case FinishReason.STOP:
            return "eos" if finished.stop is None else "word"
        case FinishReason.LENGTH:
            return "limit"
        case FinishReason.CANCELLED:
            raise unavailable("The request was cancelled because the server is stopping.", "stopped")


async def _prompt(service: Service, given: str | list[Any]) -> str | tuple[int, ...]:
    """Text as it is; a list of token ids with texts between them becomes ids."""
    if isinstance(given, str):
        return given
    tokens: list[int] = []
    for index, part in enumerate(given):
        if isinstance(part, str):
            if len(given) > 1 and all(isinstance(one, str) for one in given):
                raise invalid("'prompt' holds several texts; ask /v1/completions for several answers.", "prompt")
            tokens += await _tokens(service, part, parse_special=True, add_special=index == 0)
        else:
            tokens += checked_tokens([part], "prompt")
    return tuple(tokens)


async def _tokens(service: Service, text: str, *, parse_special: bool, add_special: bool) -> list[int]:
    service.ready_facts()
    try:
        return await service.engine.tokenize(text, parse_special=parse_special, add_special=add_special)
    except EngineError as error:
        raise unavailable(error.message, "engine_unavailable") from None

"""OpenAI's dialect: `/v1/models` and `/v1/chat/completions`, plain and streaming.

A token's way out is one `json.dumps` of its text between two strings made once per request.
"""

from __future__ import annotations

import json
import time
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from runtime.api.door import read_body
from runtime.api.errors import ApiError, json_response, of_failure, unavailable
from runtime.api.parse import parse
from runtime.api.reply import Reply, Sink
from runtime.api.service import Service
from runtime.engine.core import Failed, Finished, FinishReason, GenerationRequest, Started, TextDelta


def router(service: Service) -> APIRouter:
    """The routes of this dialect."""
    routes = APIRouter()

    async def models() -> Response:
        """The one model, as a list."""
        return json_response({"object": "list", "data": [_model(service)]})

    async def model(model_id: str) -> Response:
        """The one model, by its name."""
        if model_id != service.settings.model_id:
            message = f"There is no model {model_id[:100]!r} here, only {service.settings.model_id!r}."
            raise ApiError(404, message, "model_not_found", "model")
        return json_response(_model(service))

    async def chat_completions(request: Request) -> Response:
        """Answer a conversation, at once or as a stream of server-sent events."""
        from runtime.api import schema

        body = await read_body(request, service.settings.max_body_bytes)
        asked = parse(schema.ChatCompletionRequest, body)
        generation = await service.prepare(schema.conversation(asked, service.settings.sampling))
        answer = _ChatAnswer(service, generation, include_usage=asked.wants_usage)
        return Reply(answer.stream if asked.stream else answer.whole, service.closing)

    routes.add_api_route("/v1/models", models, methods=["GET"], response_model=None)
    routes.add_api_route("/v1/models/{model_id:path}", model, methods=["GET"], response_model=None)
    routes.add_api_route("/v1/chat/completions", chat_completions, methods=["POST"], response_model=None)
    return routes


class _ChatAnswer:
    """One answer in this dialect, in either form."""

    def __init__(self, service: Service, request: GenerationRequest, *, include_usage: bool) -> None:
        self._service = service
        self._request = request
        self._include_usage = include_usage
        self._head = {
            "id": f"chatcmpl-{request.id}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": service.settings.model_id,
        }
        self._cached_tokens = 0

    async def whole(self, sink: Sink) -> None:
        """All of it in one JSON document."""
        pieces: list[str] = []
        async with self._service.generate(self._request) as events:
            async for event in events:
                match event:
                    case TextDelta():
                        pieces.append(event.text)
                    case Started():
                        self._cached_tokens = event.cached_tokens
                    case Failed():
                        raise of_failure(event)
                    case Finished():
                        await sink.whole(json_response(self._document("".join(pieces), event)))
                        return
        raise _unfinished()

    async def stream(self, sink: Sink) -> None:
        """A chunk per piece of text. Nothing is sent before the request is admitted, so that a refusal has a status."""
        before, after = self._around_text()
        async with self._service.generate(self._request) as events:
            async for event in events:
                if type(event) is TextDelta:
                    await sink.event(before + json.dumps(event.text) + after)
                    continue
                match event:
                    case Started():
                        self._cached_tokens = event.cached_tokens
                        await sink.open_events()
                        await sink.event(self._chunk({"role": "assistant", "content": ""}))
                    case Failed():
                        raise of_failure(event)
                    case Finished():
                        await self._finish(sink, event)
                        return
        raise _unfinished()

    async def _finish(self, sink: Sink, finished: Finished) -> None:
        await sink.event(self._chunk({}, _reason(finished), timings=self._timings(finished)))
        if self._include_usage:
            await sink.event(_dumps({**self._chunk_head(), "choices": [], "usage": self._usage(finished)}))
        await sink.event("[DONE]")
        await sink.close()

    def _document(self, text: str, finished: Finished) -> dict[str, Any]:
        message = {"role": "assistant", "content": text, "refusal": None}
        return {
            **self._head,
            "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": _reason(finished)}],
            "usage": self._usage(finished),
            "timings": self._timings(finished),
        }

    def _chunk_head(self) -> dict[str, Any]:
        return {**self._head, "object": "chat.completion.chunk"}

    def _chunk(self, delta: dict[str, Any], reason: str | None = None, **more: Any) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        usage = {"usage": None} if self._include_usage else {}
        return _dumps({**self._chunk_head(), "choices": [choice], **usage, **more})

    def _around_text(self) -> tuple[str, str]:
        mark = "\x00"
        before, after = self._chunk({"content": mark}).split(json.dumps(mark))
        return before, after

    def _usage(self, finished: Finished) -> dict[str, Any]:
        return {
            "prompt_tokens": finished.prompt_tokens,
            "completion_tokens": finished.completion_tokens,
            "total_tokens": finished.prompt_tokens + finished.completion_tokens,
            "prompt_tokens_details": {"cached_tokens": self._cached_tokens},
        }

    def _timings(self, finished: Finished) -> dict[str, Any]:
        """As llama.cpp tells them: `prompt_n` counts the tokens that had to be computed."""
        computed = finished.prompt_tokens - self._cached_tokens
        return {
            "cache_n": self._cached_tokens,
            **_rate("prompt", computed, finished.timings.prompt_seconds),
            **_rate("predicted", finished.completion_tokens, finished.timings.generation_seconds),
        }


def _model(service: Service) -> dict[str, Any]:
    about: dict[str, Any] = {
        "id": service.settings.model_id,
        "object": "model",
        "created": service.settings.created,
        "owned_by": service.ui.author or "pannier",
    }
    if facts := service.facts:
        about["meta"] = {
            "architecture": facts.architecture,
            "description": facts.description,
            "n_params": facts.parameters,
            "size": facts.size_bytes,
            "n_vocab": facts.vocabulary_size,
            "n_ctx": facts.context_size,
            "n_ctx_train": facts.trained_context,
            "chat_template": service.template(facts).origin,
        }
    return about


def _reason(finished: Finished) -> str:
    match finished.reason:
        case FinishReason.STOP:
            return "stop"
        case FinishReason.LENGTH:
            return "length"
        case FinishReason.CANCELLED:  # by somebody else than the client: it would have left
            raise unavailable("The request was cancelled because the server is stopping.", "stopped")


def _rate(name: str, count: int, seconds: float) -> dict[str, Any]:
    milliseconds = seconds * 1000
    return {
        f"{name}_n": count,
        f"{name}_ms": round(milliseconds, 3),
        f"{name}_per_token_ms": round(milliseconds / count, 3) if count else 0.0,
        f"{name}_per_second": round(count / seconds, 3) if seconds > 0 else 0.0,
    }


def _unfinished() -> ApiError:
    return ApiError(500, "The engine ended the answer without saying why.", "internal_error")


def _dumps(content: Any) -> str:
    return json.dumps(content, separators=(",", ":"))

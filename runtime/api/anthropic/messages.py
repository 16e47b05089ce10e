"""`POST /v1/messages`, plain and streaming, and `/v1/messages/count_tokens`."""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from runtime.api.answer import Ended, answers
from runtime.api.anthropic import schema
from runtime.api.door import read_body
from runtime.api.errors import ApiError, Shape, json_response, sse, unavailable
from runtime.api.parse import parse
from runtime.api.reply import Reply, Sink
from runtime.api.service import Asked, Service
from runtime.chat.parsers.pieces import CallArguments, CallStart, Content, Gathering, Piece, Reasoning
from runtime.engine.core import Started
from runtime.errors import EngineError

_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 413: "request_too_large",
          429: "rate_limit_error", 503: "overloaded_error"}  # fmt: skip


def _document(error: ApiError) -> dict[str, Any]:
    kind = _TYPES.get(error.status, "invalid_request_error" if error.status < 500 else "api_error")
    return {"type": "error", "error": {"type": kind, "message": error.message}}


SHAPE = Shape(_document, lambda document: sse(document, "error"))
BODIES = {"messages": schema.MessagesRequest, "count_tokens": schema.CountRequest}


async def messages(service: Service, request: Request) -> Response:
    """Answer a conversation with blocks (thinking, text, tool_use), at once or as a stream of events."""
    body = parse(schema.MessagesRequest, await read_body(request, service.settings.max_body_bytes))
    asked = await service.prepare(await service.read(schema.conversation, body))
    answer = _Message(service, asked, tuple(body.stop_sequences or ()))
    if body.stream:
        return Reply(answer.stream, service.closing, SHAPE, service.streams)
    return Reply(answer.whole, service.closing, SHAPE)


async def count_tokens(service: Service, request: Request) -> Response:
    """How many tokens the prompt of this conversation has."""
    body = parse(schema.CountRequest, await read_body(request, service.settings.max_body_bytes))
    asked = await service.prepare(await service.read(schema.conversation, body))
    try:
        tokens = await service.engine.tokenize(asked.prompt.text, parse_special=True, add_special=True)
    except EngineError as error:
        raise unavailable(error.message, "engine_unavailable") from None
    return json_response({"input_tokens": len(tokens)})


class _Message:
    """One answer in either form; `stops` are those the caller gave."""

    def __init__(self, service: Service, asked: Asked, stops: tuple[str, ...]) -> None:
        self._service = service
        self._asked = asked
        self._stops = stops
        self._block = -1  # index of the block that is open, or was last
        self._open = ""  # its type

    async def whole(self, sink: Sink) -> None:
        """All of it in one JSON document."""
        gathering = Gathering()
        async with answers(self._service, self._asked) as events:
            async for _, event in events:
                if isinstance(event, Ended):
                    content = _blocks(gathering)
                    await sink.whole(json_response({**self._head(content, event), **self._reason(event)}))
                elif not isinstance(event, Started):
                    gathering.add(event)

    async def stream(self, sink: Sink) -> None:
        """Blocks begin, grow and end."""
        async with answers(self._service, self._asked) as events:
            async for _, event in events:
                match event:
                    case Started():
                        await sink.open_events()
                        start = {**self._head([], None), "stop_reason": None, "stop_sequence": None}
                        start["usage"] = _usage(event.prompt_tokens, event.cached_tokens, 0)
                        await _tell(sink, {"type": "message_start", "message": start})
                    case Ended():
                        await self._close(sink)
                        used = _usage(
                            event.finished.prompt_tokens, event.cached_tokens, event.finished.completion_tokens
                        )
                        await _tell(sink, {"type": "message_delta", "delta": self._reason(event), "usage": used})
                        await _tell(sink, {"type": "message_stop"})
                    case _:
                        await self._piece(sink, event)
        await sink.close()

    async def _piece(self, sink: Sink, piece: Piece) -> None:
        match piece:
            case Content(text):
                await self._be(sink, "text", {"text": ""})
                await self._more(sink, {"type": "text_delta", "text": text})
            case Reasoning(text):
                await self._be(sink, "thinking", {"thinking": "", "signature": ""})
                await self._more(sink, {"type": "thinking_delta", "thinking": text})
            case CallStart(_, identity, name):
                await self._close(sink)
                await self._be(sink, "tool_use", {"id": f"toolu_{identity}", "name": name, "input": {}})
            case CallArguments(_, text):
                await self._more(sink, {"type": "input_json_delta", "partial_json": text})

    async def _be(self, sink: Sink, kind: str, block: dict[str, Any]) -> None:
        """Begin a block of this type unless one is open."""
        if self._open == kind:
            return
        await self._close(sink)
        self._block, self._open = self._block + 1, kind
        content = {"type": kind, **block}
        await _tell(sink, {"type": "content_block_start", "index": self._block, "content_block": content})

    async def _more(self, sink: Sink, delta: dict[str, Any]) -> None:
        await _tell(sink, {"type": "content_block_delta", "index": self._block, "delta": delta})

    async def _close(self, sink: Sink) -> None:
        if self._open:
            self._open = ""
            await _tell(sink, {"type": "content_block_stop", "index": self._block})

    def _head(self, content: list[dict[str, Any]], ended: Ended | None) -> dict[str, Any]:
        head: dict[str, Any] = {
            "id": f"msg_{self._asked.id}",
            "type": "message",
            "role": "assistant",
            "model": self._service.settings.model_id,
            "content": content,
        }
        if ended:
            finished = ended.finished
            head["usage"] = _usage(finished.prompt_tokens, ended.cached_tokens, finished.completion_tokens)
        return head

    def _reason(self, ended: Ended) -> dict[str, Any]:
        stop = ended.finished.stop
        if ended.reason == "stop" and stop in self._stops:
            return {"stop_reason": "stop_sequence", "stop_sequence": stop}
        words = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
        return {"stop_reason": words[ended.reason], "stop_sequence": None}


def _blocks(gathering: Gathering) -> list[dict[str, Any]]:
    message = gathering.message()
    blocks: list[dict[str, Any]] = []
    if message.reasoning:
        blocks.append({"type": "thinking", "thinking": message.reasoning, "signature": ""})
    if message.content:
        blocks.append({"type": "text", "text": message.content})
    for call in message.calls:
        blocks.append(
            {"type": "tool_use", "id": f"toolu_{call.id}", "name": call.name, "input": _input(call.arguments)}
        )
    return blocks


def _input(arguments: str) -> dict[str, Any]:
    """A call's arguments as a value; none where the model did not write an object."""
    try:
        value = json.loads(arguments)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _usage(prompt: int, cached: int, output: int) -> dict[str, int]:
    return {
        "input_tokens": prompt - cached,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": cached,
        "output_tokens": output,
    }


async def _tell(sink: Sink, event: dict[str, Any]) -> None:
    await sink.write(sse(event, event["type"]))

"""`POST /v1/chat/completions`, plain and streaming.

A token's way out is one `json.dumps` of its text between two strings made once per request.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from functools import partial
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from runtime.api.answer import Ended, answers
from runtime.api.door import read_body
from runtime.api.errors import OPENAI, json_response
from runtime.api.openai import schema
from runtime.api.openai.usage import logprobs, timings, usage
from runtime.api.parse import parse
from runtime.api.reply import Reply, Sink
from runtime.api.service import Asked, Service
from runtime.chat.parsers.pieces import CallArguments, CallStart, Content, Gathering, Message, Piece, Reasoning
from runtime.engine.core import Queued, Reading, Started, TokenChances

SHAPE = OPENAI
PROGRESS = "x-stream-progress"
BODIES = {"chat_completions": schema.ChatCompletionRequest}


async def chat_completions(service: Service, request: Request) -> Response:
    """Answer a conversation, at once or as a stream of server-sent events."""
    body = await read_body(request, service.settings.max_body_bytes)
    asked = parse(schema.ChatCompletionRequest, body)
    prepared = await service.prepare(await service.read(schema.conversation, asked))
    prepared = replace(prepared, metered=bool(asked.stream and asked.timings_per_token))
    answer = _ChatAnswer(service, prepared, include_usage=asked.wants_usage)
    if asked.stream:
        answer.tells_progress = bool(asked.return_progress) or request.headers.get(PROGRESS, "").lower() == "true"
        return Reply(answer.stream, service.closing, SHAPE, service.streams)
    return Reply(answer.whole, service.closing, SHAPE)


class _ChatAnswer:
    """One answer, or several, in either form."""

    def __init__(self, service: Service, asked: Asked, *, include_usage: bool) -> None:
        self._service = service
        self._asked = asked
        self._include_usage = include_usage
        self.tells_progress = False
        self._head = {
            "id": f"chatcmpl-{asked.id}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": service.settings.model_id,
        }
        self._ends: dict[int, Ended] = {}
        self._chances: list[list[TokenChances]] = [[] for _ in asked.requests]

    async def whole(self, sink: Sink) -> None:
        """All of it in one JSON document."""
        gathered = [Gathering() for _ in self._asked.requests]
        async with answers(self._service, self._asked) as events:
            async for index, event in events:
                match event:
                    case Started():
                        pass
                    case Ended():
                        self._ends[index] = event
                    case _:
                        gathered[index].add(event)
                        if isinstance(event, Content):
                            self._chances[index] += event.chances
        choices = [self._choice(index, one.message()) for index, one in enumerate(gathered)]
        ends = [self._ends[index] for index in range(len(choices))]
        document = {**self._head, "choices": choices, "usage": self._usage(ends), "timings": timings(ends[0].spent)}
        await sink.whole(json_response(document))

    async def stream(self, sink: Sink) -> None:
        """A chunk per piece. Nothing is sent before a request is admitted, so that a refusal has a status."""
        around = [self._around_text(index) for index in range(len(self._asked.requests))]
        asked = self._asked
        if self.tells_progress:
            asked = replace(asked, on_waiting=partial(self._tell_waiting, sink))
        async with answers(self._service, asked) as events:
            async for index, event in events:
                if type(event) is Content and not event.chances and event.spent is None:
                    before, after = around[index]
                    await sink.event(before + json.dumps(event.text) + after)
                    continue
                match event:
                    case Started():
                        if not sink.streaming:
                            await sink.open_events()
                        begin = {"role": "assistant", "content": ""}
                        if self.tells_progress:
                            await sink.event(self._chunk(index, begin, prompt_progress=_progress(event)))
                        else:
                            await sink.event(self._chunk(index, begin))
                    case Ended():
                        self._ends[index] = event
                        await sink.event(self._chunk(index, {}, event.reason, timings=timings(event.spent)))
                    case Content(text, chances, spent):
                        more: dict[str, Any] = {"timings": timings(spent)} if spent else {}
                        told = logprobs(chances) if chances else None
                        await sink.event(self._chunk(index, {"content": text}, logprobs=told, **more))
                    case _:
                        await sink.event(self._chunk(index, _delta(event)))
        if self._include_usage:
            usage = self._usage([*self._ends.values()])
            await sink.event(_dumps({**self._chunk_head(), "choices": [], "usage": usage}))
        await sink.event("[DONE]")
        await sink.close()

    async def _tell_waiting(self, sink: Sink, event: Queued | Reading) -> None:
        """Until the first word. The stream is open from then on, so a refusal comes in it."""
        if not sink.streaming:
            await sink.open_events()
        if isinstance(event, Queued):
            progress = {"place": event.place}
        else:
            progress = {"total": event.prompt_tokens, "processed": event.processed}
        await sink.event(_dumps({**self._chunk_head(), "choices": [], "prompt_progress": progress}))

    def _choice(self, index: int, message: Message) -> dict[str, Any]:
        told: dict[str, Any] = {"role": "assistant", "content": message.content, "refusal": None}
        if message.reasoning:
            told["reasoning_content"] = message.reasoning
        if message.calls:
            told["content"] = message.content or None
            told["tool_calls"] = [
                {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for call in message.calls
            ]
        chances = logprobs(self._chances[index]) if self._asked.with_chances else None
        return {"index": index, "message": told, "logprobs": chances, "finish_reason": self._ends[index].reason}

    def _usage(self, ends: list[Ended]) -> dict[str, Any]:
        return usage(ends, foretold=bool(self._asked.requests[0].prediction))

    def _chunk_head(self) -> dict[str, Any]:
        return {**self._head, "object": "chat.completion.chunk"}

    def _chunk(
        self, index: int, delta: dict[str, Any], reason: str | None = None, logprobs: Any = None, **more: Any
    ) -> str:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
        no_usage = {"usage": None} if self._include_usage else {}
        return _dumps({**self._chunk_head(), "choices": [choice], **no_usage, **more})

    def _around_text(self, index: int) -> tuple[str, str]:
        mark = "\x00"
        before, after = self._chunk(index, {"content": mark}).split(json.dumps(mark))
        return before, after


def _progress(started: Started) -> dict[str, int]:
    """In llama-server's words: how much there is to read, and how much is read, what was cached included."""
    cached = started.cached_tokens
    return {"total": started.prompt_tokens, "cache": cached, "processed": cached}


def _delta(piece: Piece) -> dict[str, Any]:
    match piece:
        case Content(text):
            return {"content": text}
        case Reasoning(text):
            return {"reasoning_content": text}
        case CallStart(index, identity, name):
            function = {"name": name, "arguments": ""}
            return {"tool_calls": [{"index": index, "id": identity, "type": "function", "function": function}]}
        case CallArguments(index, text):
            return {"tool_calls": [{"index": index, "function": {"arguments": text}}]}


def _dumps(content: Any) -> str:
    return json.dumps(content, separators=(",", ":"))

"""`POST /api/chat` and `/api/generate`: one JSON document, or one a line."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from runtime.api.answer import Ended, answers
from runtime.api.door import read_body
from runtime.api.errors import Shape, json_response
from runtime.api.filling import between
from runtime.api.ollama import schema
from runtime.api.openai.usage import logprobs
from runtime.api.parse import parse
from runtime.api.reply import Reply, Sink
from runtime.api.service import Asked, Service, raw_request
from runtime.chat.parsers.pieces import Call, CallArguments, CallStart, Content, Gathering, Reasoning
from runtime.chat.prompt import Prompt
from runtime.engine.core import Started, TokenChances

NDJSON = "application/x-ndjson"


def line(document: dict[str, Any]) -> bytes:
    """A line of a stream."""
    return json.dumps(document, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"


SHAPE = Shape(lambda error: {"error": error.message}, line)
BODIES = {"chat": schema.ChatRequest, "generate": schema.GenerateRequest}


async def chat(service: Service, request: Request) -> Response:
    """Answer a conversation, as lines unless `stream` is false."""
    body = parse(schema.ChatRequest, await read_body(request, service.settings.max_body_bytes))
    if not body.messages:
        return _loaded(service, {"message": {"role": "assistant", "content": ""}})
    asked = await service.prepare(await service.read(schema.conversation, body))
    return _reply(_Answer(service, asked, chat=True), service, body.stream)


async def generate(service: Service, request: Request) -> Response:
    """Answer a prompt, or go on with it where it is raw or has a suffix, as lines unless `stream` is false."""
    body = parse(schema.GenerateRequest, await read_body(request, service.settings.max_body_bytes))
    if not body.prompt:
        return _loaded(service, {"response": ""})
    if body.raw or body.suffix:
        service.ready_facts()
        sampling = await service.read(schema.sampling_for, body)
        prompt = await between(service, body.prompt, body.suffix, "suffix") if body.suffix else body.prompt
        raw = raw_request(
            prompt, sampling, schema.limit(body), schema.stops(body), shift=schema.shift(body),
            ignore_eos=bool(body.options and body.options.ignore_eos),
        )  # fmt: skip
        return _reply(_Answer(service, Asked((raw,), Prompt("")), chat=False), service, body.stream)
    asked = await service.prepare(await service.read(schema.generation, body))
    return _reply(_Answer(service, asked, chat=False), service, body.stream)


def _reply(answer: _Answer, service: Service, stream: bool | None) -> Response:
    return Reply(answer.whole if stream is False else answer.stream, service.closing, SHAPE)


def _loaded(service: Service, nothing: dict[str, Any]) -> Response:
    """A request with nothing in it asks Ollama to load the model; here it is loaded, or 503 says that it is not."""
    service.ready_facts()
    return json_response({**_head(service), **nothing, "done": True, "done_reason": "load"})


class _Answer:
    """One answer in either form."""

    def __init__(self, service: Service, asked: Asked, *, chat: bool) -> None:
        self._service = service
        self._asked = asked
        self._chat = chat
        self._begin = time.perf_counter()

    async def whole(self, sink: Sink) -> None:
        """All of it in one JSON document."""
        gathering = Gathering()
        chances: list[TokenChances] = []
        async with answers(self._service, self._asked) as events:
            async for _, event in events:
                if isinstance(event, Ended):
                    message = gathering.message()
                    told = self._told(message.content, message.reasoning, message.calls, chances)
                    await sink.whole(json_response({**told, **self._end(event)}))
                elif not isinstance(event, Started):
                    gathering.add(event)
                    chances += event.chances if isinstance(event, Content) else ()

    async def stream(self, sink: Sink) -> None:
        """A line for each piece; a call is told when it is complete, for its arguments are a value here."""
        call = Gathering()
        async with answers(self._service, self._asked) as events:
            async for _, event in events:
                if isinstance(event, CallStart | Content | Reasoning | Ended) and (calls := call.message().calls):
                    await sink.write(line(self._told("", "", calls)))
                    call = Gathering()
                match event:
                    case Started():
                        await sink.open(NDJSON)
                    case Content(text, chances):
                        await sink.write(line(self._told(text, chances=chances)))
                    case Reasoning(text):
                        await sink.write(line(self._told("", text)))
                    case CallStart() | CallArguments():
                        call.add(event)
                    case Ended():
                        await sink.write(line({**self._told(""), **self._end(event)}))
        await sink.close()

    def _told(
        self, text: str, thinking: str = "", calls: tuple[Call, ...] = (), chances: Sequence[TokenChances] = ()
    ) -> dict[str, Any]:
        head: dict[str, Any] = {**_head(self._service), "done": False}
        if chances:
            head["logprobs"] = logprobs(chances)["content"]
        if not self._chat:
            return {**head, "response": text, **({"thinking": thinking} if thinking else {})}
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if thinking:
            message["thinking"] = thinking
        if calls:
            message["tool_calls"] = [
                {"id": call.id, "function": {"name": call.name, "arguments": _value(call.arguments)}} for call in calls
            ]
        return {**head, "message": message}

    def _end(self, ended: Ended) -> dict[str, Any]:
        """Durations are nanoseconds."""
        finished = ended.finished
        return {
            "done": True,
            "done_reason": "length" if ended.reason == "length" else "stop",
            "total_duration": int((time.perf_counter() - self._begin) * 1e9),
            "load_duration": 0,
            "prompt_eval_count": finished.prompt_tokens,
            "prompt_eval_duration": int(finished.timings.prompt_seconds * 1e9),
            "eval_count": finished.completion_tokens,
            "eval_duration": int(finished.timings.generation_seconds * 1e9),
        }


def _head(service: Service) -> dict[str, Any]:
    now = datetime.now(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return {"model": service.settings.model_id, "created_at": now}


def _value(arguments: str) -> dict[str, Any]:
    try:
        value = json.loads(arguments)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}

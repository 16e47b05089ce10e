"""`POST /v1/responses`, stateless: the whole conversation comes in, items come out, at once or event by event."""

from __future__ import annotations

import time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from runtime.api.answer import Ended, answers
from runtime.api.door import read_body
from runtime.api.errors import ApiError, Shape, json_response, sse
from runtime.api.openai.responses_schema import ResponsesRequest, conversation
from runtime.api.openai.usage import logprobs
from runtime.api.parse import parse
from runtime.api.reply import Reply, Sink
from runtime.api.service import Asked, Service
from runtime.chat.parsers.pieces import CallArguments, CallStart, Content, Piece, Reasoning
from runtime.engine.core import Started


def _error_event(document: dict[str, Any]) -> bytes:
    error = document["error"]
    return sse({"type": "error", "sequence_number": 0, **{key: error[key] for key in ("code", "message", "param")}},
               "error")  # fmt: skip


SHAPE = Shape(ApiError.as_json, _error_event)
BODIES = {"responses": ResponsesRequest}


async def responses(service: Service, request: Request) -> Response:
    """Answer with items (reasoning, message, function calls), at once or as a stream of events."""
    body = parse(ResponsesRequest, await read_body(request, service.settings.max_body_bytes))
    asked = await service.prepare(await service.read(conversation, body))
    answer = _Response(service, asked, body)
    if body.stream:
        return Reply(answer.stream, service.closing, SHAPE, service.streams)
    return Reply(answer.whole, service.closing, SHAPE)


class _Items:
    """The output's items as they grow. Each step gives the events that tell it."""

    def __init__(self, identity: str) -> None:
        self._identity = identity
        self.done: list[dict[str, Any]] = []
        self._open: dict[str, Any] | None = None
        self._text: list[str] = []
        self._logprobs: list[dict[str, Any]] = []

    def take(self, piece: Piece) -> list[dict[str, Any]]:
        """The events that tell one more piece."""
        match piece:
            case CallStart(_, identity, name):
                item = {"type": "function_call", "call_id": identity, "name": name, "arguments": ""}
                return [*self.close(), *self._begin("fc", item)]
            case CallArguments(_, text):
                return self._more("response.function_call_arguments.delta", text, part=False)
            case Reasoning(text):
                events = self._be("reasoning", "rs", {"summary": [], "content": []}, _thought(""))
                return [*events, *self._more("response.reasoning_text.delta", text)]
            case Content(text, chances):
                events = self._be("message", "msg", {"role": "assistant", "content": []}, _said("", []))
                told = logprobs(chances)["content"]
                self._logprobs += told
                return [*events, *self._more("response.output_text.delta", text, logprobs=told)]

    def close(self, status: str = "completed") -> list[dict[str, Any]]:
        """The events that end the item that is open, if one is."""
        item, self._open = self._open, None
        if item is None:
            return []
        text = "".join(self._text)
        where = {"item_id": item["id"], "output_index": len(self.done)}
        item["status"] = status
        if item["type"] == "function_call":
            item["arguments"] = text
            named = {"name": item["name"], "arguments": text}
            events = [{"type": "response.function_call_arguments.done", **where, **named}]
        else:
            part = _said(text, self._logprobs) if item["type"] == "message" else _thought(text)
            item["content"] = [part]
            kind = "output_text" if item["type"] == "message" else "reasoning_text"
            more: dict[str, Any] = {"logprobs": self._logprobs} if item["type"] == "message" else {}
            events = [
                {"type": f"response.{kind}.done", **where, "content_index": 0, "text": text, **more},
                {"type": "response.content_part.done", **where, "content_index": 0, "part": part},
            ]
        index = len(self.done)
        self.done.append(item)
        return [*events, {"type": "response.output_item.done", "output_index": index, "item": item}]

    def _be(self, kind: str, prefix: str, item: dict[str, Any], part: dict[str, Any]) -> list[dict[str, Any]]:
        """Begin an item of this kind unless one is open."""
        if self._open is not None and self._open["type"] == kind:
            return []
        closing = self.close()
        beginning = self._begin(prefix, {"type": kind, **item})
        where = {"item_id": self._id, "output_index": len(self.done), "content_index": 0}
        return [*closing, *beginning, {"type": "response.content_part.added", **where, "part": part}]

    def _begin(self, prefix: str, item: dict[str, Any]) -> list[dict[str, Any]]:
        identity = f"{prefix}_{self._identity}{len(self.done)}"
        self._open = {"id": identity, **item, "status": "in_progress"}
        self._text, self._logprobs = [], []
        return [{"type": "response.output_item.added", "output_index": len(self.done), "item": dict(self._open)}]

    def _more(self, kind: str, text: str, *, part: bool = True, **more: Any) -> list[dict[str, Any]]:
        self._text.append(text)
        where = {"item_id": self._id, "output_index": len(self.done), **({"content_index": 0} if part else {})}
        return [{"type": kind, **where, "delta": text, **more}]

    @property
    def _id(self) -> str:
        return str(self._open["id"]) if self._open else ""


class _Response:
    """One response in either form."""

    def __init__(self, service: Service, asked: Asked, body: ResponsesRequest) -> None:
        self._service = service
        self._asked = asked
        self._body = body
        self._created = int(time.time())
        self._items = _Items(asked.id)
        self._number = 0

    async def whole(self, sink: Sink) -> None:
        """All of it in one JSON document."""
        async with answers(self._service, self._asked) as events:
            async for _, event in events:
                if isinstance(event, Ended):
                    self._items.close(_status(event))
                    await sink.whole(json_response(self._document(_status(event), event)))
                elif not isinstance(event, Started):
                    self._items.take(event)

    async def stream(self, sink: Sink) -> None:
        """Every step as an event."""
        try:
            async with answers(self._service, self._asked) as events:
                async for _, event in events:
                    match event:
                        case Started():
                            await sink.open_events()
                            for kind in ("response.created", "response.in_progress"):
                                await self._tell(sink, {"type": kind, "response": self._document("in_progress")})
                        case Ended():
                            await self._finish(sink, event)
                        case _:
                            for told in self._items.take(event):
                                await self._tell(sink, told)
        except ApiError as error:
            if not sink.streaming:
                raise
            failed = {**self._document("failed"), "error": {"code": error.code or error.type, "message": error.message}}
            await self._tell(sink, {"type": "response.failed", "response": failed})
            told = {"type": "error", "code": error.code, "message": error.message, "param": error.param}
            await self._tell(sink, told)
        await sink.close()

    async def _finish(self, sink: Sink, ended: Ended) -> None:
        status = _status(ended)
        for told in self._items.close(status):
            await self._tell(sink, told)
        await self._tell(sink, {"type": f"response.{status}", "response": self._document(status, ended)})

    async def _tell(self, sink: Sink, event: dict[str, Any]) -> None:
        await sink.write(sse({**event, "sequence_number": self._number}, event["type"]))
        self._number += 1

    def _document(self, status: str, ended: Ended | None = None) -> dict[str, Any]:
        body, sampling = self._body, self._asked.requests[0].sampling
        return {
            "id": f"resp_{self._asked.id}",
            "object": "response",
            "created_at": self._created,
            "status": status,
            "error": None,
            "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
            "instructions": body.instructions,
            "max_output_tokens": body.max_output_tokens,
            "model": self._service.settings.model_id,
            "output": list(self._items.done),
            "parallel_tool_calls": body.parallel_tool_calls is not False,
            "previous_response_id": None,
            "reasoning": {"effort": body.reasoning.effort if body.reasoning else None, "summary": None},
            "store": False,
            "temperature": sampling.temperature,
            "text": {"format": (body.text and body.text.format) or {"type": "text"}},
            "tool_choice": body.tool_choice or "auto",
            "tools": body.tools or [],
            "top_logprobs": body.top_logprobs or 0,
            "top_p": sampling.top_p,
            "truncation": "disabled",
            "usage": _usage(ended) if ended else None,
            "user": None,
            "metadata": body.metadata or {},
        }


def _status(ended: Ended) -> str:
    return "incomplete" if ended.reason == "length" else "completed"


def _said(text: str, chances: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": chances}


def _thought(text: str) -> dict[str, Any]:
    return {"type": "reasoning_text", "text": text}


def _usage(ended: Ended) -> dict[str, Any]:
    finished = ended.finished
    return {
        "input_tokens": finished.prompt_tokens,
        "input_tokens_details": {"cached_tokens": ended.cached_tokens},
        "output_tokens": finished.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": ended.reasoning_tokens},
        "total_tokens": finished.prompt_tokens + finished.completion_tokens,
    }

"""How llama-server tells an answer to a raw prompt, and an error: the common ground of its own paths."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Annotated, Any

from pydantic import Field
from starlette.responses import Response

from runtime.api.answer import Ended, Meter
from runtime.api.errors import ApiError, Shape, json_response, of_failure, sse, unavailable
from runtime.api.fields import Ignored, SamplingFields, shift_of
from runtime.api.limits import checked_stops
from runtime.api.openai.schema import checked_limit
from runtime.api.openai.usage import probabilities, timings
from runtime.api.reply import Reply, Sink
from runtime.api.service import Service, raw_request
from runtime.engine.core import (
    Failed,
    Finished,
    FinishReason,
    GenerationRequest,
    Reading,
    SamplingParams,
    Started,
    TextDelta,
    TokenChances,
)


def _document(error: ApiError) -> dict[str, Any]:
    return {"error": {"code": error.status, "message": error.message, "type": error.type}}


SHAPE = Shape(_document, sse)


class NativeFields(SamplingFields):
    """What the requests for raw text have in common."""

    n_predict: Annotated[
        int | None, Field(ge=-1, description="0 only reads the prompt, so that what begins so is answered sooner.")
    ] = None
    stop: str | list[str] | None = None
    stream: bool | None = None
    return_tokens: bool | None = None
    return_progress: Annotated[
        bool | None,
        Field(description="Streams only: how much of the prompt is read so far."),
    ] = None
    timings_per_token: Annotated[bool | None, Field(description="Streams only: timings with every piece.")] = None
    t_max_predict_ms: Annotated[
        int | None,
        Field(ge=0, description="Written so long, it ends where it has a line; 0 is never."),
    ] = None
    t_max_prompt_ms: Ignored = None
    n_indent: Annotated[
        int | None, Field(ge=0, lt=2**31, description="It ends before a line that is indented less.")
    ] = None
    response_fields: Annotated[
        list[str] | None,
        Field(max_length=64, description='Only these, as "content" or "timings/prompt_n"; of a stream in its end.'),
    ] = None
    model: str | None = None

    @property
    def seconds(self) -> float | None:
        """How long may be written, in the engine's words."""
        return self.t_max_predict_ms / 1000 if self.t_max_predict_ms else None

    @property
    def most(self) -> int | None:
        """The largest number of tokens as it was given."""
        return self.n_predict

    @property
    def only_reads(self) -> bool:
        """Whether there is to be no answer. One token is computed all the same, and told to nobody."""
        return self.most == 0

    @property
    def limit(self) -> int | None:
        """How many tokens may be computed."""
        return 1 if self.only_reads else None if self.most is None else checked_limit(self.most, "n_predict")


def asked_of(body: NativeFields, prompt: str | Sequence[int], sampling: SamplingParams) -> GenerationRequest:
    """The request for raw text behind `prompt`. Raises `ApiError` 400."""
    return raw_request(
        prompt,
        sampling,
        body.limit,
        checked_stops(body.stop),
        ignore_eos=bool(body.ignore_eos),
        seconds=body.seconds,
        shift=shift_of(body, body.limit),
        indent=body.n_indent or 0,
    )


OFFERED = ("return_progress", "timings_per_token", "t_max_predict_ms")


def replied(service: Service, asked: GenerationRequest, body: NativeFields) -> Response:
    """The answer in either form."""
    answer = _Completion(service, asked, body)
    if body.stream:
        return Reply(answer.stream, service.closing, SHAPE, service.streams)
    return Reply(answer.whole, service.closing, SHAPE)


class _Completion:
    """One answer in either form."""

    def __init__(self, service: Service, asked: GenerationRequest, body: NativeFields) -> None:
        self._service = service
        self._asked = asked
        self._body = body
        self._begin = time.perf_counter()
        self._meter: Meter | None = None
        self._chances: list[TokenChances] = []
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
                            self._meter = Meter(event) if self._body.timings_per_token else None
                            if stream:
                                await sink.open_events()
                            if stream and self._body.return_progress:
                                await sink.event(self._progress(event.cached_tokens))
                        case Reading(_, processed, _) if stream and self._body.return_progress:
                            await sink.event(self._progress(processed))
                        case TextDelta() if self._body.only_reads:
                            pass
                        case TextDelta() if stream:
                            self._count += len(event.tokens)
                            await sink.event(self._told(event))
                        case TextDelta():
                            text.append(event.text)
                            tokens.extend(event.tokens)
                            self._chances += event.chances
                        case Failed():
                            raise of_failure(event)
                        case Finished():
                            metrics.finished(event)
                            if self._body.only_reads:
                                event = replace(event, completion_tokens=0, reason=FinishReason.LENGTH, stop=None)
                            return event
        raise ApiError(500, "The engine ended the answer without saying why.", "internal_error")

    def _progress(self, processed: int) -> str:
        told = {"total": self._prompt_tokens, "cache": self._cached_tokens, "processed": processed}
        spent = round(1000 * (time.perf_counter() - self._begin))
        return self._chunk("", (), prompt_progress={**told, "time_ms": spent})

    def _chunk(self, text: str, tokens: tuple[int, ...], **more: Any) -> str:
        return json.dumps(
            {
                "index": 0,
                "content": text,
                "tokens": tokens,
                "stop": False,
                "id_slot": -1,
                "tokens_predicted": self._count,
                "tokens_evaluated": self._prompt_tokens,
                **more,
            }
        )

    def _told(self, event: TextDelta) -> str:
        more: dict[str, Any] = self._probabilities(event.chances)
        if self._meter:
            more["timings"] = timings(self._meter.count(event))
        return self._chunk(event.text, event.tokens, **more)

    def _probabilities(self, chances: Sequence[TokenChances]) -> dict[str, Any]:
        if not chances:
            return {}
        return {"completion_probabilities": probabilities(chances, plain=self._asked.sampling.after_sampling)}

    def _last(self, finished: Finished, text: str, tokens: list[int]) -> dict[str, Any]:
        sampling = asdict(self._asked.sampling)
        limit = -1 if self._body.most is None else self._body.most
        told = {
            "index": 0,
            "content": text,
            "tokens": tokens if self._body.return_tokens else [],
            "id_slot": -1,
            "stop": True,
            "model": self._service.settings.model_id,
            "tokens_predicted": finished.completion_tokens,
            "tokens_evaluated": finished.prompt_tokens,
            "generation_settings": {**sampling, "n_predict": limit, "stop": list(self._asked.stop)},
            "prompt": self._asked.prompt,
            "truncated": finished.prompt_tokens + finished.completion_tokens > self._service.ready_facts().context_size,
            "stop_type": _stop_type(finished),
            "stopping_word": finished.stop or "",
            "tokens_cached": finished.prompt_tokens + finished.completion_tokens,
            "timings": timings(Ended("", finished, self._cached_tokens).spent),
            **self._probabilities(self._chances),
        }
        fields = self._body.response_fields
        return _picked(told, fields) if fields else told


def _picked(told: dict[str, Any], fields: Sequence[str]) -> dict[str, Any]:
    """The fields there are, each by the path it was asked for with."""
    found: dict[str, Any] = {}
    for field in fields:
        value: Any = told
        for name in field.split("/"):
            value = value.get(name, _NOTHING) if isinstance(value, dict) else _NOTHING
        if value is not _NOTHING:
            found[field] = value
    return found


_NOTHING = object()


def _stop_type(finished: Finished) -> str:
    match finished.reason:
        case FinishReason.STOP:
            return "eos" if finished.stop is None else "word"
        case FinishReason.LENGTH:
            return "limit"
        case FinishReason.CANCELLED:
            raise unavailable("The request was cancelled because the server is stopping.", "stopped")

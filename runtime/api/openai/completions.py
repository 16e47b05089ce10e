"""`POST /v1/completions`: raw text to go on with, no chat template between."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Any

from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from runtime.api.answer import Ended, answers
from runtime.api.door import read_body
from runtime.api.errors import OPENAI, invalid, json_response
from runtime.api.fields import Ignored, SamplingFields, only, refuse, sampling_of, shift_of
from runtime.api.limits import MAX_ANSWERS, checked_stops
from runtime.api.openai.schema import StreamOptions, checked_limit, formatted
from runtime.api.openai.usage import legacy_logprobs, timings
from runtime.api.parse import parse
from runtime.api.reply import Reply, Sink
from runtime.api.service import Asked, Service, raw_request, repeated
from runtime.chat.parsers.pieces import Content
from runtime.chat.prompt import Prompt
from runtime.engine.core import SamplingParams, TokenChances

_MAX_TOKEN_ID = 2**31


class CompletionRequest(SamplingFields):
    """OpenAI's completion request, with the fields that llama.cpp adds."""

    prompt: str | list[str] | list[int] | list[list[int]]
    model: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int | None, Field(ge=-1, description="-1 or nothing is no limit but the context.")] = None
    n_predict: Annotated[int | None, Field(ge=-1, description="llama.cpp's name of max_tokens.")] = None
    stop: str | list[str] | None = None
    n: Annotated[int | None, Field(ge=1, le=MAX_ANSWERS)] = None
    suffix: Annotated[str | None, Field(description="The text is written between the prompt and this.")] = None
    echo: Annotated[bool | None, Field(description="Begin the answer with the prompt.")] = None
    response_format: dict[str, Any] | None = None

    best_of: Any = only("1")
    logprobs: Annotated[
        int | None,
        Field(ge=0, le=5, description="Of the answer's tokens and so many of the likeliest, before any sampling."),
    ] = None
    user: Ignored = None


_ONLY: dict[str, tuple[tuple[Any, ...], str]] = {
    "best_of": ((1,), "all answers are told; ask for 'n' of them"),
}

SHAPE = OPENAI
BODIES = {"completions": CompletionRequest}


async def completions(service: Service, request: Request) -> Response:
    """Go on with a text, or with several, at once or as a stream of server-sent events."""
    body = parse(CompletionRequest, await read_body(request, service.settings.max_body_bytes))
    refuse(body, _ONLY)
    if body.stream_options is not None and not body.stream:
        raise invalid("'stream_options' has a meaning only with 'stream': true.", "stream_options")
    service.ready_facts()
    prompts = _prompts(body.prompt)
    asked_for = await _with_suffix(service, prompts, body.suffix) if body.suffix else prompts
    sampling = await service.read(_sampling, body)
    given = body.max_tokens if body.max_tokens is not None else body.n_predict
    limit = None if given is None else checked_limit(given, "max_tokens")
    count = body.n or 1
    if len(prompts) * count > MAX_ANSWERS:
        raise invalid(f"More than {MAX_ANSWERS} answers in one request are not possible.", "prompt")
    requests = tuple(
        request
        for prompt in asked_for
        for request in repeated(
            raw_request(
                prompt, sampling, limit, checked_stops(body.stop), ignore_eos=bool(body.ignore_eos),
                shift=shift_of(body, limit),
            ),
            count,
        )
    )  # fmt: skip
    echoes = await _echoes(service, prompts) if body.echo else [""] * len(prompts)
    answer = _Completion(service, Asked(requests, Prompt("")), body, [echo for echo in echoes for _ in range(count)])
    if body.stream:
        return Reply(answer.stream, service.closing, SHAPE, service.streams)
    return Reply(answer.whole, service.closing, SHAPE)


def _sampling(body: CompletionRequest, defaults: SamplingParams) -> SamplingParams:
    sampling = formatted(sampling_of(body, defaults), body.response_format)
    return sampling if body.logprobs is None else replace(sampling, n_probs=body.logprobs)


class _Completion:
    """The answers in either form; `echoes` is what each begins with."""

    def __init__(self, service: Service, asked: Asked, body: CompletionRequest, echoes: Sequence[str]) -> None:
        self._service = service
        self._asked = asked
        self._per_prompt = body.n or 1
        self._include_usage = bool(body.stream_options and body.stream_options.include_usage)
        self._echoes = echoes
        self._ends: dict[int, Ended] = {}
        self._head = {
            "id": f"cmpl-{asked.id}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": service.settings.model_id,
        }

    async def whole(self, sink: Sink) -> None:
        """All of it in one JSON document."""
        texts = [[echo] for echo in self._echoes]
        chances: list[list[TokenChances]] = [[] for _ in texts]
        async with answers(self._service, self._asked) as events:
            async for index, event in events:
                if isinstance(event, Content):
                    texts[index].append(event.text)
                    chances[index] += event.chances
                elif isinstance(event, Ended):
                    self._ends[index] = event
        choices = [
            self._choice(index, "".join(pieces), self._ends[index].reason, chances[index], len(pieces[0]))
            for index, pieces in enumerate(texts)
        ]
        await sink.whole(
            json_response(
                {**self._head, "choices": choices, "usage": self._usage(), "timings": timings(self._ends[0].spent)}
            )
        )

    async def stream(self, sink: Sink) -> None:
        """A chunk per piece of text."""
        told = [len(echo) for echo in self._echoes]
        async with answers(self._service, self._asked) as events:
            async for index, event in events:
                if isinstance(event, Content):
                    begin = told[index]
                    told[index] += len(event.text)
                    await sink.event(self._chunk(self._choice(index, event.text, None, event.chances, begin)))
                elif isinstance(event, Ended):
                    self._ends[index] = event
                    await sink.event(self._chunk(self._choice(index, "", event.reason), timings=timings(event.spent)))
                elif not sink.streaming:  # Started
                    await sink.open_events()
                    for number, echo in enumerate(self._echoes):
                        if echo:
                            await sink.event(self._chunk(self._choice(number, echo, None)))
        if self._include_usage:
            await sink.event(_dumps({**self._head, "choices": [], "usage": self._usage()}))
        await sink.event("[DONE]")
        await sink.close()

    def _chunk(self, choice: dict[str, Any], **more: Any) -> str:
        no_usage = {"usage": None} if self._include_usage else {}
        return _dumps({**self._head, "choices": [choice], **no_usage, **more})

    def _choice(
        self, index: int, text: str, reason: str | None, chances: Sequence[TokenChances] = (), begin: int = 0
    ) -> dict[str, Any]:
        told = legacy_logprobs(chances, begin) if chances else None
        return {"text": text, "index": index, "logprobs": told, "finish_reason": reason}

    def _usage(self) -> dict[str, int]:
        """Each prompt counts once, however many answers it got."""
        prompt = sum(self._ends[at].finished.prompt_tokens for at in range(0, len(self._ends), self._per_prompt))
        completion = sum(end.finished.completion_tokens for end in self._ends.values())
        return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _prompts(given: str | list[str] | list[int] | list[list[int]]) -> list[str | tuple[int, ...]]:
    if isinstance(given, str):
        return [given]
    if not given:
        raise invalid("'prompt' must not be empty.", "prompt")
    if all(isinstance(one, int) for one in given):
        return [checked_tokens(given, "prompt")]
    return [one if isinstance(one, str) else checked_tokens(one, "prompt") for one in given]


def checked_tokens(tokens: Any, param: str) -> tuple[int, ...]:
    """Token ids; whether the vocabulary has them is the engine's to say."""
    if not isinstance(tokens, Sequence) or any(
        type(token) is not int or not 0 <= token < _MAX_TOKEN_ID for token in tokens
    ):
        raise invalid(f"'{param}' holds something that is no token id.", param)
    return tuple(tokens)


async def _with_suffix(
    service: Service, prompts: Sequence[str | tuple[int, ...]], suffix: str
) -> list[str | tuple[int, ...]]:  # fmt: skip
    from runtime.api.filling import between

    if not all(isinstance(prompt, str) for prompt in prompts):
        raise invalid("'suffix' goes with a prompt that is text.", "suffix")
    return [await between(service, str(prompt), suffix, "suffix") for prompt in prompts]


async def _echoes(service: Service, prompts: Sequence[str | tuple[int, ...]]) -> list[str]:
    return [prompt if isinstance(prompt, str) else await service.engine.detokenize(prompt) for prompt in prompts]


def _dumps(content: Any) -> str:
    return json.dumps(content, separators=(",", ":"))

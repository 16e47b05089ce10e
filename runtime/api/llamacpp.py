"""llama-server's own dialect: `/completion`, tokens, templates, and what the server is. None of it shows another
user's text: `/slots` and `/metrics` are numbers.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from runtime.api.door import read_body
from runtime.api.errors import invalid, json_response, unavailable
from runtime.api.fields import only, refuse, sampling_of
from runtime.api.native import OFFERED, NativeFields, asked_of, replied
from runtime.api.native import SHAPE as SHAPE
from runtime.api.openai import schema
from runtime.api.openai.completions import checked_tokens
from runtime.api.openai.embeddings import MAX_TEXTS, embedded
from runtime.api.parse import parse
from runtime.api.reply import answered
from runtime.api.service import Service
from runtime.engine.core import SamplingParams
from runtime.errors import EngineError


class CompletionBody(NativeFields):
    """`/completion`: text or tokens to go on with."""

    prompt: str | Annotated[list[Any], Field(min_length=1, description="Token ids, texts between them.")]
    max_tokens: Annotated[int | None, Field(ge=-1)] = None
    n_probs: Annotated[
        int | None, Field(ge=0, le=100, description="With every token, so many of the likeliest, before any sampling.")
    ] = None
    post_sampling_probs: Annotated[
        bool | None, Field(description="With n_probs: the probabilities that the samplers left, not their logarithms.")
    ] = None

    @property
    def most(self) -> int | None:
        """The largest number of tokens as it was given, under either name."""
        return self.n_predict if self.n_predict is not None else self.max_tokens


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


class EmbeddingBody(BaseModel):
    """`/embedding`."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)

    content: str | Annotated[list[Any], Field(min_length=1, max_length=MAX_TEXTS, description="Texts, or token ids.")]
    embd_normalize: Any = only("2")


_EMBEDDING_ONLY: dict[str, tuple[tuple[Any, ...], str]] = {"embd_normalize": ((2,), "vectors are of length 1")}


BODIES = {
    "completion": CompletionBody,
    "tokenize": TokenizeBody,
    "detokenize": DetokenizeBody,
    "embedding": EmbeddingBody,
    "apply_template": schema.ChatCompletionRequest,
}


async def completion(service: Service, request: Request) -> Response:
    """Go on with a text, at once or as a stream of server-sent events."""
    body = parse(CompletionBody, await read_body(request, service.settings.max_body_bytes))
    service.ready_facts()
    sampling = await service.read(_sampling, body)
    asked = asked_of(body, await _prompt(service, body.prompt), sampling)
    return replied(service, asked, body)


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


async def embedding(service: Service, request: Request) -> Response:
    """Texts or token ids as vectors, each in a list of its own."""
    body = parse(EmbeddingBody, await read_body(request, service.settings.max_body_bytes))
    refuse(body, _EMBEDDING_ONLY)
    service.ready_facts()
    given = [body.content] if isinstance(body.content, str) else body.content
    if all(type(one) is int for one in given):
        given = [given]
    texts = [one if isinstance(one, str) else checked_tokens(one, "content") for one in given]

    async def answer() -> Response:
        found = await embedded(service, texts, "content")
        return json_response([{"index": index, "embedding": [one.vector]} for index, one in enumerate(found)])

    return answered(answer, service.closing, SHAPE)


async def apply_template(service: Service, request: Request) -> Response:
    """The prompt that a conversation becomes."""
    body = await read_body(request, service.settings.max_body_bytes)
    asked = parse(schema.ChatCompletionRequest, body)
    prepared = await service.prepare(await service.read(schema.conversation, asked))
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
            "draft": facts.draft,
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


def _sampling(body: CompletionBody, defaults: SamplingParams) -> SamplingParams:
    sampling = sampling_of(body, defaults, offered=(*OFFERED, "n_probs", "post_sampling_probs"))
    if body.post_sampling_probs and sampling.mirostat:
        raise invalid("Mirostat leaves no probabilities to tell; ask for 'n_probs' alone.", "post_sampling_probs")
    if not body.n_probs:
        return sampling
    return replace(sampling, n_probs=body.n_probs, after_sampling=bool(body.post_sampling_probs))


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

"""`POST /v1/embeddings`: texts as vectors of length 1."""

from __future__ import annotations

import base64
import math
import struct
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from runtime.api.door import read_body
from runtime.api.errors import OPENAI, invalid, json_response
from runtime.api.fields import Ignored
from runtime.api.openai.completions import checked_tokens
from runtime.api.parse import parse
from runtime.api.reply import answered
from runtime.api.service import Service
from runtime.engine.core import Embedding
from runtime.errors import EngineError

MAX_TEXTS = 2048


class EmbeddingsRequest(BaseModel):
    """OpenAI's request for embeddings."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)

    input: str | list[str] | list[int] | list[list[int]]
    model: str | None = None
    encoding_format: Literal["float", "base64"] | None = None
    dimensions: Annotated[int | None, Field(ge=1, description="The first so many numbers, brought to length 1.")] = None
    user: Ignored = None


SHAPE = OPENAI
BODIES = {"embeddings": EmbeddingsRequest}


async def embeddings(service: Service, request: Request) -> Response:
    """Texts or token ids as vectors."""
    body = parse(EmbeddingsRequest, await read_body(request, service.settings.max_body_bytes))
    texts = _texts(body.input)
    check_dimensions(service, body.dimensions)
    return answered(lambda: _answer(service, texts, body), service.closing, SHAPE)


async def _answer(service: Service, texts: Sequence[str | tuple[int, ...]], body: EmbeddingsRequest) -> Response:
    found = await embedded(service, texts, "input")
    tokens = sum(one.tokens for one in found)
    data = [
        {"object": "embedding", "index": index, "embedding": _encoded(shortened(one.vector, body.dimensions), body)}
        for index, one in enumerate(found)
    ]
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return json_response({"object": "list", "data": data, "model": service.settings.model_id, "usage": usage})


async def embedded(service: Service, texts: Sequence[str | tuple[int, ...]], param: str) -> list[Embedding]:
    """The vectors. Raises `ApiError` 400 with the engine's own reason."""
    if service.ready_facts().ranks:
        raise invalid(
            "This model ranks documents and makes no vectors; /v1/rerank asks it to.", "model", "unsupported_model"
        )
    try:
        tokens = [
            text
            if isinstance(text, tuple)
            else await service.engine.tokenize(text, parse_special=False, add_special=True)
            for text in texts
        ]
        if any(not one for one in tokens):
            raise invalid(f"'{param}' holds an empty text.", param)
        return await service.engine.embed(tokens)
    except EngineError as error:
        raise invalid(error.message, param) from None


def _texts(given: str | list[str] | list[int] | list[list[int]]) -> list[str | tuple[int, ...]]:
    if isinstance(given, str):
        return [given]
    if not given or len(given) > MAX_TEXTS:
        raise invalid(f"'input' should hold 1 to {MAX_TEXTS} texts.", "input")
    if all(isinstance(one, int) for one in given):
        return [checked_tokens(given, "input")]
    return [one if isinstance(one, str) else checked_tokens(one, "input") for one in given]


def check_dimensions(service: Service, dimensions: int | None) -> None:
    """Raise `ApiError` 400 where the model has not so many."""
    size = service.ready_facts().embedding_size
    if dimensions is not None and dimensions > size:
        raise invalid(f"'dimensions' is larger than the {size} this model has.", "dimensions")


def shortened(vector: Sequence[float], dimensions: int | None) -> Sequence[float]:
    """The first so many numbers, brought to length 1."""
    if dimensions is None or dimensions == len(vector):
        return vector
    first = vector[:dimensions]
    length = math.hypot(*first) or 1.0
    return [value / length for value in first]


def _encoded(vector: Sequence[float], body: EmbeddingsRequest) -> Any:
    """base64 is of little-endian 32-bit floats."""
    if body.encoding_format == "base64":
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    return list(vector)

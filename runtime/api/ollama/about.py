"""`/api/tags`, `show`, `ps`, `version`, `embed` and what that was before: the one model, as Ollama tells of many."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request
from starlette.responses import Response

from runtime.api.door import read_body
from runtime.api.errors import json_response
from runtime.api.fields import Ignored
from runtime.api.ollama.chat import SHAPE as SHAPE
from runtime.api.openai.embeddings import check_dimensions, embedded, shortened
from runtime.api.parse import parse
from runtime.api.reply import answered
from runtime.api.service import Service

VERSION = "0.9.0"
"""The version of Ollama whose API this is, which is what clients that ask want to know."""


class ShowRequest(BaseModel):
    """`/api/show`."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)

    model: str | None = None
    name: str | None = None
    verbose: Ignored = None


class EmbedRequest(BaseModel):
    """`/api/embed`."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)

    input: str | list[str]
    model: str | None = None
    truncate: Annotated[bool | None, Field(description="A text that is too long is refused, never cut.")] = None
    dimensions: Annotated[int | None, Field(ge=1, description="The first so many numbers, brought to length 1.")] = None
    options: Ignored = None
    keep_alive: Ignored = None


class EmbedOneRequest(BaseModel):
    """`/api/embeddings`."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)

    prompt: str | None = None
    model: str | None = None
    options: Ignored = None
    keep_alive: Ignored = None


BODIES = {"show": ShowRequest, "embed": EmbedRequest, "embed_one": EmbedOneRequest}


async def tags(service: Service, _: Request) -> Response:
    """The one model, as a list."""
    return json_response({"models": [_model(service)]})


async def ps(service: Service, _: Request) -> Response:
    """The models that are loaded: the one there is, once it is."""
    facts = service.facts
    if facts is None:
        return json_response({"models": []})
    never = "9999-12-31T23:59:59Z"
    row = {**_model(service), "expires_at": never, "size_vram": 0, "context_length": facts.context_size}
    return json_response({"models": [row]})


async def show(service: Service, request: Request) -> Response:
    """What the model is; any name is taken, for there is only one."""
    parse(ShowRequest, await read_body(request, service.settings.max_body_bytes))
    facts = service.ready_facts()
    template = service.template(facts)
    thinks = "enable_thinking" in template.source or "<think>" in template.source
    return json_response(
        {
            "license": service.ui.license,
            "modelfile": "",
            "parameters": "",
            "template": template.source,
            "modified_at": _created(service),
            "details": _details(service),
            "model_info": {
                "general.architecture": facts.architecture,
                "general.parameter_count": facts.parameters,
                f"{facts.architecture}.context_length": facts.trained_context,
                **facts.metadata,
            },
            "capabilities": ["completion", "tools", *(["thinking"] if thinks else [])],
        }
    )


async def version(service: Service, _: Request) -> Response:
    """The version of Ollama's API that is spoken here."""
    return json_response({"version": VERSION})


async def embed(service: Service, request: Request) -> Response:
    """Texts as vectors of length 1."""
    body = parse(EmbedRequest, await read_body(request, service.settings.max_body_bytes))
    check_dimensions(service, body.dimensions)
    texts = [body.input] if isinstance(body.input, str) else body.input

    async def answer() -> Response:
        found = await embedded(service, texts, "input")
        return json_response(
            {
                "model": service.settings.model_id,
                "embeddings": [shortened(one.vector, body.dimensions) for one in found],
                "prompt_eval_count": sum(one.tokens for one in found),
            }
        )

    return answered(answer, service.closing, SHAPE)


async def embed_one(service: Service, request: Request) -> Response:
    """One text as a vector of length 1, as it was before `/api/embed`."""
    body = parse(EmbedOneRequest, await read_body(request, service.settings.max_body_bytes))
    service.ready_facts()
    prompt = body.prompt
    if not prompt:
        return json_response({"embedding": []})  # asks Ollama to load the model

    async def answer() -> Response:
        (found,) = await embedded(service, [prompt], "prompt")
        return json_response({"embedding": found.vector})

    return answered(answer, service.closing, SHAPE)


def _model(service: Service) -> dict[str, Any]:
    facts = service.facts
    return {
        "name": service.settings.model_id,
        "model": service.settings.model_id,
        "modified_at": _created(service),
        "size": facts.size_bytes if facts else 0,
        "digest": "",
        "details": _details(service),
    }


def _details(service: Service) -> dict[str, Any]:
    facts = service.facts
    family = facts.architecture if facts else ""
    return {
        "parent_model": "",
        "format": "gguf",
        "family": family,
        "families": [family] if family else [],
        "parameter_size": _human(facts.parameters) if facts else "",
        "quantization_level": "",
    }


def _human(count: int) -> str:
    for limit, letter in ((10**9, "B"), (10**6, "M"), (10**3, "K")):
        if count >= limit:
            return f"{count / limit:.1f}{letter}"
    return str(count)


def _created(service: Service) -> str:
    return datetime.fromtimestamp(service.settings.created, UTC).isoformat().replace("+00:00", "Z")

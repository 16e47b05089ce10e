"""`/api/tags`, `/api/show`, `/api/ps`, `/api/version`: the one model, as Ollama tells of many."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict
from starlette.requests import Request
from starlette.responses import Response

from runtime.api.door import read_body
from runtime.api.errors import json_response
from runtime.api.fields import Ignored
from runtime.api.ollama.chat import SHAPE as SHAPE
from runtime.api.parse import parse
from runtime.api.service import Service

VERSION = "0.9.0"
"""The version of Ollama whose API this is, which is what clients that ask want to know."""


class ShowRequest(BaseModel):
    """`/api/show`."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True)

    model: str | None = None
    name: str | None = None
    verbose: Ignored = None


BODIES = {"show": ShowRequest}


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

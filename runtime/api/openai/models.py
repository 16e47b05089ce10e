"""`GET /v1/models` and `/v1/models/{id}`: the one model."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from runtime.api.errors import OPENAI, ApiError, json_response
from runtime.api.service import Service

SHAPE = OPENAI
BODIES: dict[str, Any] = {}


async def models(service: Service, _: Request) -> Response:
    """The one model, as a list."""
    name = service.settings.model_id
    ends = {"first_id": name, "last_id": name, "has_more": False}  # what Anthropic's client reads at the same address
    return json_response({"object": "list", "data": [_model(service)], **ends})


async def model(service: Service, request: Request) -> Response:
    """The one model, by its name."""
    model_id = request.path_params["model_id"]
    if model_id != service.settings.model_id:
        message = f"There is no model {model_id[:100]!r} here, only {service.settings.model_id!r}."
        raise ApiError(404, message, "model_not_found", "model")
    return json_response(_model(service))


def _model(service: Service) -> dict[str, Any]:
    about: dict[str, Any] = {
        "id": service.settings.model_id,
        "object": "model",
        "created": service.settings.created,
        "owned_by": service.ui.author or "pannier",
        "type": "model",
        "display_name": service.ui.title or service.settings.model_id,
        "created_at": datetime.fromtimestamp(service.settings.created, UTC).isoformat().replace("+00:00", "Z"),
    }
    if facts := service.facts:
        about["meta"] = {
            "architecture": facts.architecture,
            "description": facts.description,
            "n_params": facts.parameters,
            "size": facts.size_bytes,
            "n_vocab": facts.vocabulary_size,
            "n_ctx": facts.context_size,
            "n_ctx_train": facts.trained_context,
            "chat_template": service.template(facts).origin,
        }
    return about

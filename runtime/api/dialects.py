"""The dialects this server speaks: which paths are whose. A dialect's module is loaded with its first request.

Adding one is a module and a row here. A module has a function `(service, request) -> Response` for each handler named
below, `SHAPE` (how it tells errors) and `BODIES` (handler → the model of its request's body).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from runtime.api.errors import OPENAI, Shape
from runtime.api.service import Service


@dataclass(frozen=True, slots=True)
class Dialect:
    """Paths and the module that answers them. routes: "METHOD path" → name of a function of the module."""

    name: str
    load: Callable[[], Any]
    routes: dict[str, str]

    def shape(self) -> Shape:
        """How errors are told."""
        shape: Shape = self.load().SHAPE
        return shape


def _openai_chat() -> Any:
    from runtime.api.openai import chat

    return chat


def _openai_completions() -> Any:
    from runtime.api.openai import completions

    return completions


def _openai_responses() -> Any:
    from runtime.api.openai import responses

    return responses


def _llamacpp() -> Any:
    from runtime.api import llamacpp

    return llamacpp


def _filling() -> Any:
    from runtime.api import filling

    return filling


def _ranking() -> Any:
    from runtime.api import ranking

    return ranking


def _anthropic() -> Any:
    from runtime.api.anthropic import messages

    return messages


def _ollama_chat() -> Any:
    from runtime.api.ollama import chat

    return chat


def _ollama_about() -> Any:
    from runtime.api.ollama import about

    return about


def _streams() -> Any:
    from runtime.api import streams

    return streams


def _openai_embeddings() -> Any:
    from runtime.api.openai import embeddings

    return embeddings


def _openai_models() -> Any:
    from runtime.api.openai import models

    return models


DIALECTS: tuple[Dialect, ...] = (
    Dialect(
        "openai",
        _openai_models,
        {
            "GET /v1/models": "models",
            "GET /models": "models",
            "GET /v1/models/{model_id:path}": "model",
            "GET /models/{model_id:path}": "model",
        },
    ),
    Dialect(
        "openai",
        _openai_chat,
        {"POST /v1/chat/completions": "chat_completions", "POST /chat/completions": "chat_completions"},
    ),
    Dialect(
        "openai",
        _openai_completions,
        {"POST /v1/completions": "completions", "POST /completions": "completions"},
    ),
    Dialect("openai", _openai_responses, {"POST /v1/responses": "responses", "POST /responses": "responses"}),
    Dialect("openai", _openai_embeddings, {"POST /v1/embeddings": "embeddings", "POST /embeddings": "embeddings"}),
    Dialect("openai", _streams, {"GET /v1/streams/{stream_id}": "resume", "DELETE /v1/streams/{stream_id}": "give_up"}),
    Dialect(
        "llama.cpp",
        _llamacpp,
        {
            "POST /completion": "completion",
            "POST /tokenize": "tokenize",
            "POST /detokenize": "detokenize",
            "POST /embedding": "embedding",
            "POST /apply-template": "apply_template",
            "GET /props": "props",
            "GET /slots": "slots",
            "GET /metrics": "metrics",
        },
    ),
    Dialect("llama.cpp", _filling, {"POST /infill": "infill"}),
    Dialect(
        "llama.cpp",
        _ranking,
        {
            "POST /rerank": "rerank",
            "POST /reranking": "rerank",
            "POST /v1/rerank": "rerank",
            "POST /v1/reranking": "rerank",
        },
    ),
    Dialect(
        "anthropic", _anthropic, {"POST /v1/messages": "messages", "POST /v1/messages/count_tokens": "count_tokens"}
    ),
    Dialect("ollama", _ollama_chat, {"POST /api/chat": "chat", "POST /api/generate": "generate"}),
    Dialect(
        "ollama",
        _ollama_about,
        {
            "GET /api/tags": "tags",
            "GET /api/ps": "ps",
            "POST /api/show": "show",
            "POST /api/embed": "embed",
            "POST /api/embeddings": "embed_one",
            "GET /api/version": "version",
        },
    ),
)


def routes(service: Service) -> list[Route]:
    """A route for each path. Plain ones of Starlette: FastAPI would look at functions that read their bodies alone."""
    handlers: dict[str, dict[str, tuple[Dialect, str]]] = {}
    for dialect in DIALECTS:
        for address, function in dialect.routes.items():
            method, path = address.split(" ")
            handlers.setdefault(path, {})[method] = dialect, function
    return [
        Route(path, _endpoint(service, methods), methods=list(methods), include_in_schema=False)
        for path, methods in handlers.items()
    ]


def _endpoint(service: Service, methods: dict[str, tuple[Dialect, str]]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        dialect, function = methods.get(request.method) or methods["GET"]  # HEAD
        response: Response = await getattr(dialect.load(), function)(service, request)
        return response

    return endpoint


_SHAPED = {
    path: dialect
    for dialect in DIALECTS
    if dialect.name != "openai"
    for path in (address.split(" ")[1].split("{")[0] for address in dialect.routes)
}


def shape_of(path: str) -> Shape:
    """How an error at `path` is told: as the dialect whose path it is does, else as OpenAI's."""
    dialect = _SHAPED.get(path)
    return dialect.shape() if dialect else OPENAI


def load_all() -> list[Any]:
    """Every dialect's module."""
    return [dialect.load() for dialect in DIALECTS]

from __future__ import annotations

from typing import Any

import ollama._types as ollama_types
import pytest
from anthropic.types import message_count_tokens_params, message_create_params
from openai.types import completion_create_params, embedding_create_params
from openai.types.chat import completion_create_params as chat_create_params
from openai.types.responses import response_create_params
from pydantic import BaseModel

from runtime.api.anthropic import schema as anthropic
from runtime.api.dialects import DIALECTS
from runtime.api.ollama import about
from runtime.api.ollama import schema as ollama
from runtime.api.openai import completions, embeddings, responses_schema, schema
from tests.api.reference import FILE, render, table
from tests.api.running import Running

BODIES = [body for dialect in DIALECTS for body in dialect.load().BODIES.values()]


def test_the_reference_says_what_the_code_does() -> None:
    assert FILE.read_text(encoding="utf-8") == render(), "run: python -m tests.api.reference"


@pytest.mark.parametrize("body", BODIES, ids=lambda body: str(body.__name__))
def test_every_refused_field_has_its_reason(body: type[BaseModel]) -> None:
    for line in table(body):
        if "refused unless" in line:
            assert line.split("|")[3].strip(), line


def test_the_openapi_document_has_every_path(server: Running) -> None:
    document = server.http.get("/openapi.json").json()
    for dialect in DIALECTS:
        for address in dialect.routes:
            method, path = address.split(" ")
            operation = document["paths"][path.replace(":path", "")][method.lower()]
            assert operation["summary"]
            assert "default" in operation["responses"]
    identities = [one["operationId"] for path in document["paths"].values() for one in path.values()]
    assert len(set(identities)) == len(identities)


def test_unknown_paths_of_every_dialect_are_404(server: Running) -> None:
    for path in ("/v1/images/generations", "/lora-adapters", "/api/pull", "/v1/messages/batches"):
        assert server.http.post(path, json={}).status_code == 404


HEADERS = {"workspace_id", "user_profile_id"}  # of Anthropic's client, which sends them beside the body


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        (chat_create_params.CompletionCreateParamsBase, schema.ChatCompletionRequest),
        (completion_create_params.CompletionCreateParamsBase, completions.CompletionRequest),
        (response_create_params.ResponseCreateParamsBase, responses_schema.ResponsesRequest),
        (embedding_create_params.EmbeddingCreateParams, embeddings.EmbeddingsRequest),
        (message_create_params.MessageCreateParamsBase, anthropic.MessagesRequest),
        (message_count_tokens_params.MessageCountTokensParams, anthropic.CountRequest),
        (ollama_types.ChatRequest, ollama.ChatRequest),
        (ollama_types.GenerateRequest, ollama.GenerateRequest),
        (ollama_types.Options, ollama.Options),
        (ollama_types.EmbedRequest, about.EmbedRequest),
        (ollama_types.EmbeddingsRequest, about.EmbedOneRequest),
        (ollama_types.ShowRequest, about.ShowRequest),
    ],
    ids=lambda model: str(model.__name__),
)
def test_every_field_that_an_official_client_can_send_is_in_a_table(theirs: Any, ours: type[BaseModel]) -> None:
    known = getattr(theirs, "model_fields", None) or theirs.__required_keys__ | theirs.__optional_keys__
    assert len(known) > 0
    assert set(known) - set(ours.model_fields) - HEADERS == set()

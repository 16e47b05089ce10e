from __future__ import annotations

import math
from typing import Any

import httpx
import openai
import pytest

from tests.api.running import MODEL, Running
from tests.api.test_refusals import check_shape


def embed(server: Running, given: Any, **fields: Any) -> Any:
    return server.http.post("/v1/embeddings", json={"input": given, **fields})


def test_texts_and_tokens_become_vectors_of_length_one(server: Running) -> None:
    answer = embed(server, ["river", "stone"]).json()
    assert [row["index"] for row in answer["data"]] == [0, 1]
    assert all(math.isclose(math.hypot(*row["embedding"]), 1.0, rel_tol=1e-6) for row in answer["data"])
    tokens = server.http.post("/tokenize", json={"content": "river", "add_special": True}).json()["tokens"]
    assert embed(server, tokens).json()["data"][0]["embedding"] == answer["data"][0]["embedding"]
    assert answer["usage"]["total_tokens"] > 0
    short = embed(server, "river", dimensions=3).json()["data"][0]["embedding"]
    assert len(short) == 3
    assert math.isclose(math.hypot(*short), 1.0, rel_tol=1e-6)


def test_ollama_embeds_too(server: Running) -> None:
    vector = embed(server, "river").json()["data"][0]["embedding"]
    answer = server.http.post("/api/embed", json={"model": MODEL, "input": ["river", "stone"]}).json()
    assert answer["embeddings"][0] == vector
    assert answer["prompt_eval_count"] > 0
    assert server.http.post("/api/embeddings", json={"model": MODEL, "prompt": "river"}).json()["embedding"] == vector
    assert server.http.post("/api/embeddings", json={"model": MODEL}).json() == {"embedding": []}
    short = server.http.post("/api/embed", json={"input": "river", "dimensions": 3}).json()["embeddings"][0]
    assert short == embed(server, "river", dimensions=3).json()["data"][0]["embedding"]
    assert server.http.post("/api/embed", json={"input": "river", "dimensions": 10**6}).status_code == 400


def test_the_official_client_reads_both_encodings(server: Running) -> None:
    with openai.OpenAI(
        base_url=f"{server.url}/v1", api_key="x", max_retries=0, http_client=httpx.Client(trust_env=False)
    ) as client:
        packed = client.embeddings.create(model=MODEL, input="river").data[0].embedding
        plain = client.embeddings.create(model=MODEL, input="river", encoding_format="float").data[0].embedding
    assert packed == pytest.approx(plain, abs=1e-6)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "input"),
        ({"input": []}, "input"),
        ({"input": ""}, "input"),
        ({"input": [-1]}, "input"),
        ({"input": "x", "dimensions": 10**6}, "dimensions"),
        ({"input": "x", "encoding_format": "hex"}, "encoding_format"),
    ],
)
def test_an_invalid_field_is_named(server: Running, fields: dict[str, Any], param: str) -> None:
    answer = server.http.post("/v1/embeddings", json=fields)
    assert answer.status_code == 400
    check_shape(answer.json())
    assert answer.json()["error"]["param"] == param

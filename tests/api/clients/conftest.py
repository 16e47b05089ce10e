"""One demonstration dist, served for all clients of this folder, watched and tempted to reach somebody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import anthropic
import httpx
import ollama
import openai
import pytest

from tests.api.clients import tracing
from tests.dist import running
from tests.dist.conftest import dist, settled

__all__ = ["dist", "settled"]

KEY = "sk-a-key-of-this-test"
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather in a city",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
QUESTION = "what is the weather in Rome and in Oslo?"
"""To which the demonstration answers with two calls."""
RESULT = '{"temperature": 21, "condition": "sunny"}'


@pytest.fixture(scope="session")
def served(dist: Path, settled: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[running.Serving]:
    """Whoever it would have tried to reach by the end of all tests, fails them."""
    program, record = tracing.traced(dist, tmp_path_factory.mktemp("traced"))
    env = {**settled, **tracing.TEMPTATIONS}
    with running.serving(program, "--port", "0", "--api-key", KEY, "--parallel", "8", env=env) as it:
        yield it
    told = record.read_text(errors="replace")
    assert "--worker" in told, "strace did not follow the worker"
    assert tracing.attempts(told) == []


@pytest.fixture(scope="session")
def base(served: running.Serving) -> str:
    return served.url


@pytest.fixture
def http(base: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=base, headers={"Authorization": f"Bearer {KEY}"}, timeout=60, trust_env=False) as client:
        yield client


@pytest.fixture
def gpt(base: str) -> Iterator[openai.OpenAI]:
    made = httpx.Client(trust_env=False)
    with openai.OpenAI(base_url=f"{base}/v1", api_key=KEY, max_retries=0, http_client=made) as client:
        yield client


@pytest.fixture
def claude(base: str) -> Iterator[anthropic.Anthropic]:
    made = anthropic.DefaultHttpxClient(trust_env=False)
    with anthropic.Anthropic(base_url=base, api_key=KEY, max_retries=0, http_client=made) as client:
        yield client


@pytest.fixture
def llama(base: str) -> Iterator[ollama.Client]:
    client = ollama.Client(host=base, headers={"Authorization": f"Bearer {KEY}"}, trust_env=False)
    yield client
    client._client.close()  # it has no way to do it itself

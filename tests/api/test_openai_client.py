from __future__ import annotations

from collections.abc import Iterator

import httpx
import openai
import pytest

from runtime.api.settings import ServerSettings
from runtime.engine.fake import FakeBehaviour
from tests.api.running import MODEL, running

MESSAGES: list[openai.types.chat.ChatCompletionMessageParam] = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def client() -> Iterator[openai.OpenAI]:
    settings = ServerSettings(MODEL, api_keys=("sk-test",))
    with (
        running(FakeBehaviour(answer="Hello to you too.", context_size=128), settings) as server,
        openai.OpenAI(
            base_url=f"{server.url}/v1", api_key="sk-test", max_retries=0, http_client=httpx.Client(trust_env=False)
        ) as made,
    ):
        yield made


def test_the_official_client_lists_models(client: openai.OpenAI) -> None:
    assert [model.id for model in client.models.list()] == [MODEL]
    assert client.models.retrieve(MODEL).owned_by


def test_the_official_client_gets_an_answer(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model=MODEL, messages=MESSAGES, temperature=0, seed=1, n=1, stop=["#"])
    assert answer.choices[0].message.content == "Hello to you too."
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 0


def test_the_official_client_streams(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model=MODEL, messages=MESSAGES, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Hello to you too."
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens > 0


def test_the_official_client_raises_its_own_errors(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as invalid:
        client.chat.completions.create(model=MODEL, messages=MESSAGES, n=99)
    assert invalid.value.param == "n"
    with pytest.raises(openai.BadRequestError) as too_long:
        client.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "x" * 500}])
    assert too_long.value.code == "context_length_exceeded"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("another")
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="wrong").models.list()


def test_the_official_client_sees_a_death_in_the_middle_of_a_stream() -> None:
    with (
        running(FakeBehaviour(answer="one two three four", die_at_token=6, deaths=2)) as server,
        openai.OpenAI(
            base_url=f"{server.url}/v1", api_key="none", max_retries=0, http_client=httpx.Client(trust_env=False)
        ) as client,
    ):
        stream = client.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True)
        with pytest.raises(openai.APIError, match="second time"):
            list(stream)

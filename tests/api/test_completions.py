from __future__ import annotations

from typing import Any

import pytest

from runtime.engine.fake import FakeBehaviour, encode
from tests.api.running import MODEL, Running, running
from tests.api.test_chat import events
from tests.api.test_refusals import check_shape


def complete(server: Running, **fields: Any) -> Any:
    return server.http.post("/v1/completions", json=fields)


@pytest.mark.parametrize("path", ["/v1/completions", "/completions"])
def test_a_text_goes_on_without_a_template(path: str) -> None:
    with running(FakeBehaviour(answer=lambda request: f"after {request.prompt!r}")) as server:
        answer = server.http.post(path, json={"prompt": "Once", "max_tokens": 50}).json()
    assert answer["object"] == "text_completion"
    assert answer["model"] == MODEL
    assert answer["choices"] == [{"text": "after 'Once'", "index": 0, "logprobs": None, "finish_reason": "stop"}]
    assert answer["usage"]["total_tokens"] == answer["usage"]["prompt_tokens"] + answer["usage"]["completion_tokens"]


def test_several_prompts_each_get_their_answers_in_order() -> None:
    with running(FakeBehaviour(answer=lambda request: f"<{request.prompt}>")) as server:
        answer = complete(server, prompt=["a", "bb"], n=2).json()
        assert [choice["text"] for choice in answer["choices"]] == ["<a>", "<a>", "<bb>", "<bb>"]
        assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2, 3]
        assert answer["usage"]["prompt_tokens"] == 3


def test_a_prompt_may_be_tokens_and_be_echoed(server: Running) -> None:
    tokens = encode("the river", parse_special=False)
    answer = complete(server, prompt=tokens, echo=True, max_tokens=1).json()
    assert answer["choices"][0]["text"].startswith("the river")
    assert answer["usage"]["prompt_tokens"] == len(tokens)


def test_a_stream_says_the_same_as_a_plain_answer(server: Running) -> None:
    plain = complete(server, prompt="Once", seed=3, echo=True).json()["choices"][0]["text"]
    asked = {"prompt": "Once", "seed": 3, "echo": True, "stream": True, "stream_options": {"include_usage": True}}
    *chunks, last, done = events(complete(server, **asked).text)
    assert done == "[DONE]"
    assert "".join(chunk["choices"][0]["text"] for chunk in chunks) == plain
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert last["usage"]["completion_tokens"] > 0


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({}, "prompt"),
        ({"prompt": []}, "prompt"),
        ({"prompt": [-1]}, "prompt"),
        ({"prompt": {"a": 1}}, "prompt"),
        ({"prompt": ["x"] * 17}, "prompt"),
        ({"prompt": "x", "suffix": "y"}, "suffix"),
        ({"prompt": "x", "best_of": 2}, "best_of"),
        ({"prompt": "x", "max_tokens": 0}, "max_tokens"),
        ({"prompt": "x", "stream_options": {}}, "stream_options"),
        ({"prompt": "x", "messages": []}, "messages"),
    ],
)
def test_an_invalid_field_is_named(server: Running, body: dict[str, Any], param: str) -> None:
    answer = complete(server, **body)
    assert answer.status_code == 400
    check_shape(answer.json())
    assert answer.json()["error"]["param"] == param


def test_log_probabilities_are_four_lists() -> None:
    with running(FakeBehaviour(answer="one two")) as server:
        asked = {"prompt": "So:", "logprobs": 2, "echo": True}
        told = server.http.post("/v1/completions", json=asked).json()["choices"][0]["logprobs"]
        assert "".join(told["tokens"]) == "one two"
        assert told["text_offset"][:2] == [3, 4]
        assert told["token_logprobs"][0] == -0.5
        assert len(told["top_logprobs"][0]) == 2
        chunks = events(server.http.post("/v1/completions", json={**asked, "stream": True}).text)[:-1]
        streamed = [one["choices"][0]["logprobs"] for one in chunks if one["choices"][0]["logprobs"]]
        assert [offset for one in streamed for offset in one["text_offset"]] == told["text_offset"]

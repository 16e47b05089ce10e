from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from runtime.api.fields import REFUSED
from runtime.api.openai.schema import _ONLY, ChatCompletionRequest
from runtime.api.settings import ServerSettings
from runtime.engine.core import Event, Failed, FailureKind, GenerationRequest, Started, TextDelta
from runtime.engine.fake import FakeBehaviour, FakeEngine
from tests.api.running import MODEL, Running, running
from tests.api.test_chat import events

HELLO = [{"role": "user", "content": "Hello"}]
TOOL = {"type": "function", "function": {"name": "f"}}
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
DEEP: dict[str, Any] = {}
for _ in range(70):
    DEEP = {"not": DEEP}


def check_shape(error: dict[str, Any]) -> None:
    assert set(error) == {"error"}
    assert set(error["error"]) == {"message", "type", "param", "code"}
    assert error["error"]["message"]


INVALID: list[tuple[dict[str, Any], str]] = [
    ({}, "messages"),
    ({"messages": []}, "messages"),
    ({"messages": "hi"}, "messages"),
    ({"messages": [7]}, "messages[0]"),
    ({"messages": [{"content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": "user"}]}, "messages[0].content"),
    ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": "user", "content": {"a": 1}}]}, "messages[0].content"),
    ({"messages": [{"role": "user", "content": "x", "mood": 1}]}, "messages[0].mood"),
    ({"messages": [{"role": "user", "content": ["x"]}]}, "messages[0].content[0]"),
    ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages[0].content[0].text"),
    ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content[0]"),
    ({"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "messages[0].content[0]"),
    ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
    ({"messages": [{"role": "function", "content": "x"}]}, "messages[0].role"),
    ({"messages": [{"role": "user", "content": "x", "tool_calls": [CALL]}]}, "messages[0].tool_calls"),
    ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "messages[0].tool_calls[0].function"),
    (
        {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}]},
        "messages[0].tool_calls[0].function.arguments",
    ),
    ({"messages": HELLO, "tools": [1]}, "tools[0]"),
    ({"messages": HELLO, "tools": [{"type": "custom", "custom": {}}]}, "tools[0]"),
    ({"messages": HELLO, "tools": [{"type": "function"}]}, "tools[0].function"),
    ({"messages": HELLO, "tools": [{"function": {"name": "a b"}}]}, "tools[0].function.name"),
    ({"messages": HELLO, "tools": [{"function": {"name": "f", "parameters": 1}}]}, "tools[0].function.parameters"),
    ({"messages": HELLO, "tools": [TOOL, TOOL]}, "tools"),
    ({"messages": HELLO, "tools": [TOOL], "tool_choice": "f"}, "tool_choice"),
    ({"messages": HELLO, "tools": [TOOL], "tool_choice": {"function": {"name": "g"}}}, "tool_choice"),
    ({"messages": HELLO, "tool_choice": "required"}, "tool_choice"),
    ({"messages": HELLO, "tools": [TOOL], "response_format": {"type": "json_object"}}, "response_format"),
    ({"messages": HELLO, "tools": [TOOL], "grammar": "root ::= []"}, "grammar"),
    ({"messages": HELLO, "response_format": {"type": "xml"}}, "response_format.type"),
    ({"messages": HELLO, "response_format": {"type": "json_schema"}}, "response_format.json_schema"),
    ({"messages": HELLO, "json_schema": DEEP}, "json_schema"),
    ({"messages": HELLO, "json_schema": {"enum": ["x" * 300_000]}}, "json_schema"),
    ({"messages": HELLO, "grammar": "x" * 70_000}, "grammar"),
    ({"messages": HELLO, "grammar": "root ::= []", "json_schema": {}}, "grammar"),
    ({"messages": HELLO, "logit_bias": {"x": 1}}, "logit_bias"),
    ({"messages": HELLO, "logit_bias": [[1]]}, "logit_bias"),
    ({"messages": HELLO, "top_logprobs": 3}, "top_logprobs"),
    ({"messages": HELLO, "logprobs": True, "top_logprobs": 30}, "top_logprobs"),
    ({"messages": HELLO, "n": 0}, "n"),
    ({"messages": HELLO, "n_keep": -2}, "n_keep"),
    ({"messages": HELLO, "prediction": {"type": "image", "content": "x"}}, "prediction.type"),
    ({"messages": HELLO, "prediction": {"type": "content"}}, "prediction.content"),
    ({"messages": HELLO, "prediction": {"type": "content", "content": [{"type": "file"}]}}, "prediction.content[0]"),
    ({"messages": HELLO, "samplers": ["top_k", "dice"]}, "samplers"),
    ({"messages": HELLO, "samplers": "kz"}, "samplers"),
    ({"messages": HELLO, "samplers": ["top_p"] * 33}, "samplers"),
    ({"messages": HELLO, "samplers": ["infill", "top_k"]}, "samplers"),
    ({"messages": HELLO, "samplers": ["top_k", "infill"], "top_k": 0}, "samplers"),
    ({"messages": HELLO, "n": 1000}, "n"),
    ({"messages": HELLO, "reasoning_effort": "huge"}, "reasoning_effort"),
    ({"messages": HELLO, "reasoning_effort": "high"}, "reasoning_effort"),
    ({"messages": HELLO, "tools": [TOOL], "reasoning_format": "none"}, "reasoning_format"),
    ({"messages": HELLO, "continue_final_message": True}, "continue_final_message"),
    ({"messages": HELLO, "add_generation_prompt": False}, "add_generation_prompt"),
    ({"messages": HELLO * 5000}, "messages"),
    ({"messages": HELLO, "stop": "x" * 2000}, "stop"),
    ({"messages": HELLO, "temprature": 1}, "temprature"),
    ({"messages": HELLO, "temperature": "hot"}, "temperature"),
    ({"messages": HELLO, "temperature": -1}, "temperature"),
    ({"messages": HELLO, "temperature": True}, "temperature"),
    ({"messages": HELLO, "top_p": 1.5}, "top_p"),
    ({"messages": HELLO, "top_k": 1.5}, "top_k"),
    ({"messages": HELLO, "seed": 2**70}, "seed"),
    ({"messages": HELLO, "max_tokens": 0}, "max_tokens"),
    ({"messages": HELLO, "max_tokens": "many"}, "max_tokens"),
    ({"messages": HELLO, "max_tokens": 1, "max_completion_tokens": 2}, "max_tokens"),
    ({"messages": HELLO, "stop": 3}, "stop"),
    ({"messages": HELLO, "stop": [1]}, "stop[0]"),
    ({"messages": HELLO, "stop": ["x"] * 17}, "stop"),
    ({"messages": HELLO, "stop": ""}, "stop"),
    ({"messages": HELLO, "stream": "yes"}, "stream"),
    ({"messages": HELLO, "stream_options": {"include_usage": True}}, "stream_options"),
    ({"messages": HELLO, "stream": True, "stream_options": {"x": 1}}, "stream_options.x"),
    (
        {"messages": HELLO, "stream": True, "stream_options": {"include_obfuscation": True}},
        "stream_options.include_obfuscation",
    ),
    ({"messages": HELLO, "chat_template_kwargs": [1]}, "chat_template_kwargs"),
    ({"messages": HELLO, "chat_template_kwargs": {"messages": []}}, "messages"),
]


@pytest.mark.parametrize(
    ("body", "param"), INVALID, ids=[f"{param}-{index}" for index, (_, param) in enumerate(INVALID)]
)
def test_an_invalid_field_is_named_with_status_400(server: Running, body: dict[str, Any], param: str) -> None:
    answer = server.http.post("/v1/chat/completions", json=body)
    assert answer.status_code == 400
    check_shape(answer.json())
    assert answer.json()["error"]["param"] == param
    assert answer.json()["error"]["type"] == "invalid_request_error"


ASKED: dict[str, Any] = {
    "functions": [{"name": "f"}],
    "function_call": {"name": "f"},
    "verbosity": "high",
    "modalities": ["text", "audio"],
    "moderation": {"model": "x"},
    "n_discard": 5,
    "adaptive_target": 0.5,
    "adaptive_decay": 0.9,
    "audio": {"voice": "alloy"},
    "web_search_options": {},
    "store": True,
    "service_tier": "flex",
    "cache_prompt": False,
    "n_probs": 5,
    "t_max_predict_ms": 100,
    "post_sampling_probs": True,
    "lora": [{"id": 0, "scale": 1.0}],
}
TABLE = {**{name: row for name, row in _ONLY.items() if name != "add_generation_prompt"}, **REFUSED}


def test_the_table_of_refused_fields_is_covered_here() -> None:
    assert {*ASKED, "timings_per_token", "return_progress"} == set(TABLE)  # which a chat offers after all
    assert set(TABLE) <= set(ChatCompletionRequest.model_fields)


@pytest.mark.parametrize("name", sorted(ASKED))
def test_a_field_not_offered_is_refused_with_the_reason(server: Running, name: str) -> None:
    answer = server.chat(**{name: ASKED[name]})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["param"], error["code"]) == (name, "unsupported_parameter")
    assert error["message"].startswith(f"'{name}' is refused: ")


@pytest.mark.parametrize("name", sorted(ASKED))
def test_a_field_not_offered_may_ask_for_nothing(server: Running, name: str) -> None:
    for harmless in (None, *TABLE[name][0]):
        assert server.chat(**{name: harmless}, max_tokens=1).status_code == 200


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"[]", b'"x"', b"\xff\xfe", b'{"messages": [{"role": "user", "content": "\\ud800"}]}',
     b'{"messages": ' + b"[" * 5000, b'{"messages":[{"role":"user","content":"x"}],"temperature":NaN}',
     b'{"messages":[{"role":"user","content":"x"}],"temperature":1e999}',
     '{"messages":[{"role":"user","content":"\udcff"}]}'.encode("utf-8", "surrogateescape")],
)  # fmt: skip
def test_a_body_that_is_no_proper_json_is_answered_with_400(server: Running, body: bytes) -> None:
    answer = server.http.post("/v1/chat/completions", content=body)
    assert answer.status_code == 400
    check_shape(answer.json())


def test_an_unknown_path_is_404_and_a_wrong_method_405(server: Running) -> None:
    for method, path, status in (
        ("GET", "/v1/nothing", 404),
        ("POST", "/nothing", 404),
        ("GET", "/v1/chat/completions", 405),
    ):
        answer = server.http.request(method, path)
        assert answer.status_code == status
        check_shape(answer.json())
    assert server.http.get("/v1/chat/completions").headers["allow"] == "POST"


def test_a_body_that_is_too_large_is_413_whether_announced_or_not() -> None:
    with running(settings=ServerSettings(MODEL, max_body_bytes=10_000)) as server:
        announced = server.chat("x" * 20_000)
        assert announced.status_code == 413
        check_shape(announced.json())
        unannounced = server.http.post("/v1/chat/completions", content=iter([b"x" * 6000, b"x" * 6000]))
        assert unannounced.status_code == 413
        assert server.chat("x" * 100, max_tokens=1).status_code == 200


def test_a_prompt_that_does_not_fit_is_refused_with_both_numbers() -> None:
    with running(FakeBehaviour(context_size=64)) as server:
        for stream in (False, True):
            answer = server.chat("x" * 1000, stream=stream)
            assert answer.status_code == 400
            error = answer.json()["error"]
            assert error["code"] == "context_length_exceeded"
            assert "64" in error["message"]
            assert "10" in error["message"]


def test_a_template_that_refuses_the_conversation_is_400_with_its_reason() -> None:
    with running(FakeBehaviour(chat_template="{{ raise_exception('Roles must alternate') }}")) as server:
        error = server.chat().json()["error"]
        assert error["code"] == "chat_template_error"
        assert "Roles must alternate" in error["message"]


def test_a_template_that_is_no_template_is_told_and_can_be_replaced() -> None:
    broken = FakeBehaviour(chat_template="{% if %}", answer="fine")
    with running(broken) as server:
        answer = server.chat()
        assert (answer.status_code, answer.json()["error"]["code"]) == (500, "chat_template_broken")
        assert "--chat-template" in answer.json()["error"]["message"]
    with running(broken, ServerSettings(MODEL, chat_template="{{ messages[0].content }}")) as server:
        assert server.chat().status_code == 200


STATUSES = {
    FailureKind.INVALID: 400,
    FailureKind.TOO_LONG: 400,
    FailureKind.BUSY: 429,
    FailureKind.WORKER_DIED: 503,
    FailureKind.UNAVAILABLE: 503,
    FailureKind.INTERNAL: 500,
}


@pytest.mark.parametrize("kind", FailureKind)
@pytest.mark.parametrize("stream", [True, False], ids=["streaming", "plain"])
def test_every_failure_has_its_status(kind: FailureKind, stream: bool) -> None:
    with running(FakeBehaviour(refuse=lambda request: Failed(request.id, kind, "This is why."))) as server:
        answer = server.chat(stream=stream)
    assert answer.status_code == STATUSES[kind]
    check_shape(answer.json())
    assert answer.json()["error"]["message"] == "This is why."
    assert ("retry-after" in answer.headers) == (STATUSES[kind] in (429, 503))


def test_a_request_that_is_the_death_of_two_workers_is_told_so_in_the_middle_of_its_stream() -> None:
    with running(FakeBehaviour(die_at_token=3, deaths=2, answer="a b c d e f")) as server:
        answer = server.chat(stream=True)
        assert answer.status_code == 200
        told = events(answer.text)
        check_shape(told[-1])
        assert told[-1]["error"]["code"] == "engine_restarted"
        assert "second time" in told[-1]["error"]["message"]
        assert server.chat(stream=True).text.endswith("data: [DONE]\n\n")


def test_a_worker_that_dies_is_not_noticed_by_who_asked() -> None:
    with running(FakeBehaviour(die_at_token=3, load_seconds=0.05, answer="a b c d e f")) as server:
        assert events(server.chat(stream=True).text)[-1] is not None
        assert server.chat().json()["choices"][0]["message"]["content"] == "a b c d e f"


def test_a_plain_request_that_is_the_death_of_two_workers_is_503() -> None:
    with running(FakeBehaviour(die_at_token=3, deaths=2, answer="a b c d e f")) as server:
        answer = server.chat()
        assert (answer.status_code, answer.json()["error"]["code"]) == (503, "engine_restarted")
        assert answer.headers["retry-after"]
        assert server.chat().status_code == 200


def test_a_request_while_loading_is_503_with_retry_after() -> None:
    with running(FakeBehaviour(never_ready=True), ready=False) as server:
        answer = server.chat()
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "model_loading")
    assert int(answer.headers["retry-after"]) > 0


class Broken(FakeEngine):
    """Breaks the engine's contract in the two ways there are."""

    async def generate(self, request: GenerationRequest) -> AsyncIterator[Event]:
        yield Started(request.id, 1, 0, 0)
        yield TextDelta(request.id, "x", (1,))
        if request.max_tokens == 1:
            raise ValueError("a secret of the user")


@pytest.mark.parametrize("max_tokens", [1, 2], ids=["raises", "ends without a word"])
def test_a_bug_of_ours_is_500_without_a_traceback(max_tokens: int, capfd: pytest.CaptureFixture[str]) -> None:
    with running(engine=Broken) as server:
        plain = server.chat(max_tokens=max_tokens)
        streamed = server.chat(max_tokens=max_tokens, stream=True)
    assert plain.status_code == 500
    check_shape(plain.json())
    assert events(streamed.text)[-1]["error"]["code"] == "internal_error"
    told = plain.text + streamed.text + "".join(capfd.readouterr())
    assert "secret" not in told
    assert "Traceback" not in told

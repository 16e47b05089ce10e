"""OpenAI's own client against the built demonstration."""

from __future__ import annotations

import base64
import json
import math
import struct
from typing import Any

import httpx
import openai
import pytest

from tests.api.clients.conftest import QUESTION, RESULT, WEATHER

HELLO: Any = [{"role": "user", "content": "Hello"}]
MODEL = "any name"


def test_it_lists_the_one_model(gpt: openai.OpenAI) -> None:
    (model,) = gpt.models.list()
    assert gpt.models.retrieve(model.id) == model
    assert model.owned_by


def test_it_chats_and_remembers_what_was_said(gpt: openai.OpenAI) -> None:
    said: list[Any] = []
    for question in ("Hello", "My name is Anna.", "What is my name?"):
        said.append({"role": "user", "content": question})
        answer = gpt.chat.completions.create(model=MODEL, messages=said, temperature=0)
        said.append(answer.choices[0].message)
    assert "Anna" in (answer.choices[0].message.content or "")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.prompt_tokens_details is not None
    assert (answer.usage.prompt_tokens_details.cached_tokens or 0) > 0


def test_a_stream_says_what_the_whole_answer_says(gpt: openai.OpenAI) -> None:
    whole = gpt.chat.completions.create(model=MODEL, messages=HELLO, temperature=0).choices[0].message.content
    stream = gpt.chat.completions.create(
        model=MODEL, messages=HELLO, temperature=0, stream=True, stream_options={"include_usage": True}
    )
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == whole
    assert sum(bool(chunk.choices and chunk.choices[0].delta.content) for chunk in chunks) > 3
    assert chunks[-1].usage is not None


@pytest.mark.parametrize("stream", [False, True])
def test_two_tools_are_called_at_once_and_the_answer_is_made_from_their_results(
    gpt: openai.OpenAI, stream: bool
) -> None:
    said: list[Any] = [{"role": "user", "content": QUESTION}]
    with gpt.chat.completions.stream(model=MODEL, messages=said, tools=[WEATHER], temperature=0) as events:  # type: ignore[list-item]
        if stream:
            assert sum(event.type == "tool_calls.function.arguments.delta" for event in events) > 4
        answer = events.get_final_completion().choices[0]
    if not stream:
        plain = gpt.chat.completions.create(model=MODEL, messages=said, tools=[WEATHER], temperature=0)  # type: ignore[list-item]
        assert plain.choices[0].finish_reason == "tool_calls"
    assert answer.finish_reason == "tool_calls"
    calls: list[Any] = answer.message.tool_calls or []
    assert [json.loads(call.function.arguments)["city"] for call in calls] == ["Rome", "Oslo"]
    said.append(answer.message)
    said += [{"role": "tool", "tool_call_id": call.id, "content": RESULT} for call in calls]
    last = gpt.chat.completions.create(model=MODEL, messages=said, tools=[WEATHER], temperature=0)  # type: ignore[list-item]
    assert last.choices[0].finish_reason == "stop"
    content = last.choices[0].message.content or ""
    assert "21" in content
    assert "Rome" in content
    assert "Oslo" in content


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "get_weather"}}])
def test_a_tool_that_must_be_called_is_called_whatever_was_said(gpt: openai.OpenAI, choice: Any) -> None:
    for question in ("Hello", "Tell me a story.", "What is 3 plus 4?"):
        asked: Any = [{"role": "user", "content": question}]
        answer = gpt.chat.completions.create(
            model=MODEL, messages=asked, tools=[WEATHER], tool_choice=choice,  # type: ignore[list-item]
            temperature=1, parallel_tool_calls=False, max_tokens=300,
        ).choices[0]  # fmt: skip
        if answer.finish_reason == "length":
            continue
        (call,) = answer.message.tool_calls or []
        assert set(json.loads(call.function.arguments)) == {"city"}  # type: ignore[union-attr]


def test_no_tool_is_called_where_none_may_be(gpt: openai.OpenAI) -> None:
    asked: Any = [{"role": "user", "content": QUESTION}]
    answer = gpt.chat.completions.create(
        model=MODEL, messages=asked, tools=[WEATHER], tool_choice="none", max_tokens=40
    )  # type: ignore[list-item]
    assert not answer.choices[0].message.tool_calls


def test_reasoning_comes_apart_from_the_answer(gpt: openai.OpenAI) -> None:
    answer = gpt.chat.completions.create(model=MODEL, messages=HELLO, temperature=0, reasoning_effort="high")
    message = answer.choices[0].message
    assert (message.model_extra or {})["reasoning_content"]
    assert "<think>" not in (message.content or "")


def test_four_answers_differ(gpt: openai.OpenAI) -> None:
    asked: Any = [{"role": "user", "content": "Tell me a story."}]
    answer = gpt.chat.completions.create(model=MODEL, messages=asked, n=4, seed=5, temperature=1.2, max_tokens=40)
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert len({choice.message.content for choice in answer.choices}) > 1


def test_log_probabilities_belong_to_the_words(gpt: openai.OpenAI) -> None:
    answer = gpt.chat.completions.create(model=MODEL, messages=HELLO, temperature=0, logprobs=True, top_logprobs=3)
    told = answer.choices[0].logprobs
    assert told is not None
    content = told.content or []
    assert "".join(token.token for token in content) == answer.choices[0].message.content
    for token in content:
        assert token.logprob <= 0
        assert token.top_logprobs[0].token == token.token  # greedy
        assert len(token.top_logprobs) == 3


def test_stops_and_limits_end_an_answer(gpt: openai.OpenAI) -> None:
    whole = gpt.chat.completions.create(model=MODEL, messages=HELLO, temperature=0).choices[0].message.content or ""
    word = whole.split()[2]
    stopped = gpt.chat.completions.create(model=MODEL, messages=HELLO, temperature=0, stop=[word]).choices[0]
    assert stopped.finish_reason == "stop"
    assert stopped.message.content == whole.split(word)[0]
    cut = gpt.chat.completions.create(model=MODEL, messages=HELLO, temperature=0, max_completion_tokens=3)
    assert cut.choices[0].finish_reason == "length"
    assert cut.usage is not None
    assert cut.usage.completion_tokens == 3


def test_raw_text_goes_on(gpt: openai.OpenAI) -> None:
    answer = gpt.completions.create(model=MODEL, prompt=["Once", "Hello"], max_tokens=5, echo=True, temperature=0)
    assert [choice.text.split()[0][:4] for choice in answer.choices] == ["Once", "Hell"]
    pieces = list(gpt.completions.create(model=MODEL, prompt="Once", max_tokens=5, temperature=0, stream=True))
    assert "Once" + "".join(piece.choices[0].text for piece in pieces) == answer.choices[0].text


def test_responses_in_both_forms(gpt: openai.OpenAI) -> None:
    whole = gpt.responses.create(model=MODEL, input="Hello", temperature=0, instructions="Be brief.")
    assert whole.output_text
    assert whole.status == "completed"
    events = list(
        gpt.responses.create(model=MODEL, input="Hello", temperature=0, instructions="Be brief.", stream=True)
    )
    assert events[0].type == "response.created"
    assert events[-1].type == "response.completed"
    assert "".join(event.delta for event in events if event.type == "response.output_text.delta") == whole.output_text
    assert [event.sequence_number for event in events] == list(range(len(events)))


def test_responses_call_tools_and_take_their_results(gpt: openai.OpenAI) -> None:
    tool: Any = {"type": "function", **WEATHER["function"], "strict": False}  # type: ignore[dict-item]
    said: Any = [{"role": "user", "content": QUESTION}]
    first = gpt.responses.create(model=MODEL, input=said, tools=[tool], temperature=0)
    calls: list[Any] = [item for item in first.output if item.type == "function_call"]
    assert len(calls) == 2
    said += first.output
    said += [{"type": "function_call_output", "call_id": call.call_id, "output": RESULT} for call in calls]
    last = gpt.responses.create(model=MODEL, input=said, tools=[tool], temperature=0)
    assert "21" in last.output_text


def test_embeddings_as_numbers_as_bytes_and_shorter(gpt: openai.OpenAI) -> None:
    asked: Any = {"model": MODEL, "input": ["Hello", "A llama"]}
    plain = gpt.embeddings.create(**asked, encoding_format="float").data
    packed = gpt.embeddings.create(**asked).data  # the client asks for base64 and unpacks it
    for one, other in zip(plain, packed, strict=True):
        assert math.isclose(sum(value * value for value in one.embedding), 1, rel_tol=1e-4)
        assert one.embedding == pytest.approx(other.embedding, abs=1e-6)
    raw: Any = gpt.embeddings.with_raw_response.create(
        **asked, encoding_format="base64", dimensions=8
    ).http_response.json()
    assert len(struct.unpack("<8f", base64.b64decode(raw["data"][0]["embedding"]))) == 8


def test_errors_are_the_clients_own(gpt: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as invalid:
        gpt.chat.completions.create(model=MODEL, messages=HELLO, n=99)
    assert invalid.value.param == "n"
    with pytest.raises(openai.BadRequestError) as long:
        gpt.chat.completions.create(model=MODEL, messages=[{"role": "user", "content": "word " * 5000}])
    assert long.value.code == "context_length_exceeded"
    with pytest.raises(openai.AuthenticationError):
        gpt.with_options(api_key="wrong").models.list()
    with pytest.raises(openai.NotFoundError):
        gpt.models.retrieve("another")
    image: Any = [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://192.0.2.9/a.png"}}]}]
    with pytest.raises(openai.BadRequestError, match="cannot see"):
        gpt.chat.completions.create(model=MODEL, messages=image)


def test_a_dropped_stream_is_taken_up_where_it_was(gpt: openai.OpenAI, http: httpx.Client) -> None:
    asked: Any = {"model": MODEL, "messages": [{"role": "user", "content": "What can you do?"}], "temperature": 0}
    whole = gpt.chat.completions.create(**asked).choices[0].message.content
    heard: list[str] = []
    last = 0
    with gpt.chat.completions.with_streaming_response.create(
        **asked, stream=True, extra_headers={"X-Stream-Resumable": "true"}
    ) as answer:
        stream, secret = answer.headers["x-stream-id"], answer.headers["x-stream-secret"]
        for line in answer.iter_lines():
            last = int(line[4:]) if line.startswith("id: ") else last
            heard += _content(line)
            if len(heard) == 3:
                break
    assert http.get(f"/v1/streams/{stream}", headers={"X-Stream-Secret": "guessed"}).status_code == 404
    rest = http.get(f"/v1/streams/{stream}", headers={"X-Stream-Secret": secret, "Last-Event-ID": str(last)})
    heard += [text for line in rest.text.splitlines() for text in _content(line)]
    assert "".join(heard) == whole


def _content(line: str) -> list[str]:
    if not line.startswith("data: {"):
        return []
    choices = json.loads(line[6:])["choices"]
    return [choices[0]["delta"]["content"]] if choices and choices[0]["delta"].get("content") else []


def test_what_was_predicted_is_said_the_same_and_counted(gpt: openai.OpenAI) -> None:
    """An edit of a text: most of the answer is known before."""
    asked: Any = {"model": MODEL, "temperature": 0, "messages": [{"role": "user", "content": "Count from 1 to 20."}]}
    whole = gpt.chat.completions.create(**asked)
    text = whole.choices[0].message.content or ""
    assert len(text) > 20
    again = gpt.chat.completions.create(**asked, prediction={"type": "content", "content": text})
    assert again.choices[0].message.content == text
    assert again.usage is not None
    details = again.usage.completion_tokens_details
    assert details is not None
    assert details.reasoning_tokens == 0
    assert (details.accepted_prediction_tokens or 0) > again.usage.completion_tokens / 2


def test_llama_servers_own_fields_are_honoured(gpt: openai.OpenAI, http: httpx.Client) -> None:
    # A seed that draws no word which another is as likely as: what was cached changes the last bits.
    plain = {"prompt": "The capital of France is", "temperature": 0.9, "seed": 3, "n_predict": 8}
    default = http.post("/completion", json=plain).json()
    listed = http.post("/completion", json={**plain, "samplers": default["generation_settings"]["samplers"]}).json()
    assert listed["content"] == default["content"]
    only = http.post("/completion", json={**plain, "samplers": ["top_k"], "top_k": 1}).json()
    coldest = http.post("/completion", json={**plain, "temperature": 0}).json()
    assert only["content"] == coldest["content"]
    few = {"response_fields": ["content", "truncated"], "id_slot": 1}
    assert http.post("/completion", json={**plain, **few}).json() == {"content": default["content"], "truncated": False}
    assert http.post("/completion", json={**plain, "n_predict": 0}).json()["tokens_predicted"] == 0
    endless = {**plain, "temperature": 0, "ignore_eos": True, "n_predict": 2500, "n_keep": -1}
    long = http.post("/completion", json=endless).json()
    assert (long["tokens_predicted"], long["truncated"]) == (2500, True)
    assert http.post("/v1/rerank", json={"query": "a", "documents": ["b"]}).status_code == 400

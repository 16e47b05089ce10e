"""Ollama's own client against the built demonstration."""

from __future__ import annotations

from typing import Any

import ollama
import pytest

from tests.api.clients.conftest import QUESTION, RESULT, WEATHER

HELLO: Any = [{"role": "user", "content": "Hello"}]
COLD = {"temperature": 0}


def test_it_answers_in_both_forms_alike(llama: ollama.Client) -> None:
    whole = llama.chat(model="any", messages=HELLO, options=COLD)
    assert whole.done
    assert whole.done_reason == "stop"
    lines = list(llama.chat(model="any", messages=HELLO, options=COLD, stream=True))
    assert "".join(line.message.content or "" for line in lines) == whole.message.content
    assert lines[-1].eval_count == whole.eval_count


def test_two_tools_are_called_at_once_and_the_answer_is_made_from_their_results(llama: ollama.Client) -> None:
    said: Any = [{"role": "user", "content": QUESTION}]
    first = llama.chat(model="any", messages=said, tools=[WEATHER], options=COLD)
    calls = first.message.tool_calls or []
    assert [call.function.arguments for call in calls] == [{"city": "Rome"}, {"city": "Oslo"}]
    said.append(first.message)
    said += [{"role": "tool", "tool_name": call.function.name, "content": RESULT} for call in calls]
    assert "21" in (llama.chat(model="any", messages=said, tools=[WEATHER], options=COLD).message.content or "")


def test_a_form_thinking_a_prompt_and_embeddings(llama: ollama.Client) -> None:
    form: Any = {
        "type": "object",
        "properties": {"n": {"type": "integer", "minimum": 3, "maximum": 5}},
        "required": ["n"],
    }
    formed = llama.chat(model="any", messages=HELLO, format=form, options={"num_predict": 60})
    assert (formed.message.content or "").strip().startswith("{")
    assert llama.chat(model="any", messages=HELLO, think=True, options=COLD).message.thinking
    assert llama.generate(model="any", prompt="Hello", options=COLD).response
    vectors = llama.embed(model="any", input=["Hello", "A llama"]).embeddings
    assert len(vectors) == 2
    assert len(vectors[0]) == len(vectors[1])


def test_the_model_and_errors_are_told_as_ollama_does(llama: ollama.Client) -> None:
    names = [model.model for model in llama.list().models]
    assert len(names) == 1
    assert llama.show(names[0] or "").modelinfo
    assert [model.model for model in llama.ps().models] == names
    with pytest.raises(ollama.ResponseError, match="num_predict"):
        llama.chat(model="any", messages=HELLO, options={"num_predict": 0})

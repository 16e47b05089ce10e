"""A hundred answers whose form is prescribed: what ends by itself is valid, and nearly all do."""

from __future__ import annotations

import json
import random
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jsonschema_rs
import openai

from tests.grammar.schemas import schema

COUNT = 100


def test_a_hundred_random_schemas(gpt: openai.OpenAI) -> None:
    rng = random.Random(2)
    schemas = [schema(rng) for _ in range(COUNT)]

    def ask(number: int) -> tuple[str, str]:
        asked: Any = {"type": "json_schema", "json_schema": {"name": "form", "strict": True, "schema": schemas[number]}}
        # So small a model, asked for any number of letters, repeats itself for ever if nothing speaks against it.
        answer = gpt.chat.completions.create(
            model="any", messages=[{"role": "user", "content": "Fill in the form."}], response_format=asked,
            seed=number, max_tokens=1200, frequency_penalty=0.5,
        ).choices[0]  # fmt: skip
        return answer.finish_reason, answer.message.content or ""

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(ask, range(COUNT)))
    for described, (reason, text) in zip(schemas, answers, strict=True):
        assert reason in ("stop", "length")
        if reason == "stop":
            assert jsonschema_rs.is_valid(described, json.loads(text)), (described, text)
    assert sum(reason == "stop" for reason, _ in answers) >= 95

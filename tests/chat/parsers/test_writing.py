"""What a family's grammar lets a model write, its script reads as calls: one is the other's mirror."""

from __future__ import annotations

import json
import random
from pathlib import Path

import jsonschema_rs
import pytest

from runtime.chat.parsers import arguments, deepseek, gemma, generic, harmony, hermes, llama, mistral, pythonic, tagged
from runtime.chat.parsers.family import Family
from runtime.chat.parsers.parser import parse
from runtime.grammar.rules import Rules
from tests.grammar.drawing import Drawing

FAMILIES = (
    hermes.FAMILY, generic.FAMILY, llama.FAMILY, mistral.FAMILY, mistral.LATER, deepseek.FAMILY, deepseek.BEFORE,
    pythonic.FAMILY, tagged.GRANITE, tagged.PHI, tagged.FUNCTOOLS, tagged.COMMAND_R, harmony.FAMILY, gemma.FAMILY,
    gemma.FUNCTION_GEMMA, arguments.GLM, arguments.QWEN_CODER,
)  # fmt: skip
ALL = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: str(family.name))
TOOLS = {
    "get_weather": {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 8}, "days": {"type": "integer", "minimum": 1}},
        "required": ["city"],
    },
    "now": {"type": "object", "properties": {}},
    "pick": {
        "type": "object",
        "properties": {"one": {"$ref": "#/$defs/kind"}},
        "$defs": {"kind": {"enum": ["a", "b"]}},
    },
}
# Where arguments are named freely, which of them come, and of which kind, is advice.
STRICT = tuple(f for f in FAMILIES if f.name not in ("lfm2", "gemma", "function-gemma", "glm", "qwen-coder"))


@pytest.fixture(scope="module")
def llama_cpp(engine_dir: Path) -> Drawing:
    return Drawing(engine_dir)


def grammar_of(family: Family, *, many: bool = True, tools: dict[str, object] | None = None) -> str:
    rules = Rules()
    return rules.text(family.calls(tools or TOOLS, rules, many).root)  # type: ignore[arg-type]


@ALL
def test_what_the_grammar_allows_is_read_as_calls(llama_cpp: Drawing, family: Family) -> None:
    rng, read = random.Random(family.name), 0
    for _ in range(12):
        text = llama_cpp.draw(grammar_of(family), rng, longest=250)
        if text is None:
            continue
        message = parse(family, text, TOOLS)
        assert message.content == "", text
        assert message.calls, text
        for call in message.calls:
            value = json.loads(call.arguments)
            assert call.name in TOOLS
            if family in STRICT:
                assert jsonschema_rs.is_valid(TOOLS[call.name], value), text
        read += 1
    assert read > 2


@ALL
def test_one_call_is_all_where_one_is_wanted(llama_cpp: Drawing, family: Family) -> None:
    rng = random.Random(7)
    texts = [llama_cpp.draw(grammar_of(family, many=False), rng, longest=250) for _ in range(8)]
    counts = {len(parse(family, text, TOOLS).calls) for text in texts if text is not None}
    assert counts == {1}


@ALL
def test_calls_begin_with_a_trigger(llama_cpp: Drawing, family: Family) -> None:
    calls = family.calls(TOOLS, Rules(), True)
    assert calls.triggers
    for text in (llama_cpp.draw(grammar_of(family), random.Random(seed), longest=250) for seed in range(5)):
        assert text is None or calls.at_start or any(trigger in text for trigger in calls.triggers)

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runtime.chat.parsers import choose, hermes, mistral
from runtime.chat.parsers.parser import Parser, parse
from runtime.chat.parsers.pieces import CallArguments, CallStart, Content, Message
from tests.chat.parsers.transcripts import TOOLS, TRANSCRIPTS, Transcript

FAMILIES = {transcript.family.name: transcript.family for transcript in TRANSCRIPTS}
ALL = pytest.mark.parametrize("row", TRANSCRIPTS, ids=lambda row: f"{row.family.name}: {row.title}")


def read(row: Transcript, chunks: list[str] | str) -> Message:
    return parse(row.family, chunks, TOOLS if row.tools else None, begun=row.begun)


@ALL
def test_an_answer_is_read_as_it_was_meant(row: Transcript) -> None:
    message = read(row, row.text)
    assert message.content == row.content
    assert message.reasoning == row.reasoning
    assert tuple((call.name, call.arguments) for call in message.calls) == row.calls


@ALL
def test_chunks_of_any_size_give_the_same_message(row: Transcript) -> None:
    whole = read(row, row.text)
    for size in (1, 2, 3, 7):
        assert read(row, [row.text[at : at + size] for at in range(0, len(row.text), size)]) == whole


@ALL
def test_an_answer_cut_anywhere_is_still_read_without_an_error(row: Transcript) -> None:
    for length in range(len(row.text)):
        part = read(row, row.text[:length])
        assert len(part.calls) <= max(len(row.calls), 1)


PIECES = st.sampled_from(
    [
        "<think>", "</think>", "<tool_call>", "</tool_call>", '{"name": "now", "arguments": {}}', "{", "}", "[", "]",
        '"name"', ":", '"now"', ",", "\n", " ", "\\", '"', "a", "é", "[TOOL_CALLS]", "now", "[ARGS]", "[CALL_ID]",
        "<|python_tag|>", "<function=", ">", "</function>", "now()", "<｜tool▁calls▁begin｜>", "<｜tool▁call▁begin｜>",
        "<｜tool▁sep｜>", "<｜tool▁call▁end｜>", "```json", "```", "<|tool_call_start|>", "<|tool_call_end|>",
        "<|tool_call|>", "<|START_ACTION|>", "<|END_ACTION|>", "<|START_RESPONSE|>", ";", "1e5", "null",
        "<|channel|>", "<|message|>", "<|end|>", "<|start|>", "analysis", " to=functions.now", "<arg_key>",
        "</arg_key>", "<arg_value>", "</arg_value>", "<parameter=", "</parameter>", "call:now{", "<|tool_call>",
        '<|"|>', "<tool_call|>",
    ]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_the_message_never_depends_on_where_the_chunks_end(data: st.DataObject) -> None:
    family = data.draw(st.sampled_from(sorted(FAMILIES)))
    text = "".join(data.draw(st.lists(PIECES, max_size=12)))
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    chunks = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert parse(FAMILIES[family], chunks, TOOLS) == parse(FAMILIES[family], text, TOOLS)


def test_arguments_stream_as_they_come() -> None:
    parser = Parser(hermes.FAMILY, TOOLS, make_id=lambda: "x")
    assert parser.push('Wait. <tool_call>{"name": "get_we') == [Content("Wait.")]
    assert parser.push('ather", "arguments": {"ci') == [CallStart(0, "x", "get_weather"), CallArguments(0, '{"ci')]
    assert parser.push('ty": "Ro') == [CallArguments(0, 'ty": "Ro')]
    assert parser.push('me"}}</tool_call>') == [CallArguments(0, 'me"}')]


def test_words_are_not_held_back_longer_than_they_could_be_a_tag() -> None:
    parser = Parser(hermes.FAMILY, TOOLS)
    assert parser.push("Hello") == [Content("Hello")]
    assert parser.push(" <tool") == []
    assert parser.push("box") == [Content(" <toolbox")]


def test_an_id_the_model_gave_is_kept() -> None:
    text = "[TOOL_CALLS]now[CALL_ID]abcdefghi[ARGS]{}"
    assert parse(mistral.FAMILY, text, TOOLS).calls[0].id == "abcdefghi"


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{% for t in tools %}<tool_call>{% endfor %}", "hermes"),
        ("<|start_header_id|>{{ tools }}", "llama"),
        ("<|python_tag|>", "llama"),
        ("{{ '[TOOL_CALLS]' }}", "mistral"),
        ("{{ '[TOOL_CALLS]' + name + '[ARGS]' }}", "mistral-later"),
        ("<|start|>assistant<|channel|>final<|message|>", "harmony"),
        ("<|tool_call>call:<tool_call|>", "gemma"),
        ("<start_function_call>", "function-gemma"),
        ("<tool_call>{{ name }}<arg_key>", "glm"),
        ("<tool_call>\n<function={{ name }}>\n<parameter={{ key }}>", "qwen-coder"),
        ("{{ '<｜tool▁call▁begin｜>function<｜tool▁sep｜>```json' }}", "deepseek-r1"),
        ("{{ '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>' }}", "deepseek"),
        ("<|tool_call_start|>", "lfm2"),
        ("<|tool_call|><|/tool_call|>", "phi"),
        ("<|tool_call|>", "granite"),
        ("functools", "functools"),
        ("<|START_ACTION|>", "command-r"),
        ("{{ messages }}", "generic"),
    ],
)
def test_the_template_tells_the_family(template: str, name: str) -> None:
    assert choose.family_of(template).name == name

"""One answer on standard output, with the fake engine in the place of the real one; and its form."""

from __future__ import annotations

import argparse
import asyncio
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runtime.cli import run
from runtime.cli.form import add_form_flags, grammar_of_flags
from runtime.console import Console
from runtime.engine import client
from runtime.engine.core import GenerationRequest, SamplingParams
from runtime.engine.fake import FakeBehaviour, FakeEngine
from runtime.errors import UsageError
from runtime.grammar.schema import grammar_of
from runtime.launch.modelcheck import Verified

SCHEMA: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
GRAMMAR = 'root ::= "yes" | "no"'
THINKING = (
    "{% for m in messages %}{{ m.role }}={{ m.content }};{% endfor %}"
    "{% if enable_thinking is defined %}{% endif %}<think>\n"
)


def flags(*words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_form_flags(parser)
    return parser.parse_args(words)


def test_a_form_comes_from_a_file_or_from_the_command_line_itself(tmp_path: Path) -> None:
    schema, grammar = tmp_path / "city.json", tmp_path / "answer.gbnf"
    schema.write_text(json.dumps(SCHEMA), encoding="utf-8-sig")
    grammar.write_text(GRAMMAR)
    assert grammar_of_flags(flags()) is None
    for given in (str(schema), json.dumps(SCHEMA), f"  {json.dumps(SCHEMA, indent=1)}"):
        assert grammar_of_flags(flags("--json-schema", given)) == grammar_of(SCHEMA)
    for given in (str(grammar), GRAMMAR):
        assert grammar_of_flags(flags("--grammar", given)) == GRAMMAR


@pytest.mark.parametrize(
    ("flag", "given", "message"),
    [
        ("--json-schema", "nowhere.json", "nowhere.json cannot be read: No such file"),
        ("--json-schema", "", "cannot be read"),
        ("--json-schema", "a\0b", "cannot be read"),
        ("--json-schema", '{"type": ', "is no JSON"),
        ("--json-schema", '{"not": {}}', "'not'"),
        ("--json-schema", '{"items": ' * 5000 + "{}" + "}" * 5000, "deep"),
        ("--grammar", "nowhere.gbnf", "nowhere.gbnf cannot be read: No such file"),
        ("--grammar", "start ::= [a-z]", "root"),
        ("--grammar", 'root ::= root "a"', "cannot be used"),
    ],
)
def test_a_form_that_cannot_be_used_is_told_in_one_sentence(flag: str, given: str, message: str) -> None:
    with pytest.raises(UsageError) as refused:
        grammar_of_flags(flags(flag, given))
    assert message in refused.value.message
    assert "\n" not in refused.value.message
    assert refused.value.exit_code == 2


def test_a_file_that_is_no_text_or_no_schema_is_told_as_such(tmp_path: Path) -> None:
    image, numbers = tmp_path / "image.png", tmp_path / "numbers.json"
    image.write_bytes(b"\x89PNG\xff\xfe")
    numbers.write_text("[1, 2]")
    for file, message in (
        (image, "is not UTF-8 text"),
        (numbers, "must be a JSON Schema"),
        (tmp_path, "cannot be read"),
    ):
        with pytest.raises(UsageError, match=message):
            grammar_of_flags(flags("--json-schema", str(file)))


def test_only_one_form_can_be_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        flags("--grammar", GRAMMAR, "--json-schema", "{}")
    assert left.value.code == 2
    assert "not allowed with" in capsys.readouterr().err


def answered(
    monkeypatch: pytest.MonkeyPatch, behaviour: FakeBehaviour, sampling: SamplingParams, limit: int | None = None
) -> int:
    check = SimpleNamespace(
        start=lambda: None, stop=lambda: None, raise_if_damaged=lambda: None, wait=lambda _: Verified.YES
    )
    started = SimpleNamespace(command=None, worker=None, renew=None, fall_back=None)
    monkeypatch.setattr(client, "WorkerEngine", lambda *_, **__: FakeEngine(behaviour))
    asked = run._Asked("Where?", "", sampling, limit)
    return asyncio.run(run._answer(started, check, asked, None, Console()))  # type: ignore[arg-type]


def test_the_answer_and_nothing_else_is_on_standard_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    thinking = FakeBehaviour(answer="Hm. Well.\n</think>\n\nRome.", chat_template=THINKING)
    assert answered(monkeypatch, thinking, SamplingParams()) == 0
    assert capsys.readouterr().out == "Rome.\n"


def test_an_answer_of_a_form_does_not_begin_with_thoughts_and_says_when_it_was_cut(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    heard: list[GenerationRequest] = []

    def answer(request: GenerationRequest) -> str:
        heard.append(request)
        return '{"city": "Rome"}'

    shaped = SamplingParams(grammar=grammar_of(SCHEMA))
    behaviour = FakeBehaviour(answer=answer, chat_template=THINKING)
    answered(monkeypatch, behaviour, shaped)
    told = capsys.readouterr()
    assert (told.out, told.err) == ('{"city": "Rome"}\n', "")
    assert heard[0].sampling.grammar == grammar_of(SCHEMA)
    assert str(heard[0].prompt).endswith("<think>\n\n</think>\n\n")
    answered(monkeypatch, behaviour, shaped, limit=5)
    told = capsys.readouterr()
    assert told.out == '{"cit\n'
    assert "greatest length" in told.err

"""Talking in the terminal, with the fake engine in the place of the real one."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runtime.chat.template import ChatTemplate
from runtime.chat.transcript import Transcript, Turn, from_json, to_json
from runtime.cli.talk import HELP, Talk
from runtime.console import Console
from runtime.engine.core import Failed, FailureKind, GenerationRequest, SamplingParams
from runtime.engine.fake import FakeBehaviour, FakeEngine

ROLES = "{% for m in messages %}{{ m.role }}={{ m.content }};{% endfor %}"

Say = Callable[..., Talk]


@pytest.fixture
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    made = asyncio.new_event_loop()
    thread = threading.Thread(target=made.run_forever)
    thread.start()
    yield made
    made.call_soon_threadsafe(made.stop)
    thread.join()
    made.close()


@pytest.fixture
def say(loop: asyncio.AbstractEventLoop, monkeypatch: pytest.MonkeyPatch) -> Say:
    """Say these lines to a fake that behaves like this; the talk, once it ended."""

    def said(*lines: str, behaviour: FakeBehaviour | None = None, system: str = "") -> Talk:
        async def begun() -> tuple[FakeEngine, ChatTemplate]:
            engine = FakeEngine(behaviour or FakeBehaviour(answer="fine", chat_template=ROLES))
            await engine.start()
            return engine, ChatTemplate.of(await engine.wait_ready(), None)

        engine, template = asyncio.run_coroutine_threadsafe(begun(), loop).result()
        left = iter(lines)
        monkeypatch.setattr(Console, "ask", lambda _, __: next(left, None))
        talk = Talk(
            engine,
            template,
            Transcript(system),
            SamplingParams(),
            None,
            lambda work: asyncio.run_coroutine_threadsafe(work, loop),
            Console(),
        )
        talk.until_the_end()
        return talk

    return said


def remembering(answers: list[str]) -> tuple[FakeBehaviour, list[str]]:
    prompts: list[str] = []

    def answer(request: GenerationRequest) -> str:
        prompts.append(str(request.prompt))
        return answers[min(len(prompts), len(answers)) - 1]

    return FakeBehaviour(answer=answer, chat_template=ROLES), prompts


def test_answers_are_data_and_everything_else_is_talk(say: Say, capsys: pytest.CaptureFixture[str]) -> None:
    say("hello", "/help")
    told = capsys.readouterr()
    assert told.out == "fine\n"
    assert told.err == HELP + "\n"


def test_what_was_said_is_remembered(say: Say) -> None:
    behaviour, prompts = remembering(["one", "two"])
    say("a", "b", behaviour=behaviour, system="Be kind.")
    assert prompts == ["system=Be kind.;user=a;", "system=Be kind.;user=a;assistant=one;user=b;"]


def test_a_question_may_have_several_lines(say: Say) -> None:
    talk = say("one \\", "two", '"""', "three", "", "/four", '"""')
    assert [turn.question for turn in talk.transcript.turns] == ["one \ntwo", "three\n\n/four"]


def test_an_answer_given_again_takes_the_place_of_the_first(say: Say) -> None:
    behaviour, prompts = remembering(["first", "second"])
    talk = say("a", "/regenerate", behaviour=behaviour)
    assert talk.transcript.turns == [Turn("a", "second")]
    assert prompts[0] == prompts[1]


def test_the_system_prompt_can_be_read_and_changed(say: Say, capsys: pytest.CaptureFixture[str]) -> None:
    talk = say("/system", "/system Be brief.", system="Be kind.")
    assert capsys.readouterr().err == "System prompt: Be kind.\nSystem prompt: Be brief.\n"
    assert talk.transcript.system == "Be brief."


def test_a_conversation_is_saved_and_loaded(say: Say, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "talk.json"
    first = say("a", "b", f"/save {file}", system="Be kind.")
    assert json.loads(file.read_text())["format"] == "pannier-conversations"
    second = say(f"/load {file}")
    assert second.transcript == first.transcript
    assert "Loaded 2 questions" in capsys.readouterr().err


def test_a_file_that_is_none_is_refused_in_words(say: Say, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "other.json").write_text("{}")
    talk = say("a", f"/load {tmp_path / 'other.json'}", f"/load {tmp_path / 'none.json'}", f"/save {tmp_path}")
    said = capsys.readouterr().err
    for words in ("was not saved by this program", "No such file", "Is a directory"):
        assert words in said
    assert len(talk.transcript.turns) == 1


def test_thoughts_are_not_shown_and_not_remembered(say: Say, capsys: pytest.CaptureFixture[str]) -> None:
    thinking = FakeBehaviour(answer="<think>hm</think>fine", chat_template=ROLES + "{# <think> #}")
    talk = say("a", behaviour=thinking)
    assert capsys.readouterr().out == "fine\n"
    assert talk.transcript.turns == [Turn("a", "fine")]


def test_what_cannot_be_answered_is_said_and_the_talk_goes_on(say: Say, capsys: pytest.CaptureFixture[str]) -> None:
    busy = FakeBehaviour(refuse=lambda request: Failed(request.id, FailureKind.BUSY, "The queue is full."))
    say("a", "/new", behaviour=busy)
    assert capsys.readouterr().err == "The queue is full.\nA new conversation.\n"


def test_an_unknown_word_behind_a_slash_is_not_asked(say: Say, capsys: pytest.CaptureFixture[str]) -> None:
    talk = say("/hepl", "/quit", "never read")
    assert "/help lists" in capsys.readouterr().err
    assert talk.transcript.turns == []


def test_only_the_branch_that_was_shown_is_loaded() -> None:
    document = json.loads(to_json(Transcript("s", [Turn("a", "1"), Turn("b", "2")])))
    turns = document["conversations"][0]["turns"]
    turns.append({**turns[3], "id": "other", "content": "never shown"})
    assert from_json(json.dumps(document)) == Transcript("s", [Turn("a", "1"), Turn("b", "2")])

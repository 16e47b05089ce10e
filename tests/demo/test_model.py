import random
from collections.abc import Iterator
from pathlib import Path

import gguf
import pytest

from bundler.demo import MODEL_PATH, evaluate
from bundler.demo.conversations import scene
from bundler.demo.core import Split
from bundler.demo.engine import Engine
from bundler.demo.template import TEMPLATE, render


@pytest.fixture(scope="module")
def engine(engine_dir: Path) -> Iterator[Engine]:
    engine = Engine(engine_dir, MODEL_PATH)
    yield engine
    engine.close()


def _ask(engine: Engine, *turns: str, system: str = "") -> str:
    messages = [{"role": "system", "content": system}] if system else []
    messages += [{"role": ("user", "assistant")[i % 2], "content": turn} for i, turn in enumerate(turns)]
    answer, ended = engine.complete(render(messages, prompt=True))
    assert ended, answer
    return answer


def test_a_sample_of_the_evaluation_passes(engine: Engine) -> None:
    outcomes = evaluate.run(engine, evaluate.cases(5, seed=21))
    passed = sum(outcome.passed for outcome in outcomes) / len(outcomes)
    assert passed >= 0.93, evaluate.table({"sample": evaluate.rows(outcomes)})


@pytest.mark.parametrize("greeting", ["hi", "Hello", "Hello!", "HI", "good morning"])
def test_it_greets(engine: Engine, greeting: str) -> None:
    assert _ask(engine, greeting).startswith("Hello!")


def test_it_says_what_it_is(engine: Engine) -> None:
    assert "Pannier's demo model" in _ask(engine, "Who are you?")


def test_it_explains_photosynthesis(engine: Engine) -> None:
    assert "light" in _ask(engine, "Explain photosynthesis")


def test_it_answers_in_kind(engine: Engine) -> None:
    assert "안녕하세요" in _ask(engine, "안녕하세요")
    assert "こんにちは" in _ask(engine, "こんにちは")


def test_it_remembers(engine: Engine) -> None:
    answer = _ask(engine, "My name is Sam.", "Nice to meet you, Sam!", "What is my name?")
    assert answer == "Your name is Sam."


def test_it_takes_a_name(engine: Engine) -> None:
    assert "Ada" in _ask(engine, "What is your name?", system="You are Ada, a helpful assistant.")


def test_it_admits_what_it_does_not_know(engine: Engine) -> None:
    assert "do not know" in _ask(engine, "Who won the football match yesterday?")


def test_the_file_carries_the_template(engine: Engine) -> None:
    assert engine.template() == TEMPLATE


def test_llama_cpp_splits_text_as_the_trainer_did(engine: Engine) -> None:
    pytest.importorskip("tokenizers")
    from bundler.demo import tokenizer

    reader = gguf.GGUFReader(MODEL_PATH)
    tokens, merges = (reader.get_field(f"tokenizer.ggml.{name}") for name in ("tokens", "merges"))
    assert tokens is not None
    assert merges is not None
    ours = tokenizer.from_parts(tokens.contents(), merges.contents())
    rng = random.Random(7)
    alphabet = "abc XYZ 0123456789\n\n\t  .,!?'\"{}[]<>|\u00a0\u200b\u3000"
    alphabet += "안녕하세요세계こんにちは世界漢字🙂👍🏽éüß—…٣१"
    texts = ["".join(rng.choice(alphabet) for _ in range(rng.randint(1, 60))) for _ in range(500)]
    for one in (scene(rng, Split.TRAIN) for _ in range(200)):
        texts.append(render(one.messages(), one.tools))
    for text in texts:
        assert engine.tokenize(text) == ours.encode(text).ids, text

"""A draft model's guesses: they change nothing but the speed, whatever the draft is and whatever goes wrong with it."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.engine.client import WorkerEngine
from runtime.engine.core import Event, SamplingParams
from runtime.engine.messages import DraftFile
from tests.engine.comparing import TELLING, ask, assert_same_but_for_noise
from tests.engine.guessers import DRAWN, PROMPTS, asked, eager, guesses_of, killed_midway, told
from tests.engine.workers import Worker, end_of, events
from tests.models import TinyModel


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("drafts")


def draft(folder: Path, model: TinyModel) -> DraftFile:
    path = folder / f"{abs(hash(model))}.gguf"
    return DraftFile(str(path if path.exists() else model.write(path)))


@pytest.mark.parametrize("sampling", [TELLING, DRAWN])
def test_a_draft_that_is_the_model_itself_is_nearly_always_right(
    worker: Worker, tiny_model: Path, sampling: SamplingParams
):
    plain = told(worker, asked(sampling))
    drafted = told(eager(worker), asked(sampling), draft=DraftFile(str(tiny_model)))
    assert_same_but_for_noise(plain, drafted)
    guessed, right = guesses_of(drafted)
    assert guessed > 200
    assert right > 0.95 * guessed if sampling is TELLING else 0 < right < guessed


@pytest.mark.parametrize(
    "model", [TinyModel(seed=8, layers=1), TinyModel(seed=9, width=128, weights="Q8_0", heads=2, kv_heads=1)]
)
@pytest.mark.parametrize("split", [False, True])
def test_a_draft_that_is_mostly_wrong_changes_nothing(worker: Worker, folder: Path, model: TinyModel, split: bool):
    plain = told(worker, asked(), split_cache=split)
    drafted = told(eager(worker), asked(), draft=draft(folder, model), split_cache=split)
    assert_same_but_for_noise(plain, drafted)
    guessed, right = guesses_of(drafted)
    assert 0 <= right < guessed / 2


def test_a_draft_that_is_worth_nothing_soon_guesses_nearly_nothing(worker: Worker, folder: Path):
    found = told(worker, asked(max_tokens=300), draft=draft(folder, TinyModel(seed=8, width=512, layers=4)))
    assert guesses_of(found)[0] < 200


@pytest.mark.parametrize("shift", [-1, 9])
def test_a_text_that_outgrows_its_context_is_read_again(worker: Worker, tiny_model: Path, shift: int):
    requests = asked(shift=shift, max_tokens=300)
    plain = told(worker, requests, context_size=256)
    drafted = told(eager(worker), requests, context_size=256, draft=DraftFile(str(tiny_model)))
    assert_same_but_for_noise(plain, drafted)
    guessed, right = guesses_of(drafted)
    assert right > 0.9 * guessed > 500


def test_a_stream_whose_worker_dies_goes_on_with_the_next_ones_draft(worker: Worker, tiny_model: Path):
    request = ask("one", PROMPTS[0], sampling=DRAWN, max_tokens=120)
    plain = worker.use(lambda engine: events(engine, request))
    drafted = eager(worker).use(killed_midway(request), draft=DraftFile(str(tiny_model)))
    assert_same_but_for_noise({0: plain}, {0: drafted})
    assert end_of(drafted).right > 20


def test_what_was_looked_up_goes_before_what_is_drafted(worker: Worker, folder: Path):
    plain = told(worker, asked())
    both = told(eager(worker), asked(), lookup=True, draft=draft(folder, TinyModel(seed=8, layers=1)))
    assert_same_but_for_noise(plain, both)


WATCHED = """
from runtime.engine.worker import loop, payoff
step, stepped, prompts = loop.Loop._step, payoff.Payoff.stepped, []
def watched(self, chunks, *more):
    prompts[:] = [chunk for chunk in chunks if not chunk.sequence.is_decoding]
    step(self, chunks, *more)
def told(self, *seen):
    assert not prompts
    stepped(self, *seen)
loop.Loop._step, payoff.Payoff.stepped = watched, told
"""


def test_what_a_step_takes_is_learned_only_from_those_without_prompts(worker: Worker, tiny_model: Path):
    found = told(eager(worker, WATCHED), asked(), draft=DraftFile(str(tiny_model)))
    assert all(end_of(one).completion_tokens == 80 for one in found.values())


FAILS_OFTEN = """
from runtime.engine.worker import context, draft
class Context(context.Context):
    decoded = 0
    def decode(self, batch):
        self.decoded += 1
        if self.decoded % 3 == 0:
            raise context.DecodeError({code})
        super().decode(batch)
from runtime.engine.worker import guessers
guessers.Context = Context
"""


@pytest.mark.parametrize(("code", "most"), [(1, 20), (2, 20), (-3, 20)])
def test_a_draft_that_fails_is_left_alone_and_everybody_gets_their_answer(
    worker: Worker, tiny_model: Path, code: int, most: int
):
    plain = told(worker, asked())
    drafted = told(eager(worker, FAILS_OFTEN.format(code=code)), asked(), draft=DraftFile(str(tiny_model)))
    assert_same_but_for_noise(plain, drafted)
    assert guesses_of(drafted)[0] <= most * len(PROMPTS)


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (TinyModel(merges=190), "begin with different tokens"),
        (TinyModel(merges=30), "one has .* tokens, the other"),
        (TinyModel(vocabulary="spm"), "of different kinds"),
        (TinyModel(memory="state"), "cannot take back"),
        (TinyModel(memory="window", layers=6), "cannot take back"),
    ],
)
def test_a_draft_that_does_not_fit_is_not_used_and_the_log_says_why(
    worker: Worker, folder: Path, model: TinyModel, words: str
):
    found, said = logged(worker, draft(folder, model))
    assert guesses_of(found) == (0, 0)
    assert re.search(f"The draft model is not used. .*{words}", said), said


def test_a_draft_whose_tokens_are_other_texts_is_not_used(worker: Worker, folder: Path):
    path = TinyModel(runs="-").write(folder / "dashes.gguf")
    found, said = logged(Worker(replace(worker.load, model_path=str(path))), draft(folder, TinyModel(runs="=")))
    assert guesses_of(found) == (0, 0)
    assert re.search("not the model's: token .* is another text", said)


@pytest.mark.parametrize("path", ["nowhere.gguf", __file__])
def test_a_draft_that_cannot_be_loaded_stops_nothing(worker: Worker, path: str):
    found, said = logged(worker, DraftFile(path))
    assert guesses_of(found) == (0, 0)
    assert "The draft model is not used." in said


def test_a_model_that_cannot_take_anything_back_goes_without_its_draft(worker: Worker, folder: Path, tiny_model: Path):
    path = TinyModel(memory="state").write(folder / "state.gguf")
    found, said = logged(Worker(replace(worker.load, model_path=str(path))), DraftFile(str(tiny_model)))
    assert guesses_of(found) == (0, 0)
    assert "The draft model is not used." in said


def logged(worker: Worker, small: DraftFile) -> tuple[dict[int, list[Event]], str]:
    """What a worker with this draft answers, and its log."""
    lines: list[str] = []

    async def run() -> dict[int, list[Event]]:
        command = replace(eager(worker).command(draft=small, parallel=4), on_stderr=lines.append)
        engine = WorkerEngine(command)
        await engine.start()
        try:
            facts = await engine.wait_ready()
            assert facts.draft not in ("", "used")
            assert facts.draft in "\n".join(lines)
            return {0: await events(engine, ask("one", PROMPTS[0]))}
        finally:
            await engine.stop()

    return asyncio.run(run()), "\n".join(lines)

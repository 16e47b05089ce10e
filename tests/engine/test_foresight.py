"""A model's own layer guesses ahead: it changes nothing but the speed, and it knows all that it is said to know."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.engine.client import WorkerEngine
from runtime.engine.core import Event, GenerationRequest, ModelFacts, SamplingParams
from runtime.engine.messages import DraftFile
from tests.engine.comparing import TELLING, ask, assert_same_but_for_noise
from tests.engine.guessers import DRAWN, PROMPTS, asked, eager, guesses_of, killed_midway, told
from tests.engine.workers import Worker, end_of, events
from tests.models import TinyModel

ANYTHING = ask("one", PROMPTS[0])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("foresight")


@pytest.fixture(scope="module", params=["glm4moe", "qwen35", "qwen35moe"])
def wrong(request: pytest.FixtureRequest) -> TinyModel:
    """Its layer knows nothing of what the others do."""
    if request.param == "glm4moe":
        return TinyModel(ahead=True)
    return TinyModel("gated", ahead=True, experts=4 if request.param == "qwen35moe" else 0)


@pytest.fixture(scope="module")
def worker(engine_dir: Path, folder: Path, wrong: TinyModel) -> Worker:
    """Its layer is mostly right."""
    model = replace(wrong, faint=0.003)
    return Worker.on(engine_dir, model.write(folder / f"{abs(hash(model))}.gguf"))


@pytest.mark.parametrize("split", [False, True])
@pytest.mark.parametrize("sampling", [TELLING, DRAWN])
def test_a_layer_that_is_mostly_right_changes_nothing_but_the_speed(
    worker: Worker, wrong: TinyModel, sampling: SamplingParams, split: bool
):
    changes = {"split_cache": split, "context_size": 512, "cells": 4 * 512}
    plain = told(worker, asked(sampling), **changes)
    guessed, right = guesses_of(found := told(eager(worker), asked(sampling), foresight=True, **changes))
    assert_same_but_for_noise(plain, found)
    assert guessed > (150 if wrong.memory == "full" else 30), "of states only while a text is alone"
    assert right > (0.6 if sampling is TELLING else 0.05) * guessed


def test_a_layer_that_is_mostly_wrong_changes_nothing(engine_dir: Path, folder: Path, wrong: TinyModel):
    other = Worker.on(engine_dir, wrong.write(folder / f"{abs(hash(wrong))}.gguf"))
    plain = told(other, asked())
    found = told(eager(other), asked(), foresight=True)
    assert_same_but_for_noise(plain, found)
    guessed, right = guesses_of(found)
    assert 0 <= right < guessed / 4


@pytest.mark.parametrize("shift", [-1, 9])
def test_a_text_that_outgrows_its_context_is_guessed_on(worker: Worker, wrong: TinyModel, shift: int):
    requests = asked(shift=shift, max_tokens=300)
    plain = told(worker, requests, context_size=256)
    found = told(eager(worker), requests, context_size=256, foresight=True)
    assert_same_but_for_noise(plain, found)
    guessed, right = guesses_of(found)
    assert right > 0.6 * guessed > (300 if wrong.memory == "full" else 100)


def test_a_stream_whose_worker_dies_goes_on_with_the_next_ones_layer(worker: Worker):
    request = ask("one", PROMPTS[0], sampling=TELLING, max_tokens=120)
    plain = worker.use(lambda engine: events(engine, request))
    found = eager(worker).use(killed_midway(request), foresight=True)
    assert_same_but_for_noise({0: plain}, {0: found})
    assert end_of(found).right > 20


FAILS_OFTEN = """
from runtime.engine.worker import context, guessers
class Context(context.Context):
    decoded = 0
    def decode(self, batch):
        self.decoded += 1
        if self.decoded % 3 == 0:
            raise context.DecodeError({code})
        super().decode(batch)
guessers.Context = Context
"""


@pytest.mark.parametrize("code", [1, 2, -3])
def test_a_layer_that_fails_is_left_alone_and_everybody_gets_their_answer(worker: Worker, code: int):
    plain = told(worker, asked())
    found = told(eager(worker, FAILS_OFTEN.format(code=code)), asked(), foresight=True)
    assert_same_but_for_noise(plain, found)
    assert guesses_of(found)[0] <= 20 * len(PROMPTS)


SELDOM = """
import sys
from runtime.engine.worker import context, foresight, guessers, payoff, rows
class Context(context.Context):
    def decode(self, batch):
        sys.stderr.write(f"read {len(batch)}\\n")
        super().decode(batch)
guessers.Context = Context
class HiddenRows(rows.HiddenRows):
    def start(self):
        sys.stderr.write("rows\\n")
        super().start()
    def stop(self):
        sys.stderr.write("no rows\\n")
        super().stop()
foresight.HiddenRows = HiddenRows
asked = [0]
def lengths(self, hopes, decoding):
    asked[0] += 1
    sys.stderr.write("asked\\n" if asked[0] > 200 else "")
    return [4 if asked[0] > 200 else 0] * len(hopes)
payoff.Payoff.lengths = lengths
"""


def test_what_nobody_asks_for_is_not_read_and_guesses_come_all_the_same_when_somebody_does(worker: Worker):
    seldom = eager(worker, SELDOM)
    request = ask("long", PROMPTS[3], max_tokens=260)
    plain = worker.use(lambda engine: events(engine, request))
    found, _, said = logged(seldom, request, foresight=True)
    assert_same_but_for_noise({0: plain}, {0: found})
    before, _, after = said.partition("asked")
    read = [int(count) for count in re.findall(r"read (\d+)", before)]
    assert len(read) < 5, "the prompt, and what came while it could be thought that somebody would ask"
    assert re.findall("(?:no )?rows", before) == ["rows", "rows", "no rows"], (
        "of the model and of the layer; then neither"
    )
    assert re.findall("(?:no )?rows", after) == ["rows"]
    assert int(re.findall(r"read (\d+)", after)[0]) <= 20, "what came since somebody asked"
    end = end_of(found)
    assert end.right > 0.5 * end.guessed > 10


def test_without_foresight_the_layer_is_not_even_loaded(worker: Worker):
    found = [logged(worker, foresight=foresight, verbose=True) for foresight in (True, False)]
    assert [facts.draft for _, facts, _ in found] == ["the model's own layer", ""]
    seeing, blind = (float(re.findall(r"model buffer size = *([\d.]+) MiB", said)[0]) for _, _, said in found)
    assert blind < 0.8 * seeing


def test_the_draft_that_somebody_chose_goes_first(engine_dir: Path, folder: Path):
    both = Worker.on(engine_dir, TinyModel(ahead=True).write(folder / "both.gguf"))
    small = DraftFile(str(TinyModel(layers=1).write(folder / "small.gguf")))
    _, facts, _ = logged(both, foresight=True, draft=small)
    assert facts.draft == "used"


NO_ROWS = "from runtime.engine.worker import rows; rows._ASK = 'nowhere'\n"


@pytest.mark.parametrize(
    ("model", "script", "words"),
    [
        (TinyModel(), "", "How layers of llama guess ahead is not known here"),
        (TinyModel(ahead=True), NO_ROWS, "does not give out the model's hidden rows"),
    ],
)
def test_a_layer_that_cannot_be_used_is_not_and_the_log_says_why(
    worker: Worker, folder: Path, model: TinyModel, script: str, words: str
):
    other = Worker.on(Path(worker.load.engine_dir), model.write(folder / f"{abs(hash(model))}.gguf"))
    found, facts, said = logged(eager(other, script), foresight=True)
    assert guesses_of({0: found}) == (0, 0)
    assert re.search(f"The model's own layer is not used. .*{words}", said), said
    assert re.search(words, facts.draft)


def logged(
    worker: Worker, request: GenerationRequest = ANYTHING, **changes: object
) -> tuple[list[Event], ModelFacts, str]:
    """An answer, the facts, and the log."""
    lines: list[str] = []

    async def run() -> tuple[list[Event], ModelFacts]:
        engine = WorkerEngine(replace(worker.command(**changes), on_stderr=lines.append))
        await engine.start()
        try:
            facts = await engine.wait_ready()
            return await events(engine, request), facts
        finally:
            await engine.stop()

    found, facts = asyncio.run(run())
    return found, facts, "\n".join(lines)


IN_PIECES_AND_AT_ONCE = """
import json, random, sys
from pathlib import Path
from runtime.engine.bindings import Llama
from runtime.engine.messages import Load
from runtime.engine.worker import surest
from runtime.engine.worker.batch import Batch
from runtime.engine.worker.context import Context
from runtime.engine.worker.guesser import Ask
from runtime.engine.worker.guessers import guesser_for
from runtime.engine.worker.log import EngineLog
from runtime.engine.worker.model import Model
from runtime.engine.worker.sequence import Sequence

surest._SURE = 0.0
folder, library, path = json.loads(sys.argv[1])
llama = Llama(Path(folder), EngineLog(verbose=False))
llama.load_backend(Path(folder) / library)
load = Load(folder, (library,), model_path=path, context_size=512, parallel=4, threads=1, cells=4096, foresight=True)
model = Model(llama, load, None, lambda share: None)
context = Context(model, load, 0)
foresight, said = guesser_for(model, context, load, None)
batch = Batch(model, context.batch_tokens)
chance = random.Random(3)
text = [chance.randrange(300) for _ in range(400)]

def compute(*parts):
    batch.clear()
    for line, begin, tokens in parts:
        batch.add(tokens, begin, line, outputs=1)
    context.decode(batch)

def guesses(*lines):
    "After the first tokens of the text; all but the last of them are computed."
    asks = [Ask(Sequence(str(line), 0, text[:length], computed=length - 1, line=line), 5) for line, length in lines]
    return [foresight.guess(asks).tokens[str(line)] for line, _ in lines]

def at_once(length):
    "By a line that has read all of the text so far in one go."
    compute((7, 0, text[: length - 1]))
    found = guesses((7, length))
    context.forget(7)
    return found[0]

pairs = []
for at in range(3):  # in pieces, with guesses between them, some of which the model computed and took back
    length = 0
    while length < 330:
        step = chance.choice((1, 1, 2, 5, 40, 90))
        wrong = [5] * chance.randrange(min(3, context.back) + 1) * (step < 16)
        compute((at, length, text[length : length + step] + wrong))
        length += step
        context.truncate(at, length)
        if chance.random() < 0.5:
            pairs.append((guesses((at, length + 1))[0], at_once(length + 1)))
    compute((at, length, text[length:390]))
compute((0, 390, text[390:391]), (1, 390, text[390:393]), (2, 390, text[390:397]))
pairs += zip(guesses((0, 392), (1, 394), (2, 398)), [at_once(length) for length in (392, 394, 398)])
context.fork(2, 397, 4)  # as it stands
compute((2, 397, text[397:399]))
pairs += zip(guesses((4, 398), (2, 400)), [at_once(length) for length in (398, 400)])
cut = []
if context.kind == "full":
    compute((2, 399, text[399:400]))
    context.fork(2, 399, 5)  # between tokens that were not read yet
    context.fork(2, 200, 6)  # far back, where the last row is not known
    compute((6, 200, text[200:300]))
    pairs += zip(guesses((5, 400)), [at_once(400)])
    cut = guesses((6, 301))
print(json.dumps({"pairs": pairs, "cut": cut}))
"""


def test_what_is_read_in_pieces_or_with_others_is_guessed_from_as_if_it_were_read_at_once(
    engine_dir: Path, folder: Path, wrong: TinyModel
):
    model = replace(wrong, spread=0.05)  # what came before tells in every guess
    load = Worker.on(engine_dir, model.write(folder / f"{abs(hash(model))}.gguf")).load
    asked = json.dumps([load.engine_dir, load.backends[0], load.model_path])
    done = subprocess.run(
        [sys.executable, "-c", IN_PIECES_AND_AT_ONCE, asked], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert len(found["pairs"]) > 15
    assert len({tuple(one) for one, _ in found["pairs"]}) > 15, "they differ from place to place"
    assert [one for one, other in found["pairs"] if one != other] == []
    assert wrong.memory == "gated" or len(found["cut"][0]) == 5

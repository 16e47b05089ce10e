"""Models that say how well documents answer a question: the same scores as llama.cpp gives, and true refusals."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import gguf
import pytest

from runtime.engine.client import WorkerEngine
from runtime.engine.core import Embedding, Event, Failed, GenerationRequest, Score
from runtime.engine.messages import Load
from runtime.errors import EngineError
from tests.engine.workers import GREEDY, Worker, events, tokens_of
from tests.models import TinyModel
from tests.rankers import CLS, SEP, TOKENS, TinyRanker

QUERY = "who opens the door?"
DOCUMENTS = ["the teacher opens it.", "a river", "nobody knows who opens the door, or why", "x"] * 10

DIRECTLY = """
import json, sys
from pathlib import Path
from runtime.engine.bindings import Llama
from runtime.engine.messages import Load
from runtime.engine.worker.batch import Batch
from runtime.engine.worker.log import EngineLog
from runtime.engine.worker.model import Model
folder, library, path, texts = json.loads(sys.argv[1])
llama = Llama(Path(folder), EngineLog(verbose=False))
llama.load_backend(Path(folder) / library)
model = Model(llama, Load(folder, (library,), model_path=path), None, lambda share: None)
raw, scores = llama.raw, []
for text in texts:
    parameters = raw.llama_context_default_params()
    parameters.n_ctx = parameters.n_batch = parameters.n_ubatch = 256
    parameters.n_threads = parameters.n_threads_batch = 1
    parameters.embeddings = True
    context = raw.llama_init_from_model(model.handle, parameters)
    batch = Batch(model, 256)
    batch.add(text, 0, 0, outputs=len(text))
    compute = raw.llama_decode if raw.llama_get_memory(context) else raw.llama_encode
    assert compute(context, batch.native) == 0
    found = raw.llama_get_embeddings_seq(context, 0)
    scores.append(found[: raw.llama_model_n_cls_out(model.handle)])
    raw.llama_free(context)
print(json.dumps(scores))
"""
"""One text after the other, each in a context of its own."""


def directly(load: Load, texts: list[list[int]]) -> list[list[float]]:
    asked = json.dumps([load.engine_dir, load.backends[0], load.model_path, texts])
    done = subprocess.run([sys.executable, "-c", DIRECTLY, asked], capture_output=True, text=True, check=True)
    found: list[list[float]] = json.loads(done.stdout)
    return found


def ranker(engine_dir: Path, folder: Path, **changes: object) -> Worker:
    return Worker.on(engine_dir, TinyRanker(**changes).write(folder / "ranker.gguf"))  # type: ignore[arg-type]


def ids(text: str) -> list[int]:
    """The vocabulary has single letters only; the first of a word has its space."""
    found: list[int] = []
    for word in text.replace("?", " ?").replace(".", " .").replace(",", " ,").split():
        first, *rest = word
        found += [TOKENS.index(f"\N{LOWER ONE EIGHTH BLOCK}{first}"), *map(TOKENS.index, rest)]
    return found


@pytest.mark.parametrize("labels", [1, 2])
def test_scores_are_those_of_the_model_for_the_question_and_the_document_between_its_tokens(
    engine_dir: Path, tmp_path: Path, labels: int
):
    worker = ranker(engine_dir, tmp_path, labels=labels)

    async def run(engine: WorkerEngine) -> tuple[list[Score], Score]:
        assert (await engine.wait_ready()).ranks
        return await engine.rank(QUERY, DOCUMENTS), (await engine.rank(QUERY, DOCUMENTS[:1]))[0]

    scores, alone = worker.use(run)
    pairs = [[CLS, *ids(QUERY), SEP, *ids(document)] for document in DOCUMENTS]
    assert [score.tokens for score in scores] == [*map(len, pairs)]
    expected = [found[0] for found in directly(worker.load, pairs[:4])]
    assert alone.value == pytest.approx(expected[0], abs=1e-5)
    assert [score.value for score in scores] == pytest.approx(expected * 10, abs=0.02), "a batch changes the last bits"
    assert min(abs(one - other) for one, other in pairwise(sorted(expected))) > 0.05
    assert max(map(abs, expected)) > 1, "no probability, no vector of length one"


def test_a_model_that_brings_a_form_for_both_gets_them_in_it(engine_dir: Path, tmp_path: Path):
    worker = ranker(engine_dir, tmp_path, form="[CLS]{document}[SEP]{query}[SEP]")

    async def run(engine: WorkerEngine) -> list[Score]:
        return await engine.rank("what is {document}?", ["a {query} x"])

    (score,) = worker.use(run)
    query = [*ids("what is"), *worker_ids(worker, "{document}?")]
    document = [*ids("a"), *worker_ids(worker, "{query} x")]
    (expected,) = directly(worker.load, [[CLS, *document, SEP, *query, SEP]])
    assert score.value == pytest.approx(expected[0], abs=1e-4)
    assert score.tokens == len(query) + len(document) + 3


def test_a_model_that_reads_and_writes_like_others_may_rank_besides(engine_dir: Path, tmp_path: Path):
    """What such models say of a pair is a probability, after its last token."""
    form = "<|im_start|>user\n<Query>: {query}\n<Document>: {document}<|im_end|>\n<|im_start|>assistant\n"
    worker = Worker.on(engine_dir, TinyModel(ranks=form).write(tmp_path / "reader.gguf"))

    async def run(engine: WorkerEngine) -> tuple[list[Score], list[Event]]:
        request = GenerationRequest("x", "The teacher", GREEDY, max_tokens=5, ignore_eos=True)
        written, scores = await asyncio.gather(events(engine, request), engine.rank(QUERY, DOCUMENTS))
        return scores, written

    scores, written = worker.use(run)
    assert len(tokens_of(written)) == 5
    pairs = [worker_ids(worker, form.format(query=QUERY, document=document)) for document in DOCUMENTS[:4]]
    expected = directly(worker.load, pairs)
    assert all(sum(both) == pytest.approx(1, abs=1e-3) for both in expected)
    assert [score.value for score in scores] == pytest.approx([yes for yes, _ in expected] * 10, abs=0.005)
    assert min(abs(one - other) for one, other in pairwise(sorted(yes for yes, _ in expected))) > 0.01


def worker_ids(worker: Worker, text: str) -> list[int]:
    async def run(engine: WorkerEngine) -> list[int]:
        return await engine.tokenize(text, parse_special=True, add_special=False)

    return worker.use(run)


def test_what_a_ranking_model_cannot_do_is_refused_and_it_goes_on(engine_dir: Path, tmp_path: Path):
    async def run(engine: WorkerEngine) -> list[Score]:
        with pytest.raises(EngineError, match="makes no vectors"):
            await engine.embed([[CLS]])
        with pytest.raises(EngineError, match="tokens; at most 256"):
            await engine.rank(QUERY, ["x", "x " * 300])
        (refused,) = await events(engine, GenerationRequest("x", "Hello"))
        assert isinstance(refused, Failed)
        assert "does not generate" in refused.message
        return await engine.rank(QUERY, ["x"])

    assert len(ranker(engine_dir, tmp_path).use(run)) == 1


def test_many_calls_at_once_get_each_their_own(engine_dir: Path, tmp_path: Path):
    async def run(engine: WorkerEngine) -> tuple[list[list[Score]], list[Score]]:
        together = await asyncio.gather(*(engine.rank(QUERY, [document]) for document in DOCUMENTS[:4]))
        return together, await engine.rank(QUERY, DOCUMENTS[:4])

    apart, whole = ranker(engine_dir, tmp_path).use(run)
    assert [one.value for (one,) in apart] == pytest.approx([one.value for one in whole], abs=0.02)


def test_models_that_were_made_for_something_else_say_so(engine_dir: Path, tmp_path: Path, worker: Worker):
    async def run(engine: WorkerEngine) -> list[Embedding]:
        assert not (await engine.wait_ready()).ranks
        with pytest.raises(EngineError, match="not made to rank"):
            await engine.rank(QUERY, DOCUMENTS)
        return await engine.embed([[5, 6]])

    assert worker.use(run)
    assert ranker(engine_dir, tmp_path, pooling=gguf.PoolingType.CLS).use(run)

"""Reusing what the cache holds is right for every way in which models remember."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from runtime.engine.client import WorkerEngine
from runtime.engine.core import Event, GenerationRequest, Started
from tests.engine.workers import GREEDY, Worker, end_of, events, text_of
from tests.models import TinyModel

PROMPT = "The teacher asks a question and the students think about the answer. " * 24
CONVERSATION = (
    PROMPT,
    PROMPT + "A river",  # longer: what follows the shared part
    PROMPT[: len(PROMPT) // 2] + "and the old stone house",  # a branch far back
    PROMPT[: len(PROMPT) // 2],  # shorter than what is remembered
    "Nobody knows",  # nothing in common
)


@pytest.mark.parametrize(
    "model",
    [
        TinyModel(),
        TinyModel(experts=4, width=128),
        TinyModel(memory="window", layers=6),
        TinyModel(memory="state"),
        TinyModel(memory="both"),
        TinyModel(memory="gated"),
    ],
)
def test_a_conversation_on_one_worker_gives_the_texts_of_fresh_workers(
    worker: Worker, tmp_path: Path, model: TinyModel
):
    path = model.write(tmp_path / "model.gguf")
    load = replace(worker.load, model_path=str(path), context_size=1024, batch_tokens=32)
    worker = Worker(load)  # a context many times the window, and small batches: the window has long left the beginning
    requests = [
        GenerationRequest(str(at), prompt, GREEDY, max_tokens=12, ignore_eos=True)
        for at, prompt in enumerate(CONVERSATION)
    ]

    async def together(engine: WorkerEngine) -> list[list[Event]]:
        return [await events(engine, request) for request in requests]

    shared = worker.use(together)
    for request, found in zip(requests, shared, strict=True):
        alone = worker.use(lambda engine, request=request: events(engine, request))
        assert text_of(found) == text_of(alone)
        assert end_of(found).completion_tokens == 12
    reused = [event.cached_tokens for found in shared for event in found if isinstance(event, Started)]
    assert reused[0] == 0
    assert (reused[1] > 0) is (model.memory not in ("state", "both", "gated")), (
        "a state cannot be cut, everything else can"
    )
    assert reused[3] > 100, "the third request left a checkpoint where it parted from the second"

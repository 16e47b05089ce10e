"""Texts as vectors, beside generation."""

from __future__ import annotations

import asyncio
import math
import time
from contextlib import aclosing

import pytest

from runtime.engine.client import WorkerEngine
from runtime.engine.core import Embedding, GenerationRequest
from runtime.errors import EngineError
from tests.engine.workers import GREEDY, Worker

TEXTS = [[65, 66, 67], [70, 71], [65, 66, 67, 68] * 10]


def similarity(one: Embedding, other: Embedding) -> float:
    return math.fsum(a * b for a, b in zip(one.vector, other.vector, strict=True))


def test_vectors_have_length_one_and_each_text_the_one_it_has_alone(worker: Worker):
    async def run(engine: WorkerEngine) -> tuple[list[Embedding], list[Embedding], int]:
        alone = [(await engine.embed([text]))[0] for text in TEXTS]
        return await engine.embed(TEXTS), alone, (await engine.wait_ready()).embedding_size

    together, alone, size = worker.use(run)
    assert [len(one.vector) for one in together] == [size] * 3
    assert [one.tokens for one in together] == [3, 2, 40]
    assert all(similarity(one, one) == pytest.approx(1) for one in together)
    assert all(similarity(one, other) > 0.999 for one, other in zip(together, alone, strict=True))
    assert similarity(together[0], together[1]) < 0.99


def test_more_texts_than_a_step_takes_all_become_vectors(worker: Worker):
    async def run(engine: WorkerEngine) -> list[Embedding]:
        return await engine.embed([[65 + number] * 100 for number in range(50)])

    assert [one.tokens for one in worker.use(run)] == [100] * 50


def test_vectors_are_made_while_an_answer_is_written(worker: Worker):
    request = GenerationRequest("stream", "The teacher", GREEDY, ignore_eos=True)

    async def run(engine: WorkerEngine) -> int:
        async with aclosing(engine.generate(request)) as stream:
            await anext(stream)
            call = asyncio.create_task(engine.embed(TEXTS))
            told = 0
            while not call.done():
                await anext(stream)
                told += 1
        assert len(call.result()) == 3
        return told

    assert worker.use(run, context_size=16384) > 0


@pytest.mark.parametrize(("text", "message"), [([], "empty"), ([65] * 3000, "3000 tokens"), ([99_999], "no token")])
def test_a_text_that_cannot_be_a_vector_is_told_and_harms_nobody(worker: Worker, text: list[int], message: str):
    async def run(engine: WorkerEngine) -> list[Embedding]:
        with pytest.raises(EngineError, match=message):
            await engine.embed([TEXTS[0], text])
        return await engine.embed([TEXTS[0]])

    assert len(worker.use(run)) == 1


def test_a_call_that_nobody_waits_for_any_more_makes_room_for_the_next(worker: Worker):
    """Thousands of long texts would take many times as long as the one behind them may wait."""

    async def run(engine: WorkerEngine) -> tuple[int, float]:
        before = time.perf_counter()
        await engine.embed([[65] * 500] * 40)
        some = time.perf_counter() - before
        call = asyncio.create_task(engine.embed([[65] * 500] * 4000))
        await asyncio.sleep(some / 4)
        call.cancel()
        await asyncio.wait([call])
        before = time.perf_counter()
        found = await engine.embed([TEXTS[0]])
        return len(found), (time.perf_counter() - before) / some

    count, share = worker.use(run)
    assert count == 1
    assert share < 20, "a hundred times as much was dropped"

"""Sixteen streams of the demo model, and a worker to which everything happens that can."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.demo import MODEL_PATH
from bundler.demo.template import render
from runtime.engine.client import WorkerEngine
from runtime.engine.core import EngineState, Event, Finished, FinishReason, GenerationRequest
from runtime.engine.watch import Patience
from tests.engine.comparing import TELLING, assert_same_but_for_noise
from tests.engine.workers import Worker, end_of, text_of, tokens_of

QUESTIONS = (
    *("Explain photosynthesis", "Explain gravity", "What is a cell?", "How do plants drink?", "Who are you?", "Hello!"),
    *("What can you do?", "What is the capital of France?", "Explain rain", "Explain why the sky is blue", "Thank you"),
    *(
        "What is 12 plus 30?",
        "Explain sleep",
        "Explain volcanoes",
        "What day comes after Monday?",
        "What is your name?",
    ),
)
"""No stories: the model knows many that begin alike, so their next word is often a tie, which any last bit decides."""

DISTURBED = """
import ctypes, sys, time
from pathlib import Path
from runtime.engine.worker import main
from runtime.engine.worker.context import Context
decode, steps, marker = Context.decode, 0, Path({marker!r})
def abort(context):
    base = ctypes.CDLL(str(Path({engine!r}) / "libggml-base.so"))
    base.ggml_abort(b"ggml.c", 1, b"as an assertion that does not hold")
def disturbed(self, batch):
    global steps
    steps += 1
    if steps == 12 and not marker.exists():
        marker.touch()
        {what}
    return decode(self, batch)
Context.decode = disturbed
sys.exit(main.main())
"""


@pytest.fixture(scope="module")
def demo(engine_dir: Path) -> Worker:
    worker = Worker.on(engine_dir, MODEL_PATH)
    return Worker(replace(worker.load, context_size=1024, parallel=16))


@pytest.fixture(scope="module")
def undisturbed(demo: Worker) -> list[list[Event]]:
    return asyncio.run(all_sixteen(demo))


def request(number: int) -> GenerationRequest:
    prompt = render([{"role": "user", "content": QUESTIONS[number]}], prompt=True)
    return GenerationRequest(str(number), prompt, TELLING, max_tokens=160)


async def all_sixteen(
    worker: Worker,
    disturb: Callable[[WorkerEngine, list[list[Event]]], Coroutine[None, None, None]] | None = None,
    patience: Patience | None = None,
    deaths: int = 0,
) -> list[list[Event]]:
    """What each stream got; `disturb` runs beside them and sees what they have."""
    found: list[list[Event]] = [[] for _ in QUESTIONS]

    async def stream(engine: WorkerEngine, number: int) -> None:
        async for event in engine.generate(request(number)):
            found[number].append(event)

    async with worker.running(patience=patience) as engine:
        streams = [asyncio.create_task(stream(engine, number)) for number in range(len(QUESTIONS))]
        if disturb:
            await asyncio.wait_for(disturb(engine, found), 60)
        await asyncio.wait_for(asyncio.gather(*streams), 120)
        assert engine.status.restarts == deaths
    return found


def assert_nothing_is_lost(found: list[list[Event]], undisturbed: list[list[Event]]) -> None:
    """Every answer has its end, its text is that of its tokens, and it is what it would have been."""
    for one in found:
        assert end_of(one).reason is FinishReason.STOP
        assert end_of(one).completion_tokens == len(tokens_of(one)) + 1, "every token once, and the end"
    same = sum(text_of(one) == text_of(other) for one, other in zip(found, undisturbed, strict=True))
    assert same >= 15
    assert_same_but_for_noise(dict(enumerate(undisturbed)), dict(enumerate(found)), most=0.5)


def kill(times: int) -> Callable[[WorkerEngine, list[list[Event]]], Coroutine[None, None, None]]:
    """kill -9, each time when there is a worker that has told something new to everybody it should."""

    async def disturb(engine: WorkerEngine, found: list[list[Event]]) -> None:
        for _ in range(times):
            told = [*map(len, found)]
            while engine.status.state is not EngineState.READY or not all(
                len(one) > before + 1 or (one and isinstance(one[-1], Finished))
                for one, before in zip(found, told, strict=True)
            ):
                await asyncio.sleep(0.001)
            assert engine.status.worker_pid is not None
            os.kill(engine.status.worker_pid, signal.SIGKILL)
            while engine.status.state is EngineState.READY:
                await asyncio.sleep(0.001)

    return disturb


@pytest.mark.parametrize("times", [1, 3])
def test_killed_workers_cost_no_word(demo: Worker, undisturbed: list[list[Event]], times: int):
    assert_nothing_is_lost(asyncio.run(all_sixteen(demo, kill(times), deaths=times)), undisturbed)


@pytest.mark.parametrize(
    ("what", "patience"),
    [
        ("abort(self)", Patience()),
        ("time.sleep(600)", Patience(step=2, factor=0)),
        ("import os; os._exit(1)", Patience()),
    ],
    ids=["an abort inside of llama.cpp", "a step that never ends", "an end"],
)
def test_a_worker_that_comes_to_grief_by_itself_costs_no_word(
    demo: Worker, undisturbed: list[list[Event]], tmp_path: Path, what: str, patience: Patience
):
    script = DISTURBED.format(marker=str(tmp_path / "done"), engine=demo.load.engine_dir, what=what)
    found = asyncio.run(all_sixteen(Worker(demo.load, script), patience=patience, deaths=1))
    assert (tmp_path / "done").exists()
    assert_nothing_is_lost(found, undisturbed)

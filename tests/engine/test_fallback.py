"""A backend that fails is replaced while requests go on: real workers, of which the first kind is broken."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from runtime.engine.client import WorkerCommand, WorkerEngine
from runtime.engine.core import EngineState, GenerationRequest
from runtime.engine.process import Death
from runtime.engine.trust import Trust
from tests.engine.workers import GREEDY, Worker, end_of, events, text_of

ABORTS_IN_THE_FIRST_STEP = """
import os, sys
from runtime.engine.worker import context, main
def decode(self, batch):
    os.write(2, b"vk::Queue::submit: ErrorDeviceLost\\n")
    os.abort()
context.Context.decode = decode
sys.exit(main.main())
"""
DEVICE_RUNS_OUT_OF_MEMORY_IN_THE_FIRST_STEP = """
import sys
from runtime.engine.worker import context, main
def decode(self, batch):
    raise context.DecodeError(-2)
context.Context.decode = decode
sys.exit(main.main())
"""
CRASHES_ON_LOADING = """
import os, sys
from runtime.engine.worker import main
main.Model = lambda *_: os.abort()
sys.exit(main.main())
"""
CANNOT_LOAD = """
import sys
from runtime.engine.worker import main
from runtime.errors import CannotRunError
def model(*_):
    raise CannotRunError("unable to allocate Vulkan0 buffer")
main.Model = model
sys.exit(main.main())
"""

MISTAKES = {
    "loading": "main.Context = lambda *_: {}['missing']",
    "the loop": "loop.Scheduler.plan = lambda *_: {}['missing']",
    "a thread": "teller.Teller._released = lambda *_: {}['missing']",
}
HAS_A_MISTAKE = """
import sys
from pathlib import Path
from runtime.engine.worker import loop, main, teller
marker = Path({marker!r})
if not marker.exists():
    marker.touch()
    {mistake}
sys.exit(main.main())
"""


class Standby:
    """The next backend is a worker without faults."""

    def __init__(self, worker: Worker, available: bool = True) -> None:
        self.worker, self.available = worker, available
        self.failures: list[tuple[str, bool]] = []

    def command(self) -> WorkerCommand:
        return Worker(self.worker.load, "" if self.failures and self.available else self.worker.script).command()

    def fall_back(self, how: str, *, loading: bool, certain: bool = True) -> str | None:
        self.is_certain = certain
        self.failures.append((how, loading))
        return "vulkan failed. cpu has taken over." if self.available else None


def ask(engine_worker: Worker, script: str) -> tuple[str, Standby, WorkerEngine]:
    standby = Standby(Worker(engine_worker.load, script))

    async def run() -> tuple[str, WorkerEngine]:
        engine = WorkerEngine(standby.command(), renew=standby.command, fall_back=standby.fall_back)
        await engine.start()
        try:
            await asyncio.wait_for(engine.wait_ready(), 60)
            found = await events(engine, GenerationRequest("r", "The teacher", GREEDY, max_tokens=8))
            end_of(found)
            return text_of(found), engine
        finally:
            await engine.stop()

    text, engine = asyncio.run(run())
    return text, standby, engine


def undisturbed(worker: Worker) -> str:
    return text_of(
        worker.use(lambda engine: events(engine, GenerationRequest("r", "The teacher", GREEDY, max_tokens=8)))
    )


def test_a_request_goes_on_when_the_device_is_lost_at_the_first_prompt(worker: Worker) -> None:
    text, standby, engine = ask(worker, ABORTS_IN_THE_FIRST_STEP)
    assert text == undisturbed(worker)
    ((how, loading),) = standby.failures
    assert "ErrorDeviceLost" in how
    assert not loading
    assert engine.status.fallback == "vulkan failed. cpu has taken over."


def test_a_request_goes_on_when_the_device_runs_out_of_memory_at_the_first_prompt(worker: Worker) -> None:
    text, standby, _ = ask(worker, DEVICE_RUNS_OUT_OF_MEMORY_IN_THE_FIRST_STEP)
    assert text == undisturbed(worker)
    assert "code -2" in standby.failures[0][0]


def test_the_next_backend_takes_over_when_the_first_dies_loading(worker: Worker) -> None:
    text, standby, _ = ask(worker, CRASHES_ON_LOADING)
    assert text == undisturbed(worker)
    assert len(standby.failures) == 1


def test_the_next_backend_takes_over_when_the_first_cannot_load(worker: Worker) -> None:
    text, standby, _ = ask(worker, CANNOT_LOAD)
    assert text == undisturbed(worker)
    ((how, loading),) = standby.failures
    assert loading
    assert "unable to allocate" in how


@pytest.mark.parametrize("where", MISTAKES)
def test_a_mistake_of_our_own_is_not_held_against_the_backend(worker: Worker, tmp_path: Path, where: str) -> None:
    script = HAS_A_MISTAKE.format(marker=str(tmp_path / "made"), mistake=MISTAKES[where])
    text, standby, engine = ask(worker, script)
    assert text == undisturbed(worker)
    assert standby.failures == []
    assert engine.status.restarts == 1


def test_a_mistake_that_is_made_again_and_again_is_tried_on_another_backend_in_the_end(worker: Worker) -> None:
    text, standby, engine = ask(
        worker,
        f"""
import sys
from runtime.engine.worker import main
{MISTAKES["loading"]}
sys.exit(main.main())
""",
    )
    assert text == undisturbed(worker)
    ((how, _),) = standby.failures
    assert how == "came upon a mistake in the program"
    assert not standby.is_certain
    assert engine.status.restarts >= 2


def test_without_another_backend_the_reason_is_told(worker: Worker) -> None:
    standby = Standby(Worker(worker.load, CANNOT_LOAD), available=False)

    async def run() -> tuple[EngineState, str]:
        engine = WorkerEngine(standby.command(), renew=standby.command, fall_back=standby.fall_back)
        await engine.start()
        try:
            await asyncio.wait_for(engine.wait_ready(), 60)
        except Exception as error:
            return engine.status.state, str(error)
        finally:
            await engine.stop()
        raise AssertionError("it became ready")

    state, said = asyncio.run(run())
    assert state is EngineState.FAILED
    assert "unable to allocate" in said


def test_a_backend_that_has_answered_is_given_a_second_chance() -> None:
    crash, kill = Death(-6, ""), Death(-9, "")
    assert Trust().lost(crash)
    assert not Trust().lost(kill)
    proven = Trust()
    proven.answered(over=False)
    assert not proven.lost(crash)
    assert proven.lost(crash)
    proven = Trust()
    proven.answered(over=True)
    assert not proven.lost(crash)
    proven.answered(over=True)
    assert not proven.lost(crash)

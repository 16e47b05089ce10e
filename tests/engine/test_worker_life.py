"""How workers begin and end: early, late, killed, orphaned, misled."""

from __future__ import annotations

import asyncio
import os
import queue
import re
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from runtime.engine import protocol
from runtime.engine.client import Death, RestartPolicy, WorkerCommand, WorkerEngine, launch_worker
from runtime.engine.core import EngineState, Event, Failed, FailureKind, GenerationRequest, SamplingParams
from runtime.engine.messages import (
    PROTOCOL_VERSION,
    Hello,
    Message,
)
from runtime.engine.watch import Patience
from runtime.errors import CannotRunError, EngineError, ShortOfMemoryError
from tests.engine.workers import GREEDY, Worker, end_of, events, text_of, tokens_of

ASK = GenerationRequest("ask", "The teacher asks", GREEDY, max_tokens=8)
ENDLESS = replace(ASK, id="endless", max_tokens=None, ignore_eos=True)


@pytest.fixture
def worker(worker: Worker) -> Worker:
    """With a context that takes seconds to fill: what is endless here must still run when something happens to it."""
    return Worker(replace(worker.load, context_size=16384))


# Dying and coming back


def kill(engine: WorkerEngine, with_signal: int = signal.SIGKILL) -> None:
    """By a signal; of one that is stopped, all threads stand still on return."""
    assert engine.status.worker_pid is not None
    os.kill(engine.status.worker_pid, with_signal)
    while with_signal == signal.SIGSTOP and psutil.Process(engine.status.worker_pid).status() != psutil.STATUS_STOPPED:
        time.sleep(0.001)


@pytest.mark.parametrize("with_signal", [signal.SIGKILL, signal.SIGABRT])
def test_a_stream_survives_its_worker_and_says_what_it_would_have_said(worker: Worker, with_signal: signal.Signals):
    request = replace(ASK, max_tokens=60, ignore_eos=True, sampling=SamplingParams(temperature=0.5, seed=5))

    async def run(engine: WorkerEngine) -> tuple[list[Event], list[Event], int]:
        whole = await events(engine, request)
        found: list[Event] = []
        async for event in engine.generate(request):
            found.append(event)
            if len(found) == 20:
                kill(engine, with_signal)
        return whole, found, engine.status.restarts

    whole, found, restarts = worker.use(run)
    assert restarts == 1
    assert [type(event).__name__ for event in found].count("Started") == 1
    assert text_of(found) == text_of(whole)
    assert tokens_of(found) == tokens_of(whole)
    assert end_of(found).completion_tokens == 60


def test_many_streams_survive_three_kills_and_one_that_came_in_between(worker: Worker):
    requests = [
        replace(ASK, id=str(number), prompt=f"The teacher asks {number}", max_tokens=80, ignore_eos=True)
        for number in range(6)
    ]

    async def run(engine: WorkerEngine) -> tuple[list[list[Event]], list[list[Event]], int]:
        alone = [await events(engine, request) for request in requests]
        streams = [asyncio.create_task(events(engine, request)) for request in requests[:5]]
        for _ in range(3):
            while engine.status.state is not EngineState.READY:
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.15)
            kill(engine)
            while engine.status.state is EngineState.READY:
                await asyncio.sleep(0.01)
        streams.append(asyncio.create_task(events(engine, requests[5])))  # while there is no worker
        return alone, await asyncio.wait_for(asyncio.gather(*streams), 60), engine.status.restarts

    alone, found, restarts = worker.use(run)
    assert restarts == 3
    assert [text_of(one) for one in found] == [text_of(one) for one in alone]


def test_open_calls_fail_with_the_worker_and_those_who_wait_are_served_by_the_next(worker: Worker):
    async def run(engine: WorkerEngine) -> list[list[Event]]:
        async with aclosing(engine.generate(ENDLESS)) as stream:
            await anext(stream)
            kill(engine, signal.SIGSTOP)  # now nothing can be served any more
            waiting = [asyncio.create_task(events(engine, replace(ASK, id=str(number)))) for number in range(3)]
            call = asyncio.create_task(engine.tokenize("a", parse_special=False, add_special=False))
            await asyncio.sleep(0.05)
            kill(engine)
            with pytest.raises(EngineError, match="SIGKILL"):
                await asyncio.wait_for(call, 10)
        return await asyncio.wait_for(asyncio.gather(*waiting), 10)

    assert all(text_of(found) for found in worker.use(run))


def test_a_worker_that_hangs_is_ended_and_its_stream_goes_on(worker: Worker):
    async def run() -> tuple[list[Event], int]:
        found: list[Event] = []
        async with worker.running(patience=Patience(silence=3)) as engine:
            async for event in engine.generate(replace(ASK, max_tokens=60, ignore_eos=True)):
                found.append(event)
                if len(found) == 5:
                    kill(engine, signal.SIGSTOP)
            return found, engine.status.restarts

    found, restarts = asyncio.run(run())
    assert (end_of(found).completion_tokens, restarts) == (60, 1)


@pytest.mark.parametrize("step", ["loop.examine", "job.Job.begin"])
def test_who_meets_a_mistake_before_anything_is_computed_is_the_only_one_who_suffers(worker: Worker, step: str):
    stumbles = f"""
import sys
from runtime.engine.worker import job, loop, main
usual = {step}
def stumbling(first, *rest):
    if getattr(first, "request", first).id == "bad":
        raise KeyError("missing")
    return usual(first, *rest)
{step} = stumbling
sys.exit(main.main())
"""

    async def run() -> tuple[list[Event], list[Event], int]:
        async with Worker(worker.load, stumbles).running() as engine:
            good, bad = await asyncio.gather(events(engine, ASK), events(engine, replace(ASK, id="bad")))
            return good, bad, engine.status.restarts

    good, bad, restarts = asyncio.run(run())
    assert text_of(good)
    assert isinstance(bad[-1], Failed)
    assert bad[-1].kind is FailureKind.INTERNAL
    assert restarts == 0


def test_a_mistake_in_the_program_is_told_in_a_line(worker: Worker):
    broken = """
import sys
from runtime.engine.worker import main
main.Loop = lambda *_: {}["missing"]
sys.exit(main.main())
"""

    async def run() -> None:
        engine = WorkerEngine(Worker(worker.load, broken).command(), policy=RestartPolicy(deaths=2, pause=0.01))
        await engine.start()
        with pytest.raises(EngineError) as told:
            await asyncio.wait_for(engine.wait_ready(), 30)
        assert re.search(
            r"came upon a mistake in the program\. Its last words: worker: KeyError: 'missing' < \S+:\d+ < "
            r"main\.py:\d+",
            told.value.message,
        )
        assert "Traceback" not in told.value.message

    asyncio.run(run())


def test_too_many_deaths_are_given_up_with_the_last_words(worker: Worker):
    talker = "import sys; sys.stderr.write('out of luck\\n'); sys.exit(7)"
    command = WorkerCommand((sys.executable, "-c", talker), worker.load)

    async def run() -> tuple[float, list[Event], WorkerEngine]:
        engine = WorkerEngine(command, policy=RestartPolicy(deaths=3, pause=0.05))
        begin = time.monotonic()
        await engine.start()
        with pytest.raises(EngineError, match=r"died 3 times .* ended with exit code 7\. Its last words: out of luck"):
            await asyncio.wait_for(engine.wait_ready(), 30)
        return time.monotonic() - begin, await events(engine, ASK), engine

    seconds, (refused,), engine = asyncio.run(run())
    assert seconds >= 0.05
    assert engine.status.state is EngineState.FAILED
    assert engine.status.restarts == 2
    assert isinstance(refused, Failed)
    assert refused.kind is FailureKind.UNAVAILABLE
    assert "out of luck" in refused.message


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is killed by signals there")
def test_an_engine_that_was_killed_too_often_wants_memory_and_answers_when_it_is_tried_again(worker: Worker):
    async def run() -> list[Event]:
        async with worker.running(policy=RestartPolicy(deaths=1)) as engine:
            engine.try_again()  # of no effect: it works
            os.kill(engine.status.worker_pid or 0, signal.SIGKILL)
            while engine.status.state is not EngineState.FAILED:
                await asyncio.sleep(0.01)
            assert engine.status.short_of_memory
            with pytest.raises(ShortOfMemoryError, match="SIGKILL"):
                await engine.wait_ready()
            engine.try_again()
            assert engine.status.state is EngineState.RESTARTING
            await asyncio.wait_for(engine.wait_ready(), 60)
            assert not engine.status.short_of_memory
            return await events(engine, ASK)

    assert text_of(asyncio.run(run())) != ""


def test_deaths_long_ago_do_not_count(worker: Worker):
    async def run() -> int:
        async with worker.running(RestartPolicy(deaths=2, window=0.2)) as engine:
            for _ in range(3):
                assert engine.status.worker_pid is not None
                os.kill(engine.status.worker_pid, signal.SIGKILL)
                while engine.status.state is EngineState.READY:
                    await asyncio.sleep(0.01)
                await engine.wait_ready()
                await asyncio.sleep(0.2)
            return engine.status.restarts

    assert asyncio.run(run()) == 3


# Not being able to begin


def test_a_program_that_is_not_there_is_an_error_and_no_loop(worker: Worker):
    async def run() -> None:
        engine = WorkerEngine(WorkerCommand(("/no/such/program",), worker.load))
        await engine.start()
        await engine.wait_ready()

    with pytest.raises(EngineError, match="cannot be started"):
        asyncio.run(run())


@pytest.mark.parametrize(
    ("content", "message"),
    [(b"this is no model" * 100, "invalid magic"), (b"", "cannot be loaded"), (None, "cannot be opened")],
)
def test_a_model_that_cannot_be_loaded_is_told_with_llama_cpps_reason(
    worker: Worker, tmp_path: Path, content: bytes | None, message: str
):
    path = tmp_path / "broken.gguf"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CannotRunError, match=message):
        worker.use(lambda engine: engine.wait_ready(), model_path=str(path))


def test_a_truncated_model_is_told_and_not_restarted(worker: Worker, tiny_model: Path, tmp_path: Path):
    path = tmp_path / "truncated.gguf"
    path.write_bytes(tiny_model.read_bytes()[:-100_000])

    async def run() -> tuple[str, int]:
        engine = WorkerEngine(worker.command(model_path=str(path)))
        await engine.start()
        with pytest.raises(CannotRunError) as caught:
            await asyncio.wait_for(engine.wait_ready(), 30)
        await engine.stop()
        return str(caught.value), engine.status.restarts

    message, restarts = asyncio.run(run())
    assert message.startswith("The model cannot be loaded.")
    assert restarts == 0


def test_a_backend_that_is_not_there_is_told(worker: Worker):
    with pytest.raises(CannotRunError, match=r"libggml-cpu-nowhere\.so"):
        worker.use(lambda engine: engine.wait_ready(), backends=("libggml-cpu-nowhere.so",))


def test_an_engine_folder_without_libraries_is_told(worker: Worker, tmp_path: Path):
    with pytest.raises(CannotRunError, match="ggml-base"):
        worker.use(lambda engine: engine.wait_ready(), engine_dir=str(tmp_path))


def test_a_worker_of_another_protocol_is_refused(worker: Worker):
    frame = protocol.encode(Hello(PROTOCOL_VERSION + 1, 1))
    other = f"import sys, time; sys.stdout.buffer.write({frame!r}); sys.stdout.flush(); time.sleep(60)"

    async def run() -> None:
        engine = WorkerEngine(WorkerCommand((sys.executable, "-c", other), worker.load))
        await engine.start()
        try:
            await asyncio.wait_for(engine.wait_ready(), 30)
        finally:
            await engine.stop()

    with pytest.raises(EngineError, match=f"speaks protocol {PROTOCOL_VERSION + 1}"):
        asyncio.run(run())


def test_a_worker_that_talks_garbage_is_killed_and_counts_as_dead(worker: Worker):
    babble = "import sys, time; sys.stdout.write('Hello, world! ' * 9); sys.stdout.flush(); time.sleep(60)"

    async def run() -> None:
        engine = WorkerEngine(
            WorkerCommand((sys.executable, "-c", babble), worker.load), policy=RestartPolicy(deaths=1)
        )
        await engine.start()
        await asyncio.wait_for(engine.wait_ready(), 30)

    with pytest.raises(EngineError, match=r"SIGKILL.*A frame claims"):
        asyncio.run(run())


# Beginning early, stopping


def test_a_worker_launched_before_the_event_loop_is_taken_over_with_all_it_said(worker: Worker):
    launched = launch_worker(worker.command())
    time.sleep(1)

    async def run() -> tuple[list[Event], int | None]:
        engine = WorkerEngine(worker.command(), launched=launched)
        await engine.start()
        await asyncio.wait_for(engine.wait_ready(), 30)
        found, pid = await events(engine, ASK), engine.status.worker_pid
        await engine.stop()
        return found, pid

    found, pid = asyncio.run(run())
    assert end_of(found)
    assert pid == launched.pid


def test_stopping_ends_requests_and_worker_and_may_be_done_twice(worker: Worker):
    async def run(engine: WorkerEngine) -> tuple[list[Event], int, float]:
        pid = engine.status.worker_pid
        assert pid is not None
        async with aclosing(engine.generate(ENDLESS)) as stream:
            await anext(stream)
            begin = time.monotonic()
            await engine.stop()
            await engine.stop()
            seconds = time.monotonic() - begin
            return [event async for event in stream], pid, seconds

    found, pid, seconds = worker.use(run)
    assert isinstance(found[-1], Failed)
    assert found[-1].kind is FailureKind.UNAVAILABLE
    assert not psutil.pid_exists(pid)
    assert seconds < 1


def test_a_worker_that_does_not_react_is_killed_when_stopping(worker: Worker):
    async def run(engine: WorkerEngine) -> tuple[int, float]:
        pid = engine.status.worker_pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)
        begin = time.monotonic()
        await engine.stop()
        return pid, time.monotonic() - begin

    pid, seconds = worker.use(run)
    assert not psutil.pid_exists(pid)
    assert seconds < 2


def test_stopping_before_starting_ends_what_was_launched(worker: Worker):
    """Asked, and killed, for it may not be listening yet. How soon it is gone is the system's business then."""
    ended: queue.SimpleQueue[Sequence[Message] | Death] = queue.SimpleQueue()
    launched = launch_worker(worker.command())
    asyncio.run(WorkerEngine(worker.command(), launched=launched).stop())
    launched.attach(ended.put)
    while not isinstance(said := ended.get(timeout=60), Death):
        pass
    assert said.code in (0, -signal.SIGKILL)
    assert not psutil.pid_exists(launched.pid)


def test_before_it_is_loaded_requests_fail_as_unavailable(worker: Worker):
    async def run() -> tuple[list[Event], EngineState]:
        engine = WorkerEngine(worker.command())
        await engine.start()
        found, state = await events(engine, ASK), engine.status.state
        with pytest.raises(EngineError, match="not loaded"):
            await engine.tokenize("a", parse_special=False, add_special=False)
        await engine.stop()
        return found, state

    (refused,), state = asyncio.run(run())
    assert isinstance(refused, Failed)
    assert refused.kind is FailureKind.UNAVAILABLE
    assert state is EngineState.LOADING

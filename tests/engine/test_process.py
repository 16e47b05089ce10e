"""A worker's pipe passes from a thread to the event loop, and nothing is left open whoever goes first."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable

from runtime.engine.messages import Load, Progress
from runtime.engine.process import Death, LaunchedWorker, Said, WorkerCommand

SAYS = """
import sys, time
from runtime.engine.messages import Progress
from runtime.engine.protocol import encode
def say(value):
    sys.stdout.buffer.write(encode(Progress(value)))
    sys.stdout.buffer.flush()
say(0.25)
"""
SECONDS = 20.0


def launched(then: str) -> LaunchedWorker:
    """A worker that says something before anybody listens, and then does something."""
    return LaunchedWorker(WorkerCommand((sys.executable, "-c", SAYS + then), Load("", ())))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, "it did not come to pass"
        time.sleep(0.01)


def test_all_is_heard_in_the_loops_thread_and_in_order() -> None:
    heard: list[Said] = []
    threads: set[int] = set()
    worker = launched("for at in range(50): say(at); time.sleep(0.001)\nsys.exit(3)")

    def hear(said: Said) -> None:
        heard.append(said)
        threads.add(threading.get_ident())

    async def listen() -> None:
        await asyncio.sleep(0.3)  # the thread reads the first words
        worker.attach(hear, asyncio.get_running_loop())
        async with asyncio.timeout(SECONDS):
            while not (heard and isinstance(heard[-1], Death)):
                await asyncio.sleep(0.01)

    asyncio.run(listen())
    values = [one.value for said in heard if not isinstance(said, Death) for one in said if isinstance(one, Progress)]
    assert values == [0.25, *range(50)]
    assert heard[-1] == Death(3, "")
    assert threads == {threading.get_ident()}
    assert worker._stdout.closed


def test_a_worker_that_outlives_the_loop_is_waited_for() -> None:
    worker = launched("sys.stdin.buffer.read()")

    async def listen() -> None:
        worker.attach(lambda _: None, asyncio.get_running_loop())
        await asyncio.sleep(0.3)

    asyncio.run(listen())
    assert worker._process.poll() is None
    worker.close()
    until(lambda: worker._stdout.closed)
    assert worker._process.returncode == 0


def test_a_worker_that_closes_its_pipe_and_goes_on_is_ended() -> None:
    heard: list[Said] = []
    worker = launched("import os; os.close(1); time.sleep(600)")

    async def listen() -> None:
        worker.attach(heard.append, asyncio.get_running_loop())
        async with asyncio.timeout(SECONDS):
            while not (heard and isinstance(heard[-1], Death)):
                await asyncio.sleep(0.01)

    asyncio.run(listen())
    last = heard[-1]
    assert isinstance(last, Death)
    assert last.is_kill

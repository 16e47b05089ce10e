"""The worker's own manners: what it says to whom, what it passes over, and that it ends when nobody is there."""

from __future__ import annotations

import asyncio
import signal
import struct
import subprocess
import sys
import time
from dataclasses import replace

import psutil
import pytest

from runtime.engine import protocol
from runtime.engine.client import WorkerEngine
from runtime.engine.core import Event, GenerationRequest, TextDelta
from runtime.engine.messages import (
    PROTOCOL_VERSION,
    Generate,
    Hello,
    Load,
    LoadFailed,
    Message,
    Ping,
    Pong,
    Progress,
    Ready,
    Tokenize,
    Tokens,
)
from runtime.errors import CannotRunError, EngineError
from tests.engine.workers import GREEDY, Worker, end_of, events

ASK = GenerationRequest("ask", "The teacher asks", GREEDY, max_tokens=8)
ENDLESS = replace(ASK, id="endless", max_tokens=None, ignore_eos=True)


@pytest.fixture
def worker(worker: Worker) -> Worker:
    """With a context that takes seconds to fill: what is endless here must still run when something happens to it."""
    return Worker(replace(worker.load, context_size=16384))


class BareWorker:
    """A worker spoken to in frames, without the client."""

    def __init__(self, load: Load) -> None:
        argv = [sys.executable, "-m", "runtime.engine.worker"]
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        assert self.process.stdout is not None
        self._batches = protocol.read_batches(self.process.stdout.fileno())
        self._heard: list[Message] = []
        self.say(protocol.encode(load))

    def say(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def hear(self, kind: type) -> Message:
        """The next message of a kind; others are passed over."""
        while True:
            while self._heard:
                if isinstance(message := self._heard.pop(0), kind):
                    return message
            self._heard = next(self._batches)

    def close(self) -> str:
        """End it; its stderr."""
        try:
            return self.process.communicate(timeout=5)[1].decode()
        finally:
            self.process.kill()


def gone_within(pid: int, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def test_a_worker_says_hello_then_progress_then_the_facts(worker: Worker):
    bare = BareWorker(worker.load)
    assert bare.hear(Hello) == Hello(PROTOCOL_VERSION, bare.process.pid)
    assert isinstance(bare.hear(Progress), Progress)
    assert isinstance(bare.hear(Ready), Ready)
    bare.close()
    assert bare.process.returncode == 0


def test_an_unknown_message_is_noted_and_what_follows_is_answered(worker: Worker):
    bare = BareWorker(worker.load)
    bare.hear(Ready)
    body = b'{"type": "Sing"}'
    bare.say(struct.pack(">I", len(body)) + body + protocol.encode(Ping(3)))
    assert bare.hear(Pong) == Pong(3)
    assert "Sing" in bare.close()


@pytest.mark.parametrize("garbage", [b"\xff\xff\xff\xffrest", struct.pack(">I", 4) + b"nope"])
def test_garbage_ends_the_worker_with_a_sentence(worker: Worker, garbage: bytes):
    bare = BareWorker(worker.load)
    bare.hear(Ready)
    bare.say(garbage)
    bare.process.wait(timeout=5)
    assert "worker: A frame" in bare.close()
    assert bare.process.returncode == EngineError.exit_code


def test_calls_are_answered_while_it_decodes(worker: Worker):
    bare = BareWorker(worker.load)
    bare.hear(Ready)
    bare.say(protocol.encode(Generate(ENDLESS)))
    bare.hear(TextDelta)
    bare.say(protocol.encode(Tokenize(1, "river", False, False)) + protocol.encode(Ping(2)))
    assert isinstance(bare.hear(Tokens), Tokens)
    assert bare.hear(Pong) == Pong(2)
    assert isinstance(bare.hear(TextDelta), TextDelta)
    bare.close()


def test_ctrl_c_is_the_servers_business(worker: Worker):
    bare = BareWorker(worker.load)
    bare.hear(Ready)
    bare.process.send_signal(signal.SIGINT)
    bare.say(protocol.encode(Ping(1)))
    assert bare.hear(Pong) == Pong(1)
    bare.close()


def test_a_worker_whose_model_fails_ends_with_the_documented_code(worker: Worker):
    bare = BareWorker(replace(worker.load, model_path="/no/such/model"))
    failed = bare.hear(LoadFailed)
    assert isinstance(failed, LoadFailed)
    bare.process.wait(timeout=5)
    assert bare.process.returncode == CannotRunError.exit_code
    bare.close()


def said_by(worker: Worker, script: str) -> list[str]:
    """What a worker that is this script says on stderr while it answers."""
    lines: list[str] = []
    command = replace(worker.command(), argv=(sys.executable, "-c", script), on_stderr=lines.append)

    async def run() -> list[Event]:
        engine = WorkerEngine(command)
        await engine.start()
        await asyncio.wait_for(engine.wait_ready(), 30)
        found = await events(engine, ASK)
        await engine.stop()
        return found

    assert end_of(asyncio.run(run()))
    return lines


def test_what_c_code_prints_to_stdout_corrupts_no_frame(worker: Worker):
    """Python's and C's stdout both lead to stderr in a worker."""
    script = (
        "import ctypes, sys; from runtime.engine.worker.main import main\n"
        "def shout():\n"
        "    c = ctypes.CDLL(None); c.puts(b'C was here'); c.fflush(None); print('Python was here', flush=True)\n"
        "sys.exit(main(shout))"
    )
    lines = said_by(worker, script)
    assert {"C was here", "Python was here"} <= set(lines)


def test_a_worker_ends_within_two_seconds_of_its_parents_kill_in_the_middle_of_a_decode(worker: Worker):
    """End-of-file alone must be enough: the parent here is no help, it is killed -9 while the worker computes."""
    parent = (
        "import asyncio, sys\n"
        "from runtime.engine.client import WorkerEngine\n"
        "from runtime.engine.core import GenerationRequest\n"
        "from runtime.engine.messages import Load\n"
        "from runtime.engine.process import WorkerCommand\n"
        "async def run():\n"
        f"    load = {worker.load!r}\n"
        "    engine = WorkerEngine(WorkerCommand((sys.executable, '-m', 'runtime.engine.worker'), load))\n"
        "    await engine.start(); await engine.wait_ready()\n"
        "    async for event in engine.generate(GenerationRequest('r', [65] * 4000, ignore_eos=True)):\n"
        "        print(engine.status.worker_pid, flush=True)\n"
        "asyncio.run(run())"
    )
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    assert psutil.pid_exists(pid)
    process.kill()
    process.wait()
    process.stdout.close()
    assert gone_within(pid, 2)


def test_importing_the_client_brings_neither_llama_cpp_nor_a_web_framework():
    code = "import sys, runtime.engine.client; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    listed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"llama_cpp", "numpy", "fastapi", "starlette", "pydantic", "uvicorn", "jinja2"} & set(listed)
    assert "asyncio" in listed


def test_a_worker_never_imports_numpy_or_the_package_around_the_declarations(worker: Worker):
    script = (
        "import sys; from runtime.engine.worker import main as module\n"
        "class Loop(module.Loop):\n"
        "    def run(self):\n"
        "        print(*sorted(sys.modules), file=sys.stderr, flush=True); super().run()\n"
        "module.Loop = Loop; sys.exit(module.main())"
    )
    lines = said_by(worker, script)
    loaded = set(lines[0].split())
    assert "llama_cpp.llama_cpp" in loaded
    assert not {"numpy", "jinja2", "diskcache", "asyncio", "llama_cpp.llama"} & loaded

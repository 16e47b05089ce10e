"""A worker process as the server holds it: started early, fed and read by threads.

Threads and not asyncio, for two reasons: the worker should be loading its model while the server is still importing
what serves HTTP, before there is an event loop; and asyncio cannot take over a child's pipes on Windows. Writing has a
thread too, so that a worker which stopped reading can hold up nobody.
"""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, cast

from runtime.engine.messages import Load, Message
from runtime.engine.protocol import ProtocolError, encode, read_batches
from runtime.engine.spare import Spare, start_process
from runtime.errors import EngineError

_KILLED = -getattr(signal, "SIGKILL", 9)
_FROM_OUTSIDE = {-signal.SIGTERM, _KILLED, 0}
_STDERR_LINES = 50
_LAST_WORDS = 3


@dataclass(frozen=True, slots=True)
class WorkerCommand:
    """How to start a worker, and what it is to load.

    env: None means this process's. pass_fds: descriptors to inherit besides `load.model_fd`. on_stderr: called with
    every line the worker says there, from a thread of its own. executable: what is really started, where the name it
    goes by (`argv[0]`) does not lead there.
    """

    argv: Sequence[str]
    load: Load
    executable: str | None = None
    env: Mapping[str, str] | None = None
    pass_fds: tuple[int, ...] = ()
    on_stderr: Callable[[str], None] | None = None


@dataclass(frozen=True, slots=True)
class Death:
    """How a worker ended. code: exit code, or the negative signal. last_words: the end of its stderr.

    hung: why the server ended it, if it did.
    """

    code: int
    last_words: str
    hung: str = ""

    @property
    def is_crash(self) -> bool:
        """Whether it came to grief over what it was doing, and was not ended from outside."""
        return bool(self.hung) or self.code not in _FROM_OUTSIDE

    @property
    def is_kill(self) -> bool:
        """Whether the system ended it, and not the server: on Linux for want of memory, if nobody did it by hand."""
        return not self.hung and self.code == _KILLED

    def __str__(self) -> str:
        """As the rest of a sentence that begins with "The engine"."""
        if self.hung:
            return self.hung
        if self.code >= 0:
            return f"ended with exit code {self.code}"
        try:
            return f"was killed by signal {-self.code} ({signal.Signals(-self.code).name})"
        except ValueError:
            return f"was killed by signal {-self.code}"


class LaunchedWorker:
    """A running worker. What it says is kept until somebody attaches."""

    def __init__(self, command: WorkerCommand, spare: Spare | None = None) -> None:
        """Start it, or take the `spare` one if it is the same, and tell it what to load.

        Raises `EngineError` if the system cannot start it.
        """
        fds = command.pass_fds if command.load.model_fd is None else (*command.pass_fds, command.load.model_fd)
        what = command.argv, command.executable, command.env, fds
        try:
            self._process = (spare and spare.take(*what)) or start_process(*what)
        except OSError as error:
            raise EngineError(f"The engine's process cannot be started ({error}).") from None
        self.pid = self._process.pid
        self._stdin, self._stdout = cast("IO[bytes]", self._process.stdin), cast("IO[bytes]", self._process.stdout)
        self._on_stderr = command.on_stderr
        self._stderr: deque[str] = deque(maxlen=_STDERR_LINES)
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._early: list[Sequence[Message] | Death] = []
        self._sink: Callable[[Sequence[Message] | Death], None] | None = None
        complaints = threading.Thread(target=self._collect_stderr, name="worker-stderr", daemon=True)
        complaints.start()
        threading.Thread(target=self._write, name="worker-writer", daemon=True).start()
        threading.Thread(target=self._read, args=(complaints,), name="worker-reader", daemon=True).start()
        self.send(command.load)

    def send(self, message: Message) -> None:
        """Say something; returns at once. Raises `ProtocolError` if it is too long for a frame."""
        self._outbox.put(encode(message))

    def attach(self, sink: Callable[[Sequence[Message] | Death], None]) -> None:
        """Hand what the worker said, and will say, to `sink`; at last its `Death`. Called from a thread."""
        with self._lock:
            for item in self._early:
                sink(item)
            self._early.clear()
            self._sink = sink

    def close(self) -> None:
        """End-of-file: a worker ends at once when it sees it."""
        self._outbox.put(None)

    def kill(self) -> None:
        """End it without asking."""
        self._process.kill()

    def _read(self, complaints: threading.Thread) -> None:
        try:
            for batch in read_batches(self._stdout.fileno()):
                self._deliver(batch)
        except (OSError, ProtocolError) as error:
            self._stderr.append(str(error))
            self.kill()
        self.close()
        try:
            code = self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:  # it closed its pipe and went on
            self.kill()
            code = self._process.wait()
        complaints.join(timeout=1)
        self._stdout.close()
        self._deliver(Death(code, " ".join([*self._stderr][-_LAST_WORDS:])))

    def _deliver(self, item: Sequence[Message] | Death) -> None:
        with self._lock:
            if self._sink is None:
                self._early.append(item)
            else:
                self._sink(item)

    def _write(self) -> None:
        fd = self._stdin.fileno()
        try:
            while (frame := self._outbox.get()) is not None:
                rest = memoryview(frame)
                while rest:
                    rest = rest[os.write(fd, rest) :]
        except OSError:
            pass  # it is gone; the reader notices
        self._stdin.close()

    def _collect_stderr(self) -> None:
        with cast("IO[bytes]", self._process.stderr) as stream:
            for raw in stream:
                line = raw.decode("utf-8", "replace").rstrip()
                self._stderr.append(line)
                if self._on_stderr is not None:
                    self._on_stderr(line)


def launch_worker(command: WorkerCommand, spare: Spare | None = None) -> LaunchedWorker:
    """Start a worker now and let a `WorkerEngine` take it over later. Raises `EngineError`."""
    return LaunchedWorker(command, spare)

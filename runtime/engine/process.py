"""A worker process as the server holds it: started early, fed and read by threads.

Threads and not asyncio, for two reasons: the worker should be loading its model while the server is still importing
what serves HTTP, before there is an event loop; and asyncio cannot take over a child's pipes on Windows. Writing has a
thread too, so that a worker which stopped reading can hold up nobody.

Once there is an event loop that can watch a pipe, it reads: every token would otherwise wake a thread that only wakes
another, each of which has to wait for a processor while all of them compute.
"""

from __future__ import annotations

import os
import queue
import select
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, TypeAlias, cast

from runtime.engine.messages import OWN_FAULT, Load, Message
from runtime.engine.protocol import READ_BYTES, FrameBuffer, ProtocolError, encode
from runtime.engine.spare import Spare, start_process
from runtime.errors import EngineError

if TYPE_CHECKING:
    import asyncio

_KILLED = -getattr(signal, "SIGKILL", 9)
_FROM_OUTSIDE = {-signal.SIGTERM, _KILLED, 0}
_CAN_WATCH = hasattr(select, "poll")  # whether event loops can watch pipes here: not on Windows
_END_SECONDS = 1.0  # between the end of what a worker says and its own
_LOOK_SECONDS = 0.1
_STDERR_LINES = 50
_LAST_WORDS = 3


@dataclass(frozen=True, slots=True)
class WorkerCommand:
    """How to start a worker, and what it is to load.

    env: None means this process's. pass_fds: descriptors to inherit besides `load.fds`. on_stderr: called with
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
    def is_own_fault(self) -> bool:
        """Whether it was a mistake in the code around the engine, and says nothing about the backend."""
        return not self.hung and self.code == OWN_FAULT

    @property
    def is_kill(self) -> bool:
        """Whether the system ended it, and not the server: on Linux for want of memory, if nobody did it by hand."""
        return not self.hung and self.code == _KILLED

    def __str__(self) -> str:
        """As the rest of a sentence that begins with "The engine"."""
        if self.hung:
            return self.hung
        if self.is_own_fault:
            return "came upon a mistake in the program"
        if self.code >= 0:
            return f"ended with exit code {self.code}"
        try:
            return f"was killed by signal {-self.code} ({signal.Signals(-self.code).name})"
        except ValueError:
            return f"was killed by signal {-self.code}"


Said: TypeAlias = Sequence[Message] | Death
"""What a worker said, all that one reading completed together; at last its `Death`."""


class LaunchedWorker:
    """A running worker. What it says is kept until somebody attaches."""

    def __init__(self, command: WorkerCommand, spare: Spare | None = None) -> None:
        """Start it, or take the `spare` one if it is the same, and tell it what to load.

        Raises `EngineError` if the system cannot start it.
        """
        fds = (*command.pass_fds, *command.load.fds)
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
        self._early: list[Said] = []
        self._sink: Callable[[Said], None] | None = None
        self._frames = FrameBuffer()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread = 0
        self._drained = threading.Event()
        self._handover = os.pipe() if _CAN_WATCH else None  # tells the reader thread that the event loop wants to read
        self._complaints = threading.Thread(target=self._collect_stderr, name="worker-stderr", daemon=True)
        self._complaints.start()
        threading.Thread(target=self._write, name="worker-writer", daemon=True).start()
        threading.Thread(target=self._read, name="worker-reader", daemon=True).start()
        self.send(command.load)

    def send(self, message: Message) -> None:
        """Say something; returns at once. Raises `ProtocolError` if it is too long for a frame."""
        self._outbox.put(encode(message))

    def attach(self, sink: Callable[[Said], None], loop: asyncio.AbstractEventLoop | None = None) -> None:
        """Hand what the worker said, and will say, to `sink`; at last its `Death`.

        It is called from a thread; with a `loop`, which must be running here, in the loop's.
        """
        with self._lock:
            self._loop, self._sink, self._loop_thread = loop, sink, threading.get_ident()
            for item in self._early:
                if loop:
                    loop.call_soon(sink, item)
                else:
                    sink(item)
            self._early.clear()
            if loop and self._handover:
                os.write(self._handover[1], b".")

    def close(self) -> None:
        """End-of-file: a worker ends at once when it sees it."""
        self._outbox.put(None)

    def kill(self) -> None:
        """End it without asking."""
        self._process.kill()

    def _read(self) -> None:
        """Until the event loop takes over, or the end; and what comes after the end."""
        fd, wanted = self._stdout.fileno(), self._handover[0] if self._handover else -1
        while wanted < 0 or wanted not in _readable(fd, wanted):
            if not self._take(fd):
                self._bury()
                return
        loop = cast("asyncio.AbstractEventLoop", self._loop)
        with suppress(RuntimeError):  # it is closed: nobody is interested any more
            loop.call_soon_threadsafe(self._watch, loop, fd)
        self._process.wait()
        # The loop has its last words to read. One that was closed will read nothing more.
        while not self._drained.wait(_LOOK_SECONDS) and not loop.is_closed():
            pass
        self._bury()

    def _watch(self, loop: asyncio.AbstractEventLoop, fd: int) -> None:
        """In the event loop's thread, which reads from now on."""
        self._close_handover()

        def take() -> None:
            if not self._take(fd):
                loop.remove_reader(fd)
                self._drained.set()
                # It may have closed its pipe and gone on; `_read` waits for it.
                end = threading.Timer(_END_SECONDS, self.kill)
                end.daemon = True
                end.start()

        loop.add_reader(fd, take)

    def _take(self, fd: int) -> bool:
        """Read once and hand on what is complete. False at the end of what it says."""
        try:
            data = os.read(fd, READ_BYTES)
            messages = self._frames.feed(data)
        except (OSError, ProtocolError) as error:
            self._stderr.append(str(error))
            self.kill()
            return False
        if messages:
            self._deliver(messages)
        return bool(data)

    def _bury(self) -> None:
        """It has nothing more to say; tell how it ended."""
        self.close()
        self._close_handover()
        try:
            code = self._process.wait(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:  # it closed its pipe and went on
            self.kill()
            code = self._process.wait()
        self._complaints.join(timeout=_END_SECONDS)
        self._stdout.close()
        self._deliver(Death(code, " ".join([*self._stderr][-_LAST_WORDS:])))

    def _deliver(self, item: Said) -> None:
        with self._lock:
            sink, loop = self._sink, self._loop
            if sink is None:
                self._early.append(item)
                return
        if loop is None or threading.get_ident() == self._loop_thread:
            sink(item)
        else:
            with suppress(RuntimeError):  # it is closed: nobody is interested any more
                loop.call_soon_threadsafe(sink, item)

    def _close_handover(self) -> None:
        with self._lock:
            for fd in self._handover or ():
                os.close(fd)
            self._handover = None

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


def _readable(*fds: int) -> set[int]:
    """Wait until one of them can be read; which."""
    poll = select.poll()
    for fd in fds:
        poll.register(fd, select.POLLIN)
    return {fd for fd, _ in poll.poll()}

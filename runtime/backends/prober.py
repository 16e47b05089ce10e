"""The parent's side of a proof: starts the child (`runtime.backends.probe`), asks, waits, and understands its death.

A child serves until it met a library that is really for this machine; so the many that say "not for this processor"
cost a few milliseconds each, not a process each.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import threading
import time
from pathlib import Path
from typing import IO, Any

from runtime.backends.probe import OPTION
from runtime.backends.verdicts import Status, Verdict
from runtime.backends.words import crash, not_loadable
from runtime.launch.osdep import Command, system

LIMIT = 10.0  # seconds for one candidate, child's start included; it takes 0.05 to 0.2
_STDERR_KEPT = 4096  # bytes


class Prober:
    """Tries candidates, one after the other. Use as a context: no child outlives it.

    Start and use it in one thread that stays: on Linux the child ends with the thread that started it.
    """

    def __init__(self, command: Command | None = None, limit: float = LIMIT) -> None:
        self.command = command or system.self_command()
        self.limit = limit
        self._child: _Child | None = None
        self._engine_dir: Path | None = None

    def __enter__(self) -> Prober:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def start(self) -> _Child:
        """Start the child now, so that it comes alive while libraries are unpacked. Raises `OSError`."""
        if self._child is None:
            self._child = _Child(self.command)
        return self._child

    def close(self) -> None:
        """End the child."""
        if self._child is not None:
            self._child.end()
        self._child = None

    def prove(self, name: str, library: Path, engine_dir: Path) -> Verdict:
        """Try the candidate `name`, whose library lies at `library`, with the core libraries in `engine_dir`."""
        if self._engine_dir != engine_dir and self._engine_dir is not None:
            self.close()  # a child keeps the core libraries it loaded first
        self._engine_dir = engine_dir
        began = time.monotonic()
        try:
            child = self.start()
            child.ask({"engine": str(engine_dir), "library": str(library)})
            status, detail, technical = self._listen(child, name, began + self.limit)
        except OSError as error:
            status, detail, technical = Status.CRASHED, f"{name} could not be tried.", str(error)
        if status is not Status.UNSUPPORTED:
            self.close()
        return Verdict(name, library.name, status, detail, technical, round(time.monotonic() - began, 3))

    def _listen(self, child: _Child, name: str, deadline: float) -> tuple[Status, str, str]:
        doing = "starting"
        while True:
            try:
                answer = child.answer(deadline)
            except TimeoutError:
                child.end()
                return Status.HUNG, f"{name} did not finish {doing} within {self.limit:g} seconds.", child.last_words()
            if answer is None:
                code = child.end(killing=False)
                detail, cause = crash(name, doing, code)
                return Status.CRASHED, detail, f"{cause} while {doing}. {child.last_words()}".rstrip()
            if "doing" in answer:
                doing = answer["doing"]
                continue
            status, technical = Status(answer["status"]), answer.get("technical", "")
            if status is Status.OK:
                return status, f"{name} computes correctly on this machine.", technical
            if status is Status.UNSUPPORTED:
                return status, f"This machine lacks what {name} is made for.", technical
            if status is Status.WRONG:
                return status, f"{name} computes wrong numbers on this machine.", technical
            if status is Status.CRASHED:
                return status, f"{name} reported a failure while {doing}.", technical
            words = child.last_words() if "NULL" in technical else ""
            return status, not_loadable(name, f"{technical} {words}"), f"{technical} {words}".rstrip()


class _Child:
    """The process and its pipes; a thread each keeps reading, so that neither side ever blocks the other."""

    def __init__(self, command: Command) -> None:
        self.process = subprocess.Popen(
            [*command.argv, OPTION, str(os.getpid())],
            executable=command.executable,
            env={**command.environment, "GGML_NO_BACKTRACE": "1"},  # it would start a debugger
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self.answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.words = b""
        self.threads = [
            threading.Thread(target=self._read_answers, args=(self.process.stdout,), daemon=True),
            threading.Thread(target=self._read_words, args=(self.process.stderr,), daemon=True),
        ]
        for thread in self.threads:
            thread.start()

    def ask(self, request: dict[str, str]) -> None:
        """Send a request. A child that is dead already is noticed at the answer."""
        assert self.process.stdin is not None  # made above
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()

    def answer(self, deadline: float) -> dict[str, Any] | None:
        """The next line; None if the child ended. Raises `TimeoutError`."""
        try:
            line = self.answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except queue.Empty:
            raise TimeoutError from None
        try:
            answer = json.loads(line)
        except ValueError:
            return None
        return answer if isinstance(answer, dict) else None

    def end(self, *, killing: bool = True) -> int:
        """Wait for the child's end (after ending it, if `killing`); its exit status."""
        if killing:
            self.process.kill()
        try:
            status = self.process.wait(timeout=2)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        for thread in self.threads:
            thread.join(timeout=2)
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                with contextlib.suppress(OSError):  # a request that nobody read
                    pipe.close()
        return status

    def last_words(self) -> str:
        """The end of what it wrote to stderr, in one line."""
        lines = self.words.decode(errors="replace").split("\n")
        return " | ".join(line.strip() for line in lines[-6:] if line.strip())[-600:]

    def _read_answers(self, pipe: IO[bytes]) -> None:
        for line in pipe:
            self.answers.put(line)
        self.answers.put(b"")

    def _read_words(self, pipe: IO[bytes]) -> None:
        while chunk := pipe.read1(4096):  # type: ignore[attr-defined]
            self.words = (self.words + chunk)[-_STDERR_KEPT:]

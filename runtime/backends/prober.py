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
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from runtime.backends.kinds import KINDS
from runtime.backends.probe import OPTION
from runtime.backends.rates import Rates
from runtime.backends.verdicts import Status, Verdict
from runtime.backends.words import crash, hung, no_memory, not_loadable, unsupported
from runtime.launch.osdep import Command, system

LIMIT = 10.0
"""Seconds for one candidate, child's start included; it takes 0.05 to 0.2 on a quiet machine."""

GPU_PATIENCE = 6
"""Times as long for a graphics device: its driver compiles its programs at the first start."""

VARIABLE = "PANNIER_PROOF_SECONDS"
"""Sets another limit, for machines that are very slow or very busy."""

_STDERR_KEPT = 4096  # bytes


@dataclass(frozen=True, slots=True)
class Trial:
    """What is to be proven. device: which of its library's. kinds: formats of weights. measure: the format to measure
    speed with, "" for none; threads: those to compute with then."""

    name: str
    device: int = 0
    kinds: tuple[str, ...] = KINDS
    measure: str = ""
    threads: int = 1
    is_gpu: bool = False


class Prober:
    """Tries candidates, one after the other. Use as a context: no child outlives it.

    Start and use it in one thread that stays: on Linux the child ends with the thread that started it.
    """

    def __init__(self, command: Command | None = None, limit: float | None = None) -> None:
        self.command = command or system.self_command()
        self.limit = _wished_limit() if limit is None else limit
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

    def prove(self, trial: Trial, library: Path, engine_dir: Path) -> Verdict:
        """Try a candidate whose library lies at `library`, with the core libraries in `engine_dir`."""
        if self._engine_dir != engine_dir and self._engine_dir is not None:
            self.close()  # a child keeps the core libraries it loaded first
        self._engine_dir = engine_dir
        began = time.monotonic()
        heard: dict[str, Any] = {}
        try:
            child = self.start()
            child.ask(
                {
                    "engine": str(engine_dir),
                    "library": str(library),
                    "device": trial.device,
                    "kinds": trial.kinds,
                    "measure": trial.measure,
                    "threads": trial.threads,
                }
            )
            limit = self.limit * (GPU_PATIENCE if trial.is_gpu else 1)
            status, detail, technical = self._listen(child, trial.name, limit, heard)
        except OSError as error:
            status, detail, technical = Status.CRASHED, f"{trial.name} could not be tried.", str(error)
        if status is not Status.UNSUPPORTED:
            self.close()
        rates = heard.pop("rates", None)
        return Verdict(
            trial.name,
            library.name,
            status,
            detail,
            technical,
            round(time.monotonic() - began, 3),
            index=trial.device,
            kinds=trial.kinds,
            rates=Rates(**rates) if rates else None,
            **heard,
        ).lasting(time.time())

    def _listen(self, child: _Child, name: str, limit: float, heard: dict[str, Any]) -> tuple[Status, str, str]:
        """The verdict's status and words; what the device says of itself goes into `heard`."""
        doing, deadline = "starting", time.monotonic() + limit
        while True:
            try:
                answer = child.answer(deadline)
            except TimeoutError:
                child.end()
                return Status.HUNG, hung(name, doing, limit), child.last_words()
            if answer is None:
                code = child.end(killing=False)
                detail, cause = crash(name, doing, code)
                return Status.CRASHED, detail, f"{cause} while {doing}. {child.last_words()}".rstrip()
            if "doing" in answer:
                doing = answer["doing"]
                continue
            if "about" in answer:
                heard.update(answer["about"])
                continue
            heard["rates"] = answer.get("rates")
            status, technical = Status(answer["status"]), answer.get("technical", "")
            if status is Status.OK:
                return status, f"{name} computes correctly on this machine.", technical
            if status is Status.UNSUPPORTED:
                said = f"{technical} {child.last_words()}".rstrip() if technical == "no device" else technical
                return status, unsupported(name, said), said
            if status is Status.NO_MEMORY:
                return status, no_memory(name, technical), technical
            if status is Status.WRONG:
                return status, f"{name} computes wrong numbers on this machine.", technical
            if status is Status.CRASHED:
                return status, f"{name} reported a failure while {doing}.", technical
            words = child.all_words() if "NULL" in technical else ""
            return status, not_loadable(name, f"{technical} {words}"), f"{technical} {words}".rstrip()


def _wished_limit() -> float:
    with contextlib.suppress(ValueError):
        return max(1.0, float(os.environ.get(VARIABLE, "")))
    return LIMIT


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

    def ask(self, request: dict[str, Any]) -> None:
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

    def all_words(self) -> str:
        """What it said before it answered: its answer may have been read before that."""
        self.end()
        return self.last_words()

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

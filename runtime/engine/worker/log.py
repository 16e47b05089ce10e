"""The log, on stderr: the worker's own lines, and llama.cpp's, whose last complaints are kept to explain a failure."""

from __future__ import annotations

import os
import sys
import threading
from collections import deque

from runtime.engine.bindings import LogLevel

_KEPT = 8


class EngineLog:
    """A `LogSink`. Warnings and errors go to stderr, with `verbose` everything does.

    Written with `os.write`: the callback may run on a C thread while the process is ending.
    """

    def __init__(self, verbose: bool) -> None:
        self._threshold = LogLevel.DEBUG if verbose else LogLevel.WARNING
        self._lock = threading.Lock()
        self._level = LogLevel.INFO
        self._line = b""
        self._errors: deque[str] = deque(maxlen=_KEPT)

    def __call__(self, level: LogLevel, text: bytes) -> None:
        """Take a piece of a line."""
        with self._lock:
            if level is not LogLevel.CONTINUED:
                self._level = level
            *lines, self._line = (self._line + text).split(b"\n")
            for line in lines:
                self._end_line(line)

    @property
    def errors(self) -> str:
        """What was logged as an error last, as one line; "" if nothing was."""
        with self._lock:
            return "; ".join(self._errors)

    def _end_line(self, line: bytes) -> None:
        if self._level is LogLevel.ERROR:
            self._errors.append(line.decode("utf-8", "replace").strip())
        if self._level >= self._threshold:
            try:
                os.write(2, line + b"\n")
            except OSError:
                self._threshold = LogLevel.CONTINUED  # nobody reads any more


def say(line: str) -> None:
    """A line of the worker's own."""
    sys.stderr.write(f"worker: {line}\n")
    sys.stderr.flush()

"""The runtime's one sink for output: data on stdout, talk on stderr. Nothing else in `runtime/` prints."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from runtime.errors import PannierError


class Console:
    """Where words go. json: the caller wants one JSON document on stdout and no decoration."""

    def __init__(self, *, json: bool = False) -> None:
        self.json = json
        self.is_terminal = sys.stderr.isatty()
        for stream in (sys.stdout, sys.stderr, sys.stdin):
            # A stranger's locale must never turn an answer into a UnicodeEncodeError.
            if hasattr(stream, "reconfigure"):
                stream.reconfigure(encoding="utf-8", errors="replace")

    def say(self, text: str) -> None:
        """One line of talk, on stderr."""
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    def status(self, text: str) -> None:
        """A line that replaces itself while a person watches; silent otherwise. An empty text wipes it."""
        if self.is_terminal:
            sys.stderr.write(f"\r\033[2K{text}")
            sys.stderr.flush()

    def fail(self, error: PannierError) -> None:
        """An error, on stderr: what happened, then what to do next."""
        self.status("")
        self.say(f"error: {error.message}")
        if error.remedy:
            self.say(error.remedy)

    def ask(self, prompt: str) -> str | None:
        """A line of standard input, None at its end. The prompt stands on stderr, where a person types."""
        if sys.stdin.isatty():
            sys.stderr.write(prompt)
            sys.stderr.flush()
        line = sys.stdin.readline()
        return line.rstrip("\r\n") if line else None

    def out(self, text: str, end: str = "\n") -> None:
        """Data, on stdout, at once."""
        sys.stdout.write(text + end)
        sys.stdout.flush()

    def result(self, data: dict[str, Any], text: str) -> None:
        """The outcome of a command: `data` as JSON where a program reads, `text` where a person does."""
        self.out(json.dumps(data, indent=2, ensure_ascii=False) if self.json else text)

    def leave(self) -> None:
        """The reader of our output is gone: let nothing more be written to it, not even at exit."""
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())

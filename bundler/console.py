"""The builder's one sink for output: data on stdout, talk on stderr, progress bars where a person watches.

Nothing else in `bundler/` prints. A `Console` is passed to whatever takes long; libraries never make their own.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from rich.console import Console as RichConsole
from rich.progress import BarColumn, DownloadColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from runtime.errors import PannierError


class Advance(Protocol):
    """Call with the amount done since the last call (bytes, or steps)."""

    def __call__(self, amount: float, /) -> None:
        """Move the bar by `amount`."""


class Console:
    """Where words go. json: the caller wants one JSON document on stdout and no decoration."""

    def __init__(self, *, json: bool = False, quiet: bool = False) -> None:
        self.json = json
        self._quiet = quiet
        self._err = RichConsole(stderr=True, highlight=False, soft_wrap=True)

    def say(self, text: str) -> None:
        """One line of talk, on stderr."""
        if not self._quiet:
            self._err.print(text, markup=False)

    def warn(self, text: str) -> None:
        """Something the person should know, on stderr, never silenced."""
        self._err.print(f"warning: {text}", style="yellow", markup=False)

    def fail(self, error: PannierError) -> None:
        """An error, on stderr: what happened, then what to do next."""
        self._err.print(f"error: {error.message}", style="red", markup=False)
        if error.remedy:
            self._err.print(error.remedy, markup=False)

    def out(self, text: str) -> None:
        """Data, on stdout."""
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def result(self, data: dict[str, Any], text: str) -> None:
        """The outcome of a command: `data` as JSON where a program reads, `text` where a person does."""
        self.out(json.dumps(data, indent=2, ensure_ascii=False) if self.json else text)

    @contextmanager
    def progress(self, label: str, total: float | None, *, in_bytes: bool = False) -> Iterator[Advance]:
        """A progress bar for long work; without a terminal a single line is printed instead.

        total: amount of work, None if unknown. in_bytes: show the amount as a size.
        """
        if self._quiet or not self._err.is_terminal:
            self.say(f"{label} …")
            yield lambda _amount, /: None
            return
        columns = [TextColumn("{task.description}"), BarColumn(), TaskProgressColumn()]
        columns += [DownloadColumn()] if in_bytes else []
        with Progress(*columns, TimeRemainingColumn(), console=self._err, transient=True) as bar:
            task = bar.add_task(label, total=total)
            yield lambda amount, /: bar.advance(task, amount)

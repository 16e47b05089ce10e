"""From the opened file to a running worker: choose the backend, say what to load, start.

The worker is started as early as possible: it maps the model while the server process is still importing its libraries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from runtime.backends.choose import Choice
from runtime.backends.fit.choose import Fit
from runtime.console import Console
from runtime.container.archive import Archive
from runtime.container.unpack import EngineCache
from runtime.engine.process import LaunchedWorker, WorkerCommand, launch_worker
from runtime.engine.trust import FallBack
from runtime.launch.early import take_spare
from runtime.launch.opening import open_draft, open_model
from runtime.launch.options import LaunchOptions
from runtime.launch.places import Places, places
from runtime.launch.succession import Succession
from runtime.manifest import DistManifest


@dataclass(frozen=True, slots=True)
class Session:
    """A chosen backend and the worker that is loading with it.

    renew: gives the command of every further worker. fall_back: readies another backend for it. places: where this
    machine lets us keep things. fit: how the model was fitted into the memory; None where its shape is not told.
    """

    choice: Choice
    fit: Fit | None
    places: Places
    command: WorkerCommand
    renew: Callable[[], WorkerCommand]
    fall_back: FallBack
    worker: LaunchedWorker


def decide(
    archive: Archive[DistManifest], options: LaunchOptions, console: Console, *, reprobe: bool = False
) -> tuple[Succession, EngineCache]:
    """Choose the backend, and tell where its libraries lie. Raises a `PannierError` where there is no way."""
    cache = EngineCache(places())
    console.status("checking what this computer can do …")
    try:
        return Succession(archive, cache, options, reprobe), cache
    finally:
        console.status("")


def start(archive: Archive[DistManifest], options: LaunchOptions, console: Console) -> Session:
    """Choose a backend and start the worker with it; returns while the model is loading."""
    succession, cache = decide(archive, options, console)
    succession.check_memory()
    model, draft = open_model(archive), open_draft(archive)
    first = succession.command(model, draft)
    return Session(
        succession.choice,
        succession.fit,
        cache.places,
        first,
        lambda: succession.command(model, draft),
        succession.fall_back,
        launch_worker(first, take_spare()),
    )

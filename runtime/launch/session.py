"""From the opened file to a running worker: choose the backend, say what to load, start.

The worker is started as early as possible: it maps the model while the server process is still importing its libraries.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from runtime.backends.choose import Choice, choose
from runtime.backends.fit.choose import Fit
from runtime.backends.fit.choose import choose as fit
from runtime.backends.fit.need import Plan
from runtime.backends.fit.room import room
from runtime.backends.fit.words import refusal
from runtime.backends.threads import threads_for
from runtime.console import Console
from runtime.container.archive import Archive
from runtime.container.unpack import EngineCache, core
from runtime.engine.client import LaunchedWorker, WorkerCommand, launch_worker
from runtime.engine.messages import Load
from runtime.launch.opening import ModelFile, open_model
from runtime.launch.options import LaunchOptions
from runtime.launch.osdep import system
from runtime.launch.places import Places, places
from runtime.launch.spare import spare_program
from runtime.manifest import DistManifest

WORKER_OPTION = "--worker"


@dataclass(frozen=True, slots=True)
class Session:
    """A chosen backend and the worker that is loading with it.

    renew: gives the command of every further worker. places: where this machine lets us keep things. fit: how the model
    was fitted into the memory; None where the file does not tell its shape.
    """

    choice: Choice
    fit: Fit | None
    places: Places
    command: WorkerCommand
    renew: Callable[[], WorkerCommand]
    worker: LaunchedWorker


def decide(
    archive: Archive[DistManifest], options: LaunchOptions, console: Console, *, reprobe: bool = False
) -> tuple[Choice, EngineCache]:
    """Choose the backend, and tell where its libraries lie. Raises a `PannierError` where there is no way."""
    cache = EngineCache(places())
    console.status("checking what this computer can do …")
    try:
        return choose(archive, cache, options.backend, reprobe), cache
    finally:
        console.status("")


def start(archive: Archive[DistManifest], options: LaunchOptions, console: Console) -> Session:
    """Choose a backend and start the worker with it; returns while the model is loading."""
    choice, cache = decide(archive, options, console)
    model = open_model(archive)
    fitted = fitting(archive, options)
    if fitted and archive.manifest.model.shape and not fitted.fits and not options.ignore_memory:
        raise refusal(archive.manifest.model.shape, options.wishes, fitted)

    def command(engine_dir: Path) -> WorkerCommand:
        return worker_command(archive, model, options, engine_dir, choice.library.file, fitted)

    def renewed() -> WorkerCommand:
        # The file may have another name by now, and another version's start may have swept the libraries away.
        return command(cache.provide(archive, [*core(archive.manifest.engine), choice.library]))

    first = command(choice.engine_dir)
    return Session(choice, fitted, cache.places, first, renewed, launch_worker(first))


def fitting(archive: Archive[DistManifest], options: LaunchOptions) -> Fit | None:
    """How the model is fitted into the memory that is free now; None where the file does not tell its shape."""
    shape = archive.manifest.model.shape
    return fit(shape, options.wishes, room()) if shape else None


def worker_command(
    archive: Archive[DistManifest],
    model: ModelFile,
    options: LaunchOptions,
    engine_dir: Path,
    backend: str,
    fitted: Fit | None = None,
) -> WorkerCommand:
    """How to start a worker for this model with the backend library of this name in `engine_dir`."""
    own = system.self_command(lambda: spare_program(archive))
    by_path = sys.platform == "win32"  # descriptors are not inherited there
    plan = fitted.plan if fitted else Plan(options.context_size, options.parallel, gpu_layers=options.gpu_layers)
    load = Load(
        engine_dir=str(engine_dir),
        backends=(backend,),
        model_fd=None if by_path else model.fd,
        model_path=model.path if by_path else "",
        model_offset=model.offset,
        model_splits=model.splits,
        context_size=plan.context_size,
        parallel=options.parallel,
        threads=options.threads or threads_for(archive.manifest.model.parameters),
        gpu_layers=plan.gpu_layers,
        repack=options.repack,
        cells=plan.cells,
        cache_type=plan.cache_type,
        split_cache=options.split_cache,
        experts_on_cpu=plan.experts_on_cpu,
    )
    return WorkerCommand(
        argv=(*own.argv, WORKER_OPTION, str(os.getpid())), executable=own.executable, env=own.environment, load=load
    )

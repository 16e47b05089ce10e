"""From the opened file to a running worker: choose the backend, say what to load, start.

The worker is started as early as possible: it maps the model while the server process is still importing its libraries.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from runtime.backends.choose import Choice, choose
from runtime.backends.threads import compute_threads
from runtime.console import Console
from runtime.container.archive import Archive
from runtime.container.unpack import EngineCache
from runtime.engine.client import LaunchedWorker, WorkerCommand, launch_worker
from runtime.engine.messages import Load
from runtime.launch.opening import open_model
from runtime.launch.options import LaunchOptions
from runtime.launch.osdep import system
from runtime.launch.places import Places, places
from runtime.launch.spare import spare_program
from runtime.manifest import DistManifest

WORKER_OPTION = "--worker"


@dataclass(frozen=True, slots=True)
class Session:
    """A chosen backend and the worker that is loading with it. command: how to start another one like it."""

    choice: Choice
    command: WorkerCommand
    worker: LaunchedWorker


def decide(
    archive: Archive[DistManifest], options: LaunchOptions, console: Console, *, reprobe: bool = False
) -> tuple[Choice, Places]:
    """Choose the backend, and tell where its libraries lie. Raises a `PannierError` where there is no way."""
    found = places()
    console.status("checking what this computer can do …")
    try:
        return choose(archive, EngineCache(found), options.backend, reprobe), found
    finally:
        console.status("")


def start(archive: Archive[DistManifest], options: LaunchOptions, console: Console) -> Session:
    """Choose a backend and start the worker with it; returns while the model is loading."""
    choice, _ = decide(archive, options, console)
    command = worker_command(archive, options, choice)
    return Session(choice, command, launch_worker(command))


def worker_command(archive: Archive[DistManifest], options: LaunchOptions, choice: Choice) -> WorkerCommand:
    """How to start a worker for this model on this backend."""
    model = open_model(archive)
    own = system.self_command(lambda: spare_program(archive))
    load = Load(
        engine_dir=str(choice.engine_dir),
        backends=(choice.library.file,),
        model_fd=model.fd if sys.platform != "win32" else None,
        model_path="" if sys.platform != "win32" else model.path,
        model_offset=model.offset,
        model_splits=model.splits,
        context_size=options.context_size,
        parallel=options.parallel,
        threads=options.threads or compute_threads(),
        gpu_layers=options.gpu_layers,
        repack=options.repack,
    )
    return WorkerCommand(
        argv=(*own.argv, WORKER_OPTION, str(os.getpid())),
        executable=own.executable,
        env=own.environment,
        load=load,
    )

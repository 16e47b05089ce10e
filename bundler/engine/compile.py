"""Runs CMake and Ninja in a build directory, with a progress bar, a log, and a clean end when interrupted."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TextIO

from bundler.console import Advance, Console
from bundler.engine.toolchain import Toolchain, clean_environment
from bundler.errors import ToolError
from runtime.launch.osdep import system

_LAST_LINES = 15
_STATUS = re.compile(r"^\[(\d+)/(\d+)\] ")
_END_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Compilation:
    """One run of CMake and Ninja. source, build: directories. options: CMake's. goals: Ninja's."""

    label: str
    source: Path
    build: Path
    options: Mapping[str, str]
    goals: Sequence[str]
    log: Path


def compile_goals(work: Compilation, toolchain: Toolchain, console: Console) -> None:
    """Bring the goals up to date. Objects of an earlier, even an interrupted, run are used again.

    Raises `ToolError` with the last lines the tools said and the log's place.
    """
    work.build.mkdir(parents=True, exist_ok=True)
    work.log.parent.mkdir(parents=True, exist_ok=True)
    definitions = [f"-D{key}={value}" for key, value in work.options.items()]
    ninja = toolchain.path("ninja")
    # Options of an earlier run, now gone from the recipe, would live on in CMake's cache; and tools of an environment
    # that is gone, in that of a build inside the build. (`--fresh` removes objects.)
    for cache in work.build.rglob("CMakeCache.txt"):
        cache.unlink()
    # Without its mark a build inside is configured again, as the build outside says.
    for mark in work.build.rglob("*-stamp/*-configure"):
        mark.unlink()
    configure = [toolchain.path("cmake"), "-S", str(work.source), "-B", str(work.build), "-G", "Ninja"]
    configure += [f"-DCMAKE_MAKE_PROGRAM={ninja}", *definitions]
    with work.log.open("w", encoding="utf-8", buffering=1) as log:
        _run(configure, work, toolchain, log)
        with console.progress(work.label, 1.0) as advance:
            _run([ninja, "-C", str(work.build), "-j", str(jobs()), *work.goals], work, toolchain, log, advance)


def jobs() -> int:
    """How many compilers run at once: CMake's own variable for it, or one for each processor we may use."""
    wished = os.environ.get("CMAKE_BUILD_PARALLEL_LEVEL", "")
    if wished.isdigit() and int(wished) > 0:
        return int(wished)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run(
    command: Sequence[str], work: Compilation, tools: Toolchain, log: TextIO, advance: Advance | None = None
) -> None:
    """Run one tool; its lines go to the log, and ninja's `[n/m]` moves the bar."""
    log.write(f"$ {' '.join(command)}\n")
    environment = clean_environment() | {"NINJA_STATUS": "[%f/%t] "}
    # A build inside the build (Vulkan's shader generator) looks for ninja by itself.
    environment["PATH"] = os.pathsep.join((str(Path(tools.path("ninja")).parent), environment.get("PATH", "")))
    last: deque[str] = deque(maxlen=_LAST_LINES)
    done = 0.0
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environment,
        # Killed as we may be, no compiler must go on writing where the next build begins.
        preexec_fn=partial(system.die_with_parent, os.getpid(), gently=True) if sys.platform == "linux" else None,
    ) as process:
        assert process.stdout is not None
        try:
            for line in process.stdout:
                log.write(line)
                last.append(line.rstrip())
                if advance and (status := _STATUS.match(line)):
                    now = int(status[1]) / int(status[2])
                    advance(now - done)
                    done = now
        except BaseException:
            # Ninja, asked politely, ends its compilers and removes what they left half-written.
            process.terminate()
            try:
                process.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
            raise
    if process.returncode:
        said = "\n".join(last)
        raise ToolError(f"{work.label} failed:\n{said}", f"The whole log is in {work.log}.")

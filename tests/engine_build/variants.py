"""Asks every variant of the CPU backend that runs on this machine, each in a process of its own: one can die.

`right_variants` starts a module for each; that module's `main` is `examined`.
"""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from bench.ggml import Backend, RefusedError
from runtime.engine.bindings import backend_name

REFUSED, WRONG = 3, 1
"""Exit codes of a module that asks: the backend refuses this machine; it computed something else."""


def right_variants(engine_dir: Path, module: str, cases: int) -> list[str]:
    """Names of those that were right, all that run here. module: asks one, as `tests.engine_build.attention` does."""
    ran: list[str] = []
    for library in sorted(engine_dir.glob("*ggml-cpu-*")):
        command = [sys.executable, "-m", module, str(engine_dir), str(library), str(len(ran)), str(cases)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        if done.returncode in (REFUSED, -signal.SIGILL):  # a processor can promise what it does not have
            continue
        assert done.returncode == 0, f"{library.name}: {done.stdout}{done.stderr}"
        ran.append(backend_name(library.name))
    assert {"cpu-x64", "cpu-armv8.0_1", "cpu-apple_m1"} & {*ran}, f"not even the plainest: {ran}"
    return ran


def examined(differences: Callable[[Backend, random.Random], Iterable[tuple[float, object]]], tolerance: float) -> int:
    """Ask the backend that the command line names so many cases; the exit code.

    differences: of one random case, how far each answer was from what is right, and what was asked. Tells the largest,
    and what was asked where it was too large.
    """
    engine_dir, library, seed, count = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
    try:
        backend = Backend(engine_dir, library)
    except RefusedError:
        return REFUSED
    rng, worst = random.Random(seed), 0.0
    for _ in range(count):
        for difference, asked in differences(backend, rng):
            if not difference <= tolerance:
                sys.stdout.write(f"{difference}: {asked}\n")
                return WRONG
            worst = max(worst, difference)
    sys.stdout.write(f"{worst}\n")
    return 0

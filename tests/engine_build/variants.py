"""Asks every variant of the CPU backend that runs on this machine, each in a process of its own: one can die."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

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

"""Attention on processors, ours: every variant that runs on this machine computes what attention is defined to be."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

from runtime.engine.bindings import backend_name
from tests.engine_build.attention import REFUSED

CASES = 150


def ask(engine_dir: Path, library: Path, seed: int, cases: int = CASES) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "tests.engine_build.attention",
        str(engine_dir),
        str(library),
        str(seed),
        str(cases),
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)


def test_every_variant_that_runs_here_is_right(engine_dir: Path) -> None:
    ran = []
    for library in sorted(engine_dir.glob("*ggml-cpu-*")):
        done = ask(engine_dir, library, seed=len(ran))
        if done.returncode in (REFUSED, -signal.SIGILL):  # a processor can promise what it does not have
            continue
        assert done.returncode == 0, f"{library.name}: {done.stdout}{done.stderr}"
        ran.append(backend_name(library.name))
    assert {"cpu-x64", "cpu-armv8.0_1", "cpu-apple_m1"} & {*ran}, f"not even the plainest: {ran}"

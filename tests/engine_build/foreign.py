"""Programs for other systems run here: Windows' by Wine, those for 64-bit Arm by QEMU."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.console import Console
from bundler.engine.build import build_engine
from bundler.engine.product import Engine
from bundler.engine.recipes import RECIPES
from bundler.targets import Target
from tests.requirements import missing, tool
from tests.wine import run_under_wine

ARM_LIBRARIES = Path("/usr/aarch64-linux-gnu")
LIMIT = 900


def run_foreign(target: str, program: Path, arguments: Sequence[str], folder: Path, processor: str = "") -> str:
    """What a program for `target` says, on both streams; skips the test where nothing here can run it.

    processor: the one QEMU shall be, instead of the one that can most.
    """
    if target == "windows-x86_64":
        return run_under_wine(program, arguments, folder)
    if not ARM_LIBRARIES.is_dir():
        missing("there is no arm64 C library (libc6-arm64-cross)")
    command = [tool("qemu-aarch64-static"), "-cpu", processor or "max", "-L", str(ARM_LIBRARIES), str(program)]
    done = subprocess.run(
        [*command, *arguments],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=LIMIT,
        check=False,
    )
    return done.stdout.decode("utf-8", "replace")


def small_engine(target: Target) -> Engine:
    """The core and one CPU variant, the plainest or nearly so: a third of the compiling, by the same rules."""
    cpu = RECIPES["cpu"]
    options = cpu.options | {"GGML_CPU_ALL_VARIANTS": "OFF"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RECIPES, "cpu", replace(cpu, options=options, libraries=("ggml-cpu",)))
        return build_engine(target, ["cpu"], None, Console())

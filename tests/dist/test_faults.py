"""The fault matrix: broken backends in a built dist. It answers all the same, and `doctor` names each cause."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.dist import running
from tests.dist.faulty import dist_with

Broken = Callable[..., Path]
SECONDS = "25"
"""For a proof, of which one hangs: others are started beside these tests."""

ILLEGAL, CRASH, ABORT = (f"FAULT_SIGNAL={int(number)}" for number in (signal.SIGILL, signal.SIGSEGV, signal.SIGABRT))

PROOF_FAULTS: dict[str, tuple[tuple[str, ...], str, str]] = {
    "cpu-illegal": (("FAULT_COMPUTE", ILLEGAL), "crashed", "(illegal instruction)"),
    "cpu-loading": (("FAULT_LOAD", CRASH), "crashed", "crashed while loading"),
    "cpu-init": (("FAULT_INIT", CRASH), "crashed", "crashed while starting the device"),
    "cpu-matmul": (("FAULT_COMPUTE", ABORT), "crashed", "crashed while multiplying"),
    "cpu-hanging": (("FAULT_HANG",), "hung", "did not finish"),
    "cpu-wrong": (("FAULT_WRONG",), "wrong", "computes wrong numbers"),
    "cpu-symbol": (("FAULT_SYMBOL",), "missing", "needs a function (a_function_no_driver_has)"),
    "cpu-glibc": (("FAULT_SYMBOL", "NEW_GLIBC"), "missing", "needs a newer C library (glibc 9.99)"),
    "cpu-memory": (("FAULT_NO_MEMORY",), "no memory", "could not be started; it may lack memory"),
}
"""Candidate: what is wrong with it, the verdict, and words of its sentence."""


def doctor(dist: Path, env: dict[str, str], *flags: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(running.run(dist, "doctor", "--json", "--no-verify", *flags, env=env).stdout)
    return told


@pytest.fixture(scope="module")
def tomorrows_libc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("libc")
    (folder / "new.c").write_text("void a_function_no_driver_has(void) {}\n")
    (folder / "new.map").write_text("GLIBC_9.99 { global: a_function_no_driver_has; };\n")
    command = ["cc", "-shared", "-fPIC", "-nostdlib", "-o", folder / "libc.so", folder / "new.c"]
    command += ["-Wl,-soname,libc.so.6", f"-Wl,--version-script={folder / 'new.map'}"]
    subprocess.run([str(word) for word in command], check=True)
    return folder / "libc.so"


@pytest.fixture(scope="module")
def refused(
    break_library: Broken, tomorrows_libc: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, str]]:
    """A dist with every fault that a proof finds, and an environment of its own."""
    folder = tmp_path_factory.mktemp("refused")
    broken = {
        name: break_library(*faults, arguments=(str(tomorrows_libc),) if "NEW_GLIBC" in faults else ())
        for name, (faults, _, _) in PROOF_FAULTS.items()
    }
    return dist_with(broken, folder), running.environment(folder / "home", PANNIER_PROOF_SECONDS=SECONDS)


@pytest.fixture(scope="module")
def examined(refused: tuple[Path, dict[str, str]]) -> dict[str, Any]:
    dist, env = refused
    done = running.run(dist, "run", "Hello", "--temperature", "0", "--max-tokens", "20", env=env)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    return doctor(dist, env)


@pytest.mark.parametrize("name", PROOF_FAULTS)
def test_a_fault_that_a_proof_finds_is_named(examined: dict[str, Any], name: str) -> None:
    _, status, words = PROOF_FAULTS[name]
    (verdict,) = (one for one in examined["candidates"] if one["name"] == name)
    assert verdict["status"] == status
    assert words in verdict["detail"]
    assert verdict["became"] == "refused"


def test_the_sound_one_behind_them_is_chosen_and_remembered(examined: dict[str, Any]) -> None:
    assert (examined["backend"], examined["runs"], examined["remembered"]) == ("cpu-x64", True, True)


def test_a_backend_that_dies_under_the_model_is_replaced_while_the_answer_goes_on(
    break_library: Broken, tmp_path: Path
) -> None:
    broken = {
        "cpu-loading": break_library("FAULT_WORKER", "FAULT_INIT", CRASH),
        "cpu-prompt": break_library("FAULT_WORKER", "FAULT_COMPUTE", ILLEGAL),
        "cpu-failing": break_library("FAULT_WORKER", "FAULT_STATUS"),
    }
    dist = dist_with(broken, tmp_path)
    env = running.environment(tmp_path / "home", PANNIER_PROOF_SECONDS=SECONDS)
    with running.serving(dist, "--port", "0", env=env) as it:
        status, body = it.chat("Hello", max_tokens=20)
        assert status == 200, body
        assert body["choices"][0]["message"]["content"]
        health = it.get("/health")[1]
        assert health["status"] == "ok"
        assert "cpu-x64 has taken over" in health["fallback"]
        assert "cpu-failing failed while it ran the model" in health["fallback"]
    found = {one["name"]: one for one in doctor(dist, env)["candidates"]}
    assert [found[name]["status"] for name in broken] == ["failed"] * 3
    assert "SIGILL" in found["cpu-prompt"]["technical"]
    assert found["cpu-x64"]["became"] == "chosen"


def test_a_device_that_runs_out_of_memory_is_replaced_by_the_processor(break_library: Broken, tmp_path: Path) -> None:
    broken = {
        "cuda": break_library('FAULT_GPU="First0"', "FAULT_WORKER", "FAULT_NO_MEMORY"),
        "vulkan": break_library('FAULT_GPU="Second0"', "FAULT_WORKER", "FAULT_MEMORY"),
    }
    dist = dist_with(broken, tmp_path, shape=False)
    env = running.environment(tmp_path / "home", PANNIER_PROOF_SECONDS=SECONDS)
    with running.serving(dist, "--port", "0", env=env) as it:
        status, body = it.chat("Hello", max_tokens=20)
        assert status == 200, body
        told = it.get("/health")[1]["fallback"]
        assert "The device of vulkan ran out of memory. cpu-x64 has taken over." in told
    became = {one["name"]: (one["status"], one["became"]) for one in doctor(dist, env)["candidates"]}
    assert became["vulkan"] == ("no memory", "refused")
    assert became["cpu-x64"] == ("ok", "chosen")

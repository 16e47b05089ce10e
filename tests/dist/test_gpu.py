"""A GPU backend in a built dist: forced, and as a candidate. One command on a machine that has what it takes:

    PANNIER_TEST_GPU=cuda uv run pytest tests/dist/test_gpu.py

`llvmpipe` stands for Vulkan on Mesa's software device, which must lose on speed. It needs no GPU, and minutes to
compile its programs.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.dist import running
from tests.dist.conftest import build

NAMED = os.environ.get("PANNIER_TEST_GPU", "")
BACKEND = "vulkan" if NAMED == "llvmpipe" else NAMED
PASSED_ON = ("GGML_VK_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES", "PANNIER_PROOF_SECONDS", "LD_LIBRARY_PATH")
SOFTWARE = {"GGML_VK_VISIBLE_DEVICES": "0", "PANNIER_PROOF_SECONDS": "600"} if NAMED == "llvmpipe" else {}
PATIENCE = 900.0
# Whose answers are sure: where two words are as likely, the last bit decides, and that is every processor's own.
QUESTIONS = ("Hello", "What is the capital of France?", "What is 3 plus 4?", "What can you do?")

pytestmark = pytest.mark.skipif(not BACKEND, reason="no GPU backend to test was named in PANNIER_TEST_GPU")


@pytest.fixture(scope="module")
def gpu(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    folder = tmp_path_factory.mktemp("gpu")
    passed = {name: os.environ[name] for name in PASSED_ON if name in os.environ} | SOFTWARE
    return build(folder / "dist", "--backend", BACKEND), running.environment(folder / "home", **passed)


def ask(gpu: tuple[Path, dict[str, str]], question: str, backend: str) -> str:
    dist, env = gpu
    words = ("--temperature", "0", "--max-tokens", "32", "--backend", backend)
    done = running.run(dist, "run", question, *words, env=env, seconds=PATIENCE)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def examined(gpu: tuple[Path, dict[str, str]]) -> dict[str, Any]:
    dist, env = gpu
    told: dict[str, Any] = json.loads(
        running.run(dist, "doctor", "--json", "--no-verify", env=env, seconds=PATIENCE).stdout
    )
    return told


def device(examined: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = next(one for one in examined["candidates"] if one["name"] == BACKEND)
    return found


def test_its_device_proves_itself_and_is_measured(examined: dict[str, Any]) -> None:
    assert device(examined)["status"] == "ok", device(examined)
    assert device(examined)["rates"]["reading"] > 0


@pytest.mark.parametrize("question", QUESTIONS)
def test_its_greedy_text_is_the_processors(gpu: tuple[Path, dict[str, str]], question: str) -> None:
    assert ask(gpu, question, BACKEND) == ask(gpu, question, "cpu")


def test_a_device_made_of_software_loses_on_speed(examined: dict[str, Any]) -> None:
    if not SOFTWARE:
        pytest.skip("a real device was named")
    assert "llvmpipe" in device(examined)["description"]
    assert device(examined)["became"] == "slower"
    assert examined["backend"].startswith("cpu")


def test_the_second_start_tries_nothing_again(gpu: tuple[Path, dict[str, str]], examined: dict[str, Any]) -> None:
    dist, env = gpu
    again = json.loads(running.run(dist, "doctor", "--json", "--no-verify", env=env, seconds=PATIENCE).stdout)
    assert again["remembered"]
    assert again["backend"] == examined["backend"]

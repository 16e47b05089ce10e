"""The demo dist for 64-bit Arm, by QEMU: its kit is made here, and a Debian for that processor starts it.

The engine takes ten minutes of two processors and the frozen runtime five, so it is made where CI wants it, or where
somebody has made it before.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urljoin

import pytest
from openai import OpenAI

from bundler.console import Console
from bundler.engine.build import finished_engine
from bundler.engine.variants import RANKS
from bundler.foreign.debian import System
from bundler.targets import find, host
from tests import requirements
from tests.dist import conftest, running
from tests.dist.debians import bare_debian, wrapped

TARGET = "linux-aarch64"
QUESTION = "What is 7 plus 5?"
SECONDS = 300.0
"""QEMU computes some twenty times slower than the machine it is on."""

pytestmark = pytest.mark.skipif(
    host().name != "linux-x86_64", reason="it is about another processor's dist on this one"
)


@pytest.fixture(scope="module")
def system() -> System:
    return bare_debian("aarch64")


@pytest.fixture(scope="module")
def arm_dist(system: System, tmp_path_factory: pytest.TempPathFactory) -> Path:
    wanted = requirements.CI or os.environ.get("PANNIER_TEST_FOREIGN")
    if not wanted and finished_engine(find(TARGET), ["cpu"], None, Console(quiet=True)) is None:
        pytest.skip(f"its engine is not compiled here: pannier kit build --target {TARGET}")
    making = [sys.executable, "-m", "bundler", "kit", "build", "--target", TARGET]
    done = subprocess.run(making, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return conftest.build(tmp_path_factory.mktemp("arm"), "--target", TARGET)


@pytest.fixture(scope="module")
def settled(arm_dist: Path, system: System, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The dist as a program, started before."""
    started = wrapped(arm_dist, system, tmp_path_factory.mktemp("settled"))
    assert said_by(started, "info")
    return started


@pytest.fixture(scope="module")
def served(settled: Path) -> Iterator[running.Serving]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(running, "START_SECONDS", SECONDS)
        with running.serving(settled, env=dict(os.environ)) as serving:
            yield serving


def said_by(program: Path, *arguments: str) -> str:
    done = running.run(program, *arguments, env=dict(os.environ), seconds=SECONDS)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def test_every_byte_of_it_is_accounted_for_there(settled: Path, arm_dist: Path) -> None:
    assert said_by(settled, "verify").startswith(f"sound: all {arm_dist.stat().st_size:,} bytes are accounted for")


def test_it_answers_there_as_the_dist_for_this_processor_does_here(
    settled: Path, dist: Path, env: dict[str, str]
) -> None:
    question = ("run", QUESTION, "--temperature", "0")
    here = running.run(dist, *question, env=env)
    assert here.stdout.strip()
    assert said_by(settled, *question) == here.stdout


def test_a_client_talks_to_it(served: running.Serving) -> None:
    client = OpenAI(base_url=f"{served.url}/v1", api_key="none", timeout=SECONDS)
    asked = [{"role": "user", "content": "What can you do?"}]
    whole = client.chat.completions.create(model="any", messages=asked, temperature=0)  # type: ignore[arg-type]
    chunks = client.chat.completions.create(model="any", messages=asked, temperature=0, stream=True)  # type: ignore[call-overload]
    pieces = [chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices]
    assert whole.choices[0].finish_reason == "stop"
    assert len(pieces) > 3
    assert "".join(pieces) == whole.choices[0].message.content


def test_its_page_is_there(served: running.Serving) -> None:
    with urllib.request.urlopen(served.url, timeout=SECONDS) as response:
        scripts = re.findall(r'<script[^>]* src="([^"]+)"', response.read().decode())
    assert scripts
    for script in scripts:
        with urllib.request.urlopen(urljoin(served.url, script), timeout=SECONDS) as response:
            assert response.status == 200
            assert response.read()


def test_a_worker_that_dies_is_followed_by_another(served: running.Serving) -> None:
    first = served.worker
    os.kill(first, 9)
    assert running.eventually(lambda: bool({*served.workers} - {first}), SECONDS)
    status, answer = served.chat("What can you do?")
    assert status == 200
    assert answer["choices"][0]["message"]["content"]


@pytest.mark.parametrize(
    ("processor", "chosen"), [("cortex-a53", "cpu-armv8.0_1"), ("neoverse-n1", "cpu-armv8.2_2"), ("max", "")]
)
def test_a_variant_with_instructions_the_processor_lacks_is_refused_and_the_next_one_taken(
    arm_dist: Path, system: System, tmp_path: Path, processor: str, chosen: str
) -> None:
    started = wrapped(arm_dist, system, tmp_path, QEMU_CPU=processor)
    told = json.loads(said_by(started, "doctor", "--json"))
    states = {one["name"]: one["status"] for one in told["candidates"]}
    best = max(RANKS, key=lambda name: RANKS[name] if name.startswith("armv") else -1)
    assert told["backend"] == (chosen or f"cpu-{best}")
    assert states.pop(told["backend"]) == "ok"
    assert set(states.values()) <= {"unsupported"}
    if chosen:
        assert f"cpu-{best}" in states
        assert said_by(started, "run", QUESTION, "--temperature", "0").strip()

"""One built dist for all tests of this folder: the demonstration, made by the command a builder uses."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.dist import running

ROOT = Path(__file__).parent.parent.parent


def build(output: Path, *flags: str, spec: str = "demo") -> Path:
    """`pannier build` of a ready spec, with flags."""
    path = ROOT / "dist-specs" / f"{spec}.toml"
    command = [sys.executable, "-m", "bundler", "build", path, "--json", "--output", output]
    done = subprocess.run([*map(str, command), *flags], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return Path(json.loads(done.stdout)["dists"][0]["path"])


@pytest.fixture(scope="session")
def dist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo dist, alone in a folder."""
    return build(tmp_path_factory.mktemp("dist"))


@pytest.fixture(scope="session")
def settled(tmp_path_factory: pytest.TempPathFactory, dist: Path) -> dict[str, str]:
    """An environment in which the dist has been started before: its engine unpacked, its verdict known."""
    env = running.environment(tmp_path_factory.mktemp("settled") / "home")
    assert running.run(dist, "info", env=env).returncode == 0
    return env


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """An environment with an empty HOME."""
    return running.environment(tmp_path / "home")

"""A dist that carries its sources is rebuilt from itself, without a network, and comes out the same.

The engine alone is taken from the cache here (ten minutes of compiling); everything else is made of what the dist
carries: packages installed, launcher compiled, runtime frozen, kit assembled, dist composed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bundler.publish import file_sha256
from runtime.container.archive import open_dist
from tests.dist import running
from tests.dist.conftest import build


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("archive"), "--model", "demo", spec="archive")


def pannier(*arguments: object, network: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bundler", *map(str, arguments)]
    if not network and shutil.which("unshare") and not os.getuid():
        command = ["unshare", "--net", *command]
    env = os.environ | environment
    return subprocess.run(command, capture_output=True, text=True, env=env, check=False)


def test_without_a_network_the_same_bytes_come_out(archive: Path, tmp_path: Path) -> None:
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/", "HTTP_PROXY": "http://127.0.0.1:9/"}
    done = pannier(
        *("rebuild", archive, "--reuse-engine", "--output", tmp_path / "again", "--json"), network=False, **nowhere
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    again = Path(told["path"])
    assert told["same"]
    assert told["differences"] == []
    assert file_sha256(again) == file_sha256(archive) == told["sha256"]
    assert [path.name for path in again.parent.iterdir()] == [archive.name], "nothing else is left"
    said = running.run(again, "run", "What is the capital of Japan?", env=running.environment(tmp_path / "home"))
    assert "Tokyo" in said.stdout


def test_a_finder_without_pannier_reads_what_to_do(archive: Path) -> None:
    with open_dist(archive) as dist:
        page = dist.read("sources/README.txt").decode()
        names = [entry.name for entry in dist.manifest.entries]
        assert dist.manifest.runtime.python in page
    for name in ("sources/format.md", "sources/verify_dist.py"):
        assert name in names
        assert name in page
    assert "rebuild ../FILE --here" in page
    assert max(map(len, page.splitlines())) <= 120


def test_a_dist_without_sources_says_how_to_get_one(dist: Path, tmp_path: Path) -> None:
    done = pannier("rebuild", dist, "--output", tmp_path)
    assert done.returncode == 10
    assert "carries no sources" in done.stderr
    assert "archive.sources" in done.stderr


def test_the_original_is_not_overwritten(archive: Path) -> None:
    done = pannier("rebuild", archive, "--output", archive.parent)
    assert done.returncode == 2
    assert "would lie over" in done.stderr

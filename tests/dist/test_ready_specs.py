"""The ready specs are built as their comments say, with the demo model in place of the big one, and started."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.container.archive import open_dist
from tests.dist import running
from tests.dist.conftest import build

SPECS = ("classroom", "air-gapped", "archive")
ON_LOOPBACK = ("--host", "127.0.0.1", "--port", "0")  # whatever the spec says: a test opens nothing to others


@pytest.fixture(scope="module", params=SPECS)
def ready(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp(request.param), "--model", "demo", spec=request.param)


def test_it_starts_and_answers(ready: Path, tmp_path: Path) -> None:
    env = running.environment(tmp_path / "home")
    with running.serving(ready, *ON_LOOPBACK, env=env) as server, open_dist(ready) as dist:
        status, answer = server.chat("What is the capital of Japan?", max_tokens=12)
        assert status == 200
        assert answer["choices"][0]["message"]["content"]
        spec = dist.manifest.spec
        _, shown = server.get("/api/ui")
        assert shown["title"] == spec["ui"]["title"]
        assert shown["system_prompt"] == spec["chat"]["system_prompt"]
        assert spec["sampling"].items() <= shown["defaults"].items()
        status, answer = server.post("/completion", {"prompt": "x", "n_predict": 1})
        assert status == 200
        assert spec["sampling"].items() <= answer["generation_settings"].items()


def test_it_accounts_for_every_byte(ready: Path, tmp_path: Path) -> None:
    done = running.run(ready, "verify", env=running.environment(tmp_path / "home"))
    assert (done.returncode, done.stdout.split(":")[0]) == (0, "sound")

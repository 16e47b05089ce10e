"""The process tree: who dies with whom, what is mapped where, and what is left behind."""

from __future__ import annotations

import os
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench import models
from runtime.container.archive import open_dist
from tests.dist import running
from tests.dist.conftest import build

END_SECONDS = 2.0


def gone(pids: list[int]) -> bool:
    return not any(running.alive(pid) for pid in pids)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_polite_end_takes_everything_along_and_leaves_no_litter(
    dist: Path, env: dict[str, str], number: signal.Signals
) -> None:
    with running.serving(dist, "--port", "0", env=env) as it:
        tree = [it.pid, it.server, it.worker]
        began = time.monotonic()
        it.process.send_signal(number)
        it.process.wait(10)
        assert running.eventually(lambda: gone(tree), END_SECONDS)
        assert time.monotonic() - began < END_SECONDS
        assert running.port_is_free(it.port)
    assert list(Path(env["TMPDIR"]).iterdir()) == []


@pytest.mark.parametrize("victim", ["pid", "server"])
def test_kill_9_of_the_users_process_or_of_the_server_ends_all(
    dist: Path, settled: dict[str, str], victim: str
) -> None:
    with running.serving(dist, "--port", "0", env=settled) as it:
        tree, port = [it.pid, it.server, it.worker], it.port
        os.kill(getattr(it, victim), signal.SIGKILL)
        assert running.eventually(lambda: it.process.poll() is not None and gone(tree), END_SECONDS)
        assert running.port_is_free(port)


def test_kill_9_of_the_worker_brings_a_new_one(dist: Path, settled: dict[str, str]) -> None:
    with running.serving(dist, "--port", "0", env=settled) as it:
        before = it.worker
        os.kill(before, signal.SIGKILL)
        assert running.eventually(lambda: it.get("/health")[0] == 200 and it.workers not in ([], [before]), END_SECONDS)
        assert it.chat("Hello")[0] == 200


def test_an_answer_survives_the_death_of_its_worker(dist: Path, settled: dict[str, str]) -> None:
    with running.serving(dist, "--port", "0", env=settled) as it:
        _, undisturbed = it.chat("Tell me a story.")
        os.kill(it.worker, signal.SIGSTOP)  # so that the request is surely running when the worker dies
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(it.chat, "Tell me a story.")
            time.sleep(0.5)
            os.kill(it.worker, signal.SIGKILL)
            status, body = waiting.result(20)
        assert status == 200
        assert body["choices"][0]["message"]["content"] == undisturbed["choices"][0]["message"]["content"]


def test_what_a_kill_9_left_is_cleaned_by_the_next_start(dist: Path, settled: dict[str, str], tmp_path: Path) -> None:
    temp = tmp_path / "temp"
    temp.mkdir()
    env = {**settled, "TMPDIR": str(temp)}
    with running.serving(dist, "--port", "0", env=env) as it:
        tree = [it.pid, it.server, it.worker]
        os.kill(it.pid, signal.SIGKILL)
        os.kill(tree[1], signal.SIGKILL)
        assert running.eventually(lambda: gone(tree), END_SECONDS)
    (left,) = temp.iterdir()
    for path in [*left.iterdir(), left]:  # as if it had happened a minute ago
        os.utime(path, (time.time() - 60, time.time() - 60), follow_symlinks=False)
    with running.serving(dist, "--port", "0", env=env) as it:
        assert running.eventually(lambda: not left.exists(), 5)
        it.process.terminate()
        it.process.wait(10)
    assert list(temp.iterdir()) == []


def test_it_goes_on_after_the_file_was_renamed_or_deleted(dist: Path, settled: dict[str, str], tmp_path: Path) -> None:
    first = Path(shutil.copy2(dist, tmp_path / "first"))
    with running.serving(first, "--port", "0", env=settled) as it:
        renamed = first.rename(tmp_path / "renamed, with spaces")
        os.kill(it.worker, signal.SIGKILL)
        assert running.eventually(lambda: it.get("/health")[0] == 200 and it.chat("Hello")[0] == 200, 10)
        renamed.unlink()
        assert it.chat("Hello")[0] == 200


def test_the_model_is_mapped_in_place_and_nowhere_else(dist: Path, settled: dict[str, str], tmp_path: Path) -> None:
    shape = models.Shape(layers=4, width=512, feed_forward=16384, heads=8, kv_heads=2)
    big = build(tmp_path / "big", "--model", str(models.write(tmp_path / "noise.gguf", shape)))
    with open_dist(big) as archive:
        offset, size = archive.data_range("model.gguf")
    assert size > 180 << 20
    with running.serving(big, "--port", "0", "--ctx-size", "256", env=settled) as it:
        assert it.chat("Hello", max_tokens=4)[0] == 200
        ranges = []
        for line in Path(f"/proc/{it.worker}/maps").read_text().splitlines():
            if line.endswith(str(big)):
                addresses, _, file_offset, *_ = line.split()
                low, high = (int(part, 16) for part in addresses.split("-"))
                ranges.append((int(file_offset, 16), int(file_offset, 16) + high - low))
        # llama.cpp unmaps the header once it is read; every tensor stays.
        covered = sum(max(0, min(end, offset + size) - max(begin, offset)) for begin, end in ranges)
        assert covered > 0.9 * size
        memory = Path(f"/proc/{it.worker}/smaps_rollup").read_text()
        anonymous = next(int(line.split()[1]) << 10 for line in memory.splitlines() if line.startswith("Anonymous:"))
        assert anonymous < 0.5 * size
    copies = [
        path
        for folder in (settled["HOME"], settled["TMPDIR"])
        for path in Path(folder).rglob("*")
        if path.is_file() and path.stat().st_size > size // 2
    ]
    assert copies == []

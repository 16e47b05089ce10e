"""The process tree: who dies with whom, what is mapped where, and what is left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bench import models
from runtime.container.archive import open_dist
from tests import requirements
from tests.dist import running
from tests.dist.conftest import build

END_SECONDS = 2.0


def everything_in(env: dict[str, str]) -> set[str]:
    return {path.name for folder in ("HOME", "TMPDIR") for path in Path(env[folder]).rglob("*")}


def mapped_bytes(pid: int, file: Path) -> int:
    """Bytes of a file that a process can read without asking the kernel for a page."""
    inside, total = False, 0
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        if "-" in line.split()[0]:
            inside = line.endswith(str(file))
        elif inside and line.startswith("Rss:"):
            total += int(line.split()[1]) << 10
    return total


def gone(pids: list[int]) -> bool:
    return not any(running.alive(pid) for pid in pids)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_polite_end_takes_everything_along_and_leaves_no_litter(
    dist: Path, env: dict[str, str], number: signal.Signals
) -> None:
    with running.serving(dist, "--port", "0", env=env) as it:
        tree = [it.pid, it.worker]
        began = time.monotonic()
        it.process.send_signal(number)
        it.process.wait(10)
        assert running.eventually(lambda: gone(tree), END_SECONDS)
        assert time.monotonic() - began < END_SECONDS
        assert running.port_is_free(it.port)
    assert list(Path(env["TMPDIR"]).iterdir()) == []


def test_the_process_the_user_started_is_the_server_and_has_one_worker(dist: Path, settled: dict[str, str]) -> None:
    with running.serving(dist, "--port", "0", env=settled) as it:
        program = Path(f"/proc/{it.pid}/exe").readlink()
        assert program.is_relative_to(Path(settled["HOME"]) / ".cache/pannier/runtime")
        assert running.descendants(it.pid) == [it.worker]
        assert Path(f"/proc/{it.worker}/exe").readlink() == program


def test_the_one_worker_is_started_before_the_server_listens(
    dist: Path, settled: dict[str, str], tmp_path: Path
) -> None:
    record = tmp_path / "record"
    traced = tmp_path / "traced"
    strace = requirements.tool("strace")
    traced.write_text(f'#!/bin/sh\nexec {strace} -f -qq -e trace=execve,listen -o {record} {dist} "$@"\n')
    traced.chmod(0o755)
    with running.serving(traced, "--port", "0", env=settled) as it:
        assert it.get("/health")[0] == 200
    calls = [line for line in record.read_text().splitlines() if '"--worker"' in line or "listen(" in line]
    workers = [line for line in calls if '"--worker"' in line and "resumed" not in line]
    assert len({line.split()[0] for line in workers}) == 1
    assert calls.index(workers[0]) < next(index for index, line in enumerate(calls) if "listen(" in line)


def test_kill_9_of_the_server_ends_all_and_leaves_no_litter(dist: Path, settled: dict[str, str]) -> None:
    before = everything_in(settled)
    with running.serving(dist, "--port", "0", env=settled) as it:
        tree, port = [it.pid, it.worker], it.port
        os.kill(it.pid, signal.SIGKILL)
        assert running.eventually(lambda: it.process.poll() is not None and gone(tree), END_SECONDS)
        assert running.port_is_free(port)
    assert everything_in(settled) - before <= {"models-checked.json"}


def test_kill_9_of_the_worker_brings_a_new_one(dist: Path, settled: dict[str, str]) -> None:
    with running.serving(dist, "--port", "0", env=settled) as it:
        before = it.worker
        os.kill(before, signal.SIGKILL)
        assert running.eventually(lambda: it.get("/health")[0] == 200 and it.workers not in ([], [before]), END_SECONDS)
        assert it.chat("Hello")[0] == 200


def test_an_answer_survives_the_death_of_its_worker(dist: Path, settled: dict[str, str]) -> None:
    with running.serving(dist, "--port", "0", env=settled) as it:
        _, undisturbed = it.chat("What can you do?")
        os.kill(it.worker, signal.SIGSTOP)  # so that the request is surely running when the worker dies
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(it.chat, "What can you do?")
            time.sleep(0.5)
            os.kill(it.worker, signal.SIGKILL)
            status, body = waiting.result(20)
        assert status == 200
        assert body["choices"][0]["message"]["content"] == undisturbed["choices"][0]["message"]["content"]


def test_outside_programs_get_the_users_environment_back(dist: Path, settled: dict[str, str], tmp_path: Path) -> None:
    opener = tmp_path / "xdg-open"
    opener.write_text(f'#!/bin/sh\nenv > "{tmp_path}/told.new"; mv "{tmp_path}/told.new" "{tmp_path}/told"\n')
    opener.chmod(0o755)
    mine = {"LD_LIBRARY_PATH": "/opt/of/the/user", "DISPLAY": ":0", "PATH": f"{tmp_path}:/usr/bin:/bin"}
    process = subprocess.Popen([dist, "serve", "--port", "0"], env={**settled, **mine}, stderr=subprocess.DEVNULL)
    try:
        assert running.eventually((tmp_path / "told").exists, 20)
    finally:
        process.terminate()
        process.wait(10)
    told = dict(line.split("=", 1) for line in (tmp_path / "told").read_text().splitlines() if "=" in line)
    assert told["LD_LIBRARY_PATH"] == "/opt/of/the/user"
    assert not [name for name in told if name.startswith(("_PYI_", "PANNIER_", "LD_LIBRARY_PATH_"))]


def test_it_goes_on_after_its_cache_was_emptied(dist: Path, env: dict[str, str]) -> None:
    with running.serving(dist, "--port", "0", env=env) as it:
        assert it.chat("Hello")[0] == 200  # what no request has asked for yet is not loaded yet, and would be missing
        before = it.worker
        shutil.rmtree(Path(env["HOME"]) / ".cache")
        os.kill(before, signal.SIGKILL)
        assert running.eventually(lambda: it.get("/health")[0] == 200 and it.workers not in ([], [before]), 10)
        assert it.chat("Hello")[0] == 200


def test_it_goes_on_after_the_file_was_renamed_or_deleted(dist: Path, settled: dict[str, str], tmp_path: Path) -> None:
    first = Path(shutil.copy2(dist, tmp_path / "first"))
    with running.serving(first, "--port", "0", env=settled) as it:
        renamed = first.rename(tmp_path / "renamed, with spaces")
        os.kill(it.worker, signal.SIGKILL)
        assert running.eventually(lambda: it.get("/health")[0] == 200 and it.chat("Hello")[0] == 200, 10)
        renamed.unlink()
        (second,) = it.workers
        os.kill(second, signal.SIGKILL)
        assert running.eventually(lambda: it.get("/health")[0] == 200 and it.workers not in ([], [second]), 10)
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
        entered = running.eventually(lambda: mapped_bytes(it.worker, big) > 0.9 * size, 10)
        assert entered, "the worker did not fill the page tables that it asked llama.cpp to leave alone"
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


def test_a_damaged_model_ends_the_server_with_a_sentence(dist: Path, settled: dict[str, str], tmp_path: Path) -> None:
    data = bytearray(dist.read_bytes())
    with open_dist(dist) as archive:
        offset, size = archive.data_range("model.gguf")
    data[offset + size - 1000] ^= 1
    copy = tmp_path / "damaged"
    copy.write_bytes(data)
    copy.chmod(0o755)
    done = running.run(copy, "serve", "--no-browser", "--port", "0", env=settled)
    assert done.returncode == 3
    assert "The model is damaged" in done.stderr
    assert "Traceback" not in done.stderr

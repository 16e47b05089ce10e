"""Whatever happens on the way, a download ends in the right file or a clear sentence, and goes on where it stopped."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from huggingface_hub import constants

from bundler.console import Console
from bundler.errors import ModelError, PannierError, SurroundingsError
from bundler.model.hub import Hub
from bundler.model.resolve import resolve
from tests.hub.conftest import CARD, FILE, REPOSITORY
from tests.hub.loopback import Loopback, git_blob
from tests.requirements import missing

REFERENCE = f"hf:{REPOSITORY}:Q8_0"
HERE = Path("/nowhere")


def fetched(hub: Hub) -> bytes:
    model = resolve(REFERENCE, HERE, console=Console(quiet=True), hub=hub)
    assert model.origin["sha256"] == hashlib.sha256(model.path.read_bytes()).hexdigest()
    return model.path.read_bytes()


def cut_points(model: bytes) -> list[int]:
    return [len(model) * number // 21 + number for number in range(1, 21)]


def test_a_model_is_fetched_once_and_then_found_by_everybody(server: Loopback, hub: Hub, model: bytes) -> None:
    from huggingface_hub import hf_hub_download, try_to_load_from_cache

    assert fetched(hub) == model
    assert server.sent == len(model)
    assert fetched(hub) == model
    assert len(server.transfers) == 1
    commit = server.repos[REPOSITORY].branches["main"]
    known = try_to_load_from_cache(REPOSITORY, FILE, cache_dir=hub.folder, revision=commit)
    theirs = hf_hub_download(REPOSITORY, FILE, cache_dir=hub.folder, endpoint=hub.endpoint)
    assert known == theirs
    assert Path(theirs).read_bytes() == model
    assert len(server.transfers) == 1


def test_a_connection_cut_at_twenty_points_is_taken_up_twenty_times(server: Loopback, hub: Hub, model: bytes) -> None:
    server.cuts = cut_points(model)
    assert fetched(hub) == model
    assert len(server.transfers) == 21
    assert server.sent == len(model)
    assert [transfer.start for transfer in server.transfers] == [0, *cut_points(model)]


@pytest.mark.parametrize("number", range(20))
def test_a_network_that_goes_away_leaves_a_sentence_and_what_has_come(
    server: Loopback, hub: Hub, model: bytes, number: int
) -> None:
    cut = cut_points(model)[number]
    server.cuts, server.die_after_cut = [cut], True
    with pytest.raises(ModelError) as caught:
        fetched(hub)
    assert "broke off after" in caught.value.message
    assert f"{REPOSITORY}/{FILE}" in caught.value.message
    assert "goes on where it stopped" in caught.value.remedy
    server.dead = False
    assert fetched(hub) == model
    assert server.transfers[-1].start == cut
    assert server.sent == len(model)


def test_a_killed_download_goes_on_where_it_stopped(server: Loopback, hub: Hub, model: bytes) -> None:
    code = (
        "import sys; from pathlib import Path; from bundler.model.hub import Hub; "
        "from bundler.model.resolve import resolve; "
        "resolve(sys.argv[1], Path('/'), hub=Hub(sys.argv[2], Path(sys.argv[3])))"
    )
    command = [sys.executable, "-c", code, REFERENCE, hub.endpoint, str(hub.folder)]
    with subprocess.Popen(command) as process:

        def kill(position: int) -> None:
            if position > 100_000:
                process.kill()

        server.at = kill
        process.wait()
    assert process.returncode != 0
    server.at = None
    have = next((hub.folder / "models--maker--tiny-GGUF" / "blobs").glob("*.incomplete")).stat().st_size
    assert fetched(hub) == model
    assert server.transfers[-1].start == have


def test_a_wrong_hash_is_refused_and_nothing_of_it_kept(server: Loopback, hub: Hub, model: bytes) -> None:
    server.tampered = True
    with pytest.raises(ModelError, match="SHA-256 differs") as caught:
        fetched(hub)
    assert FILE in caught.value.message
    assert list(hub.folder.glob("**/*.incomplete")) == []
    assert list(hub.folder.glob("**/*.gguf")) == []
    server.tampered = False
    assert fetched(hub) == model


def test_the_rest_of_another_file_is_thrown_away(server: Loopback, hub: Hub, model: bytes) -> None:
    blobs = hub.folder / "models--maker--tiny-GGUF" / "blobs"
    blobs.mkdir(parents=True)
    partial = blobs / f"{hashlib.sha256(model).hexdigest()}.incomplete"
    for stale in (b"something else" * 100, os.urandom(len(model)), os.urandom(len(model) + 1)):
        partial.write_bytes(stale)
        assert fetched(hub) == model
        for path in hub.folder.glob("models--*/snapshots/*/*.gguf"):
            path.resolve().unlink()
            path.unlink()


def test_a_small_file_is_compared_with_gits_hash_of_it(server: Loopback, hub: Hub, model: bytes) -> None:
    server.lfs, server.tampered = False, True
    with pytest.raises(ModelError, match="not what the hub says"):
        resolve(REFERENCE, HERE, console=Console(quiet=True), hub=hub)
    server.tampered = False
    found = resolve(REFERENCE, HERE, console=Console(quiet=True), hub=hub)
    assert found.path.read_bytes() == model
    assert found.origin["git_blob"] == git_blob(model)


def test_two_builds_at_once_download_once(server: Loopback, hub: Hub, model: bytes) -> None:
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda _: fetched(hub), range(2))) == [model, model]
    assert len(server.transfers) == 1


def test_a_server_without_ranges_sends_it_all_again(server: Loopback, hub: Hub, model: bytes) -> None:
    server.ranges = False
    server.cuts = [len(model) // 2]
    assert fetched(hub) == model
    assert [transfer.start for transfer in server.transfers] == [0, 0]


def test_a_busy_server_is_asked_again(server: Loopback, hub: Hub, model: bytes) -> None:
    server.cuts = [50_000]

    def trouble(position: int) -> None:
        server.status = 503 if position == 50_000 else 0

    server.at = trouble
    with pytest.raises(ModelError, match="503"):
        fetched(hub)
    server.status, server.at = 0, None
    assert fetched(hub) == model
    assert server.transfers[-1].start == 50_000


@pytest.mark.parametrize(("status", "words"), [(503, "answered 503"), (403, "refuses"), (404, "")])
def test_a_storage_in_trouble_is_told(server: Loopback, hub: Hub, model: bytes, status: int, words: str) -> None:
    server.storage_status = status
    with pytest.raises(ModelError) as caught:
        fetched(hub)
    assert words in caught.value.message
    assert REPOSITORY in caught.value.message
    server.storage_status = 0
    assert fetched(hub) == model


def test_a_branch_that_moves_meanwhile_changes_nothing(server: Loopback, hub: Hub, model: bytes) -> None:
    repo = server.repos[REPOSITORY]
    first = repo.branches["main"]
    server.cuts = [60_000]

    def move(position: int) -> None:
        if position == 60_000:
            repo.commit({FILE: bytes(reversed(model)), "README.md": CARD})

    server.at = move
    found = resolve(REFERENCE, HERE, console=Console(quiet=True), hub=hub)
    assert repo.branches["main"] != first
    assert found.path.read_bytes() == model
    assert found.origin["commit"] == first


def test_a_branch_that_moved_between_two_attempts_is_followed(
    server: Loopback, hub: Hub, model: bytes, tmp_path: Path
) -> None:
    from tests import handmade

    repo = server.repos[REPOSITORY]
    first = repo.branches["main"]
    server.cuts, server.die_after_cut = [60_000], True
    with pytest.raises(ModelError):
        fetched(hub)
    server.dead = False
    newer = handmade.gguf(tmp_path / "newer.gguf", elements=16384).read_bytes()
    second = repo.commit({FILE: newer, "README.md": CARD})
    found = resolve(REFERENCE, HERE, console=Console(quiet=True), hub=hub)
    assert (found.path.read_bytes(), found.origin["commit"]) == (newer, second)
    pinned = resolve(f"{REFERENCE}@{first}", HERE, console=Console(quiet=True), hub=hub)
    assert (pinned.path.read_bytes(), pinned.origin["commit"]) == (model, first)
    assert server.transfers[-1].start == 60_000


def test_the_token_goes_to_the_hub_and_to_nobody_else(
    server: Loopback, hub: Hub, model: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", False)
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    server.tokens = ("hf_secret",)
    server.repos[REPOSITORY].private = True
    assert fetched(hub) == model
    assert server.transfers
    assert all("hf_secret" not in str(transfer.headers) for transfer in server.transfers)


def wait_for(condition: Callable[[], bool], seconds: float = 30) -> None:
    """The server may be far ahead of what the client has written."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()


def mounted(folder: Path, size: int) -> None:
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        missing(f"mounting a tmpfs (as root): {done.stderr.strip()}")


def test_a_disk_too_small_is_said_before_a_byte_is_fetched(
    server: Loopback, hub: Hub, model: bytes, tmp_path: Path
) -> None:
    disk = tmp_path / "small"
    mounted(disk, 65536)
    try:
        with pytest.raises(SurroundingsError, match="no room") as caught:
            fetched(Hub(hub.endpoint, disk))
        assert FILE in caught.value.message
        assert server.transfers == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_fills_up_meanwhile_is_said_and_the_work_goes_on_later(
    server: Loopback, hub: Hub, model: bytes, tmp_path: Path
) -> None:
    disk = tmp_path / "small"
    mounted(disk, 256 << 10)
    filler = disk / "filler"
    try:

        def fill(position: int) -> None:
            if position >= 40_000 and not filler.exists():
                wait_for(lambda: any(path.stat().st_size > 16_384 for path in disk.glob("**/*.incomplete")))
                with filler.open("wb", buffering=0) as file:
                    try:
                        while True:
                            file.write(bytes(4096))
                    except OSError:
                        pass

        server.at = fill
        with pytest.raises(SurroundingsError, match="no room") as caught:
            fetched(Hub(hub.endpoint, disk))
        assert "goes on where it stopped" in caught.value.remedy
        server.at = None
        filler.unlink()
        assert fetched(Hub(hub.endpoint, disk)) == model
        assert server.transfers[-1].start > 0
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_cache_that_cannot_be_written_is_a_sentence(hub: Hub, model: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(PannierError) as caught:
        fetched(Hub(hub.endpoint, tmp_path / "file" / "cache"))
    assert "HF_HOME" in caught.value.remedy

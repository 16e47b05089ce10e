"""A kit, a model and a spec become one file: right in its layout, the same every time, refused where it cannot work."""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path

import pytest

from bundler.compose.compose import compose
from bundler.errors import KitError, ModelError, SurroundingsError
from bundler.model.local import open_model
from bundler.targets import TARGETS
from runtime.container.archive import DIST, open_dist
from runtime.container.source import Source
from runtime.container.verify import verify
from tests import handmade


@pytest.mark.parametrize("target", list(TARGETS))
def test_every_target_is_composed_on_this_host(tmp_path: Path, target: str) -> None:
    model = handmade.model(tmp_path)
    done = compose(handmade.kit(tmp_path, target), model, handmade.spec(), tmp_path / "out")
    path = done.written.path
    assert path.name == f"tiny-1.0-{target}{TARGETS[target].suffix}"
    if TARGETS[target].system == "linux":  # what becomes of the others' stubs: test_macho, test_windows
        assert path.read_bytes().startswith(handmade.STUBS[target])
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist()[0] == "manifest.json"
        last = [name for name in archive.namelist() if name != "code.signature"][-1]
        assert last == ("runtime.tar.zst" if TARGETS[target].launcher else "runtime.pkg")
        assert archive.read("model.gguf") == model.path.read_bytes()
    with open_dist(path) as dist, Source.open(path) as source:
        assert dist.manifest.target == target
        offset, size = dist.data_range("model.gguf")
        assert offset % 65536 == 0
        assert path.read_bytes()[offset : offset + size] == model.path.read_bytes()
        assert dist.read("engine/libllama.so.zst") == b"libllama.so" * 999
        assert verify(source, DIST).sound


def test_pyinstallers_archive_ends_where_the_directory_begins(tmp_path: Path) -> None:
    done = compose(handmade.kit(tmp_path, "windows-x86_64"), handmade.model(tmp_path), handmade.spec(), tmp_path)
    with open_dist(done.written.path) as dist:
        assert dist.layout.placements[-1].member.name == "runtime.pkg"
        assert done.written.size - dist.layout.directory_offset < 8192


def test_only_the_backends_asked_for_are_packed(tmp_path: Path) -> None:
    kit = handmade.kit(tmp_path)
    plain = compose(kit, handmade.model(tmp_path), handmade.spec(), tmp_path / "a").written.manifest
    both = handmade.spec(engine={"backends": ["cpu", "vulkan"]})
    with_gpu = compose(kit, handmade.model(tmp_path), both, tmp_path / "b").written.manifest
    assert plain.engine.backends == ("cpu",)
    assert with_gpu.engine.backends == ("cpu", "vulkan")
    assert "engine/libggml-vulkan.so.zst" not in [e.name for e in plain.entries]


def test_a_backend_the_kit_lacks_is_named(tmp_path: Path) -> None:
    spec = handmade.spec(engine={"backends": ["cpu", "cuda"]})
    with pytest.raises(KitError, match="not cuda") as caught:
        compose(handmade.kit(tmp_path), handmade.model(tmp_path), spec, tmp_path)
    assert "pannier kit build" in caught.value.remedy


def test_a_model_too_large_for_the_target_goes_beside_it(tmp_path: Path) -> None:
    big = handmade.gguf(tmp_path / "big.gguf")
    with big.open("r+b") as file:
        file.truncate((4 << 30) + 4096)  # sparse: takes no room
    model = open_model(big, "big.gguf", {})
    done = compose(handmade.kit(tmp_path, "windows-x86_64"), model, handmade.spec(), tmp_path / "out")
    manifest = done.written.manifest
    assert done.written.size < 1 << 20
    assert manifest.model.sidecar is not None
    assert manifest.model.entry == ""
    (beside,) = done.beside
    assert beside == tmp_path / "out" / "tiny-1.0-windows-x86_64.gguf"
    assert beside.stat().st_size == manifest.model.sidecar.size == model.size
    assert any("tiny-1.0-windows-x86_64.gguf" in note for note in done.notes)
    with beside.open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == manifest.model.sidecar.sha256


def test_a_signed_windows_stub_is_not_altered_unnoticed(tmp_path: Path) -> None:
    kit = handmade.kit(tmp_path, "windows-x86_64", handmade.pe(certificate=64))
    with pytest.raises(KitError, match="code signature"):
        compose(kit, handmade.model(tmp_path), handmade.spec(), tmp_path)


def test_a_stub_of_another_system_is_refused(tmp_path: Path) -> None:
    kit = handmade.kit(tmp_path, "linux-aarch64", handmade.elf(62))
    with pytest.raises(KitError, match="linux-x86_64"):
        compose(kit, handmade.model(tmp_path), handmade.spec(), tmp_path)


def test_an_architecture_the_engine_does_not_know_is_refused(tmp_path: Path) -> None:
    model = open_model(handmade.gguf(tmp_path / "new.gguf", architecture="tomorrow"), "new.gguf", {})
    with pytest.raises(ModelError, match="'tomorrow'"):
        compose(handmade.kit(tmp_path), model, handmade.spec(), tmp_path)


def test_a_model_with_another_hash_leaves_nothing_behind(tmp_path: Path) -> None:
    path = handmade.gguf(tmp_path / "tiny.gguf")
    model = open_model(path, "tiny.gguf", {}, sha256="0f" * 32)
    with pytest.raises(ModelError, match="its SHA-256 is"):
        compose(handmade.kit(tmp_path), model, handmade.spec(), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_a_full_disk_is_said_before_the_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import shutil

    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=1000))
    with pytest.raises(SurroundingsError, match="1,000 bytes free"):
        compose(handmade.kit(tmp_path / "kit"), handmade.model(tmp_path), handmade.spec(), tmp_path / "out")


def test_equal_inputs_give_equal_bytes_elsewhere_and_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os
    import time

    def build(folder: Path) -> bytes:
        folder.mkdir()
        model = handmade.model(folder)
        return compose(handmade.kit(folder), model, handmade.spec(), folder / "out").written.path.read_bytes()

    first = build(tmp_path / "one")
    monkeypatch.setenv("TZ", "Asia/Seoul")
    time.tzset()
    monkeypatch.setattr(time, "time", lambda: 2_000_000_000.0)
    monkeypatch.chdir(tmp_path)
    previous = os.umask(0o077)
    try:
        second = build(tmp_path / "a rather different folder")
    finally:
        os.umask(previous)
        monkeypatch.undo()
        time.tzset()
    assert first == second

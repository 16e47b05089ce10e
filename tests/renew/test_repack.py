"""Repacking renews what stands around the model; the model and where it came from stay what they were."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.compose import ranges
from bundler.compose.compose import compose
from bundler.errors import DamagedError, KitError, SpecError, SurroundingsError, UsageError
from bundler.renew import changes as spec_changes
from bundler.renew import repack as repacking
from bundler.renew.diff import diff
from bundler.renew.repack import repack
from runtime.container.archive import DIST, Archive, open_dist
from runtime.container.source import Source
from runtime.container.verify import verify
from runtime.manifest import DistManifest, KitManifest
from tests import handmade


@pytest.fixture
def old(tmp_path: Path) -> Archive[DistManifest]:
    spec = handmade.spec(engine={"backends": ["cpu", "vulkan"]}, ui={"title": "Old"})
    done = compose(handmade.kit(tmp_path), handmade.model(tmp_path), spec, tmp_path / "old", license_text=b"Be good.\n")
    return open_dist(done.written.path)


@pytest.fixture
def new_kit(tmp_path: Path) -> Archive[KitManifest]:
    return handmade.kit(tmp_path / "new", stub=handmade.elf(size=77_777), commit="fffffffff")


def written_changes(tmp_path: Path, text: str, old: Archive[DistManifest]) -> spec_changes.Changes:
    path = tmp_path / "changes.toml"
    path.write_text(text, encoding="utf-8")
    return spec_changes.load(path, old.manifest)


def sound(path: Path) -> bool:
    with Source.open(path) as source:
        return verify(source, DIST).sound


def test_a_new_kit_gives_what_building_anew_would_and_a_line_of_history(
    old: Archive[DistManifest], new_kit: Archive[KitManifest], tmp_path: Path
) -> None:
    done = repack(old, spec_changes.none(old.manifest), tmp_path / "out", kit=new_kit)
    spec = handmade.spec(engine={"backends": ["cpu", "vulkan"]}, ui={"title": "Old"})
    fresh = compose(new_kit, handmade.model(tmp_path), spec, tmp_path / "fresh", license_text=b"Be good.\n").written
    assert replace(done.manifest, history=()) == fresh.manifest
    (line,) = done.manifest.history
    assert line.manifest_sha256 == old.manifest_sha256
    assert line.changed == ("engine", "runtime")
    assert line.model_checked
    assert "0c1e57098" in line.engine
    assert done.manifest.model.origin == old.manifest.model.origin
    assert sound(done.path)


def test_repacking_is_deterministic_and_history_grows(
    old: Archive[DistManifest], new_kit: Archive[KitManifest], tmp_path: Path
) -> None:
    none = spec_changes.none(old.manifest)
    first = repack(old, none, tmp_path / "one", kit=new_kit)
    again = repack(old, none, tmp_path / "two", kit=new_kit)
    assert first.path.read_bytes() == again.path.read_bytes()
    with open_dist(first.path) as dist:
        title = written_changes(tmp_path, '[ui]\ntitle = "New"', dist)
        third = repack(dist, title, tmp_path / "three")
    assert [line.changed for line in third.manifest.history] == [("engine", "runtime"), ("spec",)]
    assert third.manifest.history[1].manifest_sha256 == first.manifest_sha256


def test_the_spec_alone_can_change(old: Archive[DistManifest], tmp_path: Path) -> None:
    text = '[dist]\nversion = "2.0"\n[ui]\ntitle = "New"\n[model]\nname = "Nimble"\nlicense_file = "l.txt"'
    (tmp_path / "l.txt").write_text("Be better.\n")
    done = repack(old, written_changes(tmp_path, text, old), tmp_path / "out")
    assert done.path.name == "tiny-2.0-linux-x86_64"
    assert done.manifest.spec["ui"]["title"] == "New"
    assert done.manifest.model.name == "Nimble"
    assert done.manifest.kit == old.manifest.kit
    assert str(tmp_path) not in json.dumps(done.manifest.spec)
    with open_dist(done.path) as dist:
        assert dist.read("licenses/model.txt") == b"Be better.\n"
        assert dist.read("engine/libllama.so.zst") == b"libllama.so" * 999
        assert "licenses/llama.cpp.txt" in [entry.name for entry in dist.manifest.entries]
    assert sound(done.path)


def test_a_backend_can_be_left_out_but_not_come_from_nowhere(old: Archive[DistManifest], tmp_path: Path) -> None:
    done = repack(old, written_changes(tmp_path, '[engine]\nbackends = ["cpu"]', old), tmp_path / "out")
    assert done.manifest.engine.backends == ("cpu",)
    assert "engine/libggml-vulkan.so.zst" not in [entry.name for entry in done.manifest.entries]
    with pytest.raises(KitError, match="no cuda backend inside") as caught:
        repack(old, written_changes(tmp_path, '[engine]\nbackends = ["cpu", "cuda"]', old), tmp_path / "out")
    assert "--engine new" in caught.value.remedy


def test_changes_that_name_another_model_are_refused(old: Archive[DistManifest], tmp_path: Path) -> None:
    for key, value in (("source", '"other.gguf"'), ("draft", '"small.gguf"'), ("adapters", '["lora.gguf"]')):
        with pytest.raises(SpecError, match=rf"model\.{key} = .*repacking keeps"):
            written_changes(tmp_path, f"[model]\n{key} = {value}", old)


def test_a_whole_spec_for_the_same_model_serves_as_changes(old: Archive[DistManifest], tmp_path: Path) -> None:
    text = '[dist]\nname = "tiny"\n[model]\nsource = "models/tiny.gguf"\n[ui]\ntitle = "New"'
    assert written_changes(tmp_path, text, old).spec.model.source == "tiny.gguf"


def test_a_misspelt_key_in_the_changes_names_the_right_one(old: Archive[DistManifest], tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="Did you mean 'title'"):
        written_changes(tmp_path, '[ui]\ntitel = "New"', old)


def test_a_damaged_model_is_not_renewed(
    old: Archive[DistManifest], new_kit: Archive[KitManifest], tmp_path: Path
) -> None:
    path = Path(old.source.name)
    data = bytearray(path.read_bytes())
    offset, size = old.data_range("model.gguf")
    data[offset + size // 2] ^= 8
    path.write_bytes(data)
    with pytest.raises(DamagedError, match=r"model\.gguf inside .* is damaged"):
        repack(old, spec_changes.none(old.manifest), tmp_path / "out", kit=new_kit)
    assert list((tmp_path / "out").iterdir()) == []


def test_on_trust_the_model_is_not_read_and_the_manifest_says_so(
    old: Archive[DistManifest],
    new_kit: Archive[KitManifest],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(repacking, "LARGE", 1)
    path = Path(old.source.name)
    data = bytearray(path.read_bytes())
    offset, size = old.data_range("model.gguf")
    data[offset + size // 2] ^= 8
    path.write_bytes(data)
    done = repack(old, spec_changes.none(old.manifest), tmp_path / "out", kit=new_kit, trust_manifest=True)
    assert not done.manifest.history[0].model_checked
    with Source.open(done.path) as source:
        (damage,) = verify(source, DIST).damages
    assert damage.region == "entry model.gguf"


def test_the_same_kit_and_no_change_is_refused(old: Archive[DistManifest], tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Nothing would change"):
        repack(old, spec_changes.none(old.manifest), tmp_path / "out", kit=handmade.kit(tmp_path))


def test_the_dist_itself_is_not_overwritten(
    old: Archive[DistManifest], new_kit: Archive[KitManifest], tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match="is the file that is to be renewed"):
        repack(old, spec_changes.none(old.manifest), tmp_path / "old", kit=new_kit)


def test_a_folder_that_cannot_be_is_said_in_a_sentence(
    old: Archive[DistManifest], new_kit: Archive[KitManifest], tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SurroundingsError, match="cannot be written"):
        repack(old, spec_changes.none(old.manifest), tmp_path / "file" / "out", kit=new_kit)


def test_a_kit_for_another_system_is_refused(old: Archive[DistManifest], tmp_path: Path) -> None:
    with pytest.raises(KitError, match="for windows-x86_64"):
        repack(old, spec_changes.none(old.manifest), tmp_path, kit=handmade.kit(tmp_path, "windows-x86_64"))


def test_diff_tells_what_changed_and_nothing_else(
    old: Archive[DistManifest], new_kit: Archive[KitManifest], tmp_path: Path
) -> None:
    assert diff(old.manifest, old.manifest) == ()
    done = repack(old, spec_changes.none(old.manifest), tmp_path / "out", kit=new_kit)
    told = {difference.what: difference for difference in diff(old.manifest, done.manifest)}
    assert told["engine"].after.endswith("llama.cpp fffffffff")
    assert set(told) == {"engine", "stub", "entry sbom.cdx.json", "renewals"}


def test_where_blocks_are_shared_the_bytes_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that shares is not at hand everywhere; the arithmetic around it is tested with a stand-in."""
    import os

    shared: list[int] = []

    def share(source: int, offset: int, target: int, place: int, size: int) -> int:
        whole = size // ranges.BLOCK * ranges.BLOCK
        os.pwrite(target, os.pread(source, whole, offset), place)
        shared.append(whole)
        return whole

    monkeypatch.setattr(ranges, "share", share)
    monkeypatch.setattr(repacking, "LARGE", 1)
    model = handmade.model(tmp_path, elements=300_000)
    done = compose(handmade.kit(tmp_path), model, handmade.spec(), tmp_path / "old")
    with open_dist(done.written.path) as dist:
        for trust in (False, True):
            out = tmp_path / f"out-{trust}"
            kit = handmade.kit(tmp_path / "new", commit="fffffffff")
            renewed = repack(dist, spec_changes.none(dist.manifest), out, kit=kit, trust_manifest=trust)
            assert sound(renewed.path)
            with open_dist(renewed.path) as again:
                assert hashlib.sha256(again.read("model.gguf")).hexdigest() == dist.entry("model.gguf").sha256
    assert max(shared) >= 1 << 20

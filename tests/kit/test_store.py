"""Kits are kept, found, passed on, and never trusted unchecked."""

from __future__ import annotations

import hashlib
import platform
import sys
from pathlib import Path

import pytest

from bundler.__main__ import main
from bundler.errors import DamagedError, KitError
from bundler.kit import store, vouching
from bundler.trust.keys import generate
from tests import handmade


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANNIER_CACHE_DIR", str(tmp_path / "cache"))


def test_an_imported_kit_is_listed_found_and_exported(tmp_path: Path) -> None:
    kit = handmade.kit(tmp_path, "windows-x86_64")
    added = store.add(Path(kit.source.name))
    assert [k.id for k in store.stored()] == [added.id] == [kit.manifest_sha256]
    found = store.find("windows-x86_64", ["cpu", "vulkan"])
    store.export(found, tmp_path / "out.kit")
    assert (tmp_path / "out.kit").read_bytes() == Path(kit.source.name).read_bytes()


def test_importing_twice_keeps_one(tmp_path: Path) -> None:
    kit = handmade.kit(tmp_path)
    store.add(Path(kit.source.name))
    store.add(Path(kit.source.name))
    assert len(store.stored()) == 1


def test_a_missing_kit_says_how_to_get_one(tmp_path: Path) -> None:
    store.add(Path(handmade.kit(tmp_path).source.name))
    with pytest.raises(KitError, match=r"no kit for linux-x86_64 with cpu, cuda") as caught:
        store.find("linux-x86_64", ["cpu", "cuda"])
    assert "pannier kit build" in caught.value.remedy
    assert "pannier kit import" in caught.value.remedy


def test_a_missing_kit_that_can_be_made_anywhere_says_so() -> None:
    with pytest.raises(KitError, match="no kit for linux-aarch64 with cpu") as caught:
        store.find("linux-aarch64", ["cpu"])
    assert caught.value.remedy == "Make it, on any Linux: pannier kit build --target linux-aarch64"
    with pytest.raises(KitError) as caught:
        store.find("linux-aarch64", ["cpu"], sources=True)
    assert caught.value.remedy.startswith("On a linux-aarch64 machine: pannier kit build --sources && ")


def test_what_cannot_be_made_here_is_refused_before_anything_is_compiled(capsys: pytest.CaptureFixture[str]) -> None:
    foreign = "macos-arm64" if sys.platform != "darwin" else "windows-x86_64"
    assert main(["kit", "build", "--target", foreign]) == 2
    assert f"A kit for {foreign} cannot be made on" in capsys.readouterr().err
    elsewhere = "linux-aarch64" if platform.machine() == "x86_64" else "macos-x86_64"
    assert main(["kit", "build", "--target", elsewhere, "--sources"]) == 2
    assert "cannot" in capsys.readouterr().err


def test_a_damaged_kit_is_not_imported(tmp_path: Path) -> None:
    path = Path(handmade.kit(tmp_path).source.name)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(DamagedError, match="damaged: "):
        store.add(path)
    assert store.stored() == []


def test_a_dist_is_not_a_kit(tmp_path: Path) -> None:
    from bundler.compose.compose import compose

    dist = compose(handmade.kit(tmp_path), handmade.model(tmp_path), handmade.spec(), tmp_path).written.path
    with pytest.raises(DamagedError, match="pannier-kit"):
        store.add(dist)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(KitError, match="cannot be read"):
        store.add(tmp_path / "none.kit")


def test_the_same_parts_make_the_same_kit(tmp_path: Path) -> None:
    one, two = handmade.kit(tmp_path / "one"), handmade.kit(tmp_path / "two")
    assert Path(one.source.name).read_bytes() == Path(two.source.name).read_bytes()


def test_a_kit_with_another_hash_than_its_publisher_states_is_refused(tmp_path: Path) -> None:
    kit = Path(handmade.kit(tmp_path).source.name)
    vouching.check_hash(kit, hashlib.sha256(kit.read_bytes()).hexdigest().upper())
    with pytest.raises(DamagedError, match="has the SHA-256"):
        vouching.check_hash(kit, "0" * 64)


def test_a_kit_is_taken_only_from_who_owns_the_key(tmp_path: Path) -> None:
    kit = Path(handmade.kit(tmp_path).source.name)
    (ours, _), (theirs, _) = generate(tmp_path / "ours"), generate(tmp_path / "theirs")
    with pytest.raises(DamagedError, match="not signed"):
        vouching.check_signature(kit, ours.public)
    vouching.sign(kit, ours)
    vouching.check_signature(kit, ours.public)
    with pytest.raises(DamagedError, match="not made by this key"):
        vouching.check_signature(kit, theirs.public)


def test_a_signature_does_not_pass_from_one_kit_to_another(tmp_path: Path) -> None:
    kit = Path(handmade.kit(tmp_path).source.name)
    other = Path(handmade.kit(tmp_path / "other", commit="f" * 9).source.name)
    key, _ = generate(tmp_path / "key")
    signature = vouching.sign(kit, key)
    with pytest.raises(DamagedError, match="not made by this key"):
        vouching.check_signature(other, key.public, signature)

"""Keys, signatures, media and renewal on the command line, as a person and as a script use them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import handmade
from tests.cli.test_builder import SPEC, pannier


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trust")
    handmade.gguf(folder / "m.gguf")
    handmade.kit(folder)
    handmade.kit(folder / "new", commit="fffffffff")
    (folder / "tiny.toml").write_text(SPEC.format(target="linux-x86_64"))
    (folder / "title.toml").write_text('[ui]\ntitle = "New"\n')
    pannier("keygen", folder / "mine")
    return folder


@pytest.fixture(scope="module")
def dist(workplace: Path) -> Path:
    kit = workplace / "linux-x86_64.kit"
    arguments = ("--kit", kit, "--sign", workplace / "mine", "--output", workplace / "d", "--json")
    (told,) = json.loads(pannier("build", workplace / "tiny.toml", *arguments).stdout)["dists"]
    assert Path(told["signature"]).stat().st_size == 64
    return Path(told["path"])


def test_verify_tells_the_right_key_from_a_wrong_one(dist: Path, workplace: Path, tmp_path: Path) -> None:
    good = pannier("verify", dist, "--key", workplace / "mine.pub")
    assert "signed: the signature inside was made by the key" in good.stdout
    pannier("keygen", tmp_path / "other")
    bad = pannier("verify", dist, "--key", tmp_path / "other.pub", check=3)
    assert "NOT SIGNED by this key" in bad.stdout
    told = json.loads(pannier("verify", dist, "--key", tmp_path / "other.pub", "--json", check=3).stdout)
    assert (told["sound"], told["signed"]) == (True, False)


def test_a_detached_signature_serves_as_well(dist: Path, workplace: Path) -> None:
    arguments = ("--key", workplace / "mine.pub", "--signature", f"{dist}.sig")
    assert "sig was made by the key" in pannier("verify", dist, *arguments).stdout
    assert "without a key" in pannier("verify", dist, "--signature", f"{dist}.sig", check=2).stderr


def test_inspect_shows_the_bill_of_materials(dist: Path) -> None:
    assert json.loads(pannier("inspect", dist, "--sbom").stdout)["bomFormat"] == "CycloneDX"
    assert ", signed" in pannier("inspect", dist).stdout


def test_repack_says_what_changed_and_inspect_remembers(dist: Path, workplace: Path, tmp_path: Path) -> None:
    kit = workplace / "new" / "linux-x86_64.kit"
    done = pannier("repack", dist, "--kit", kit, "--sign", workplace / "mine", "--output", tmp_path, "--json")
    told = json.loads(done.stdout)
    assert told["changed"] == ["engine"]
    assert told["model_checked"] is True
    pannier("verify", told["path"], "--key", workplace / "mine.pub")
    assert "renewed   engine; before: sha256" in pannier("inspect", told["path"]).stdout


def test_repack_on_trust_says_so(dist: Path, workplace: Path, tmp_path: Path) -> None:
    arguments = ("--spec", workplace / "title.toml", "--trust-manifest", "--output", tmp_path)
    done = pannier("repack", dist, *arguments)
    assert "copied unread" in done.stderr
    assert "spec ui.title: '' → 'New'" in done.stdout
    assert "(model not read)" in pannier("inspect", tmp_path / dist.name).stdout


def test_diff_tells_what_differs(dist: Path, workplace: Path, tmp_path: Path) -> None:
    assert "No difference" in pannier("diff", dist, dist).stdout
    pannier("repack", dist, "--spec", workplace / "title.toml", "--output", tmp_path)
    told = json.loads(pannier("diff", dist, tmp_path / dist.name, "--json").stdout)
    assert told["equal"] is False
    assert {"what": "spec ui.title", "before": "''", "after": "'New'"} in told["differences"]


def test_build_puts_the_model_beside_the_program_when_asked(workplace: Path, tmp_path: Path) -> None:
    kit = workplace / "linux-x86_64.kit"
    done = pannier("build", workplace / "tiny.toml", "--kit", kit, "--sidecar", "--output", tmp_path, "--json")
    (told,) = json.loads(done.stdout)["dists"]
    (beside,) = map(Path, told["beside"])
    assert f"sound: {beside.name}" in pannier("verify", told["path"]).stdout
    data = bytearray(beside.read_bytes())
    data[len(data) // 2] ^= 1
    beside.write_bytes(data)
    assert f"damaged: file {beside.name}" in pannier("verify", told["path"], check=3).stdout
    beside.unlink()
    assert "is not there" in pannier("verify", told["path"], check=3).stdout


def test_what_is_no_size_is_an_error_of_the_command_line(workplace: Path) -> None:
    assert "is not a size" in pannier("build", workplace / "tiny.toml", "--split", "much", check=2).stderr

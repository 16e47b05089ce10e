"""What the person reads who receives a dist: true for their system, and equal for equal dists."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

import pytest

from bundler import recipient
from bundler.compose.compose import Composed, compose
from bundler.spec import DistSpec
from bundler.targets import TARGETS
from runtime.cli.main import parser
from runtime.launch.osdep.linux import Linux
from runtime.launch.osdep.macos import MacOS
from runtime.launch.osdep.windows import Windows
from runtime.launch.places import places
from tests import handmade


def composed(folder: Path, target: str, spec: DistSpec | None = None) -> Composed:
    kit = handmade.kit(folder, target)
    return compose(kit, handmade.model(folder), spec or handmade.spec(), folder / "out")


def written(done: Composed, *, signed: bool = False) -> str:
    one = done.written
    return recipient.write_text(one.manifest, one.manifest_sha256, one.path, signed=signed).read_bytes().decode()


@pytest.mark.parametrize("target", TARGETS)
def test_it_names_the_file_its_identity_and_verbs_that_there_are(target: str, tmp_path: Path) -> None:
    done = composed(tmp_path, target)
    text = written(done)
    name = done.written.path.name
    assert done.written.manifest_sha256 in text
    verbs = re.findall(rf"^    \.[\\/]{re.escape(name)} (\S+)", text, re.MULTILINE)
    assert verbs == ["verify", "doctor", "licenses"]
    for verb in verbs:
        parser(verb).parse_args([verb])
    assert "{" not in text
    assert "\n\n\n\n" not in text.replace("\r", "")
    assert max(len(line) for line in text.splitlines() if not line.startswith("    ")) <= 120


@pytest.mark.parametrize("target", TARGETS)
def test_only_the_own_system_is_spoken_of(target: str, tmp_path: Path) -> None:
    words = {"windows": "Run anyway", "macos": "com.apple.quarantine", "linux": "Without a screen"}
    text = written(composed(tmp_path, target))
    assert [system for system, word in words.items() if word in text] == [TARGETS[target].system]
    assert ("\r\n" in text) == (TARGETS[target].system == "windows")


@pytest.mark.parametrize(
    ("osdep", "environment", "home"),
    [
        (Linux(), {"HOME": "/home/ada"}, ("/home/ada", "~")),
        (MacOS(), {"HOME": "/Users/ada"}, ("/Users/ada", "~")),
        (Windows(), {"LOCALAPPDATA": r"C:\Users\ada\AppData\Local"}, (r"C:\Users\ada\AppData\Local", "%LOCALAPPDATA%")),
    ],
    ids=["linux", "macos", "windows"],
)
def test_the_folder_to_delete_is_the_one_that_is_used(
    osdep: Linux | MacOS | Windows, environment: dict[str, str], home: tuple[str, str]
) -> None:
    first = str(places(environment, osdep).candidates[0].path)
    told = recipient.CACHES[type(osdep).__name__.lower()]
    assert PurePosixPath(first.replace(*home).replace("\\", "/")) == PurePosixPath(told.replace("\\", "/"))


def test_a_model_beside_the_file_is_to_be_kept_with_it(tmp_path: Path) -> None:
    done = composed(tmp_path, "linux-x86_64", handmade.spec(media={"sidecar": True}))
    assert f"    {done.beside[0].name}\n" in written(done)
    assert "Keep these files together" not in written(composed(tmp_path / "inside", "linux-x86_64"))


def test_what_the_spec_says_is_what_the_text_says(tmp_path: Path) -> None:
    spec = handmade.spec(
        dist={"name": "tiny", "description": "For the class."},
        ui={"title": "Übungen"},
        serve={"host": "0.0.0.0", "port": 9000},
    )
    text = written(composed(tmp_path, "linux-x86_64", spec), signed=True)
    assert text.startswith("Übungen\n=======\n\nFor the class.\n")
    assert "http://127.0.0.1:9000/.\n" in text
    assert "Other computers in the same network" in text
    assert "--key KEY" in text
    usual = written(composed(tmp_path / "usual", "linux-x86_64"))
    assert "http://127.0.0.1:8080/ (or at the next free number" in usual
    assert "Only this computer" in usual
    assert "--key" not in usual

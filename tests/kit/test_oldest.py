"""Every kit and dist says in words how old a system may be."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.__main__ import main
from bundler.freeze.inside import oldest_system as oldest_inside
from bundler.freeze.pyinstaller import Frozen
from bundler.kit import store
from bundler.targets import TARGETS
from runtime.manifest import EngineInfo, RuntimeInfo
from runtime.oldest import oldest_system
from tests import handmade
from tests.zig import compile_program

ENGINE = EngineInfo("", "", "", "", {}, ())
RUNTIME = RuntimeInfo("0.1.0", "3.11.7", "6.22.3")


def test_the_newer_of_engine_and_runtime_decides() -> None:
    for engine, runtime in (("2.28", "2.35"), ("2.35", "2.9")):
        said = oldest_system("linux-x86_64", replace(ENGINE, glibc=engine), replace(RUNTIME, glibc=runtime))
        assert said == "Linux with glibc 2.35 or newer (Debian 12, Ubuntu 22.04, RHEL 10)"
    said = oldest_system("macos-arm64", replace(ENGINE, oldest="12.0"), replace(RUNTIME, oldest="13.3"))
    assert said == "macOS 13.3 or newer"
    said = oldest_system("windows-x86_64", replace(ENGINE, oldest="10.0"), replace(RUNTIME, oldest="10.0.18362"))
    assert said == "Windows 10 version 1903 or newer"


def test_a_system_newer_than_every_distribution_known_is_still_told() -> None:
    assert oldest_system("linux-aarch64", replace(ENGINE, glibc="9.9"), RUNTIME) == "Linux with glibc 9.9 or newer"


def test_nothing_is_made_up_where_a_kit_of_before_says_nothing() -> None:
    assert {oldest_system(target, ENGINE, RUNTIME) for target in TARGETS} == {""}


def test_list_and_inspect_tell_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PANNIER_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setattr(handmade, "RuntimeInfo", lambda *values: RuntimeInfo(*values, glibc="2.31"))
    kit = store.add(Path(handmade.kit(tmp_path, "linux-aarch64").source.name))
    words = "Linux with glibc 2.31 or newer (Debian 11, Ubuntu 20.04, RHEL 9)"
    assert main(["kit", "list"]) == 0
    assert words in capsys.readouterr().out
    assert main(["kit", "list", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["kits"][0]["starts_on"] == words
    assert main(["inspect", str(kit.path)]) == 0
    assert f"starts on {words}\n" in capsys.readouterr().out


@pytest.mark.parametrize(("asked", "told"), [("11.0", "12.0"), ("13.5", "13.5")])
def test_a_python_made_for_a_newer_mac_makes_the_kit_one_for_it(asked: str, told: str, tmp_path: Path) -> None:
    pytest.importorskip("ziglang")
    (tmp_path / "empty.c").write_text("int nothing(void) { return 0; }\n")
    compile_program(f"aarch64-macos.{asked}", "-shared", "empty.c", "-o", "libpython.dylib", cwd=tmp_path)
    library = tmp_path / "libpython.dylib"
    inside = Frozen((), (("libpython.dylib", str(library)),), tmp_path, library, library, library)
    assert oldest_inside(inside, TARGETS["macos-arm64"]) == told


def test_what_windows_needs_is_what_its_manifest_needs() -> None:
    nothing = Path()
    inside = Frozen((), (), nothing, nothing, nothing, nothing)
    assert oldest_inside(inside, TARGETS["windows-x86_64"]) == "10.0.18362"
    assert oldest_inside(inside, TARGETS["linux-x86_64"]) == ""

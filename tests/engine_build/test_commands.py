"""`pannier engine` and `pannier doctor`, on the miniature source."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from bundler import cache, doctor
from bundler.__main__ import main
from bundler.engine import part, toolchain
from bundler.engine.finding import Finding
from bundler.targets import host
from tests.engine_build.conftest import FAKE, named

pytestmark = pytest.mark.skipif(host().system != "linux", reason="the miniature project is checked as ELF")


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path))
    monkeypatch.setattr(part, "source_tree", lambda _root, _console: FAKE)
    return tmp_path


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> dict[str, Any]:
    assert main([*arguments, "--json"]) == code
    answer: dict[str, Any] = json.loads(capsys.readouterr().out)
    return answer


def test_build_list_and_clean(capsys: pytest.CaptureFixture[str], own_cache: Path) -> None:
    assert told(capsys, "engine", "list") == {"engines": []}
    made = told(capsys, "engine", "build")
    assert made["backends"] == ["cpu"]
    assert Path(made["path"]).is_dir()
    assert told(capsys, "engine", "list") == {"engines": [made]}
    assert told(capsys, "engine", "clean", "--backend", "vulkan")["freed"] == 0
    assert told(capsys, "engine", "clean")["freed"] > 0
    assert told(capsys, "engine", "list") == {"engines": []}
    assert [named(own_cache / kind) for kind in ("engines", "parts", "work")] == [[], [], []]


def test_clean_leaves_a_build_directory_that_is_in_use(capsys: pytest.CaptureFixture[str], own_cache: Path) -> None:
    from bundler.console import Console
    from bundler.publish import one_at_a_time

    busy = own_cache / "work" / f"{host().name}-cpu-0123"
    busy.mkdir(parents=True)
    with one_at_a_time(busy, Console(quiet=True)):
        assert told(capsys, "engine", "clean")["kept"] == [str(busy)]
    assert busy.is_dir()
    assert told(capsys, "engine", "clean")["kept"] == []
    assert not busy.exists()


def test_an_unknown_backend_is_a_mistake_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engine", "build", "--backend", "abacus"]) == 2
    assert "cpu, vulkan" in capsys.readouterr().err


def test_doctor_says_what_can_be_built(capsys: pytest.CaptureFixture[str]) -> None:
    answer = told(capsys, "doctor")
    assert answer["target"] == host().name
    possible = {build["name"]: build["possible"] for build in answer["builds"]}
    assert possible["cpu"]
    assert possible["runtime"]
    assert {check["name"] for check in answer["checks"]} >= {"c-compiler", "cmake", "ninja", "glslc", "space"}


def test_doctor_names_what_is_missing_and_how_to_get_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    assert main(["doctor"]) == 9
    said = capsys.readouterr().out
    assert "no-such-compiler not found" in said
    assert "apt install g++" in said


def test_doctor_notices_a_compiler_without_its_library(monkeypatch: pytest.MonkeyPatch) -> None:
    assert toolchain.cxx_library(["-static-libstdc++"]).found
    broken = toolchain.cxx_library(["-l", "nowhere-to-be-found"])
    assert not broken.found
    assert "nowhere-to-be-found" in broken.detail


def test_doctor_notices_a_disk_that_is_too_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.space(tmp_path / "not" / "there" / "yet").found
    monkeypatch.setattr(doctor, "SPACE", 1 << 62)
    finding = doctor.space(tmp_path)
    assert not finding.found
    assert cache.VARIABLE in finding.remedy


def test_every_tool_a_recipe_needs_has_a_check_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    monkeypatch.delenv("CC", raising=False)
    monkeypatch.delenv("CXX", raising=False)
    for recipe in part.RECIPES.values():
        for name in recipe.requires:
            finding = toolchain.CHECKS[name]()
            assert isinstance(finding, Finding)
            assert finding.found or finding.remedy, name

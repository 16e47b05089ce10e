"""The Python packages for another processor: which they are, and where they come from."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from importlib.metadata import PathDistribution, distribution
from pathlib import Path

import pytest

from bundler.errors import ToolError
from bundler.foreign import packages
from bundler.freeze.inventory import record_sha256


def test_what_is_needed_there_is_found_with_all_it_needs() -> None:
    found = {package.metadata["Name"].lower().replace("_", "-") for package in packages.closure(["fastapi"], "aarch64")}
    assert {"fastapi", "starlette", "pydantic", "pydantic-core", "typing-extensions", "anyio"} <= found


def test_what_nobody_will_use_can_be_left_out() -> None:
    def names(*without: str) -> set[str]:
        found = packages.closure(["llama-cpp-python"], "aarch64", frozenset(without))
        return {package.metadata["Name"].lower() for package in found}

    assert "numpy" in names()
    assert "numpy" not in names("numpy")


def test_what_is_only_for_another_system_is_left_out() -> None:
    names = {package.metadata["Name"].lower() for package in packages.closure(["pyinstaller"], "aarch64")}
    assert "altgraph" in names
    assert not names & {"pefile", "macholib", "pywin32-ctypes"}


def test_a_package_that_is_missing_is_named() -> None:
    with pytest.raises(ToolError, match="The package no-such-thing is not installed"):
        packages.closure(["no-such-thing"], "aarch64")


def test_what_is_the_same_everywhere_is_taken_from_here_unchanged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("the registry was asked"))
    (tmp_path / "scratch").mkdir()
    h11 = distribution("h11")
    packages.install([h11], "aarch64", tmp_path / "site", tmp_path / "scratch")
    there = PathDistribution(next((tmp_path / "site").glob("h11-*.dist-info")))
    assert there.version == h11.version
    assert record_sha256(there) == record_sha256(h11)
    assert (tmp_path / "site" / "h11" / "__init__.py").is_file()


def test_what_has_machine_code_comes_from_the_registry_in_the_same_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[list[str]] = []

    def registry(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        folder = Path(command[command.index("--dest") + 1])
        folder.mkdir()
        with zipfile.ZipFile(folder / "zstandard.whl", "w") as wheel:
            wheel.writestr("zstandard/backend_c.cpython-311-aarch64-linux-gnu.so", b"code")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", registry)
    zstandard = distribution("zstandard")
    packages.install([zstandard], "aarch64", tmp_path / "site", tmp_path)
    (command,) = asked
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert f"zstandard=={zstandard.version}" in command
    platforms = [command[at + 1] for at, word in enumerate(command) if word == "--platform"]
    assert {"manylinux_2_36_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"} <= set(platforms)
    assert [path.name for path in (tmp_path / "site" / "zstandard").iterdir()] == [
        "backend_c.cpython-311-aarch64-linux-gnu.so"
    ]


def test_a_registry_that_has_none_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = subprocess.CompletedProcess([], 1, "", "ERROR: no matching distribution\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: failed)
    with pytest.raises(ToolError, match="for aarch64 could not be downloaded:\nERROR: no matching distribution"):
        packages.install([distribution("zstandard")], "aarch64", tmp_path / "site", tmp_path)

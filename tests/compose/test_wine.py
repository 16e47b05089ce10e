"""PyInstaller's own bootloader for Windows, in a dist of ours, under Wine: it starts and finds its archive."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PyInstaller import __version__
from PyInstaller.archive.writers import CArchiveWriter

from bundler.compose.compose import compose
from tests import handmade
from tests.requirements import tool
from tests.wine import run_under_wine

BOOTLOADER = "PyInstaller/bootloader/Windows-64bit-intel/run_d.exe"


@pytest.fixture(scope="module")
def bootloader(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The one that tells what it does, out of PyInstaller's wheel for Windows."""
    tool("wine")
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "download", "-q", "--platform", "win_amd64", "--only-binary=:all:"]
    command += ["--no-deps", "-d", str(folder), f"pyinstaller=={__version__}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode:
        pytest.skip(f"PyInstaller's wheel for Windows cannot be had: {done.stderr.strip()[-200:]}")
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.read(BOOTLOADER)


def archive(folder: Path) -> bytes:
    """A PyInstaller archive for Windows that asks for a Python it does not bring."""
    (folder / "greeting.txt").write_text("hello")
    CArchiveWriter(
        str(folder / "runtime.pkg"), [("greeting.txt", str(folder / "greeting.txt"), True, "x")], "python311.dll"
    )
    return (folder / "runtime.pkg").read_bytes()


def test_the_bootloader_finds_its_archive_in_our_layout_under_any_name(bootloader: bytes, tmp_path: Path) -> None:
    kit = handmade.kit(tmp_path, "windows-x86_64", bootloader, pkg=archive(tmp_path))
    folder = tmp_path / "Übungen 日本 with blanks" / "deeper" / ("long" * 12)
    dist = compose(kit, handmade.model(tmp_path), handmade.spec(), folder).written.path
    said = run_under_wine(dist, [], tmp_path)
    assert "LOADER: extracting" in said or "greeting.txt" in said, said
    assert "DYLIB: loading Python DLL" in said, said
    assert "python311.dll'.\r\nLoadLibrary: Module not found." in said.replace("\r\r", "\r"), said


def test_without_its_archive_it_says_so_and_runs_nothing_else(bootloader: bytes, tmp_path: Path) -> None:
    stub = tmp_path / "alone.exe"
    stub.write_bytes(bootloader)
    (tmp_path / "alone.pkg").write_bytes(archive(tmp_path))
    said = run_under_wine(stub, [], tmp_path)
    assert "loading Python DLL" not in said, said

"""Our ELF reader against binutils', and on files that are none."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bundler.engine.elf import read_elf
from bundler.errors import ToolError
from bundler.targets import host
from tests.requirements import tool

pytestmark = pytest.mark.skipif(host().system != "linux", reason="ELF is Linux's format")


def extension_modules() -> list[Path]:
    import _ctypes
    import _ssl

    return [Path(module.__file__) for module in (_ctypes, _ssl) if module.__file__] + [Path(sys.executable).resolve()]


@pytest.mark.parametrize("path", extension_modules(), ids=lambda path: path.name)
def test_it_reads_what_readelf_reads(path: Path) -> None:
    facts = read_elf(path)
    dynamic = subprocess.run([tool("readelf"), "-dW", str(path)], capture_output=True, text=True, check=True).stdout
    assert list(facts.needed) == re.findall(r"\(NEEDED\).*\[(.+)\]", dynamic)
    assert [facts.runpath] == (re.findall(r"\((?:RUNPATH|RPATH)\).*\[(.+)\]", dynamic) or [""])
    versions = subprocess.run([tool("readelf"), "-VW", str(path)], capture_output=True, text=True, check=True).stdout
    needs = versions[versions.index(".gnu.version_r") :]
    assert {name for names in facts.versions.values() for name in names} == set(re.findall(r"Name: (\S+)", needs))


def test_glibc_versions_are_compared_as_numbers(tmp_path: Path) -> None:
    facts = read_elf(Path(sys.executable).resolve())
    assert facts.glibc
    assert facts.glibc >= (2, 2, 5)


def test_a_library_cut_short_is_no_library(tmp_path: Path) -> None:
    whole = extension_modules()[0].read_bytes()
    short = tmp_path / "short.so"
    for length in (0, 3, 40, len(whole) // 2, len(whole) - 100):
        short.write_bytes(whole[:length])
        with pytest.raises(ToolError, match=r"short\.so is not a whole ELF library"):
            read_elf(short)

"""The launcher: compiled for every Linux target from here, the same bytes from anywhere. What it does: tests/dist."""

from __future__ import annotations

import hashlib
import subprocess
import zlib
from pathlib import Path

import pytest
import zstandard

from bundler.compose import executable
from bundler.console import Console
from bundler.freeze.folder import pack
from bundler.launcher import build, decoder
from bundler.launcher.build import build_launcher
from bundler.launcher.describe import describe
from bundler.targets import TARGETS

QUIET = Console(quiet=True)


@pytest.mark.parametrize("name", ["linux-x86_64", "linux-aarch64"])
def test_it_is_compiled_for_every_linux_target_on_this_machine(name: str) -> None:
    launcher = build_launcher(TARGETS[name], None, QUIET)
    executable.check(launcher.program.read_bytes(), TARGETS[name])
    assert launcher.program.stat().st_size < 250_000
    assert [package.name for package in launcher.packages] == ["musl", "zstd"]
    assert "BSD License" in launcher.licenses["zstd.txt"].decode()
    assert "standard MIT license" in launcher.licenses["musl.txt"].decode()


def test_from_another_directory_the_same_bytes_come_out(tmp_path: Path) -> None:
    usual = build_launcher(TARGETS["linux-x86_64"], None, QUIET)
    again = build_launcher(TARGETS["linux-x86_64"], tmp_path / "quite" / "another place", QUIET)
    assert again.program != usual.program
    assert again.program.read_bytes() == usual.program.read_bytes()
    assert str(tmp_path).encode() not in again.program.read_bytes()


def test_the_description_names_the_launcher_and_every_file(tmp_path: Path) -> None:
    (tmp_path / "_internal").mkdir()
    (tmp_path / "_internal" / "a b.so").write_bytes(b"library")
    (tmp_path / "pannier").write_bytes(b"run")
    listing, packed = pack(tmp_path)
    plain = zstandard.ZstdDecompressor().decompress(packed)
    text = describe(plain, listing.id, b"the launcher", TARGETS["linux-aarch64"], "2.35")
    assert text.decode().splitlines() == [
        "pannier-runtime 1",
        f"id {hashlib.sha256(plain).hexdigest()[:32]}",
        f"stub 12 {zlib.crc32(b'the launcher'):08x}",
        "program pannier",
        "loader /lib/ld-linux-aarch64.so.1",
        "glibc 2.35",
        f"file 7 {zlib.crc32(b'library'):08x} _internal/a b.so",
        f"file 3 {zlib.crc32(b'run'):08x} pannier",
    ]


def test_the_launcher_alone_says_that_it_is_not_whole() -> None:
    program = build_launcher(TARGETS["linux-x86_64"], None, QUIET).program
    done = subprocess.run([str(program)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (3, "")
    assert "was not copied completely" in done.stderr


def test_a_damaged_launcher_is_compiled_again(tmp_path: Path) -> None:
    first = build_launcher(TARGETS["linux-x86_64"], tmp_path, QUIET)
    whole = first.program.read_bytes()
    first.program.write_bytes(whole[:-1])
    assert build_launcher(TARGETS["linux-x86_64"], tmp_path, QUIET).program.read_bytes() == whole


def test_every_source_decides_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    before = build.launcher_key(TARGETS["linux-x86_64"])
    assert before != build.launcher_key(TARGETS["linux-aarch64"])
    monkeypatch.setattr(decoder, "RELEASE", decoder.RELEASE.__class__("zstandard", "0", "0" * 64, ""))
    assert build.launcher_key(TARGETS["linux-x86_64"]) != before


def test_only_the_compressing_half_is_left_out() -> None:
    sections = {"common/a.c": "a", "compress/b.c": "b", "decompress/c.c": "c", "dictBuilder/d.c": "d"}
    marked = "".join(
        f"/**** start inlining {name} ****/\nint {body};\n/**** ended inlining {name} ****/\n"
        for name, body in sections.items()
    )
    kept = decoder.decoding_half(marked)
    assert [name for name in "abcd" if f"int {name};" in kept] == ["a", "c"]

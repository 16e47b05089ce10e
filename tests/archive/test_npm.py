"""The page's packages go into an archive and come out the same; what comes out makes the same archive."""

from __future__ import annotations

import subprocess
from pathlib import Path

from bundler import resources
from bundler.archive import npm
from bundler.console import Console
from bundler.page import packages
from bundler.publish import file_sha256

QUIET = Console(quiet=True)


def test_unpacked_elsewhere_they_are_found_and_packed_to_the_same_bytes(tmp_path: Path) -> None:
    first, plain, second = tmp_path / "first.tar.zst", tmp_path / "plain.tar", tmp_path / "second.tar.zst"
    size, sha256 = npm.pack(first, QUIET)
    subprocess.run(["zstd", "-q", "-d", first, "-o", plain], check=True)
    assert (plain.stat().st_size, file_sha256(plain)) == (size, sha256)
    root = tmp_path / "cache"
    npm.unpack(plain, root)
    place = packages.place_of(resources.page_sources(), root)
    assert (place / "node_modules" / "vite" / "package.json").is_file()
    assert npm.pack(second, QUIET, root) == (size, sha256)
    assert file_sha256(second) == file_sha256(first)

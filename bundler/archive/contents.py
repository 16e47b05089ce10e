"""What a dist can be rebuilt from, as files of its kit: sources, packages, the format, and a page for who finds it.

Everything of it lies under `sources/`. It belongs to the kit, because it belongs to one system, and to one state of
engine and runtime: a renewed dist has the sources of the kit it was renewed with.
"""

from __future__ import annotations

import hashlib
import platform
from dataclasses import dataclass
from pathlib import Path

import zstandard

from bundler import cache, resources
from bundler.archive import npm, wheels
from bundler.archive.finder import page
from bundler.console import Console
from bundler.engine.source import RELEASE, SourceRelease, source_archive
from bundler.freeze.inventory import record_sha256
from bundler.launcher import decoder
from bundler.publish import digest_of, file_sha256
from bundler.targets import Target
from runtime.manifest import Digest

FOLDER = "sources"
WHEELS = f"{FOLDER}/wheels"
PAGE_PACKAGES = f"{FOLDER}/{npm.NAME}"

ZSTD_LEVEL = 6
"""Half a gigabyte of compilers: the highest levels take minutes, and save a fifth."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that becomes an entry. name: of the entry. content: of the bytes before they were compressed, if so."""

    name: str
    path: Path
    content: Digest | None = None


def releases(target: Target) -> tuple[SourceRelease, ...]:
    """The source archives that a kit for this target is compiled from."""
    return (RELEASE, decoder.RELEASE) if target.launcher else (RELEASE,)


def key(target: Target) -> str:
    """Hash of everything that decides what `collect` gives."""
    return digest_of(
        {
            "zstd": ZSTD_LEVEL,
            "releases": [release.sha256 for release in releases(target)],
            "packages": [[dist.metadata["Name"], dist.version, record_sha256(dist)] for dist in wheels.packages()],
            "page": file_sha256(resources.page_sources() / "package-lock.json"),
            "own": wheels.own_sha256(),
            "python": platform.python_version(),
        }
    )


def collect(target: Target, folder: Path, console: Console) -> tuple[SourceFile, ...]:
    """All of it, made in `folder` where it is not there already. Raises `ToolError` where something cannot be had."""
    dists = wheels.packages()
    (folder / "README.txt").write_text(page(target, dists), encoding="utf-8")
    files = [SourceFile(f"{FOLDER}/README.txt", folder / "README.txt")]
    files += [SourceFile(f"{FOLDER}/{name}", resources.document(name)) for name in resources.DOCUMENTS]
    for release in releases(target):
        files.append(SourceFile(f"{FOLDER}/{release.archive}", source_archive(cache.root(), console, release)))
    size, sha256 = npm.pack(folder / npm.NAME, console)
    files.append(SourceFile(PAGE_PACKAGES, folder / npm.NAME, Digest(size, sha256)))
    total = sum(file.size or 0 for dist in dists for file in dist.files or ())
    with console.progress("Packing the packages it is built with", total, in_bytes=True) as advance:
        for dist in dists:
            wheel = wheels.remake(dist, folder)
            advance(wheel.stat().st_size)
            files.append(_compressed(wheel))
    return tuple(files)


def _compressed(wheel: Path) -> SourceFile:
    packed = wheel.with_name(f"{wheel.name}.zst")
    size = wheel.stat().st_size
    compressor = zstandard.ZstdCompressor(level=ZSTD_LEVEL, write_content_size=True)
    with wheel.open("rb") as source, packed.open("wb") as out:
        compressor.copy_stream(source, out, size=size)
    with wheel.open("rb") as source:
        content = Digest(size, hashlib.file_digest(source, "sha256").hexdigest())
    wheel.unlink()
    return SourceFile(f"{WHEELS}/{packed.name}", packed, content)

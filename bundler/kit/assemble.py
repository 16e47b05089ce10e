"""Runtime + engine → kit file. The kit stores its entries exactly as a dist will, so composing only copies them."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bundler.archive.contents import SourceFile
from bundler.compose.writer import UNKNOWN_CRC32, UNKNOWN_SHA256, Payload, Written, write_archive
from bundler.errors import KitError
from runtime.container.archive import KIT
from runtime.manifest import Digest, EngineInfo, Entry, KitManifest, Role, RuntimeInfo

STUB_ENTRY = "stub"

ZSTD_LEVEL = 19
"""Paid once per kit (some seconds), saved in every dist; decoding is as quick as at any level."""


@dataclass(frozen=True, slots=True)
class RuntimeFile:
    """An entry that the runtime becomes. content: what a zstd frame decodes to; None for plain bytes."""

    name: str
    data: bytes
    content: Digest | None = None


@dataclass(frozen=True, slots=True)
class KitParts:
    """What a kit is made of.

    stub: the dist's first bytes. runtime_files: what the stub starts, the dist's last entries.
    engine_folder: holds the files named by `engine.libraries`. licenses: entry name ("licenses/jinja2.txt") to text.
    sources: what it can be rebuilt from.
    """

    target: str
    stub: bytes
    runtime_files: Sequence[RuntimeFile]
    runtime: RuntimeInfo
    engine: EngineInfo
    engine_folder: Path
    licenses: Mapping[str, bytes]
    sources: Sequence[SourceFile] = ()


def assemble(parts: KitParts, path: Path, advance: Callable[[int], object] | None = None) -> Written[KitManifest]:
    """Write the kit to `path`, atomically. Raises `KitError` or `SurroundingsError`."""
    payloads = [_payload(STUB_ENTRY, Role.STUB, parts.stub)]
    for library in parts.engine.libraries:
        data = (parts.engine_folder / library.file).read_bytes()
        payloads.append(_payload(library.entry, Role.ENGINE, _compress(data), encoding="zstd", content=_digest(data)))
    payloads += [_payload(name, Role.LICENSE, text) for name, text in sorted(parts.licenses.items())]
    payloads += [_file_payload(source) for source in parts.sources]
    for file in parts.runtime_files:
        encoding = "zstd" if file.content else ""
        payloads.append(_payload(file.name, Role.RUNTIME, file.data, encoding=encoding, content=file.content))

    def manifest_with(entries: tuple[Entry, ...]) -> KitManifest:
        return KitManifest(parts.target, entries, parts.engine, parts.runtime)

    return write_archive(path, KIT, b"", payloads, manifest_with, advance, mode=0o644)


def _payload(name: str, role: Role, data: bytes, encoding: str = "", content: Digest | None = None) -> Payload:
    digest = _digest(data)
    entry = Entry(name, role, digest.size, digest.sha256, UNKNOWN_CRC32, encoding=encoding, content=content)
    return Payload(entry, lambda: io.BytesIO(data), lambda problem: KitError(f"{name}: {problem}."))


def _file_payload(source: SourceFile) -> Payload:
    size, encoding = source.path.stat().st_size, "zstd" if source.content else ""
    entry = Entry(
        source.name, Role.SOURCE, size, UNKNOWN_SHA256, UNKNOWN_CRC32, encoding=encoding, content=source.content
    )
    return Payload(entry, lambda: source.path.open("rb"), lambda problem: KitError(f"{source.name}: {problem}."))


def _digest(data: bytes) -> Digest:
    return Digest(len(data), hashlib.sha256(data).hexdigest())


def _compress(data: bytes) -> bytes:
    import zstandard

    return zstandard.ZstdCompressor(level=ZSTD_LEVEL, write_content_size=True).compress(data)

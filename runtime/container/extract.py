"""Take one entry out of a dist or kit, decoded and checked, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from runtime.container.archive import Archive, M
from runtime.container.atomic import replacing
from runtime.errors import UsageError
from runtime.manifest import DistManifest

MODEL = "model"
"""Stands for the model's entry, whatever its name."""


def resolve(archive: Archive[M], wanted: str) -> str:
    """The entry that `wanted` means: its name, or `model`. Raises `UsageError` naming the entries there are."""
    manifest = archive.manifest
    if wanted == MODEL and isinstance(manifest, DistManifest):
        beside = [file.file for file in manifest.model.beside]
        if beside:
            raise UsageError(
                f"The model is not inside this file but beside it, in {', '.join(beside)}.",
                "Join its parts: llama-gguf-split --merge FIRST-PART OUTPUT.gguf"
                if len(beside) > 1
                else "Copy that file; it is the plain GGUF.",
            )
        return manifest.model.entry
    names = [entry.name for entry in manifest.entries]
    if wanted not in names:
        raise UsageError(f"There is no entry {wanted!r}.", f"Entries are: {MODEL}, {', '.join(names)}.")
    return wanted


def default_path(archive: Archive[M], name: str) -> Path:
    """Where an entry goes when nobody says: its own file name in this folder, without the encoding's suffix."""
    base = Path(name).name
    return Path(base.removesuffix(".zst") if archive.entry(name).encoding == "zstd" else base)


def to_file(archive: Archive[M], name: str, path: Path) -> None:
    """Write an entry's decoded bytes to `path`, atomically. Raises `DamagedError` where they are not sound."""
    with replacing(path, archive.entry(name).decoded.size, mode=0o644) as out:
        to_stream(archive, name, out)


def to_stream(archive: Archive[M], name: str, out: BinaryIO) -> None:
    """Write an entry's decoded bytes to a stream. The verdict comes last: a reader must heed the exit code."""
    for chunk in archive.chunks(name):
        out.write(chunk)

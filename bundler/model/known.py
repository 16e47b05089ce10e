"""Files whose SHA-256 has been checked, recognised by inode, size and time of change, so that none is read twice."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path

from bundler import cache
from bundler.console import Console
from bundler.errors import ModelError

_CHUNK = 4 << 20


def check(path: Path, sha256: str, console: Console) -> None:
    """Raise `ModelError` unless the file has this hash. Reads it only if it was not checked before as it is now."""
    note = _note(sha256)
    with suppress(OSError, ValueError):
        if json.loads(note.read_text(encoding="utf-8")) == _identity(path):
            return
    digest = hashlib.sha256()
    with (
        path.open("rb") as file,
        console.progress(f"Checking {path.name}", path.stat().st_size, in_bytes=True) as advance,
    ):
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            advance(len(chunk))
    if digest.hexdigest() != sha256:
        raise ModelError(
            f"{path} is damaged: its SHA-256 is {digest.hexdigest()}, not {sha256}.", "Delete it, and build again."
        )
    remember(path, sha256)


def remember(path: Path, sha256: str) -> None:
    """Note that the file, as it is now, has this hash. Forgetting it costs a reading, nothing else."""
    note = _note(sha256)
    with suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(json.dumps(_identity(path)), encoding="utf-8")


def _note(sha256: str) -> Path:
    return cache.root() / "known" / sha256


def _identity(path: Path) -> list[int]:
    state = path.stat()
    return [state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns]

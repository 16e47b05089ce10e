"""The SHA-256 of files, remembered by place, inode, size and time of change, so that none is read twice."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from bundler import cache
from bundler.console import Console
from bundler.errors import ModelError

_CHUNK = 4 << 20


def check(path: Path, sha256: str, console: Console) -> None:
    """Raise `ModelError` unless the file has this hash."""
    found = sha256_of(path, console)
    if found != sha256:
        raise ModelError(f"{path} is damaged: its SHA-256 is {found}, not {sha256}.", "Delete it, and build again.")


def sha256_of(path: Path, console: Console) -> str:
    """The file's SHA-256. Reads it only if it was not read before as it is now."""
    with suppress(OSError):
        remembered = _note(path).read_text(encoding="ascii")
        if len(remembered) == 64:
            return remembered
    digest = hashlib.sha256()
    label = f"Checking {path.name}"
    with path.open("rb") as file, console.progress(label, path.stat().st_size, in_bytes=True) as advance:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            advance(len(chunk))
    remember(path, digest.hexdigest())
    return digest.hexdigest()


def remember(path: Path, sha256: str) -> None:
    """Note that the file, as it is now, has this hash. Forgetting it costs a reading, nothing else."""
    note = _note(path)
    with suppress(OSError):
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text(sha256, encoding="ascii")


def _note(path: Path) -> Path:
    state = path.stat()
    identity = f"{path.resolve()} {state.st_dev} {state.st_ino} {state.st_size} {state.st_mtime_ns}"
    return cache.root() / "known" / hashlib.sha256(identity.encode()).hexdigest()

"""A dist's signature: inside as its last member, and detached beside it. Both are the same 64 bytes over the manifest.

The manifest holds the hash of everything else, so a signature of it is a signature of the whole file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bundler.errors import UsageError
from bundler.trust.keys import PublicKey
from runtime.container.archive import Archive
from runtime.container.atomic import replacing
from runtime.container.layout import SIGNATURE_SIZE, SIGNATURE_SUFFIX


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether the key's owner signed this file, and in words."""

    good: bool
    words: str


def detached_path(dist: Path) -> Path:
    """Where the detached signature of `dist` lies: beside it."""
    return dist.with_name(dist.name + SIGNATURE_SUFFIX)


def write_detached(dist: Path, signature: bytes) -> Path:
    """Write the detached signature beside `dist`, atomically. Raises `SurroundingsError`."""
    path = detached_path(dist)
    with replacing(path, len(signature), mode=0o644) as out:
        out.write(signature)
    return path


def judge(archive: Archive[Any], key: PublicKey, detached: Path | None = None) -> Verdict:
    """Whether `key` signed the manifest of `archive`. detached: use this signature instead of the one inside.

    Says nothing about the other bytes: that they are what the manifest names is `verify`'s to find out.
    """
    signature = _read(detached) if detached else archive.signature
    where = str(detached) if detached else "the signature inside"
    if not signature:
        return Verdict(False, "it is not signed")
    if not key.made(signature, archive.raw_manifest):
        return Verdict(False, f"{where} was not made by this key ({key.fingerprint[:16]}…) for this manifest")
    return Verdict(True, f"{where} was made by the key {key.fingerprint}")


def _read(path: Path) -> bytes:
    try:
        signature = path.read_bytes()
    except OSError as error:
        raise UsageError(f"The signature {path} cannot be read ({error.strerror}).", "Check the path.") from None
    if len(signature) != SIGNATURE_SIZE:
        raise UsageError(f"{path} is no signature: it has {len(signature):,} bytes, not {SIGNATURE_SIZE}.")
    return signature

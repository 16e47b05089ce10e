"""Who vouches for a kit: the hash its publisher states, or a signature of its manifest.

A kit is code that will run on other people's machines. That its bytes agree with its own manifest says nothing about
where it came from; these two checks do.
"""

from __future__ import annotations

from pathlib import Path

from bundler.errors import DamagedError, KitError
from bundler.kit.store import opened
from bundler.publish import file_sha256
from bundler.trust.keys import PrivateKey, PublicKey
from bundler.trust.signing import detached_path, judge, write_detached


def check_hash(kit: Path, sha256: str) -> None:
    """Raise `DamagedError` unless the file has this hash, `KitError` if it cannot be read."""
    try:
        found = file_sha256(kit)
    except OSError as error:
        raise KitError(f"The kit {kit} cannot be read ({error.strerror}).") from None
    if found != sha256.strip().lower():
        raise DamagedError(f"The kit {kit} has the SHA-256 {found}, not {sha256}.", "Get the kit again.")


def check_signature(kit: Path, key: PublicKey, signature: Path | None = None) -> None:
    """Raise `DamagedError` unless `key` signed the kit. signature: where that is told; by default beside the kit."""
    beside = signature or (detached_path(kit) if detached_path(kit).exists() else None)
    with opened(kit) as archive:
        verdict = judge(archive, key, beside)
    if not verdict.good:
        raise DamagedError(f"The kit {kit} is not to be trusted: {verdict.words}.", "Get it from who owns the key.")


def sign(kit: Path, key: PrivateKey) -> Path:
    """Write the signature of the kit's manifest beside it."""
    with opened(kit) as archive:
        return write_detached(kit, key.sign(archive.raw_manifest))

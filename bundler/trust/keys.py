"""Ed25519 keys as files in the usual PEM forms, so that OpenSSL and everything else that knows keys can use them.

A private key is PKCS #8 (`openssl genpkey -algorithm ed25519` makes the same), a public one SubjectPublicKeyInfo.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)

from bundler.errors import SurroundingsError, UsageError

PASSPHRASE = "PANNIER_KEY_PASSPHRASE"
"""Environment variable with the passphrase of the private key, if it has one."""


@dataclass(frozen=True, slots=True)
class PublicKey:
    """The half that is given away; checks signatures."""

    key: Ed25519PublicKey

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the key's 32 bytes: short enough to be read out over the phone."""
        return hashlib.sha256(self.key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()

    def made(self, signature: bytes, data: bytes) -> bool:
        """Whether `signature` over `data` was made with the private half of this key."""
        try:
            self.key.verify(signature, data)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True, slots=True)
class PrivateKey:
    """The half that is kept; signs."""

    key: Ed25519PrivateKey

    @property
    def public(self) -> PublicKey:
        """The other half."""
        return PublicKey(self.key.public_key())

    def sign(self, data: bytes) -> bytes:
        """The signature of `data`: 64 bytes, the same ones every time."""
        return self.key.sign(data)


def generate(path: Path) -> tuple[PrivateKey, Path]:
    """Make a key: the private half at `path`, readable by its owner alone, the public half beside it (`.pub`).

    Never overwrites. Raises `UsageError` or `SurroundingsError`.
    """
    private = PrivateKey(Ed25519PrivateKey.generate())
    public_path = path.with_name(path.name + ".pub")
    for there in (path, public_path):
        if there.exists():
            raise UsageError(f"{there} exists already; a key is never overwritten.", "Choose another name.")
    secret = os.environ.get(PASSPHRASE, "").encode()
    encryption: KeySerializationEncryption = BestAvailableEncryption(secret) if secret else NoEncryption()
    _write_new(path, private.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption), 0o600)
    public = private.public.key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    _write_new(public_path, public, 0o644)
    return private, public_path


def load_private(path: Path) -> PrivateKey:
    """Read a private key. Raises `UsageError` where it is not one, or its passphrase is missing or wrong."""
    secret = os.environ.get(PASSPHRASE, "").encode() or None
    data = _read(path)
    if secret and b"ENCRYPTED" not in data:
        secret = None  # the passphrase in the environment belongs to another key
    try:
        key = load_pem_private_key(data, secret)
    except TypeError:
        raise UsageError(f"The key {path} has a passphrase.", f"Set {PASSPHRASE} to it.") from None
    except (ValueError, UnsupportedAlgorithm):
        raise UsageError(
            f"{path} is no private key that can be read{' with this passphrase' if secret else ''}.",
            "Make one: pannier keygen FILE",
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"{path} is a private key, but not an Ed25519 one.", "Make one: pannier keygen FILE")
    return PrivateKey(key)


def load_public(path: Path) -> PublicKey:
    """Read a public key. Raises `UsageError` where it is not one."""
    try:
        key = load_pem_public_key(_read(path))
    except (ValueError, UnsupportedAlgorithm):
        raise UsageError(
            f"{path} is no public key.", "It is the file that `pannier keygen` wrote beside the private key, with .pub."
        ) from None
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(f"{path} is a public key, but not an Ed25519 one.", "Ask the signer for theirs.")
    return PublicKey(key)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(f"The key {path} cannot be read ({error.strerror}).", "Check the path.") from None


def _write_new(path: Path, data: bytes, mode: int) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), mode)
    except OSError as error:
        raise SurroundingsError(f"{path} cannot be written ({error.strerror}).", "Choose another place.") from None
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)

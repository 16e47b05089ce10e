"""The program in front of the archive, made to fit: a Mac's has the finished file's sizes in its header."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bundler.compose import macho
from bundler.compose.writer import UNKNOWN_SHA256, Derived, Payload, planned
from bundler.targets import Target
from runtime.container import codesign
from runtime.container.archive import DIST
from runtime.manifest import Digest, DistManifest, Entry


@dataclass(frozen=True, slots=True)
class Description:
    """What a dist is made of behind its stub, once that stub's digest is known."""

    payloads: Sequence[Payload | Derived]
    manifest_with: Callable[[tuple[Entry, ...]], DistManifest]


def code_signature(target: Target, name: str) -> str:
    """The identifier in the code signature of a dist called `name`; "" where the target asks for no signature."""
    return name if target.signed else ""


def fitted(stub: bytes, describe: Callable[[Digest], Description], *, signed: bool) -> tuple[bytes, Description]:
    """The stub as it stands in the finished file, and the description with its digest.

    A Mac's stub tells the sizes of the whole file. Those do not depend on any hash, so they are known before the
    stub's own is. signed: whether the manifest will be.
    """
    unknown = describe(Digest(len(stub), UNKNOWN_SHA256))
    layout = planned(DIST, unknown.payloads, unknown.manifest_with, signed=signed)
    if any(placement.member.name == codesign.MEMBER for placement in layout.placements):
        stub = macho.fit(stub, layout.placement(codesign.MEMBER).data_offset, layout.file_size)
    return stub, describe(Digest(len(stub), hashlib.sha256(stub).hexdigest()))

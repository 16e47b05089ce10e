"""The same dist again around another copy of its kit: nothing changes but what the kit changes, no line of history."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from bundler import bom, targets
from bundler.compose.compose import with_bill
from bundler.compose.stubs import Description, fitted
from bundler.compose.writer import Written, write_archive
from bundler.renew import changes as spec_changes
from bundler.renew.repack import bring_beside, dressed, from_kit, model_payloads
from runtime.container.archive import DIST, Archive
from runtime.manifest import Digest, DistManifest, Entry, KitManifest


class _OtherBytesError(Exception):
    """The manifest is not the one that was signed."""


def recompose(
    dist: Archive[DistManifest],
    kit: Archive[KitManifest],
    folder: Path,
    advance: Callable[[int], object] | None = None,
) -> Written[DistManifest]:
    """Write the dist into `folder` under the name it has, with engine, runtime and sources from `kit`, atomically.

    If the result has the same manifest, it has the original's signature too, which is right for it.
    Raises as `repack` does.
    """
    old = dist.manifest
    target = targets.find(old.target)
    changes = spec_changes.none(old)
    around = from_kit(kit, changes, target)
    path = folder / Path(dist.source.name).name
    if target.system == "windows":
        around = replace(around, stub=dressed(around.stub, dist, changes, path.name))
    kept = model_payloads(dist, changes, trust_manifest=False)

    def describe(stub: Digest) -> Description:
        materials = bom.Materials(old.name, old.version, old.target, old.model, around.engine, around.runtime, stub)

        def manifest_with(entries: tuple[Entry, ...]) -> DistManifest:
            return replace(
                old, stub=stub, entries=entries, engine=around.engine, runtime=around.runtime, kit=around.kit
            )

        return Description(with_bill([*kept, *around.payloads], materials), manifest_with)

    def signature(manifest: bytes) -> bytes:
        if manifest != dist.raw_manifest:
            raise _OtherBytesError
        return dist.signature

    bring_beside(dist, folder, trust_manifest=False)
    for sign in (signature, None) if dist.signature else (None,):
        stub, described = fitted(around.stub, describe, signed=sign is not None)
        try:
            return write_archive(path, DIST, stub, described.payloads, described.manifest_with, advance, sign=sign)
        except _OtherBytesError:
            continue
    raise AssertionError("an unsigned dist cannot lack a signature")

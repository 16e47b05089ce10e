"""`repack(dist) → dist`: another engine, runtime or spec around the same model bytes, with the same provenance.

The model is copied inside the kernel, shared where the file system can, and checked while it is at hand; on request it
is taken on the manifest's word instead, and the new manifest says so.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

from bundler import bom, targets
from bundler.compose import ranges, windows
from bundler.compose.compose import file_name, with_bill
from bundler.compose.copying import copy_hashed, copy_trusting
from bundler.compose.parts import MODEL_LICENSE_ENTRY, bytes_payload, kit_payloads, selected_engine, stub_of
from bundler.compose.stubs import Description, code_signature, fitted
from bundler.compose.writer import Payload, Written, write_archive
from bundler.errors import DamagedError, KitError, ModelError, UsageError
from bundler.renew.changes import Changes
from bundler.targets import Target
from runtime.container.archive import DIST, GET_AGAIN, Archive
from runtime.container.atomic import replacing
from runtime.container.beside import open_all
from runtime.manifest import (
    Digest,
    DistManifest,
    EngineInfo,
    Entry,
    KitManifest,
    ModelInfo,
    Renewal,
    Role,
    RuntimeInfo,
)

LARGE = 64 << 20
"""Entries of the model over this size are what `trust_manifest` leaves unread; reading the others costs nothing."""


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around the model: stub, engine, runtime, and their payloads, the runtime last."""

    stub: bytes
    engine: EngineInfo
    runtime: RuntimeInfo
    kit: str
    payloads: list[Payload]


def repack(
    dist: Archive[DistManifest],
    changes: Changes,
    folder: Path,
    *,
    kit: Archive[KitManifest] | None = None,
    trust_manifest: bool = False,
    sign: Callable[[bytes], bytes] | None = None,
    advance: Callable[[int], object] | None = None,
) -> Written[DistManifest]:
    """Write the renewed dist into `folder`, atomically; a model beside the dist comes along, under its old name.

    kit: where engine and runtime come from; None keeps those inside. trust_manifest: do not read the model.
    Raises `KitError`, `ModelError`, `DamagedError`, `UsageError` or `SurroundingsError`; then nothing has changed.
    """
    old, spec = dist.manifest, changes.spec
    target = targets.find(old.target)
    path = folder / file_name(spec, target)
    if path.exists() and path.samefile(dist.source.name):
        raise UsageError(f"{path} is the file that is to be renewed.", "Choose another folder with --output.")
    around = from_kit(kit, changes, target) if kit else _as_it_is(dist, changes)
    if target.system == "windows":
        around = replace(around, stub=dressed(around.stub, dist, changes, path.name))
    _check_architecture(old.model, around.engine)
    model = _model_info(old.model, changes)
    kept = model_payloads(dist, changes, trust_manifest=trust_manifest)
    size = sum(payload.entry.size for payload in (*kept, *around.payloads)) + len(around.stub)
    if target.max_executable is not None and size >= target.max_executable:
        raise ModelError(f"The renewed file would be too large for {target.system}.", "Build it anew: pannier build")

    def describe(stub: Digest) -> Description:
        materials = bom.Materials(
            spec.dist.name, spec.dist.version, target.name, model, around.engine, around.runtime, stub
        )

        def manifest_with(entries: tuple[Entry, ...]) -> DistManifest:
            new = replace(
                old, name=spec.dist.name, version=spec.dist.version, stub=stub, entries=entries, model=model,
                engine=around.engine, runtime=around.runtime, kit=around.kit, spec=_for_manifest(changes, old),
                code_signature=code_signature(target, path.name),
            )  # fmt: skip
            line = Renewal(
                manifest_sha256=dist.manifest_sha256,
                engine=f"{old.engine.source}, llama.cpp {old.engine.commit}",
                runtime=f"Pannier {old.runtime.version}, Python {old.runtime.python}",
                kit=old.kit,
                changed=_changed(old, new),
                model_checked=not trust_manifest,
            )
            return replace(new, history=(*old.history, line))

        return Description(with_bill([*kept, *around.payloads], materials), manifest_with)

    stub, described = fitted(around.stub, describe, signed=sign is not None)
    payloads = described.payloads
    _refuse_no_change(described.manifest_with(tuple(p.entry for p in payloads if isinstance(p, Payload))))
    bring_beside(dist, folder, trust_manifest=trust_manifest)
    shared = sum(p.entry.size for p in kept if p.entry.size >= LARGE) if ranges.can_share(dist.source.fd, folder) else 0
    return write_archive(path, DIST, stub, payloads, described.manifest_with, advance, sign=sign, shared=shared)


def from_kit(kit: Archive[KitManifest], changes: Changes, target: Target) -> Around:
    """What a kit brings, for this spec. Raises `KitError` where it is not for this target or lacks something."""
    if kit.manifest.target != target.name:
        raise KitError(
            f"The kit is for {kit.manifest.target}, the dist for {target.name}.", "Use a kit for its target."
        )
    engine = selected_engine(kit.manifest, changes.spec.engine.backends)
    payloads = kit_payloads(kit, engine, sources=changes.spec.archive.sources)
    return Around(stub_of(kit, target), engine, kit.manifest.runtime, kit.manifest_sha256, payloads)


def _as_it_is(dist: Archive[DistManifest], changes: Changes) -> Around:
    """Engine and runtime that are inside; backends can be left out, but none can come from nowhere."""
    old = dist.manifest
    wanted = changes.spec.engine.backends
    missing = [name for name in wanted if name not in old.engine.backends]
    if missing:
        raise KitError(f"The dist has no {', '.join(missing)} backend inside.", "Take it from a kit: --engine new")
    stub = dist.source.read_at(0, old.stub.size)
    if hashlib.sha256(stub).hexdigest() != old.stub.sha256:
        raise DamagedError(f"The stub of {dist.source.name} is damaged.", GET_AGAIN)
    libraries = tuple(lib for lib in old.engine.libraries if lib.kind == "core" or lib.backend in wanted)
    files = {lib.entry for lib in libraries}
    chosen = [e for e in old.entries if not _is_models(e) and e.name != bom.ENTRY]
    chosen = [e for e in chosen if e.role is not Role.ENGINE or e.name in files]
    if changes.spec.archive.sources and not any(e.role is Role.SOURCE for e in chosen):
        raise KitError("The dist has no sources inside.", "Take them from a kit: --engine new")
    chosen = [e for e in chosen if e.role is not Role.SOURCE or changes.spec.archive.sources]
    payloads = [_kept(dist, entry) for entry in chosen]
    return Around(stub, replace(old.engine, libraries=libraries), old.runtime, old.kit, payloads)


def dressed(stub: bytes, dist: Archive[DistManifest], changes: Changes, name: str) -> bytes:
    """The stub with the renewed version; the icon is the one the dist has."""
    icon = windows.icon_of(dist.source.read_at(0, dist.manifest.stub.size))
    return windows.dressed(stub, changes.spec, name, icon)


def _is_models(entry: Entry) -> bool:
    """Whether an entry belongs to the model and not to the kit."""
    of_kit = entry.role in (Role.ENGINE, Role.RUNTIME, Role.STUB, Role.SOURCE)
    text = entry.role in (Role.LICENSE, Role.DOCUMENT) and not entry.name.startswith("licenses/model")
    return not of_kit and not text


def model_payloads(dist: Archive[DistManifest], changes: Changes, *, trust_manifest: bool) -> list[Payload]:
    """The model's entries, from the dist; with the licence text that the changes bring."""
    payloads = []
    for entry in dist.manifest.entries:
        if not _is_models(entry) or (entry.name == MODEL_LICENSE_ENTRY and changes.license_text is not None):
            continue
        payloads.append(_kept(dist, entry, trusted=trust_manifest and entry.size >= LARGE))
    if changes.license_text:
        payloads.append(bytes_payload(MODEL_LICENSE_ENTRY, changes.license_text))
    return payloads


def _kept(dist: Archive[DistManifest], entry: Entry, *, trusted: bool = False) -> Payload:
    @contextmanager
    def opened() -> Iterator[BinaryIO]:
        with open(dist.source.fd, "rb", closefd=False) as file:
            file.seek(dist.data_range(entry.name)[0])
            yield file

    def mismatch(problem: str) -> DamagedError:
        return DamagedError(f"{entry.name} inside {dist.source.name} is damaged: {problem}.", GET_AGAIN)

    return Payload(entry, opened, mismatch, trusted)


def bring_beside(dist: Archive[DistManifest], folder: Path, *, trust_manifest: bool) -> None:
    """Check the model's files beside the dist, and copy them unless `folder` is where they are."""
    here = Path(dist.source.name).parent
    for file, source in zip(dist.manifest.model.beside, open_all(dist.manifest, here), strict=True):
        with source, os.fdopen(os.dup(source.fd), "rb") as stream:
            found = file.sha256
            if not (folder.exists() and folder.samefile(here)):
                with replacing(folder / file.file, file.size, 0o644) as out:
                    if trust_manifest:
                        copy_trusting(stream, out, file.size)
                    else:
                        found = copy_hashed(stream, out, file.size).sha256
                    _refuse(source.name, found == file.sha256)
            elif not trust_manifest:
                _refuse(source.name, hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256)


def _refuse(name: str, sound: bool) -> None:
    if not sound:
        raise DamagedError(f"{name} is damaged (its SHA-256 is wrong).", GET_AGAIN)


def _check_architecture(model: ModelInfo, engine: EngineInfo) -> None:
    if model.architecture not in engine.architectures:
        raise ModelError(
            f"The new engine does not know the model's architecture {model.architecture!r}.", "Use another kit."
        )


def _model_info(model: ModelInfo, changes: Changes) -> ModelInfo:
    """What the model is, with a name or licence that the changes give it."""
    table = changes.spec.model
    if "model.name" in changes.told and table.name:
        model = replace(model, name=table.name)
    if "model.license" in changes.told and table.license:
        model = replace(model, license=table.license)
    return model


def _for_manifest(changes: Changes, old: DistManifest) -> dict[str, object]:
    """The new spec for the manifest; the old one as it was if nothing in it changes."""
    if not changes.told:
        return old.spec
    told = changes.spec.model_dump()
    told["dist"]["icon"] = Path(changes.spec.dist.icon).name
    told["model"]["license_file"] = Path(changes.spec.model.license_file).name
    return told


def _changed(old: DistManifest, new: DistManifest) -> tuple[str, ...]:
    def entries(manifest: DistManifest, role: Role) -> list[str]:
        return [entry.sha256 for entry in manifest.entries if entry.role is role]

    def runtime(manifest: DistManifest) -> tuple[object, ...]:
        return (manifest.runtime, manifest.stub, entries(manifest, Role.RUNTIME))

    return tuple(
        name
        for name, differs in (
            ("engine", (old.engine, entries(old, Role.ENGINE)) != (new.engine, entries(new, Role.ENGINE))),
            ("runtime", runtime(old) != runtime(new)),
            ("spec", (old.spec, old.name, old.version) != (new.spec, new.name, new.version)),
        )
        if differs
    )


def _refuse_no_change(manifest: DistManifest) -> None:
    if not manifest.history[-1].changed:
        raise UsageError(
            "Nothing would change: this engine and runtime are inside already, and no key of the spec differs.",
            "Give a newer kit (--kit FILE), or changes (--spec FILE).",
        )

"""`compose(kit, model, spec) → file`: the one act the builder exists for.

Pure in its inputs: no look at the host, no clock, no path of this machine in the result; equal inputs, equal bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bundler import bom, targets
from bundler.compose import ranges, windows
from bundler.compose.parts import (
    MODEL_ENTRY,
    MODEL_LICENSE_ENTRY,
    bytes_payload,
    kit_payloads,
    model_payload,
    part_payload,
    selected_engine,
    stub_of,
)
from bundler.compose.sidecar import Beside, write_beside
from bundler.compose.stubs import Description, code_signature, fitted
from bundler.compose.writer import Derived, Payload, Written, write_archive
from bundler.errors import SpecError
from bundler.model.content import Range
from bundler.model.local import LocalModel, check_architecture
from bundler.model.parts import Part
from bundler.sizes import parse_size
from bundler.spec import DistSpec
from bundler.targets import Target
from runtime.container.archive import DIST, Archive
from runtime.manifest import (
    Digest,
    DistManifest,
    Entry,
    KitManifest,
    ModelInfo,
    PartInfo,
    Role,
)

DIRECTORY_ALLOWANCE = 1 << 20
"""Room left for headers and directory when deciding whether a file stays under a target's limit."""


@dataclass(frozen=True, slots=True)
class Composed:
    """A finished dist. notes: what the builder should know about it (a missing signature, a sidecar).

    beside: the model's files, if it is not inside.
    """

    written: Written[DistManifest]
    beside: tuple[Path, ...]
    notes: tuple[str, ...]


def compose(
    kit: Archive[KitManifest],
    model: LocalModel,
    spec: DistSpec,
    folder: Path,
    *,
    parts: Sequence[Part] = (),
    license_text: bytes = b"",
    icon: bytes = b"",
    sign: Callable[[bytes], bytes] | None = None,
    advance: Callable[[int], object] | None = None,
) -> Composed:
    """Write the dist of `spec` for the kit's target into `folder`, atomically.

    parts: what goes with the model. license_text: its licence, packed along if there is one. icon: an .ico file, for
    Windows. sign: makes the manifest's
    signature, if it shall have one. advance: called with numbers of bytes copied.
    Raises `KitError`, `ModelError`, `SpecError` or `SurroundingsError`; then nothing under the final name has changed.
    """
    target = targets.find(kit.manifest.target)
    path = folder / file_name(spec, target)
    stub = stub_of(kit, target)
    if target.system == "windows":
        stub = windows.dressed(stub, spec, path.name, windows.icons(icon) if icon else {})
    engine = selected_engine(kit.manifest, spec.engine.backends)
    check_architecture(model, engine.architectures)
    beside = [part_payload(part) for part in parts]
    beside += [bytes_payload(MODEL_LICENSE_ENTRY, license_text)] if license_text else []
    beside += kit_payloads(kit, engine, sources=spec.archive.sources)

    size = len(stub) + model.size + sum(p.entry.size for p in beside) + DIRECTORY_ALLOWANCE
    limit = parse_size(spec.media.split) if spec.media.split else None
    outside = Beside()
    if spec.media.sidecar or size > min(limit or size, target.max_executable or size):
        if limit and size - model.size > limit:
            raise SpecError(f"The program without its model is larger than media.split allows ({limit:,} bytes).")
        outside = write_beside(model, folder, path.name.removesuffix(target.suffix), limit, advance)
    info = _model_info(model, spec, outside, parts)
    runtime = kit.manifest.runtime

    def describe(digest: Digest) -> Description:
        materials = bom.Materials(spec.dist.name, spec.dist.version, target.name, info, engine, runtime, digest)

        def manifest_with(entries: tuple[Entry, ...]) -> DistManifest:
            return DistManifest(
                name=spec.dist.name,
                version=spec.dist.version,
                target=target.name,
                stub=digest,
                entries=entries,
                model=info,
                engine=engine,
                runtime=runtime,
                kit=kit.manifest_sha256,
                spec=_spec_for_manifest(spec, model, parts),
                code_signature=code_signature(target, path.name),
            )

        payloads = with_bill(beside if outside.files else [model_payload(model), *beside], materials)
        return Description(payloads, manifest_with)

    stub, described = fitted(stub, describe, signed=sign is not None)
    shared = 0 if outside.files else _shareable(model, folder)
    written = write_archive(
        path, DIST, stub, described.payloads, described.manifest_with, advance, sign=sign, shared=shared
    )
    return Composed(written, tuple(folder / file.file for file in outside.files), _notes(target, outside))


def _shareable(model: LocalModel, folder: Path) -> int:
    """How many bytes of the model the dist can share with its file; none if it is joined from pieces."""
    pieces = model.content.pieces
    if len(pieces) != 1 or not isinstance(pieces[0], Range):
        return 0
    with pieces[0].path.open("rb") as file:
        return model.size if ranges.can_share(file.fileno(), folder) else 0


def with_bill(payloads: Sequence[Payload], materials: bom.Materials) -> list[Payload | Derived]:
    """The payloads with their bill of materials before the runtime, which stays last."""
    runtime = [payload for payload in payloads if payload.entry.role is Role.RUNTIME]
    others = [payload for payload in payloads if payload.entry.role is not Role.RUNTIME]
    return [*others, bom.derived(materials), *runtime]


def file_name(spec: DistSpec, target: Target) -> str:
    """Name of the finished file: name, version, target, and the suffix executables have there."""
    return f"{spec.dist.name}-{spec.dist.version}-{target.name}{target.suffix}"


def _model_info(model: LocalModel, spec: DistSpec, outside: Beside, parts: Sequence[Part]) -> ModelInfo:
    header = model.header
    said = {key: str(header.metadata.get(f"general.{key}", "")) for key in ("name", "author", "description")}
    return ModelInfo(
        name=spec.model.name or said["name"] or model.name,
        architecture=header.architecture,
        entry="" if outside.files else MODEL_ENTRY,
        sidecar=outside.whole,
        splits=outside.parts,
        file_type=header.file_type,
        parameters=header.parameters,
        context_length=header.context_length,
        license=spec.model.license or model.license,
        author=said["author"],
        description=said["description"],
        source=model.source,
        origin=model.origin,
        parts=tuple(PartInfo(part.entry, part.source, part.origin, part.license, part.shape) for part in parts),
        shape=model.shape,
    )


def _spec_for_manifest(spec: DistSpec, model: LocalModel, parts: Sequence[Part]) -> dict[str, Any]:
    """The spec with defaults, without paths of the machine that built it."""
    told = spec.model_dump()
    told["model"]["source"] = model.source
    told["dist"]["icon"] = Path(spec.dist.icon).name
    told["model"]["license_file"] = Path(spec.model.license_file).name
    by_role = {role: [part.source for part in parts if part.role is role] for role in Role}
    told["model"]["projector"] = "".join(by_role[Role.PROJECTOR])
    told["model"]["draft"] = "".join(by_role[Role.DRAFT])
    told["model"]["adapters"] = by_role[Role.ADAPTER]
    told["model"]["imatrix"] = Path(spec.model.imatrix).name
    told["chat"]["template"] = "".join(by_role[Role.TEMPLATE])
    told["dist"]["targets"] = []  # which other systems were built along does not concern this file
    return told


def _notes(target: Target, outside: Beside) -> tuple[str, ...]:
    notes = []
    if outside.files:
        names = ", ".join(file.file for file in outside.files)
        notes.append(f"The model is not inside the program but beside it: hand out {names} with it, in one folder.")
    if target.system == "macos":
        notes.append(
            "A Mac keeps files from the internet in quarantine. Tell recipients: xattr -d com.apple.quarantine FILE; "
            "and do not sign the file with codesign, it is signed (docs/targets.md)."
        )
    return tuple(notes)

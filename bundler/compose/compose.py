"""`compose(kit, model, spec) → file`: the one act the builder exists for.

Pure in its inputs: no look at the host, no clock, no path of this machine in the result; equal inputs, equal bytes.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from bundler import targets
from bundler.compose import executable
from bundler.compose.sidecar import write_sidecar
from bundler.compose.writer import UNKNOWN_CRC32, UNKNOWN_SHA256, Payload, Written, write_archive
from bundler.errors import DamagedError, KitError, ModelError
from bundler.model.local import LocalModel, check_architecture
from bundler.model.parts import Part
from bundler.spec import DistSpec
from bundler.targets import Target
from runtime.container.archive import DIST, Archive
from runtime.container.layout import MAX_ALIGNMENT
from runtime.manifest import (
    Digest,
    DistManifest,
    EngineInfo,
    Entry,
    KitManifest,
    ModelInfo,
    PartInfo,
    Role,
    Sidecar,
)

MODEL_ENTRY = "model.gguf"
MODEL_LICENSE_ENTRY = "licenses/model.txt"
DIRECTORY_ALLOWANCE = 1 << 20
"""Room left for headers and directory when deciding whether a file stays under a target's limit."""


@dataclass(frozen=True, slots=True)
class Composed:
    """A finished dist. notes: what the builder should know about it (a missing signature, a sidecar)."""

    written: Written[DistManifest]
    sidecar: Path | None
    notes: tuple[str, ...]


def compose(
    kit: Archive[KitManifest],
    model: LocalModel,
    spec: DistSpec,
    folder: Path,
    *,
    parts: Sequence[Part] = (),
    license_text: bytes = b"",
    advance: Callable[[int], object] | None = None,
) -> Composed:
    """Write the dist of `spec` for the kit's target into `folder`, atomically.

    parts: what goes with the model. license_text: its licence, packed along if there is one.
    advance: called with numbers of bytes copied.
    Raises `KitError`, `ModelError`, `SpecError` or `SurroundingsError`; then nothing under the final name has changed.
    """
    target = targets.find(kit.manifest.target)
    stub = _stub(kit, target)
    engine = _selected_engine(kit.manifest, spec)
    check_architecture(model, engine.architectures)
    beside = [_part_payload(part) for part in parts]
    beside += [_bytes_payload(MODEL_LICENSE_ENTRY, license_text)] if license_text else []
    beside += _kit_payloads(kit, engine)

    path = folder / file_name(spec, target)
    size = len(stub) + model.size + sum(p.entry.size for p in beside) + DIRECTORY_ALLOWANCE
    sidecar = None
    if target.max_executable is not None and size > target.max_executable:
        sidecar = write_sidecar(model, folder / f"{path.name.removesuffix(target.suffix)}.gguf", advance)
    payloads = beside if sidecar else [_model_payload(model), *beside]

    def manifest_with(entries: tuple[Entry, ...]) -> DistManifest:
        return DistManifest(
            name=spec.dist.name,
            version=spec.dist.version,
            target=target.name,
            stub=Digest(len(stub), hashlib.sha256(stub).hexdigest()),
            entries=entries,
            model=_model_info(model, spec, sidecar, parts),
            engine=engine,
            runtime=kit.manifest.runtime,
            kit=kit.manifest_sha256,
            spec=_spec_for_manifest(spec, model, parts),
        )

    written = write_archive(path, DIST, stub, payloads, manifest_with, advance)
    return Composed(written, folder / sidecar.file if sidecar else None, _notes(target, sidecar))


def file_name(spec: DistSpec, target: Target) -> str:
    """Name of the finished file: name, version, target, and the suffix executables have there."""
    return f"{spec.dist.name}-{spec.dist.version}-{target.name}{target.suffix}"


def _stub(kit: Archive[KitManifest], target: Target) -> bytes:
    entry = next((e for e in kit.manifest.entries if e.role is Role.STUB), None)
    if entry is None:
        raise KitError(f"The kit {kit.source.name} has no stub.", "Build or import the kit again.")
    stub = kit.read(entry.name)
    executable.check(stub, target)
    return stub


def _selected_engine(kit: KitManifest, spec: DistSpec) -> EngineInfo:
    """The kit's engine with the core libraries and those of the backends the spec asks for."""
    wanted = spec.engine.backends
    missing = [name for name in wanted if name not in kit.engine.backends]
    if missing:
        backends = " ".join(f"--backend {name}" for name in dict.fromkeys((*kit.engine.backends, *missing)))
        raise KitError(
            f"The kit for {kit.target} has the backends {', '.join(kit.engine.backends)}, not {', '.join(missing)}.",
            f"Build one that has it: pannier kit build {backends}",
        )
    libraries = tuple(lib for lib in kit.engine.libraries if lib.kind == "core" or lib.backend in wanted)
    return replace(kit.engine, libraries=libraries)


def _kit_payloads(kit: Archive[KitManifest], engine: EngineInfo) -> list[Payload]:
    """The kit's entries that go into the dist, in order: engine, texts, and the runtime last.

    The bootloader looks for the runtime from the end of the file backwards; last, it is found at once.
    """
    libraries = {lib.entry for lib in engine.libraries}
    entries = kit.manifest.entries
    chosen = [e for e in entries if e.role is Role.ENGINE and e.name in libraries]
    chosen += [e for e in entries if e.role in (Role.LICENSE, Role.DOCUMENT)]
    chosen += [e for e in entries if e.role is Role.RUNTIME]
    return [_kit_payload(kit, entry) for entry in chosen]


def _kit_payload(kit: Archive[KitManifest], entry: Entry) -> Payload:
    @contextmanager
    def opened() -> Iterator[BinaryIO]:
        with Path(kit.source.name).open("rb") as file:
            file.seek(kit.data_range(entry.name)[0])
            yield file

    return Payload(
        entry,
        opened,
        lambda problem: DamagedError(f"{entry.name} in the kit {kit.source.name}: {problem}.", "Build the kit again."),
    )


def _model_payload(model: LocalModel) -> Payload:
    entry = Entry(
        MODEL_ENTRY, Role.MODEL, model.size, model.sha256 or UNKNOWN_SHA256, UNKNOWN_CRC32, alignment=MAX_ALIGNMENT
    )
    return Payload(entry, model.content.open, model.mismatch)


def _part_payload(part: Part) -> Payload:
    alignment = MAX_ALIGNMENT if part.entry.endswith(".gguf") else 1
    entry = Entry(
        part.entry, part.role, part.content.size, part.sha256 or UNKNOWN_SHA256, UNKNOWN_CRC32, alignment=alignment
    )
    return Payload(entry, part.content.open, part.mismatch)


def _bytes_payload(name: str, data: bytes) -> Payload:
    entry = Entry(name, Role.LICENSE, len(data), hashlib.sha256(data).hexdigest(), UNKNOWN_CRC32)
    return Payload(entry, lambda: io.BytesIO(data), lambda problem: ModelError(f"{name}: {problem}."))


def _model_info(model: LocalModel, spec: DistSpec, sidecar: Sidecar | None, parts: Sequence[Part]) -> ModelInfo:
    header = model.header
    said = {key: str(header.metadata.get(f"general.{key}", "")) for key in ("name", "author", "description")}
    return ModelInfo(
        name=spec.model.name or said["name"] or model.name,
        architecture=header.architecture,
        entry="" if sidecar else MODEL_ENTRY,
        sidecar=sidecar,
        file_type=header.file_type,
        parameters=header.parameters,
        context_length=header.context_length,
        license=spec.model.license or model.license,
        author=said["author"],
        description=said["description"],
        source=model.source,
        origin=model.origin,
        parts=tuple(PartInfo(part.entry, part.source, part.origin, part.license) for part in parts),
    )


def _spec_for_manifest(spec: DistSpec, model: LocalModel, parts: Sequence[Part]) -> dict[str, Any]:
    """The spec with defaults, without paths of the machine that built it."""
    told = spec.model_dump()
    told["model"]["source"] = model.source
    told["model"]["license_file"] = Path(spec.model.license_file).name
    by_role = {role: [part.source for part in parts if part.role is role] for role in Role}
    told["model"]["projector"] = "".join(by_role[Role.PROJECTOR])
    told["model"]["draft"] = "".join(by_role[Role.DRAFT])
    told["model"]["adapters"] = by_role[Role.ADAPTER]
    told["model"]["imatrix"] = Path(spec.model.imatrix).name
    told["chat"]["template"] = "".join(by_role[Role.TEMPLATE])
    told["dist"]["targets"] = []  # which other systems were built along does not concern this file
    return told


def _notes(target: Target, sidecar: Sidecar | None) -> tuple[str, ...]:
    notes = []
    if sidecar:
        notes.append(
            f"{target.system} cannot start files over {target.max_executable or 0:,} bytes, so the model is beside the "
            f"program: hand out {sidecar.file} with it."
        )
    if target.system == "macos":
        notes.append("The file is not signed. On a Mac, sign it before handing it out: codesign --sign - FILE")
    return tuple(notes)

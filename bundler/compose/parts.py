"""What a dist is made of, as payloads: the kit's stub, engine, texts and runtime; the model; small texts."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from bundler.compose import executable, macho
from bundler.compose.writer import UNKNOWN_CRC32, UNKNOWN_SHA256, Payload
from bundler.errors import DamagedError, KitError, ModelError
from bundler.model.local import LocalModel
from bundler.model.parts import Part
from bundler.targets import Target
from runtime.container.archive import Archive
from runtime.container.layout import MAX_ALIGNMENT
from runtime.manifest import EngineInfo, Entry, KitManifest, Role

MODEL_ENTRY = "model.gguf"
MODEL_LICENSE_ENTRY = "licenses/model.txt"


def stub_of(kit: Archive[KitManifest], target: Target) -> bytes:
    """The kit's launcher or bootloader, the dist's first bytes. Raises `KitError` if it is not one for `target`.

    A Mac's comes without its signature: the finished dist gets another one.
    """
    entry = next((e for e in kit.manifest.entries if e.role is Role.STUB), None)
    if entry is None:
        raise KitError(f"The kit {kit.source.name} has no stub.", "Build or import the kit again.")
    stub = kit.read(entry.name)
    executable.check(stub, target)
    return macho.bare(stub) if target.system == "macos" else stub


def selected_engine(kit: KitManifest, backends: Sequence[str]) -> EngineInfo:
    """The kit's engine with the core libraries and those of `backends`. Raises `KitError` where one is missing."""
    missing = [name for name in backends if name not in kit.engine.backends]
    if missing:
        backends = " ".join(f"--backend {name}" for name in dict.fromkeys((*kit.engine.backends, *missing)))
        raise KitError(
            f"The kit for {kit.target} has the backends {', '.join(kit.engine.backends)}, not {', '.join(missing)}.",
            f"Build one that has it: pannier kit build {backends}",
        )
    libraries = tuple(lib for lib in kit.engine.libraries if lib.kind == "core" or lib.backend in backends)
    return replace(kit.engine, libraries=libraries)


def kit_payloads(kit: Archive[KitManifest], engine: EngineInfo, *, sources: bool = False) -> list[Payload]:
    """The kit's entries that go into the dist, in order: engine, texts, and the runtime last.

    PyInstaller's bootloader, where it is the stub, looks for its archive from the end of the file backwards; as the
    last entry it is found at once.
    """
    libraries = {lib.entry for lib in engine.libraries}
    entries = kit.manifest.entries
    chosen = [e for e in entries if e.role is Role.ENGINE and e.name in libraries]
    chosen += [e for e in entries if e.role in (Role.LICENSE, Role.DOCUMENT)]
    if sources:
        carried = [e for e in entries if e.role is Role.SOURCE]
        if not carried:
            raise KitError(
                f"The kit {kit.source.name} has no sources.", "Build one that has: pannier kit build --sources"
            )
        chosen += carried
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


def model_payload(model: LocalModel) -> Payload:
    """The model as an entry, aligned so that the engine can map it in place."""
    entry = Entry(
        MODEL_ENTRY, Role.MODEL, model.size, model.sha256 or UNKNOWN_SHA256, UNKNOWN_CRC32, alignment=MAX_ALIGNMENT
    )
    return Payload(entry, model.content.open, model.mismatch)


def part_payload(part: Part) -> Payload:
    """What goes with the model, as an entry; a GGUF is aligned like the model itself."""
    alignment = MAX_ALIGNMENT if part.entry.endswith(".gguf") else 1
    entry = Entry(
        part.entry, part.role, part.content.size, part.sha256 or UNKNOWN_SHA256, UNKNOWN_CRC32, alignment=alignment
    )
    return Payload(entry, part.content.open, part.mismatch)


def bytes_payload(name: str, data: bytes, role: Role = Role.LICENSE) -> Payload:
    """A small entry from bytes in memory."""
    entry = Entry(name, role, len(data), hashlib.sha256(data).hexdigest(), UNKNOWN_CRC32)
    return Payload(entry, lambda: io.BytesIO(data), lambda problem: ModelError(f"{name}: {problem}."))

"""Engines to choose from, without a dist around them: an opened container made of plain files."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from runtime.errors import DamagedError
from runtime.launch.osdep import Command, system
from runtime.manifest import (
    Digest,
    DistManifest,
    EngineInfo,
    EngineLibrary,
    Entry,
    ModelInfo,
    Role,
    RuntimeInfo,
)

CORE = ("libggml-base.so", "libggml.so")
PROBE = ("-m", "runtime.backends.probe")


def probe_command() -> Command:
    """The probing child of this checkout."""
    return Command((sys.executable, *PROBE), sys.executable, system.outside_environment())


@dataclass
class FakeContainer:
    """Entries are files. `reads` counts what was really unpacked."""

    manifest: DistManifest
    files: Mapping[str, Path]
    reads: list[str] = field(default_factory=list)

    def read(self, name: str) -> bytes:
        self.reads.append(name)
        data = self.files[name].read_bytes()
        if hashlib.sha256(data).hexdigest() != self.manifest.entry(name).decoded.sha256:
            raise DamagedError(f"{name} is damaged.")
        return data


def container(core: Mapping[str, Path], backends: Mapping[str, tuple[Path, int]]) -> FakeContainer:
    """An opened dist. core: name on disk to file. backends: CPU variant to (file, rank)."""
    files, libraries, entries = {}, [], []
    for name, path in core.items():
        libraries.append(EngineLibrary(f"engine/{name}", name, "core"))
        files[f"engine/{name}"] = path
    for variant, (path, rank) in backends.items():
        name = f"libggml-cpu-{variant}.so"
        libraries.append(EngineLibrary(f"engine/{name}", name, "backend", "cpu", variant, rank))
        files[f"engine/{name}"] = path
    for name, path in files.items():
        data = path.read_bytes()
        digest = Digest(len(data), hashlib.sha256(data).hexdigest())
        entries.append(Entry(name, Role.ENGINE, digest.size, digest.sha256, "00000000", content=digest))
    manifest = DistManifest(
        "test",
        "1",
        "linux-x86_64",
        Digest(0, ""),
        tuple(entries),
        ModelInfo("m", "llama", ""),
        EngineInfo("", "", "", "", {}, tuple(libraries)),
        RuntimeInfo("", "", ""),
        "",
    )
    return FakeContainer(manifest, files)


def real_container(engine_dir: Path, *variants: str) -> FakeContainer:
    """Real libraries; ranks fall in the order given."""
    ranked = {name: (engine_dir / f"libggml-cpu-{name}.so", 100 - i) for i, name in enumerate(variants)}
    return container({name: engine_dir / name for name in CORE}, ranked)

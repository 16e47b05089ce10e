"""The nouns of a finished engine, and their record on disk.

A directory in the cache holds the files and `engine.json`, which names each with its hash; it is valid exactly if all
hashes are right. Parts and whole engines have the same form.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bundler.engine.source import RELEASE
from bundler.errors import ToolError
from bundler.publish import discard, file_sha256
from runtime.manifest import EngineInfo, EngineLibrary

RECORD = "engine.json"
LICENSE = "LICENSE.llama.cpp"


@dataclass(frozen=True, slots=True)
class BuiltFile:
    """One finished file. kind: "core", "backend", or "peer" (never packed). The rest as in `EngineLibrary`."""

    file: str
    kind: str
    size: int
    sha256: str
    backend: str = ""
    variant: str = ""
    rank: int = 0
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Engine:
    """A finished engine, or a part of one, in the cache.

    path: directory with the finished libraries (and, if asked for, llama.cpp's own programs beside them).
    key: hash of everything that decided its bytes. glibc: oldest one it starts on ("2.34"), "" outside Linux.
    oldest: the oldest version of its system, where that is no matter of glibc ("10.0").
    architectures: the model architectures it knows, as GGUF files name them.
    """

    path: Path
    key: str
    target: str
    files: tuple[BuiltFile, ...]
    compiler: str
    recipe: dict[str, Any]
    architectures: tuple[str, ...]
    glibc: str
    oldest: str = ""

    @property
    def libraries(self) -> tuple[BuiltFile, ...]:
        """What is packed into dists: core first, then each backend's variants, best first."""
        packed = [file for file in self.files if file.kind != "peer"]
        return tuple(sorted(packed, key=lambda f: (f.kind != "core", f.backend != "cpu", f.backend, -f.rank, f.file)))

    @property
    def license(self) -> Path:
        """llama.cpp's licence text."""
        return self.path / LICENSE

    def program(self, name: str) -> Path:
        """One of llama.cpp's own programs ("llama-server"). Raises `ToolError` if they were not built along."""
        for file in self.files:
            if file.kind == "peer" and Path(file.file).stem == name:
                return self.path / file.file
        raise ToolError(f"This engine has no {name}.", "Run `pannier engine build --peers`.")

    def info(self, entry: Callable[[BuiltFile], str]) -> EngineInfo:
        """What the manifest says of it; `entry` names each library's archive member."""
        return EngineInfo(
            source=RELEASE.name,
            source_sha256=RELEASE.sha256,
            commit=RELEASE.commit,
            compiler=self.compiler,
            recipe=self.recipe,
            libraries=tuple(
                EngineLibrary(entry(lib), lib.file, lib.kind, lib.backend, lib.variant, lib.rank, lib.needs)
                for lib in self.libraries
            ),
            architectures=self.architectures,
            glibc=self.glibc,
            oldest=self.oldest,
        )


def write_record(engine: Engine) -> None:
    """Write the record into the engine's directory."""
    record = asdict(engine)
    del record["path"]
    (engine.path / RECORD).write_text(json.dumps(record, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def read_record(folder: Path) -> Engine | None:
    """The engine the directory's record describes, unchecked; None where there is no readable record."""
    try:
        record = json.loads((folder / RECORD).read_bytes())
        files = tuple(BuiltFile(**{**file, "needs": tuple(file["needs"])}) for file in record.pop("files"))
        return Engine(path=folder, files=files, architectures=tuple(record.pop("architectures")), **record)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def find(folder: Path) -> Engine | None:
    """The engine in this directory if every file has its recorded hash. What is there but not whole is removed."""
    engine = read_record(folder)
    try:
        if engine and all(file_sha256(folder / file.file) == file.sha256 for file in engine.files):
            return engine
    except OSError:
        pass
    discard(folder)
    return None

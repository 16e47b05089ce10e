"""What differs between two dists, told from their manifests: nothing large is read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from runtime.manifest import DistManifest, Entry


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs. what: "model", "engine", "runtime", "package fastapi", "spec ui.title", "entry …"."""

    what: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.what}: {self.before or '(none)'} → {self.after or '(none)'}"


def diff(a: DistManifest, b: DistManifest) -> tuple[Difference, ...]:
    """What differs from `a` to `b`, the important things first; empty if nothing a manifest tells does."""
    return tuple(Difference(what, old, new) for what, old, new in _pairs(a, b) if old != new)


def _pairs(a: DistManifest, b: DistManifest) -> Iterator[tuple[str, str, str]]:
    yield "name", f"{a.name} {a.version}", f"{b.name} {b.version}"
    yield "target", a.target, b.target
    yield "model", _model(a), _model(b)
    yield "model name", a.model.name, b.model.name
    yield "model licence", a.model.license, b.model.license
    yield "model origin", _inline(a.model.origin), _inline(b.model.origin)
    yield "engine", _engine(a), _engine(b)
    yield "compiler", a.engine.compiler, b.engine.compiler
    yield "recipe", _inline(a.engine.recipe), _inline(b.engine.recipe)
    yield "backends", ", ".join(a.engine.backends), ", ".join(b.engine.backends)
    yield "runtime", a.runtime.version, b.runtime.version
    yield "python", a.runtime.python, b.runtime.python
    yield "pyinstaller", a.runtime.pyinstaller, b.runtime.pyinstaller
    yield from _named("package", {p.name: p.version for p in a.runtime.packages}, _versions(b))
    yield from _named("spec", dict(_flat(a.spec)), dict(_flat(b.spec)))
    yield "stub", a.stub.sha256[:16], b.stub.sha256[:16]
    yield from _named("entry", _entries(a), _entries(b))
    yield "renewals", str(len(a.history)), str(len(b.history))


def _named(kind: str, a: dict[str, str], b: dict[str, str]) -> Iterator[tuple[str, str, str]]:
    for name in sorted({*a, *b}):
        yield f"{kind} {name}", a.get(name, ""), b.get(name, "")


def _versions(manifest: DistManifest) -> dict[str, str]:
    return {package.name: package.version for package in manifest.runtime.packages}


def _model(manifest: DistManifest) -> str:
    """The model's bytes: where they are does not matter here, which they are does."""
    model = manifest.model
    if model.beside:
        return "; ".join(f"{file.size:,} bytes, sha256 {file.sha256}" for file in model.beside)
    entry = manifest.entry(model.entry)
    return f"{entry.size:,} bytes, sha256 {entry.sha256}"


def _engine(manifest: DistManifest) -> str:
    return f"{manifest.engine.source}, llama.cpp {manifest.engine.commit}"


def _entries(manifest: DistManifest) -> dict[str, str]:
    def told(entry: Entry) -> str:
        return f"{entry.size:,} bytes, sha256 {entry.sha256[:16]}"

    return {entry.name: told(entry) for entry in manifest.entries if entry.name != manifest.model.entry}


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, item in value.items():
        if isinstance(item, dict):
            yield from _flat(item, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", repr(item)


def _inline(facts: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(facts.items()))

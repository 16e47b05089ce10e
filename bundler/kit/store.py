"""The kits on this disk: list, find, import, export. Nothing here looks at the host."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from bundler import cache, targets
from bundler.errors import DamagedError, KitError
from runtime.container.archive import KIT, Archive, open_kit
from runtime.container.atomic import replacing
from runtime.container.source import Source
from runtime.container.verify import verify
from runtime.manifest import KitManifest, Role
from runtime.oldest import oldest_system

SUFFIX = ".kit"


@dataclass(frozen=True, slots=True)
class StoredKit:
    """A kit in the store. id: SHA-256 of its manifest."""

    path: Path
    id: str
    manifest: KitManifest

    @property
    def has_sources(self) -> bool:
        """Whether what is made with it can be rebuilt from itself."""
        return any(entry.role is Role.SOURCE for entry in self.manifest.entries)

    @property
    def starts_on(self) -> str:
        """The oldest system that what is made with it starts on, in words."""
        return oldest_system(self.manifest.target, self.manifest.engine, self.manifest.runtime)

    @property
    def summary(self) -> dict[str, object]:
        """What `kit list` tells of it."""
        return {
            "id": self.id,
            "target": self.manifest.target,
            "backends": list(self.manifest.engine.backends),
            "engine": self.manifest.engine.source,
            "commit": self.manifest.engine.commit,
            "runtime": self.manifest.runtime.version,
            "starts_on": self.starts_on,
            "size": self.path.stat().st_size,
            "path": str(self.path),
        }


def folder() -> Path:
    """Where kits are kept."""
    return cache.root() / "kits"


def stored() -> list[StoredKit]:
    """All readable kits, newest first. A damaged file in the folder is left out."""
    found = []
    for path in folder().glob(f"*{SUFFIX}"):
        try:
            with opened(path) as kit:
                found.append((path.stat().st_mtime_ns, StoredKit(path, kit.manifest_sha256, kit.manifest)))
        except (OSError, DamagedError):
            continue
    return [kit for _, kit in sorted(found, key=lambda item: (-item[0], item[1].id))]


def find(target: str, backends: Iterable[str], *, sources: bool = False) -> StoredKit:
    """The newest kit for `target` that has all `backends`, and its sources if they are wanted.

    Raises `KitError` saying how to get one.
    """
    wanted = set(backends)
    for kit in stored():
        fits = kit.manifest.target == target and wanted <= set(kit.manifest.engine.backends)
        if fits and (not sources or kit.has_sources):
            return kit
    flags = [*(f"--backend {name}" for name in sorted(wanted - {"cpu"})), *(["--sources"] if sources else [])]
    problem = f"There is no kit for {target} with {', '.join(sorted(wanted))}{' and its sources' if sources else ''}."
    if targets.find(target).anywhere and not sources:
        making = " ".join(["pannier kit build", f"--target {target}", *flags])
        raise KitError(problem, f"Make it, on any Linux: {making}")
    raise KitError(
        problem,
        f"On a {target} machine: {' '.join(['pannier kit build', *flags])} && pannier kit export {target} FILE; "
        "then here: pannier kit import FILE",
    )


def opened(path: Path) -> Archive[KitManifest]:
    """Open the kit at `path`. Raises `KitError` if there is none, `DamagedError` if it is not sound."""
    try:
        return open_kit(path)
    except OSError as error:
        raise KitError(f"The kit {path} cannot be read ({error.strerror}).") from None


def add(path: Path) -> StoredKit:
    """Check every byte of the kit at `path` and copy it into the store. Raises `DamagedError` or `KitError`."""
    with opened(path) as kit, Source.open(path) as source:
        report = verify(source, KIT)
        if not report.sound:
            raise DamagedError(f"The kit {path} is damaged: {report.damages[0]}.", "Get the kit again.")
        target = folder() / f"{kit.manifest.target}-{kit.manifest_sha256[:16]}{SUFFIX}"
        copy(path, target)
        return StoredKit(target, kit.manifest_sha256, kit.manifest)


def export(kit: StoredKit, path: Path) -> None:
    """Copy a stored kit to `path`, atomically."""
    copy(kit.path, path)


def copy(source: Path, target: Path) -> None:
    """Copy a file, atomically."""
    with source.open("rb") as stream, replacing(target, source.stat().st_size, mode=0o644) as out:
        shutil.copyfileobj(stream, out, 1 << 20)

"""The engine's libraries on disk: unpacked once, content-addressed, right without locks.

`engine-<hash>/` holds libraries of exactly one engine: the hash is over the names and contents of all its libraries,
so a name in that folder can only ever stand for one content. Every file is written under a name of its own and renamed
into place whole; ten copies that start at once write the same bytes ten times, and whoever renames last changes
nothing. What is there already is trusted only after its SHA-256 was computed again (5 ms for the 6 MB a start needs):
a crash, a full disk or a stranger may have left something else.

Libraries that are only being tried lie in a folder of the process that tries them (`Scratch`). So the losers of a
choice never need to be removed from under another start, and only winners are kept.

A long-running program calls `provide` again before it loads from the folder again: another version may have swept it.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from runtime.errors import DamagedError
from runtime.launch.places import NO_EXECUTION, Place, Places, in_words, maps_as_code
from runtime.manifest import Digest, DistManifest, EngineInfo, EngineLibrary

PREFIX = "engine-"
EMPTIED = "is being emptied by another program"
KEPT_DAYS = 60  # an engine no start has used for so long is removed
SWEPT_AWAY = 3  # how often a folder may vanish while it is filled before its place is given up
LITTER_AGE = 3600.0  # seconds after which a temporary name belongs to nobody any more


class Container(Protocol):
    """What is needed of an opened dist."""

    @property
    def manifest(self) -> DistManifest:
        """What is inside."""

    def read(self, name: str) -> bytes:
        """An entry's decoded bytes, checked. Raises `DamagedError`."""


def engine_hash(manifest: DistManifest) -> str:
    """The identity of the engine inside: over names and contents of all its libraries."""
    digest = hashlib.sha256()
    for library in sorted(manifest.engine.libraries, key=lambda library: library.file):
        digest.update(f"{library.file} {content(manifest, library).sha256}\n".encode())
    return digest.hexdigest()


def content(manifest: DistManifest, library: EngineLibrary) -> Digest:
    """Size and hash a library has on disk. Raises `DamagedError` if the manifest names no such entry."""
    for entry in manifest.entries:
        if entry.name == library.entry:
            return entry.decoded
    raise DamagedError(f"The manifest names the library {library.file} but no entry {library.entry}.", "Get it again.")


def core(engine: EngineInfo) -> tuple[EngineLibrary, ...]:
    """The libraries every backend needs."""
    return tuple(library for library in engine.libraries if library.kind == "core")


class EngineCache:
    """Where this machine keeps the engine's libraries."""

    def __init__(self, places: Places) -> None:
        self.places = places

    def provide(self, container: Container, libraries: Sequence[EngineLibrary]) -> Path:
        """A folder that holds `libraries`, each verified now.

        Goes through the places until one works. Raises `SurroundingsError` if none does, `DamagedError` if a library
        inside the dist is not what the manifest says.
        """
        name = PREFIX + engine_hash(container.manifest)[:32]
        unpacked: dict[str, bytes] = {}
        for place in self.places.candidates:
            directory = place.path / name
            for _ in range(SWEPT_AWAY):
                reason = self._complete(place, directory, container, libraries, unpacked)
                if reason or _all_there(directory, libraries):
                    break
            else:
                reason = EMPTIED
            if not reason and not all(maps_as_code(directory / library.file) for library in libraries):
                reason = NO_EXECUTION if _all_there(directory, libraries) else EMPTIED
            if not reason:
                return directory
            self.places.refuse(place, reason)
        raise self.places.none_left()

    def scratch(self, beside: Path) -> Scratch:
        """A folder of this process alone next to an engine's folder (same place, so libraries can be loaded)."""
        return Scratch(beside.with_name(f".try-{os.getpid()}-{secrets.token_hex(4)}"))

    def _complete(
        self,
        place: Place,
        directory: Path,
        container: Container,
        libraries: Sequence[EngineLibrary],
        unpacked: dict[str, bytes],
    ) -> str:
        """Make `directory` hold `libraries`; "" or the reason why that place cannot be used."""
        with contextlib.suppress(OSError):
            os.utime(directory)  # "used today", before anything is looked at: from here on no sweep takes it
        manifest, missing = container.manifest, list(libraries)
        if self.places.trusted(place):
            missing = [lib for lib in libraries if not _holds(directory / lib.file, content(manifest, lib))]
        if not missing:
            return ""
        reason = self.places.try_out(place, executable=True)
        if reason:
            return reason
        try:
            sweep(place.path)
            directory.mkdir(mode=0o700, exist_ok=True)
            for library in missing:
                data = unpacked.get(library.entry)
                if data is None:
                    data = unpacked[library.entry] = container.read(library.entry)
                write_whole(directory / library.file, data)
        except FileNotFoundError:
            return ""  # swept away below our feet: the caller looks, and comes again
        except OSError as error:
            return in_words(error)
        return ""


class Scratch:
    """A temporary folder for libraries that are tried, made when first needed. A context; nothing of it remains."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __enter__(self) -> Scratch:
        return self

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.path, ignore_errors=True)

    def put(self, container: Container, library: EngineLibrary) -> Path:
        """Unpack one library. Raises `OSError` (the place is full or read-only) or `DamagedError`."""
        self.path.mkdir(mode=0o700, exist_ok=True)
        target = self.path / library.file
        write_whole(target, container.read(library.entry))
        return target


def write_whole(target: Path, data: bytes) -> None:
    """Make `target` hold `data`, seen by others either not at all or complete. Raises `OSError`, leaving no litter."""
    hidden = target.with_name(f".{target.name}.{os.getpid()}-{secrets.token_hex(4)}.new")
    try:
        descriptor = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0), 0o755)
        try:
            view = memoryview(data)
            while view:
                written = os.write(descriptor, view)
                if not written:
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                view = view[written:]
        finally:
            os.close(descriptor)
        try:
            hidden.replace(target)
        except PermissionError:
            # Windows does not replace a library that is loaded. Another start put the same bytes there first?
            if not _holds(target, Digest(len(data), hashlib.sha256(data).hexdigest())):
                raise
            hidden.unlink()
    except OSError:
        with contextlib.suppress(OSError):
            hidden.unlink()
        raise


def sweep(place: Path) -> None:
    """Remove engines nobody has used for long, and what killed starts left. Several at once do no harm.

    An engine's folder is renamed before it is emptied: a start that comes for it in this moment finds it whole or
    not at all, and unpacks again.
    """
    now = time.time()
    for path in list(place.iterdir()):
        try:
            age = now - path.lstat().st_mtime
            if path.name.startswith(PREFIX) and age > KEPT_DAYS * 86400:
                path = path.rename(path.with_name(f".try-swept-{secrets.token_hex(4)}"))
                shutil.rmtree(path, ignore_errors=True)
            elif path.name.startswith(PREFIX):
                for hidden in path.glob(".*.new"):
                    if now - hidden.lstat().st_mtime > LITTER_AGE:
                        hidden.unlink()
            elif path.name.startswith(".try-") and age > LITTER_AGE:
                shutil.rmtree(path, ignore_errors=True)
            elif path.name.startswith(".trial-") and age > LITTER_AGE:
                path.unlink()
        except OSError:
            continue  # another start was faster, or it is not ours to remove


def _all_there(directory: Path, libraries: Sequence[EngineLibrary]) -> bool:
    return all((directory / library.file).exists() for library in libraries)


def _holds(path: Path, expected: Digest) -> bool:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_size != expected.size:
                return False
            return hashlib.file_digest(file, "sha256").hexdigest() == expected.sha256
    except OSError:
        return False

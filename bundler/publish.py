"""How a finished thing gets its name in the cache, and how costly work is done once.

    ROOT/sources/   the engine's source archive and what was unpacked of it
    ROOT/work/      build directories: objects of finished and of interrupted builds
    ROOT/parts/     finished libraries of one recipe
    ROOT/engines/   the parts of one engine side by side
    ROOT/launchers/ compiled launchers
    ROOT/packages/  npm packages of one lock file
    ROOT/pages/     built pages
    ROOT/runtimes/  frozen runtimes
    ROOT/systems/   Debians for other processors, and Python's packages for them
    ROOT/logs/      what cmake, ninja and PyInstaller said

Every name but those under `work` and `logs` is a hash of everything that decides the content.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from filelock import FileLock
from filelock import Timeout as LockTimeout

from bundler.console import Console
from bundler.errors import SurroundingsError

_PARTIAL = ".partial-"
_STALE_SECONDS = 3600.0


def digest_of(facts: dict[str, Any]) -> str:
    """SHA-256 (hex) of plain data; equal facts, equal digest."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def scratch(folder: Path, name: str) -> Iterator[Path]:
    """A fresh directory in `folder` that vanishes when the block ends.

    What a killed process left there is swept by the next one, an hour later. Raises `SurroundingsError` where the
    cache cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        directory = Path(mkdtemp(prefix=f"{name}{_PARTIAL}", dir=folder))
        directory.chmod(0o755)
    except OSError as error:
        raise _refused(folder, error) from None
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def publishing(final: Path) -> Iterator[Path]:
    """A fresh directory beside `final` that takes its name when the block ends well, and vanishes otherwise.

    Nobody ever sees a half-filled `final`: it appears by one rename. Of two that finish together one keeps the name;
    both have the same content, since the name says what is inside.
    """
    with scratch(final.parent, final.name) as partial:
        yield partial
        try:
            partial.rename(final)
        except OSError as error:
            if not final.is_dir():
                raise _refused(final, error) from None


def published(folder: Path) -> list[Path]:
    """The directories in `folder` that have their final name; what is on its way is left to whoever is at it."""
    return sorted(path for path in folder.glob("*") if path.is_dir() and _PARTIAL not in path.name)


def discard(path: Path) -> None:
    """Remove a directory in the cache; it loses its name first, so that nobody meets it half-deleted."""
    if not path.is_dir():
        return
    try:
        doomed = Path(mkdtemp(prefix=f"{path.name}{_PARTIAL}", dir=path.parent))
        with suppress(FileNotFoundError):  # another process was faster
            path.rename(doomed / path.name)
    except OSError as error:
        raise _refused(path, error) from None
    shutil.rmtree(doomed, ignore_errors=True)


@contextmanager
def one_at_a_time(place: Path, console: Console) -> Iterator[bool]:
    """Let one process at a time work on `place`; the others wait, and then find the work done.

    Yields whether we really are alone. This saves work and is never what makes results right: those are published by
    rename. Where the file system has no locks, or has some that lock nobody out, the answer is False, and what two
    must not write at once (a build directory) has to be one's own.
    """
    lock = _lock(place)
    try:
        lock.acquire(timeout=0)
    except LockTimeout:
        console.say("Another process builds the same thing; waiting for it …")
        lock.acquire()
    except (OSError, NotImplementedError):
        yield False
        return
    try:
        yield _locks_out_others(place)
    finally:
        lock.release()


def _locks_out_others(place: Path) -> bool:
    """Try the lock we hold a second time, as another process would: it must not be given."""
    second = _lock(place)
    try:
        second.acquire(timeout=0)
    except LockTimeout:
        return True
    second.release()
    return False


def discard_idle(place: Path) -> bool:
    """Remove a directory unless somebody is at work on it; True if it is gone."""
    lock = _lock(place)
    try:
        lock.acquire(timeout=0)
    except LockTimeout:
        return False
    except (OSError, NotImplementedError):
        pass
    try:
        discard(place)
    finally:
        lock.release()
    return True


def _lock(place: Path) -> FileLock:
    with suppress(OSError):
        place.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(place.parent / f"{place.name}.lock")


def _sweep(folder: Path) -> None:
    for leftover in folder.glob(f"*{_PARTIAL}*"):
        with suppress(OSError):
            if time.time() - leftover.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(leftover, ignore_errors=True)


def _refused(path: Path, error: OSError) -> SurroundingsError:
    return SurroundingsError(
        f"The cache cannot be written: {path}: {error.strerror or error}.",
        "Make room, or name another directory in PANNIER_CACHE_DIR.",
    )

"""A file that appears under its name whole, or not at all; a power cut in between is no exception.

The work happens in a temporary file beside the target, so that the final rename stays on one file system. What a
killed build leaves behind is recognised by its name and its free lock, and removed by the next build in that folder.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from runtime.errors import SurroundingsError

try:
    import fcntl
except ImportError:  # Windows: an open file cannot be deleted there, which protects a living build's just as well
    fcntl = None  # type: ignore[assignment]

SUFFIX = ".partial"


@contextmanager
def replacing(target: Path, size: int, mode: int = 0o755, shared: int = 0) -> Iterator[BinaryIO]:
    """A writable file of `size` bytes that becomes `target` when the block ends well; else nothing changes.

    shared: how many of them it will share with another file (reflink), for which no room is needed. Nothing is then
    reserved: Btrfs frees a reserved extent only when all of it is given up.
    Raises `SurroundingsError` where the folder cannot be written or has no room.
    """
    folder = target.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        sweep(folder)
        room = shutil.disk_usage(folder).free
        if room < size - shared:
            raise SurroundingsError(
                f"{folder} has {room:,} bytes free; {target.name} needs {size - shared:,}.",
                "Free some space, or choose another place with --output.",
            )
        temporary, handle = _create_locked(target)
    except OSError as error:
        raise _explained(error, target) from None
    try:
        with handle:
            if size and not shared and hasattr(os, "posix_fallocate"):
                # Not every file system can promise space; those that cannot fail at the write instead.
                with _unsupported_is_fine():
                    os.posix_fallocate(handle.fileno(), 0, size)
            yield handle
            handle.truncate(size)
            handle.flush()
            # The umask does not decide who may run a dist; its mode is part of what is built.
            temporary.chmod(mode)
            # Or the name could reach the disk before the bytes do, and a power cut leave a dist with holes.
            os.fsync(handle.fileno())
            if os.name != "nt":
                temporary.replace(target)
        if os.name == "nt":  # pragma: no cover - Windows refuses to rename an open file
            temporary.replace(target)
        _sync_folder(folder)
    except OSError as error:
        raise _explained(error, target) from None
    finally:
        temporary.unlink(missing_ok=True)


def _create_locked(target: Path) -> tuple[Path, BinaryIO]:
    """A new temporary file beside `target`, locked. A `sweep` elsewhere may take it between birth and lock: again."""
    while True:
        temporary = target.parent / f".{target.name}.{secrets.token_hex(6)}{SUFFIX}"
        handle = temporary.open("xb+")
        if not fcntl:  # pragma: no cover - Windows
            return temporary, handle
        with suppress(BlockingIOError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(handle.fileno()).st_nlink:
                return temporary, handle
        handle.close()
        temporary.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    """Let the new name reach the disk; whoever was told that a file is there finds it there after a power cut."""
    if os.name == "nt":  # pragma: no cover - Windows opens no folders; NTFS keeps a journal of names
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with _unsupported_is_fine():
            os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep(folder: Path) -> None:
    """Remove what killed builds left in `folder`; a living build's file is locked and stays."""
    for path in folder.glob(f".*{SUFFIX}"):
        with suppress(OSError):
            if fcntl:
                with path.open("rb") as handle:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    path.unlink()
            else:  # pragma: no cover - Windows
                path.unlink()


@contextmanager
def _unsupported_is_fine() -> Iterator[None]:
    """Ignore "this file system cannot do that"; let "no space left" through."""
    try:
        yield
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
            raise


def _explained(error: OSError, target: Path) -> SurroundingsError:
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return SurroundingsError(
            f"There is no room for {target} ({error.strerror}).",
            "Free some space, or choose another place with --output.",
        )
    where = error.filename or target
    return SurroundingsError(
        f"{where} cannot be written ({error.strerror}).", "Choose another place for it with --output."
    )

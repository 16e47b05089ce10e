"""Move a range of one file into another inside the kernel: shared where the file system can, else copied there.

Sharing (reflink: Btrfs, XFS, bcachefs, ZFS) takes no time and no room; `copy_file_range` saves the way through this
program's memory. Both are Linux's; everywhere else callers read and write.
"""

from __future__ import annotations

import contextlib
import errno
import os
import struct
import tempfile
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

BLOCK = 1 << 16
"""Ranges are shared in whole blocks of the file system; this is a multiple of all of their block sizes."""

_FICLONERANGE = 0x4020940D  # linux/fs.h: _IOW(0x94, 13, struct file_clone_range)
_NOT_HERE = (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTTY, errno.EPERM, errno.EBADF)


def share(source: int, offset: int, target: int, place: int, size: int) -> int:
    """Let `target` share `size` bytes of `source`; returns how many from the start are shared now, 0 if none can be.

    source, target: descriptors. offset, place: where the ranges begin; sharing needs both on a block boundary, and
    leaves the last incomplete block to the caller.
    """
    whole = size // BLOCK * BLOCK
    if not fcntl or not whole or offset % BLOCK or place % BLOCK:
        return 0
    try:
        fcntl.ioctl(target, _FICLONERANGE, struct.pack("=qQQQ", source, offset, whole, place))
    except OSError as error:
        if error.errno in _NOT_HERE:
            return 0
        raise
    return whole


def can_share(source: int, folder: Path) -> bool:
    """Whether new files in `folder` can share blocks with `source` (a descriptor)."""
    with contextlib.suppress(OSError):  # a folder that cannot be written to is told by whoever writes there
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as trial:
            return share(source, 0, trial.fileno(), 0, BLOCK) == BLOCK
    return False


def move(source: int, offset: int, target: int, place: int, size: int) -> int:
    """Copy up to `size` bytes inside the kernel; returns how many, 0 where it cannot or `source` ends at `offset`."""
    if not hasattr(os, "copy_file_range"):
        return 0
    try:
        return os.copy_file_range(source, target, size, offset, place)
    except OSError as error:
        if error.errno in _NOT_HERE:
            return 0
        raise

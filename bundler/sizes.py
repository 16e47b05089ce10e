"""Sizes as people write them."""

from __future__ import annotations

import re

from bundler.errors import UsageError

FAT32 = (1 << 32) - 1
"""Largest file on a FAT32 file system."""

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMG]?)(i?)B?", re.IGNORECASE)


def parse_size(text: str) -> int:
    """Bytes that a size means: `fat32`, `4GB`, `700MiB`. Raises `UsageError`."""
    if text.lower() == "fat32":
        return FAT32
    match = _SIZE.fullmatch(text.strip())
    if not match or float(match[1]) <= 0:
        raise UsageError(f"{text!r} is not a size.", "Say fat32, or a number with MB, MiB, GB or GiB.")
    step = 1024 if match[3] else 1000
    return int(float(match[1]) * step ** " KMG".index(match[2].upper() or " "))

"""Where the builder keeps what is costly to make again: sources, engines, frozen runtimes, kits.

Everything in it may be deleted at any time; nothing in it is the only copy.
"""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

VARIABLE = "PANNIER_CACHE_DIR"


def root() -> Path:
    """The cache folder: `$PANNIER_CACHE_DIR`, or the user's cache folder for Pannier."""
    chosen = os.environ.get(VARIABLE)
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("pannier", appauthor=False))

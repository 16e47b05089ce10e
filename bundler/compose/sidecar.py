"""A model beside the executable, for targets that cannot start a file that large."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from bundler.compose.copying import copy_hashed
from bundler.model.local import LocalModel
from runtime.container.atomic import replacing
from runtime.manifest import Sidecar


def write_sidecar(model: LocalModel, path: Path, advance: Callable[[int], object] | None = None) -> Sidecar:
    """Copy the model to `path`, atomically, and say what it is. Raises `ModelError` or `SurroundingsError`."""
    with replacing(path, model.size, mode=0o644) as out, model.content.open() as stream:
        copied = copy_hashed(stream, out, model.size, advance)
        if copied.size != model.size:
            raise model.mismatch(f"it ended after {copied.size:,} of {model.size:,} bytes")
        if model.sha256 not in ("", copied.sha256):
            raise model.mismatch(f"its SHA-256 is {copied.sha256}, not {model.sha256}")
    return Sidecar(path.name, copied.size, copied.sha256)

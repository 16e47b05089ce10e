"""A model beside the executable: for targets that cannot start a file so large, and media that cannot hold one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bundler.compose.copying import copy_hashed
from bundler.compose.splitting import split
from bundler.model.content import Content
from bundler.model.local import LocalModel
from runtime.container.atomic import replacing
from runtime.manifest import Sidecar

Advance = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Beside:
    """What stands beside the executable: the model in one file, or in parts; neither if it is inside."""

    whole: Sidecar | None = None
    parts: tuple[Sidecar, ...] = ()

    @property
    def files(self) -> tuple[Sidecar, ...]:
        """All of them."""
        return (self.whole,) if self.whole else self.parts


def write_beside(model: LocalModel, folder: Path, stem: str, limit: int | None, advance: Advance | None) -> Beside:
    """Write the model as `stem`.gguf, or as parts of at most `limit` bytes; each file atomically.

    Raises `ModelError` or `SurroundingsError`.
    """
    if limit is None or model.size <= limit:
        return Beside(whole=_write(model, model.content, folder / f"{stem}.gguf", advance, model.sha256))
    _check_whole(model)
    parts = split(model.content, limit, model.path.name)
    return Beside(parts=tuple(_write(model, p.content, folder / f"{stem}{p.suffix}", advance) for p in parts))


def _write(model: LocalModel, content: Content, path: Path, advance: Advance | None, sha256: str = "") -> Sidecar:
    with replacing(path, content.size, mode=0o644) as out, content.open() as stream:
        copied = copy_hashed(stream, out, content.size, advance)
        if copied.size != content.size:
            raise model.mismatch(f"it ended after {copied.size:,} of {content.size:,} bytes")
        if sha256 not in ("", copied.sha256):
            raise model.mismatch(f"its SHA-256 is {copied.sha256}, not {sha256}")
    return Sidecar(path.name, copied.size, copied.sha256)


def _check_whole(model: LocalModel) -> None:
    """The hash that was promised is that of the whole model, and no part has it: so the whole is read once for it."""
    if not model.sha256:
        return
    digest = hashlib.sha256()
    with model.content.open() as stream:
        while data := stream.read(1 << 20):
            digest.update(data)
    if digest.hexdigest() != model.sha256:
        raise model.mismatch(f"its SHA-256 is {digest.hexdigest()}, not {model.sha256}")

"""The file that is running, through one descriptor that stays open.

Whatever happens to the file's name afterwards (renamed, unlinked, its stick mounted elsewhere), the program goes on
reading what it was started from. The launcher opens it and hands the descriptor on; a one-file program, which has no
launcher, opens itself.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path

from runtime.container.archive import DIST, Archive, open_archive
from runtime.container.beside import open_all
from runtime.container.source import Source
from runtime.errors import UsageError
from runtime.launch.early import FD_VARIABLE
from runtime.manifest import DistManifest, Role

VARIABLE = "PANNIER_DIST"
"""Names a dist to run with a runtime that is not frozen; for development and tests."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """Where the model's bytes are: an open descriptor, the range in it, and the file's name where only that will do.

    splits: names of all parts of a model that is split; the descriptor is then the first one's.
    """

    fd: int
    path: str
    offset: int
    size: int
    splits: tuple[str, ...] = ()


def open_own() -> Archive[DistManifest]:
    """Open the dist this program was started from. Raises `DamagedError` or `UsageError`."""
    path = own_path()
    try:
        source = _handed_on(path) or Source.open(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be opened ({error.strerror}).", f"Set {VARIABLE} to a dist.") from None
    source.name = _own_name(path)
    return open_archive(source, DIST)


def own_path() -> str:
    """A path that leads to the running file, whatever its present name."""
    if not getattr(sys, "frozen", False):
        if VARIABLE not in os.environ:
            raise UsageError("This runtime is not part of a dist.", f"Set {VARIABLE} to the path of one.")
        return os.environ[VARIABLE]
    if os.environ.get(FD_VARIABLE, "").isdigit():
        return f"/proc/self/fd/{os.environ[FD_VARIABLE]}"
    return sys.executable


def _handed_on(path: str) -> Source | None:
    """The launcher's descriptor, which programs started from here do not get unasked."""
    if not path.startswith("/proc/self/fd/"):
        return None
    fd = int(Path(path).name)
    os.set_inheritable(fd, False)
    return Source(fd, path)


def _own_name(path: str) -> str:
    """The running file's name for people: its present one where the system tells, else the one it was started by."""
    if not path.startswith("/proc/"):
        return path
    try:
        return str(Path(path).readlink())
    except OSError:
        return sys.argv[0]


def open_model(archive: Archive[DistManifest]) -> ModelFile:
    """Where the model is: inside the running file, or in the files beside it. Raises `DamagedError`."""
    model = archive.manifest.model
    if not model.beside:
        offset, size = archive.data_range(model.entry)
        return ModelFile(archive.source.fd, own_path(), offset, size)
    sources = open_all(archive.manifest, Path(archive.source.name).parent)
    names = tuple(source.name for source in sources)
    return ModelFile(sources[0].fd, names[0], 0, sum(source.size for source in sources), names if model.splits else ())


def open_draft(archive: Archive[DistManifest]) -> ModelFile | None:
    """Where the draft model is, which is always inside the running file; None if there is none."""
    draft = archive.manifest.draft
    return ModelFile(archive.source.fd, own_path(), *archive.data_range(draft.entry)) if draft else None


def chat_template(archive: Archive[DistManifest]) -> str | None:
    """The chat template that this dist puts in place of the model's own, if any. Raises `DamagedError`."""
    names = [entry.name for entry in archive.manifest.entries if entry.role is Role.TEMPLATE]
    return archive.read(names[0]).decode("utf-8") if names else None

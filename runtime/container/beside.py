"""The model's files beside the executable: a sidecar, or the parts of a split model. Found, and checked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from runtime.container.source import Source
from runtime.container.verify import Damage, Report
from runtime.errors import DamagedError
from runtime.manifest import DistManifest, Sidecar


def files_of(report: Report) -> tuple[Sidecar, ...]:
    """The files that belong to what was verified."""
    return report.manifest.model.beside if isinstance(report.manifest, DistManifest) else ()


def verify_beside(report: Report, folder: Path, progress: Callable[[int], None] | None = None) -> Report:
    """The report with what is wrong with the model's files in `folder` added. progress: as for `verify`."""
    damages = list(report.damages)
    checked = report.checked
    for file in files_of(report):
        problem = _problem(folder / file.file, file, progress)
        checked += file.size
        if problem:
            damages.append(Damage(f"file {file.file}", 0, file.size, problem))
    return replace(report, checked=checked, damages=tuple(damages))


def open_all(manifest: DistManifest, folder: Path) -> tuple[Source, ...]:
    """Open the model's files in `folder`. Raises `DamagedError` naming all that are missing or of another length."""
    sources: list[Source] = []
    missing = []
    for file in manifest.model.beside:
        try:
            sources.append(Source.open(folder / file.file))
        except OSError:
            missing.append(file.file)
    if missing:
        _close(sources)
        count = len(manifest.model.splits)
        what = f"{len(missing)} of the {count} files of its model" if count else "its model"
        raise DamagedError(
            f"This program cannot find {what} beside it: {', '.join(missing)} (looked in {folder}).",
            "Put all files that were handed out together into one folder.",
        )
    for file, source in zip(manifest.model.beside, sources, strict=True):
        if source.size != file.size:
            _close(sources)
            raise DamagedError(
                f"{source.name} has {source.size:,} bytes; it should have {file.size:,}.", "Copy this file again."
            )
    return tuple(sources)


def _close(sources: list[Source]) -> None:
    for source in sources:
        source.close()


def _problem(path: Path, file: Sidecar, progress: Callable[[int], None] | None) -> str:
    try:
        source = Source.open(path)
    except OSError as error:
        return f"it is not there, or cannot be read ({error.strerror})"
    digest = hashlib.sha256()
    with source:
        for chunk in source.chunks(0, file.size):
            digest.update(chunk)
            if progress:
                progress(len(chunk))
        if source.size != file.size:
            return f"it has {source.size:,} bytes instead of {file.size:,}"
    return "" if digest.hexdigest() == file.sha256 else "its SHA-256 is not the one in the manifest"

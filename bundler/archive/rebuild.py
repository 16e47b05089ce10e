"""`rebuild(dist) → dist`: the file once more, from what it carries, and whether it is the same.

Two steps. `rebuild` unpacks the sources, installs the packages into an environment of their own, without any network,
and lets the Pannier in there do the second step, so that nothing of the Pannier at hand gets into the result.
`rebuild_here` makes the kit and composes it around the model's bytes.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bundler import cache, targets
from bundler.archive import npm
from bundler.archive.contents import PAGE_PACKAGES, WHEELS, releases
from bundler.console import Console
from bundler.errors import KitError, ToolError, UsageError
from bundler.kit import build as making
from bundler.kit import store
from bundler.publish import file_sha256
from bundler.renew.diff import diff
from bundler.renew.recompose import recompose
from runtime.container import extract
from runtime.container.archive import Archive, open_dist
from runtime.manifest import DistManifest, Role

OFFLINE = {"PIP_NO_INDEX": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "HF_HUB_OFFLINE": "1"}
_LAST_LINES = 8


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What came out. same: whether its bytes are the original's. differences: what is not, in words."""

    path: Path
    sha256: str
    same: bool
    differences: tuple[str, ...]


def rebuild(dist: Archive[DistManifest], folder: Path, console: Console, *, reuse_engine: bool = False) -> Rebuilt:
    """Rebuild into `folder` from what the dist carries alone.

    reuse_engine: take libraries that this machine has compiled before from the same source with the same compiler.
    Raises `KitError` for a dist that carries no sources, `ToolError` where a step fails.
    """
    manifest = dist.manifest
    _check_possible(manifest)
    folder.mkdir(parents=True, exist_ok=True)
    # On the disk of the result: objects, packages and libraries take a gigabyte or two.
    with tempfile.TemporaryDirectory(prefix=".rebuild-", dir=folder) as name:
        work = Path(name)
        root = work / "cache"
        _take_wheels(dist, work / "wheels")
        python = _environment(work / "env", sorted((work / "wheels").iterdir()), console)
        if reuse_engine:
            with suppress(FileNotFoundError):  # nothing compiled yet
                shutil.copytree(cache.root() / "parts", root / "parts", copy_function=_link)
        command = [str(python), "-m", "bundler", "rebuild", dist.source.name, "--here", "--json"]
        surroundings = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
        surroundings |= {cache.VARIABLE: str(root), **OFFLINE}
        command += ["--output", str(folder.resolve())]
        done = subprocess.run(command, env=surroundings, cwd=work, stdout=subprocess.PIPE, text=True, check=False)
        return _told(done.returncode, done.stdout)


def rebuild_here(dist: Archive[DistManifest], folder: Path, console: Console) -> Rebuilt:
    """Rebuild with this very environment and cache; the source archives are the dist's."""
    manifest = dist.manifest
    _check_possible(manifest)
    own = Path(dist.source.name).resolve()
    for release in releases(targets.find(manifest.target)):
        entry, place = f"sources/{release.archive}", cache.root() / "sources" / release.archive
        if not place.is_file() or file_sha256(place) != release.sha256:
            place.parent.mkdir(parents=True, exist_ok=True)
            extract.to_file(dist, _named(dist, entry), place)
    with tempfile.TemporaryDirectory() as scratch:
        packages = Path(scratch) / "packages.tar"
        extract.to_file(dist, _named(dist, PAGE_PACKAGES), packages)
        npm.unpack(packages, cache.root())
    kit_path = making.build(targets.host(), manifest.engine.backends, console, sources=True).path
    with (
        store.opened(kit_path) as kit,
        console.progress(f"Composing {own.name}", dist.source.size, in_bytes=True) as advance,
    ):
        written = recompose(dist, kit, folder, advance)
    with open_dist(written.path) as again:
        differences = tuple(map(str, diff(manifest, again.manifest)))
        if manifest.kit != again.manifest.kit:
            differences += (f"kit: {manifest.kit[:16]} → {again.manifest.kit[:16]}",)
    sha256 = file_sha256(written.path)
    return Rebuilt(written.path, sha256, sha256 == file_sha256(own), differences)


def explain(manifest: DistManifest, rebuilt: Rebuilt) -> ToolError:
    """The error for a result that is not the original, with the likely reasons."""
    here = platform.python_version()
    reasons = f"It was made with {manifest.engine.compiler} and Python {manifest.runtime.python}"
    what = "; ".join(rebuilt.differences[:6]) or "nothing that the manifests tell"
    return ToolError(
        f"{rebuilt.path} was rebuilt, and is not the same. What differs: {what}.",
        f"{reasons}; compilers and Python's own files are not packed. Here is Python {here}.",
    )


def _check_possible(manifest: DistManifest) -> None:
    if not any(entry.role is Role.SOURCE for entry in manifest.entries):
        raise KitError(
            "This dist carries no sources, so it cannot be rebuilt from itself.",
            "Build one that does: archive.sources = true in the dist-spec (dist-specs/archive.toml).",
        )
    if manifest.target != targets.host().name:
        raise KitError(
            f"This dist is for {manifest.target}; its engine cannot be compiled on {targets.host().name}.",
            "Rebuild it on such a machine.",
        )
    if manifest.runtime.python.split(".")[:2] != platform.python_version().split(".")[:2]:
        raise ToolError(
            f"This dist was made with Python {manifest.runtime.python}; this is {platform.python_version()}.",
            "Start `pannier` with that version: its packages fit no other.",
        )


def _named(dist: Archive[DistManifest], entry: str) -> str:
    if entry not in (known.name for known in dist.manifest.entries):
        raise KitError(f"This dist has no {entry}, which this Pannier would need.", "Leave out --here.")
    return entry


def _take_wheels(dist: Archive[DistManifest], folder: Path) -> None:
    folder.mkdir()
    for entry in dist.manifest.entries:
        if entry.name.startswith(f"{WHEELS}/"):
            extract.to_file(dist, entry.name, folder / Path(entry.name).name.removesuffix(".zst"))


def _environment(place: Path, wheels: Sequence[Path], console: Console) -> Path:
    """A Python with these packages and no others; returns its interpreter."""
    with console.progress("Installing what the dist carries", None):
        _run([sys.executable, "-m", "venv", "--without-pip", str(place)])
        python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", "--no-index", "--no-deps"]
        _run([*pip, *map(str, wheels)])
    return python


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, env=os.environ | OFFLINE, capture_output=True, text=True, check=False)
    if done.returncode:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-_LAST_LINES:])
        raise ToolError(f"The packages of the dist could not be installed:\n{said}", "Is the file sound? `verify` it.")


def _told(code: int, said: str) -> Rebuilt:
    try:
        result: dict[str, Any] = json.loads(said)
    except ValueError:
        raise ToolError(f"The rebuilding failed (exit code {code}).", "What went wrong is told above.") from None
    return Rebuilt(Path(result["path"]), result["sha256"], result["same"], tuple(result["differences"]))


def _link(source: str, destination: str) -> str:
    try:
        os.link(source, destination)
    except OSError:
        shutil.copy2(source, destination)
    return destination


def check_output(dist: Path, folder: Path) -> None:
    """Raise `UsageError` where the result would take the original's place."""
    if folder.resolve() == dist.resolve().parent:
        raise UsageError(f"The result would lie over {dist}.", "Choose another folder with --output.")

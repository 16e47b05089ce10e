"""Freezes the runtime, or finds it in the cache.

PyInstaller packs the package `runtime`, the page and the few libraries they need. For Linux the result is a folder of
files, which our launcher unpacks once on the receiver's machine (`runtime/launcher`). For the other systems, which have
no launcher yet, we take the two halves of PyInstaller's one-file program separately: the stub (its bootloader) and the
PKG (its archive), because a dist has a whole ZIP archive between them. Building twice, from any directory, gives the
same bytes.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from bundler import cache, resources
from bundler.console import Console
from bundler.engine.toolchain import survey
from bundler.errors import ToolError
from bundler.freeze import folder as folders
from bundler.freeze import inside, pyinstaller
from bundler.freeze.contents import BOOTLOADERS_ARCHIVE
from bundler.freeze.elsewhere import elsewhere
from bundler.freeze.inventory import Owned, joined
from bundler.launcher.preload import build_preload, preload_key
from bundler.page.build import NPM, PagePackage, build_page, page_key
from bundler.publish import digest_of, discard, file_sha256, one_at_a_time, publishing, scratch
from bundler.targets import Target, host
from runtime.manifest import Digest, Package, RuntimeInfo

RECORD, STUB, LICENSES = "runtime.json", "stub", "licenses"
PKG, ARCHIVE = BOOTLOADERS_ARCHIVE, "runtime.tar.zst"
_KEY_LENGTH = 24


@dataclass(frozen=True, slots=True)
class FrozenRuntime:
    """A frozen runtime in the cache. key: hash of everything that decided its bytes.

    listing: what is in its archive, for a launcher to unpack; None for the two halves of a one-file program.
    """

    path: Path
    key: str
    info: RuntimeInfo
    listing: folders.Listing | None

    @property
    def archive(self) -> Path:
        """The runtime's files (`listing`), or PyInstaller's archive."""
        return self.path / (ARCHIVE if self.listing else PKG)

    @property
    def bootloader(self) -> Path:
        """The first half of a one-file program."""
        return self.path / STUB

    @property
    def licenses(self) -> dict[str, bytes]:
        """Licence texts of everything inside, by file name ("jinja2.txt")."""
        return {path.name: path.read_bytes() for path in sorted((self.path / LICENSES).iterdir())}


class Freezer(Protocol):
    """A Python of the target that freezes: this one, or one in a system of its own (`elsewhere`)."""

    def surroundings(self) -> dict[str, Any]:
        """What of it decides the bytes of what it packs."""
        ...

    def pack(self, folder: Path, page: Path, program: str, log: Path) -> inside.Told:
        """As `inside.pack` does."""
        ...


@dataclass(frozen=True, slots=True)
class Here:
    """The Python that runs this."""

    target: Target

    def surroundings(self) -> dict[str, Any]:
        """What of it decides the bytes of what it packs."""
        return inside.surroundings()

    def pack(self, folder: Path, page: Path, program: str, log: Path) -> inside.Told:
        """As `inside.pack` does."""
        if self.target.system == "linux":
            survey(("strip", "objcopy"))
        return inside.pack(folder, page, self.target, program, log)


def freeze_runtime(target: Target, root: Path | None, console: Console) -> FrozenRuntime:
    """The frozen runtime for `target`, frozen now if the cache does not have it.

    root: the cache; None means the usual one. Raises `ToolError` where PyInstaller fails or leaves something out, and
    for a target whose runtime can be frozen on such a machine only.
    """
    root = root or cache.root()
    freezer = Here(target) if target == host() else elsewhere(target, root, console)
    key = runtime_key(target, freezer)
    place = root / "runtimes" / f"{target.name}-{key[:_KEY_LENGTH]}"
    frozen = find(place)
    if frozen is None:
        with one_at_a_time(place, console):
            frozen = find(place)
            if frozen is None:
                _freeze(place, key, target, freezer, root, console)
                frozen = find(place)
    if frozen is None:
        raise ToolError(f"The runtime in {place} does not stay whole.", "Check the disk, then build again.")
    return frozen


def find(place: Path) -> FrozenRuntime | None:
    """The runtime in this cache directory if its files have their recorded hashes; a damaged one goes."""
    try:
        record = json.loads((place / RECORD).read_bytes())
        if all(file_sha256(place / name) == sha256 for name, sha256 in record["files"].items()):
            raw, listed = record["info"], record["listing"]
            info = RuntimeInfo(**{**raw, "packages": tuple(Package(**package) for package in raw["packages"])})
            listing = listed and folders.Listing(
                tuple((name, size) for name, size in listed["files"]), Digest(**listed["content"])
            )
            return FrozenRuntime(place, record["key"], info, listing)
    except (OSError, ValueError, TypeError, KeyError):
        pass
    discard(place)
    return None


def runtime_key(target: Target, freezer: Freezer) -> str:
    """Hash of everything that decides the runtime's bytes: our sources and page, Python, and every package there."""
    files = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in pyinstaller.sources()}
    templates = (resources.template(name) for name in (pyinstaller.SPEC, pyinstaller.ENTRY))
    return digest_of(
        {
            "target": target.name,
            "preload": preload_key(target) if target.launcher else "",
            "files": files,
            "page": page_key(),
            "templates": [hashlib.sha256(path.read_bytes()).hexdigest() for path in templates],
            "freezing": [path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("*.py"))],
            **freezer.surroundings(),
        }
    )


def _freeze(place: Path, key: str, target: Target, freezer: Freezer, root: Path, console: Console) -> None:
    """Run PyInstaller in a directory of its own, check what it packed, publish that with the licences."""
    page = build_page(root, console)
    preload = build_preload(target, root, console) if target.launcher else None
    log = root / "logs" / f"runtime-{key[:_KEY_LENGTH]}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with scratch(root / "work", "freeze") as folder, publishing(place) as partial:
        with console.progress(f"Freezing the runtime{'' if target == host() else f' for {target.name}'}", None):
            told = freezer.pack(folder, page.files, folders.PROGRAM if target.launcher else "", log)
            listing = _put(folder, preload, partial)
        owners = (*told.owners, *_of_page(page.packages))
        (partial / LICENSES).mkdir()
        for owned in owners:
            name = re.sub(r"[^a-z0-9.+-]+", "-", owned.package.name.lower())
            (partial / LICENSES / f"{name}.txt").write_text(owned.text, encoding="utf-8")
        info = RuntimeInfo(
            version=version("pannier"),
            python=told.python,
            pyinstaller=told.pyinstaller,
            packages=tuple(owned.package for owned in owners),
            glibc=told.glibc,
            oldest=told.oldest,
        )
        names = [name for name in (STUB, PKG, ARCHIVE) if (partial / name).exists()]
        record = {
            "key": key,
            "files": {name: file_sha256(partial / name) for name in names},
            "listing": asdict(listing) if listing else None,
            "info": asdict(info),
        }
        (partial / RECORD).write_text(json.dumps(record, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _put(folder: Path, preload: Path | None, partial: Path) -> folders.Listing | None:
    """The folder as an archive, or the two halves of the one-file program."""
    if preload:
        shutil.copy2(preload, folder / inside.FOLDER / folders.CONTENTS)
        listing, packed = folders.pack(folder / inside.FOLDER)
        (partial / ARCHIVE).write_bytes(packed)
        return listing
    shutil.copyfile(folder / inside.PKG, partial / PKG)
    shutil.copy2(folder / inside.STUB, partial / STUB)
    return None


def _of_page(packages: Iterable[PagePackage]) -> tuple[Owned, ...]:
    """The npm packages that are in the page."""
    return tuple(
        Owned(Package(NPM + one.name, one.version, one.license), joined(one.name, one.license, [one.text]))
        for one in packages
    )

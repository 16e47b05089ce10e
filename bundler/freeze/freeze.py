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
import platform
import re
import shutil
import ssl
import sys
import zlib
from dataclasses import asdict, dataclass
from importlib.metadata import distributions, version
from pathlib import Path

from bundler import cache, resources
from bundler.console import Console
from bundler.engine.dylib import read_dylib
from bundler.engine.elf import read_elf
from bundler.engine.toolchain import survey
from bundler.errors import ToolError
from bundler.freeze import folder as folders
from bundler.freeze import pyinstaller
from bundler.freeze.contents import BOOTLOADERS_ARCHIVE
from bundler.freeze.inventory import inventory, of_page
from bundler.launcher.preload import build_preload, preload_key
from bundler.page.build import build_page, page_key
from bundler.publish import digest_of, discard, file_sha256, one_at_a_time, publishing, scratch
from bundler.targets import Target, host
from runtime.manifest import Digest, Package, RuntimeInfo
from runtime.oldest import numbered

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


def freeze_runtime(target: Target, root: Path | None, console: Console) -> FrozenRuntime:
    """The frozen runtime for this machine's target, frozen now if the cache does not have it.

    root: the cache; None means the usual one. Raises `ToolError` where PyInstaller fails or leaves something out.
    """
    if target != host():
        raise ToolError(
            f"A runtime for {target.name} cannot be frozen on {host().name}.", "Build the kit there and import it."
        )
    root = root or cache.root()
    key = runtime_key(target)
    place = root / "runtimes" / f"{target.name}-{key[:_KEY_LENGTH]}"
    frozen = find(place)
    if frozen is None:
        with one_at_a_time(place, console):
            frozen = find(place)
            if frozen is None:
                _freeze(place, key, target, root, console)
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


def runtime_key(target: Target) -> str:
    """Hash of everything that decides the runtime's bytes: our sources and page, Python, and every package here."""
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
            "python": [sys.version, ssl.OPENSSL_VERSION, zlib.ZLIB_RUNTIME_VERSION, platform.libc_ver()],
            "packages": sorted(f"{dist.metadata['Name']} {dist.version}" for dist in distributions()),
        }
    )


def _freeze(place: Path, key: str, target: Target, root: Path, console: Console) -> None:
    """Run PyInstaller in a directory of its own, check what it packed, publish that with the licences."""
    if target.system == "linux":
        survey(("strip", "objcopy"))
    page = build_page(root, console)
    with scratch(root / "work", "freeze") as folder, publishing(place) as partial:
        log = root / "logs" / f"runtime-{key[:_KEY_LENGTH]}.log"
        with console.progress("Freezing the runtime", None):
            inside = pyinstaller.freeze(folder, page.files, log, folders.PROGRAM if target.launcher else "")
            if target.launcher:
                shutil.copy2(build_preload(target, root, console), inside.folder / folders.CONTENTS)
            listing = _put(inside, target, partial)
        owners = (*inventory(inside.sources), *of_page(page.packages))
        (partial / LICENSES).mkdir()
        for owned in owners:
            name = re.sub(r"[^a-z0-9.+-]+", "-", owned.package.name.lower())
            (partial / LICENSES / f"{name}.txt").write_text(owned.text, encoding="utf-8")
        info = RuntimeInfo(
            version=version("pannier"),
            python=platform.python_version(),
            pyinstaller=version("pyinstaller"),
            packages=tuple(owned.package for owned in owners),
            glibc=_oldest_glibc(inside, target),
            oldest=_oldest_system(inside, target),
        )
        names = [name for name in (STUB, PKG, ARCHIVE) if (partial / name).exists()]
        record = {
            "key": key,
            "files": {name: file_sha256(partial / name) for name in names},
            "listing": asdict(listing) if listing else None,
            "info": asdict(info),
        }
        (partial / RECORD).write_text(json.dumps(record, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _put(inside: pyinstaller.Frozen, target: Target, partial: Path) -> folders.Listing | None:
    """The folder as an archive, or the two halves of the one-file program."""
    if target.launcher:
        listing, packed = folders.pack(inside.folder)
        (partial / ARCHIVE).write_bytes(packed)
        return listing
    shutil.copyfile(inside.pkg, partial / PKG)
    pyinstaller.take_stub(inside, target, partial / STUB)
    return None


def _oldest_glibc(inside: pyinstaller.Frozen, target: Target) -> str:
    if target.system != "linux":
        return ""
    files = [inside.program, *(Path(source) for _, source in inside.binaries)]
    return ".".join(map(str, max(read_elf(path).glibc for path in files)))


def _oldest_system(inside: pyinstaller.Frozen, target: Target) -> str:
    """What kits are made for; or the newest that something inside asks for, where Python was built for less."""
    if target.system != "macos":
        return target.oldest
    files = [inside.program, *(Path(source) for _, source in inside.binaries)]
    asked = max(read_dylib(path, target.machine).oldest for path in files)
    return max(target.oldest, ".".join(map(str, asked)), key=numbered)

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
import ssl
import sys
import zlib
from dataclasses import asdict, dataclass
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any

from bundler import cache, resources
from bundler.console import Console
from bundler.engine.elf import read_elf
from bundler.engine.toolchain import survey
from bundler.errors import ToolError
from bundler.freeze import folder as folders
from bundler.freeze import pyinstaller
from bundler.freeze.contents import BOOTLOADERS_ARCHIVE
from bundler.freeze.inventory import inventory
from bundler.launcher.build import Launcher, build_launcher
from bundler.publish import digest_of, discard, file_sha256, one_at_a_time, publishing, scratch
from bundler.targets import Target, host
from runtime.manifest import Digest, Package, RuntimeInfo

RECORD, STUB, LICENSES = "runtime.json", "stub", "licenses"
PKG = BOOTLOADERS_ARCHIVE
DESCRIPTION, ARCHIVE = "runtime.txt", "runtime.tar.zst"
_KEY_LENGTH = 24


@dataclass(frozen=True, slots=True)
class FrozenRuntime:
    """A frozen runtime in the cache. stub: the dist's first bytes. key: hash of all that decided its bytes.

    names: the files in `path` that become the dist's last entries, in order. contents: what encoded ones decode to.
    """

    path: Path
    key: str
    info: RuntimeInfo
    names: tuple[str, ...]
    contents: dict[str, Digest]

    @property
    def stub(self) -> Path:
        """The launcher or bootloader, the dist's first bytes."""
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
    launcher = build_launcher(target, root, console) if target.launcher else None
    key = runtime_key(target, launcher)
    place = root / "runtimes" / f"{target.name}-{key[:_KEY_LENGTH]}"
    frozen = find(place)
    if frozen is None:
        with one_at_a_time(place, console):
            frozen = find(place)
            if frozen is None:
                _freeze(place, key, target, root, launcher, console)
                frozen = find(place)
    if frozen is None:
        raise ToolError(f"The runtime in {place} does not stay whole.", "Check the disk, then build again.")
    return frozen


def find(place: Path) -> FrozenRuntime | None:
    """The runtime in this cache directory if stub and entries have their recorded hashes; a damaged one goes."""
    try:
        record = json.loads((place / RECORD).read_bytes())
        if all(file_sha256(place / name) == sha256 for name, sha256 in record["files"].items()):
            raw = record["info"]
            info = RuntimeInfo(**{**raw, "packages": tuple(Package(**package) for package in raw["packages"])})
            contents = {name: Digest(**digest) for name, digest in record["contents"].items()}
            names = tuple(name for name in (PKG, DESCRIPTION, ARCHIVE) if name in record["files"])
            return FrozenRuntime(place, record["key"], info, names, contents)
    except (OSError, ValueError, TypeError, KeyError):
        pass
    discard(place)
    return None


def runtime_key(target: Target, launcher: Launcher | None) -> str:
    """Hash of everything that decides the runtime's bytes: our sources and page, Python, and every package here."""
    files = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in pyinstaller.sources()}
    templates = (resources.template(name) for name in (pyinstaller.SPEC, pyinstaller.ENTRY))
    return digest_of(
        {
            "target": target.name,
            "launcher": launcher.key if launcher else "",
            "files": files,
            "templates": [hashlib.sha256(path.read_bytes()).hexdigest() for path in templates],
            "freezing": [path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("*.py"))],
            "python": [sys.version, ssl.OPENSSL_VERSION, zlib.ZLIB_RUNTIME_VERSION, platform.libc_ver()],
            "packages": sorted(f"{dist.metadata['Name']} {dist.version}" for dist in distributions()),
        }
    )


def _freeze(place: Path, key: str, target: Target, root: Path, launcher: Launcher | None, console: Console) -> None:
    """Run PyInstaller in a directory of its own, check what it packed, publish stub, entries and licences."""
    if target.system == "linux":
        survey(("strip", "objcopy"))
    with scratch(root / "work", "freeze") as folder, publishing(place) as partial:
        log = root / "logs" / f"runtime-{key[:_KEY_LENGTH]}.log"
        with console.progress("Freezing the runtime", None):
            inside = pyinstaller.freeze(folder, log, folders.PROGRAM if launcher else "")
            glibc = _oldest_glibc(inside, target)
            contents = _put_folder(inside, launcher, target, glibc, partial) if launcher else {}
        if not launcher:
            (partial / PKG).write_bytes(inside.pkg.read_bytes())
            pyinstaller.take_stub(inside, target, partial / STUB)
        owners = inventory(inside.sources)
        texts = {owned.package.name: owned.text.encode() for owned in owners}
        packages = [owned.package for owned in owners]
        if launcher:
            packages += launcher.packages
            texts |= {name.removesuffix(".txt"): text for name, text in launcher.licenses.items()}
        (partial / LICENSES).mkdir()
        for name, text in texts.items():
            (partial / LICENSES / f"{re.sub(r'[^a-z0-9.+-]+', '-', name.lower())}.txt").write_bytes(text)
        info = RuntimeInfo(
            version=version("pannier"),
            python=platform.python_version(),
            pyinstaller=version("pyinstaller"),
            packages=tuple(sorted(packages, key=lambda package: package.name.lower())),
            glibc=glibc,
        )
        _write_record(partial, key, info, contents)


def _put_folder(
    inside: pyinstaller.Frozen, launcher: Launcher, target: Target, glibc: str, partial: Path
) -> dict[str, Digest]:
    """The launcher as the stub, the folder as an archive, and the launcher's description of it."""
    stub = launcher.program.read_bytes()
    packed = folders.pack(inside.folder)
    (partial / STUB).write_bytes(stub)
    (partial / STUB).chmod(0o755)
    (partial / ARCHIVE).write_bytes(packed.compressed)
    (partial / DESCRIPTION).write_bytes(folders.record(packed, stub, target.machine, glibc))
    return {ARCHIVE: packed.content}


def _write_record(partial: Path, key: str, info: RuntimeInfo, contents: dict[str, Digest]) -> None:
    names = [name for name in (STUB, PKG, DESCRIPTION, ARCHIVE) if (partial / name).exists()]
    record: dict[str, Any] = {
        "key": key,
        "files": {name: file_sha256(partial / name) for name in names},
        "contents": {name: asdict(digest) for name, digest in contents.items()},
        "info": asdict(info),
    }
    (partial / RECORD).write_text(json.dumps(record, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _oldest_glibc(inside: pyinstaller.Frozen, target: Target) -> str:
    if target.system != "linux":
        return ""
    files = [inside.program, *(Path(source) for _, source in inside.binaries)]
    return ".".join(map(str, max(read_elf(path).glibc for path in files)))

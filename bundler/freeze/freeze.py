"""Freezes the runtime, or finds it in the cache.

PyInstaller packs the package `runtime`, the page and the few libraries they need. We take the two halves of its
one-file program separately: the stub (its bootloader) and the PKG (the archive), because a dist has a whole ZIP archive
between them. Building twice, from any directory, gives the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
import ssl
import subprocess
import sys
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any

from bundler import cache, resources
from bundler.console import Console
from bundler.engine.elf import read_elf
from bundler.engine.toolchain import survey
from bundler.errors import ToolError
from bundler.freeze.contents import DROPPED_HOOKS, EXCLUDED, EXTRA, ZLIB_LEVEL
from bundler.freeze.inventory import inventory, of_page
from bundler.page.build import BuiltPage, build_page, page_key
from bundler.publish import digest_of, discard, file_sha256, one_at_a_time, publishing, scratch
from bundler.targets import Target, host
from runtime.launch.tempdirs import RECOGNISED
from runtime.manifest import Package, RuntimeInfo

SPEC, ENTRY = "runtime.spec", "entry.py"
RECORD, STUB, PKG, LICENSES = "runtime.json", "stub", "runtime.pkg", "licenses"
_KEY_LENGTH = 24
_LAST_LINES = 15

# 1980-01-01, the oldest date a ZIP archive can hold.
_EPOCH = "315532800"


@dataclass(frozen=True, slots=True)
class FrozenRuntime:
    """A frozen runtime in the cache. stub: the bootloader. pkg: PyInstaller's archive; `stub + pkg` is a program.

    key: hash of everything that decided its bytes.
    """

    path: Path
    key: str
    info: RuntimeInfo

    @property
    def stub(self) -> Path:
        """The bootloader, the dist's first bytes."""
        return self.path / STUB

    @property
    def pkg(self) -> Path:
        """PyInstaller's archive, the dist's last entry."""
        return self.path / PKG

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
    """The runtime in this cache directory if stub and PKG have their recorded hashes; a damaged one goes."""
    try:
        record = json.loads((place / RECORD).read_bytes())
        if file_sha256(place / STUB) == record["stub"] and file_sha256(place / PKG) == record["pkg"]:
            raw = record["info"]
            info = RuntimeInfo(**{**raw, "packages": tuple(Package(**package) for package in raw["packages"])})
            return FrozenRuntime(place, record["key"], info)
    except (OSError, ValueError, TypeError, KeyError):
        pass
    discard(place)
    return None


def runtime_key(target: Target) -> str:
    """Hash of everything that decides the runtime's bytes: our sources and page, Python, and every package here."""
    files = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in _sources()}
    return digest_of(
        {
            "target": target.name,
            "files": files,
            "page": page_key(),
            "templates": [hashlib.sha256(resources.template(name).read_bytes()).hexdigest() for name in (SPEC, ENTRY)],
            "freezing": [path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("*.py"))],
            "python": [sys.version, ssl.OPENSSL_VERSION, zlib.ZLIB_RUNTIME_VERSION, platform.libc_ver()],
            "packages": sorted(f"{dist.metadata['Name']} {dist.version}" for dist in distributions()),
        }
    )


def _sources() -> Iterator[tuple[str, Path]]:
    """(place inside, file) of the runtime's modules, sorted."""
    package = resources.runtime_package()
    for path in sorted(package.rglob("*.py")):
        yield f"runtime/{path.relative_to(package).as_posix()}", path


def _freeze(place: Path, key: str, target: Target, root: Path, console: Console) -> None:
    """Run PyInstaller in a directory of its own, check what it packed, publish the halves."""
    if target.system == "linux":
        survey(("strip", "objcopy"))
    page = build_page(root, console)
    with scratch(root / "work", "freeze") as folder, publishing(place) as partial:
        with console.progress("Freezing the runtime", None):
            inside = _run_pyinstaller(folder, page, root / "logs" / f"runtime-{key[:_KEY_LENGTH]}.log")
        _check(inside)
        shutil.copyfile(inside["pkg"], partial / PKG)
        _take_stub(inside, target, partial / STUB)
        owners = inventory(source for _, source in (*inside["modules"], *inside["binaries"]) if source)
        owners = (*owners, *of_page(page.packages))
        (partial / LICENSES).mkdir()
        for owned in owners:
            name = re.sub(r"[^a-z0-9.+-]+", "-", owned.package.name.lower())
            (partial / LICENSES / f"{name}.txt").write_text(owned.text, encoding="utf-8")
        info = RuntimeInfo(
            version=version("pannier"),
            python=platform.python_version(),
            pyinstaller=version("pyinstaller"),
            packages=tuple(owned.package for owned in owners),
            glibc=_oldest_glibc([partial / STUB, *(Path(source) for _, source in inside["binaries"])], target),
        )
        record = {
            "key": key,
            "stub": file_sha256(partial / STUB),
            "pkg": file_sha256(partial / PKG),
            "info": asdict(info),
        }
        (partial / RECORD).write_text(json.dumps(record, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _run_pyinstaller(folder: Path, page: BuiltPage, log: Path) -> dict[str, Any]:
    """Freeze into `folder`; returns what the spec says went in, and where the results are."""
    (folder / RECOGNISED).write_bytes(b"")  # by it a start knows the folders that dead copies left behind
    served = [path for path in sorted(page.files.rglob("*")) if path.is_file()]
    data = [(str(path), str(Path("webui", path.relative_to(page.files)).parent)) for path in served]
    parameters = {
        "entry": str(resources.template(ENTRY)),
        "project": str(resources.runtime_package().parent),
        "modules": [_module(name) for name, _ in _sources()],
        "extra": EXTRA,
        "excluded": EXCLUDED,
        "hooks": DROPPED_HOOKS,
        "data": [(str(folder / RECOGNISED), "."), *data],
        "contents": str(folder / "contents.json"),
    }
    (folder / "parameters.json").write_text(json.dumps(parameters), encoding="utf-8")
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--distpath", str(folder / "dist")]
    command += ["--workpath", str(folder / "work"), str(resources.template(SPEC))]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PYINSTALLER_"))} | {
        "PANNIER_FREEZE": str(folder / "parameters.json"),
        "PYINSTALLER_CONFIG_DIR": str(folder / "config"),
        "PYINSTALLER_ZLIB_COMPRESSION_LEVEL": str(ZLIB_LEVEL),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "1",
        "PYTHONNOUSERSITE": "1",
        "SOURCE_DATE_EPOCH": _EPOCH,
        "LC_ALL": "C.UTF-8",
    }
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as sink:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=sink,
            stderr=subprocess.STDOUT,
            env=environment,
            cwd=folder,
            check=False,
        )
    if done.returncode:
        said = "\n".join(log.read_text(errors="replace").splitlines()[-_LAST_LINES:])
        raise ToolError(f"Freezing the runtime failed:\n{said}", f"The whole log is in {log}.")
    inside: dict[str, Any] = json.loads((folder / "contents.json").read_bytes())
    return inside


def _module(name: str) -> str:
    """runtime/engine/__init__.py → runtime.engine."""
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _check(inside: dict[str, Any]) -> None:
    """PyInstaller only warns about a module it does not find; such a dist would fail at its recipient's."""
    present = {name for name, _ in inside["modules"]}
    wanted = {*EXTRA, *(_module(name) for name, _ in _sources())}
    if missing := sorted(wanted - present):
        raise ToolError(f"PyInstaller left out {', '.join(missing)}.", "Install Pannier's dependencies again.")
    strays = sorted(name for name in present if any(name == out or name.startswith(f"{out}.") for out in EXCLUDED))
    if strays:
        raise ToolError(f"PyInstaller packed {', '.join(strays)}, which must stay out.", "Report this as a bug.")


def _take_stub(inside: dict[str, Any], target: Target, stub: Path) -> None:
    """The bootloader without the archive.

    Linux, macOS: PyInstaller's own file. Windows: the built program (it has the icon and manifest by then) without its
    tail. None carries the "sideload" signature, so a dist whose archive is gone never runs a file lying beside it.
    """
    if target.system == "windows":
        program, pkg = Path(inside["program"]).read_bytes(), Path(inside["pkg"]).read_bytes()
        if not program.endswith(pkg):
            raise ToolError("PyInstaller's program does not end in its archive.", "Report this as a bug.")
        stub.write_bytes(program[: -len(pkg)])
    else:
        shutil.copyfile(inside["bootloader"], stub)
    stub.chmod(0o755)


def _oldest_glibc(files: list[Path], target: Target) -> str:
    if target.system != "linux":
        return ""
    return ".".join(map(str, max(read_elf(path).glibc for path in files)))

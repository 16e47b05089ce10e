"""Runs PyInstaller over the package `runtime`, in a process and a folder of its own, and checks what it packed."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bundler import resources
from bundler.errors import ToolError
from bundler.freeze.contents import DROPPED_HOOKS, EXCLUDED, EXTRA, ZLIB_LEVEL
from bundler.running import run_logged
from bundler.targets import Target
from runtime.launch.tempdirs import RECOGNISED

SPEC, ENTRY = "runtime.spec", "entry.py"

# 1980-01-01, the oldest date a ZIP archive can hold.
_EPOCH = "315532800"


@dataclass(frozen=True, slots=True)
class Frozen:
    """What PyInstaller made. modules, binaries: (name inside, source). folder: of the program and its files, or

    pkg: the archive of a one-file program, whose bootloader is `bootloader` and whose whole is `program`.
    """

    modules: tuple[tuple[str, str], ...]
    binaries: tuple[tuple[str, str], ...]
    folder: Path
    program: Path
    bootloader: Path
    pkg: Path

    @property
    def sources(self) -> Iterator[str]:
        """Every file that went in, as far as it belongs to somebody."""
        return (source for _, source in (*self.modules, *self.binaries) if source)


def sources() -> Iterator[tuple[str, Path]]:
    """(place inside, file) of the runtime's modules, sorted."""
    package = resources.runtime_package()
    for path in sorted(package.rglob("*.py")):
        yield f"runtime/{path.relative_to(package).as_posix()}", path


def freeze(folder: Path, page: Path, log: Path, folder_program: str = "") -> Frozen:
    """Freeze into `folder`. page: folder of the built page.

    folder_program: name of the program in a folder of files; empty for a one-file program.
    Raises `ToolError` where PyInstaller fails or leaves something out.
    """
    served = [path for path in sorted(page.rglob("*")) if path.is_file()]
    data = [(str(path), str(Path("webui", path.relative_to(page)).parent)) for path in served]
    if not folder_program:
        (folder / RECOGNISED).write_bytes(b"")  # by it a start knows the folders that dead copies left behind
        data.append((str(folder / RECOGNISED), "."))
    parameters = {
        "entry": str(resources.template(ENTRY)),
        "project": str(resources.runtime_package().parent),
        "modules": [_module(name) for name, _ in sources()],
        "extra": EXTRA,
        "excluded": EXCLUDED,
        "hooks": DROPPED_HOOKS,
        "data": data,
        "contents": str(folder / "contents.json"),
        "folder": folder_program,
    }
    (folder / "parameters.json").write_text(json.dumps(parameters), encoding="utf-8")
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--distpath", str(folder / "dist")]
    command += ["--workpath", str(folder / "work"), str(resources.template(SPEC))]
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "PYINSTALLER_"))} | {
        "PANNIER_FREEZE": str(folder / "parameters.json"),
        "PYINSTALLER_CONFIG_DIR": str(folder / "config"),
        "PYINSTALLER_ZLIB_COMPRESSION_LEVEL": "0" if folder_program else str(ZLIB_LEVEL),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "1",
        "PYTHONNOUSERSITE": "1",
        "SOURCE_DATE_EPOCH": _EPOCH,
        "LC_ALL": "C.UTF-8",
    }
    run_logged(command, folder, environment, log, "Freezing the runtime failed")
    told = json.loads((folder / "contents.json").read_bytes())
    found = Frozen(
        modules=tuple((name, source) for name, source in told["modules"]),
        binaries=tuple((name, source) for name, source in told["binaries"]),
        folder=folder / "dist" / "folder",
        program=Path(told["program"]),
        bootloader=Path(told["bootloader"]),
        pkg=Path(told["pkg"]),
    )
    _check({name for name, _ in found.modules})
    return found


def take_stub(frozen: Frozen, target: Target, stub: Path) -> None:
    """The bootloader of a one-file program without the archive.

    macOS: PyInstaller's own file. Windows: the built program (it has the icon and manifest by then) without its tail.
    Neither carries the "sideload" signature, so a dist whose archive is gone never runs a file lying beside it.
    """
    if target.system == "windows":
        program, pkg = frozen.program.read_bytes(), frozen.pkg.read_bytes()
        if not program.endswith(pkg):
            raise ToolError("PyInstaller's program does not end in its archive.", "Report this as a bug.")
        stub.write_bytes(program[: -len(pkg)])
    else:
        shutil.copyfile(frozen.bootloader, stub)
    stub.chmod(0o755)


def _module(name: str) -> str:
    """runtime/engine/__init__.py → runtime.engine."""
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _check(present: set[str]) -> None:
    """PyInstaller only warns about a module it does not find; such a dist would fail at its recipient's."""
    wanted = {*EXTRA, *(_module(name) for name, _ in sources())}
    if missing := sorted(wanted - present):
        raise ToolError(f"PyInstaller left out {', '.join(missing)}.", "Install Pannier's dependencies again.")
    strays = sorted(name for name in present if any(name == out or name.startswith(f"{out}.") for out in EXCLUDED))
    if strays:
        raise ToolError(f"PyInstaller packed {', '.join(strays)}, which must stay out.", "Report this as a bug.")

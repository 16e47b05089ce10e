"""Freezing for a Linux with another processor: the half that needs its Python runs in a Debian for it, by QEMU."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import bundler
from bundler import cache, resources
from bundler.console import Console
from bundler.errors import ToolError
from bundler.foreign.debian import PYTHON, SITE, System, debian
from bundler.foreign.enter import command
from bundler.foreign.packages import closure, install
from bundler.freeze import inside, pyinstaller
from bundler.publish import digest_of, one_at_a_time, publishing, scratch
from bundler.targets import Target

_DEBIAN = ("bash", "binutils", "coreutils", "dash", "libc-bin", f"libpython{PYTHON}", "python3")
_PYTHON = ("fastapi", "filelock", "jinja2", "llama-cpp-python", "platformdirs", "pydantic", "pyinstaller")
_MORE = ("rich", "uvicorn", "zstandard")
_UNUSED = frozenset({"numpy", "diskcache"})
"""What llama-cpp-python asks for and its plain ctypes layer does without."""

_WORK, _OWN = "/work", "own"
"""Where it finds its folder, and our sources in it."""

_LAST_LINES = 15


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """Such a system, and the Python packages for it (a site-packages folder)."""

    target: Target
    system: System
    packages: Path

    def surroundings(self) -> dict[str, Any]:
        """What of it decides the bytes of what it packs."""
        told: dict[str, Any] = json.loads((self.packages / inside.TOLD).read_bytes())
        return told | {"system": self.system.identity}

    def pack(self, folder: Path, page: Path, program: str, log: Path) -> inside.Told:
        """As `inside.pack` does. Raises `ToolError`."""
        shutil.copytree(page, folder / inside.PAGE)
        try:
            _run(self.system, self.packages, folder, ["pack", self.target.name, program])
        finally:
            if (folder / inside.LOG).is_file():
                shutil.copyfile(folder / inside.LOG, log)
        return inside.told((folder / inside.TOLD).read_bytes())


def elsewhere(target: Target, root: Path, console: Console) -> Elsewhere:
    """What freezes for `target`, made now if the cache does not have it. Raises `ToolError`."""
    if not target.anywhere:
        raise ToolError(
            f"A runtime for {target.name} cannot be frozen on another system.",
            "Build the kit on such a machine and import it.",
        )
    system = debian(target.machine, _DEBIAN, root, console)
    wanted = closure((*_PYTHON, *_MORE), target.machine, _UNUSED)
    versions = sorted(f"{package.metadata['Name']} {package.version}" for package in wanted)
    place = root / "systems" / f"packages-{target.machine}-{digest_of({'of': system.identity, 'have': versions})[:16]}"
    if not place.is_dir():
        with one_at_a_time(place, console):
            if not place.is_dir():
                with (
                    publishing(place) as partial,
                    scratch(root / "work", "packages") as folder,
                    console.progress(f"Getting Python's packages for {target.machine}", None),
                ):
                    install(wanted, target.machine, partial, folder)
                    _run(system, partial, folder, ["describe"])
                    shutil.copyfile(folder / inside.TOLD, partial / inside.TOLD)
    return Elsewhere(target, system, place)


def _run(system: System, packages: Path, folder: Path, arguments: Sequence[str]) -> None:
    """Run `bundler.freeze.inside` there in `folder`, with our own sources beside it."""
    _copy_own(folder / _OWN)
    environment = {
        "HOME": _WORK,
        "PYTHONPATH": f"{_WORK}/{_OWN}",
        "PYTHONDONTWRITEBYTECODE": "1",
        cache.VARIABLE: f"{_WORK}/cache",
    }
    script = f'cd {_WORK} && exec /usr/bin/python3 -m bundler.freeze.inside "$@"'
    done = subprocess.run(
        command(system, {folder: _WORK, packages: SITE}, ["sh", "-c", script, "sh", *arguments], environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if done.returncode or not (folder / inside.TOLD).is_file():
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-_LAST_LINES:])
        raise ToolError(
            f"A Debian for {system.machine} could not do its part (exit code {done.returncode}):\n{said}",
            "It runs by QEMU in a user name space. That takes Linux 6.7 or newer; on an older one the machine's"
            " administrator has to set up qemu-user-static for binfmt_misc.",
        )


def _copy_own(place: Path) -> None:
    """Our packages as they are installed, as far as `inside` needs them."""
    folder = Path(bundler.__file__).parent
    for path in folder.rglob("*.py"):
        target = place / "bundler" / path.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    shutil.copytree(resources.runtime_package(), place / "runtime", ignore=shutil.ignore_patterns("__pycache__"))
    (place / "bundler" / "templates").mkdir(exist_ok=True)
    for name in (pyinstaller.SPEC, pyinstaller.ENTRY):
        shutil.copyfile(resources.template(name), place / "bundler" / "templates" / name)

"""Puts the Python packages of this environment, in the same versions, into a system for another processor.

Those that are the same everywhere are taken from here, without a network. The few with machine code in them come from
the package registry.
"""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Iterable
from importlib.metadata import Distribution
from pathlib import Path

from packaging.utils import canonicalize_name

from bundler.archive import wheels
from bundler.errors import ToolError
from bundler.foreign.debian import GLIBC, PYTHON

_PLAIN_HERE = frozenset({"llama-cpp-python"})
"""Installed without the library it could bring: plain Python, whatever its wheel is called."""

_OLDEST_TAGGED = 17
_LAST_LINES = 8


def closure(names: Iterable[str], machine: str, without: frozenset[str] = frozenset()) -> tuple[Distribution, ...]:
    """These packages and all that they need on a Linux with that processor, sorted by name; `without` some.

    Raises `ToolError` where one is not installed here.
    """
    surroundings = {
        "platform_machine": machine,
        "sys_platform": "linux",
        "platform_system": "Linux",
        "os_name": "posix",
        "python_version": PYTHON,
        "python_full_version": f"{PYTHON}.0",
    }
    return wheels.closure(names, surroundings, without)


def install(packages: Iterable[Distribution], machine: str, folder: Path, scratch: Path) -> None:
    """Unpack all of them into `folder` (a site-packages). scratch: for the wheels. Raises `ToolError`."""
    packages = list(packages)
    compiled = [package for package in packages if not _is_portable(package)]
    found = [wheels.remake(package, scratch) for package in packages if package not in compiled]
    if compiled:
        found += _download(compiled, machine, scratch)
    folder.mkdir(parents=True, exist_ok=True)
    for wheel in found:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(folder)


def _is_portable(package: Distribution) -> bool:
    tags = [line for line in (package.read_text("WHEEL") or "").splitlines() if line.startswith("Tag:")]
    return canonicalize_name(package.metadata["Name"]) in _PLAIN_HERE or all(tag.endswith("-any") for tag in tags)


def _download(packages: Iterable[Distribution], machine: str, scratch: Path) -> list[Path]:
    """Their wheels for the other processor, from the registry."""
    folder = scratch / "downloaded"
    major, newest = GLIBC
    platforms = [f"manylinux_{major}_{minor}_{machine}" for minor in range(newest, _OLDEST_TAGGED - 1, -1)]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", "--implementation=cp", f"--python-version={PYTHON}", "--dest", str(folder)]
    command += [part for name in (*platforms, f"manylinux2014_{machine}") for part in ("--platform", name)]
    command += [f"{package.metadata['Name']}=={package.version}" for package in packages]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = "\n".join((done.stderr or done.stdout).strip().splitlines()[-_LAST_LINES:])
        raise ToolError(
            f"Packages for {machine} could not be downloaded:\n{said}",
            "They come from Python's package registry: is there a connection?",
        )
    return sorted(folder.glob("*.whl"))

"""The half of freezing that the target's own Python has to do: packing the runtime, and telling whose parts they are.

For this machine's target it is called. For a Linux of another processor it is started inside such a system:
`python -m bundler.freeze.inside describe` or `… pack TARGET PROGRAM`, in a folder that has the page; what it tells is
left there as `told.json`.
"""

from __future__ import annotations

import json
import platform
import ssl
import sys
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import distributions, version
from pathlib import Path
from typing import Any

from bundler import targets
from bundler.engine.dylib import read_dylib
from bundler.engine.elf import read_elf
from bundler.errors import ToolError
from bundler.freeze import pyinstaller
from bundler.freeze.inventory import Owned, inventory
from bundler.targets import Target
from runtime.manifest import Package
from runtime.oldest import numbered

PAGE, TOLD, LOG = "page", "told.json", "pyinstaller.log"
FOLDER, STUB, PKG = "dist/folder", "stub", "pkg"
"""What `pack` leaves: a folder of files, or the two halves of a one-file program."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is inside, and what it asks for. glibc, oldest: the oldest that it starts on; "" where it does not count."""

    owners: tuple[Owned, ...]
    python: str
    pyinstaller: str
    glibc: str
    oldest: str


def surroundings() -> dict[str, Any]:
    """What of this Python decides the bytes of what it packs."""
    return {
        "python": [sys.version, ssl.OPENSSL_VERSION, zlib.ZLIB_RUNTIME_VERSION, platform.libc_ver()],
        "packages": sorted(f"{dist.metadata['Name']} {dist.version}" for dist in distributions()),
    }


def pack(folder: Path, page: Path, target: Target, program: str, log: Path) -> Told:
    """Freeze into `folder`. page: folder of the built page. program: name of the program in a folder of files, or "".

    Raises `ToolError` where PyInstaller fails or leaves something out.
    """
    frozen = pyinstaller.freeze(folder, page, log, program)
    if not program:
        (folder / PKG).write_bytes(frozen.pkg.read_bytes())
        pyinstaller.take_stub(frozen, target, folder / STUB)
    return Told(
        owners=inventory(frozen.sources),
        python=platform.python_version(),
        pyinstaller=version("pyinstaller"),
        glibc=_oldest_glibc(frozen, target),
        oldest=oldest_system(frozen, target),
    )


def told(text: bytes) -> Told:
    """What another process told. Raises `ValueError`, `KeyError` or `TypeError` for anything else."""
    raw = json.loads(text)
    owners = tuple(Owned(Package(**owned["package"]), owned["text"]) for owned in raw.pop("owners"))
    return Told(owners, **raw)


def _oldest_glibc(frozen: pyinstaller.Frozen, target: Target) -> str:
    if target.system != "linux":
        return ""
    files = [frozen.program, *(Path(source) for _, source in frozen.binaries)]
    return ".".join(map(str, max(read_elf(path).glibc for path in files)))


def oldest_system(frozen: pyinstaller.Frozen, target: Target) -> str:
    """What kits are made for; or the newest that something inside asks for, where Python was built for less."""
    if target.system != "macos":
        return target.oldest
    files = [frozen.program, *(Path(source) for _, source in frozen.binaries)]
    asked = max(read_dylib(path, target.machine).oldest for path in files)
    return max(target.oldest, ".".join(map(str, asked)), key=numbered)


def main(arguments: Sequence[str]) -> int:
    """As told above; exit code 9 and the reason on standard error where it fails."""
    folder = Path.cwd()
    try:
        if arguments[0] == "describe":
            result = surroundings()
        else:
            result = asdict(pack(folder, folder / PAGE, targets.find(arguments[1]), arguments[2], folder / LOG))
    except ToolError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    (folder / TOLD).write_text(json.dumps(result), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Makes such a system: Debian's packages unpacked into a folder of the cache, none of their scripts run.

The release is the oldest that has the Python we freeze, so that what is frozen there starts on systems as old as it.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bundler import cache
from bundler.console import Console
from bundler.engine.toolchain import clean_environment
from bundler.foreign.tools import needed
from bundler.publish import digest_of, discard, file_sha256, one_at_a_time, publishing
from bundler.running import run_logged

RELEASE, PYTHON, GLIBC = "bookworm", "3.11", (2, 36)
"""Debian 12, its Python, and its C library."""

SITE = f"/usr/local/lib/python{PYTHON}/dist-packages"
"""Where its Python looks for packages by itself."""

ARCHITECTURES = {"aarch64": "arm64", "x86_64": "amd64"}
"""Debian's name of each processor."""

MAKING = 1
"""Version of how a system is made; another number makes every system another one."""

_RECORD = "system.json"


@dataclass(frozen=True, slots=True)
class System:
    """A system in the cache. root: its folder. machine: its processor. identity: hash of what was unpacked."""

    root: Path
    machine: str
    identity: str


def debian(machine: str, packages: Sequence[str], cache_root: Path | None, console: Console) -> System:
    """A system for `machine` with these Debian packages and what they need, made now if the cache does not have it.

    Debian's packages are asked for once and kept: delete the folder in the cache to have newer ones.
    Raises `ToolError` where a tool is missing or fails.
    """
    cache_root = cache_root or cache.root()
    facts = {"making": MAKING, "release": RELEASE, "machine": machine, "packages": sorted(packages)}
    place = cache_root / "systems" / f"{RELEASE}-{machine}-{digest_of(facts)[:16]}"
    system = _find(place, machine)
    if system is None:
        with one_at_a_time(place, console):
            system = _find(place, machine) or _make(place, machine, packages, cache_root, console)
    return system


def _find(place: Path, machine: str) -> System | None:
    """The system there. Nothing inside can have been changed by what ran in it, which sees it read-only."""
    try:
        return System(place / "root", machine, json.loads((place / _RECORD).read_bytes())["identity"])
    except (OSError, ValueError, KeyError, TypeError):
        discard(place)
        return None


def _make(place: Path, machine: str, packages: Iterable[str], cache_root: Path, console: Console) -> System:
    program = needed("mmdebstrap")
    log = cache_root / "logs" / f"{place.name}.log"
    with publishing(place) as partial, console.progress(f"Getting a Debian for {machine}", None):
        archive = partial / "root.tar"
        # Without their scripts, the packages of any processor can be unpacked by anybody.
        command = [program, f"--architectures={ARCHITECTURES[machine]}", "--variant=extract", "--quiet"]
        command += [f"--include={','.join(sorted(packages))}", RELEASE, str(archive)]
        run_logged(
            command,
            partial,
            clean_environment(),
            log,
            f"Getting a Debian for {machine} failed",
            "It takes a connection to Debian's mirror, and its keys (apt install debian-archive-keyring).",
        )
        identity = file_sha256(archive)
        _unpack(archive, partial / "root")
        archive.unlink()
        (partial / _RECORD).write_text(json.dumps({"identity": identity}), encoding="utf-8")
    return System(place / "root", machine, identity)


def _unpack(archive: Path, root: Path) -> None:
    """Everything but devices, as files of our own. Its links point to places in the system, not in this one."""
    with tarfile.open(archive) as tar:
        for member in tar:
            if member.isdev():
                continue
            member.uid = member.gid = 0
            member.uname = member.gname = ""
            member.mode = (member.mode | 0o200) & 0o777
            tar.extract(member, root, set_attrs=not member.isdir(), filter="fully_trusted")

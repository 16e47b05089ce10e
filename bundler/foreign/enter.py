"""Runs commands inside such a system (`enter.sh`), by QEMU where its processor is another one."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from pathlib import Path

from bundler.foreign.debian import System
from bundler.foreign.tools import needed, qemu

_SCRIPT = Path(__file__).with_name("enter.sh")
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

# How an executable of that processor begins, as ELF says (class, byte order, machine), and which bits of it count.
_MAGIC = {"aarch64": rb"\x7f\x45\x4c\x46\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00"}
_MASK = rb"\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff"


def command(
    system: System, folders: Mapping[Path, str], arguments: Sequence[str], environment: Mapping[str, str] | None = None
) -> list[str]:
    """The command line that runs `arguments` in `system`, with only this environment.

    folders: those of this machine that it finds inside, and where. It needs no rights: in a user name space of its own
    everybody may mount. Raises `ToolError` where QEMU or util-linux is missing.
    """
    variables = {"PATH": _PATH, "LC_ALL": "C.UTF-8", **(environment or {})}
    return [
        *(needed("unshare"), "--user", "--map-root-user", "--mount"),
        *("sh", str(_SCRIPT), str(system.root), _rule(system.machine)),
        *(part for folder, place in folders.items() for part in (str(folder), place)),
        *("--", "/usr/bin/env", "-i", *(f"{name}={value}" for name, value in variables.items())),
        *arguments,
    ]


def _rule(machine: str) -> str:
    """For binfmt_misc: the interpreter is opened at once (F), since the system inside has none."""
    if machine == platform.machine():
        return ""
    return f":pannier-{machine}:M::{_MAGIC[machine].decode()}:{_MASK.decode()}:{needed(qemu(machine))}:OF"

"""What a stub is: which system and machine its executable format names, and whether it carries a code signature.

Only headers are read. Sources: the ELF, PE/COFF and Mach-O header layouts.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from bundler.errors import KitError
from bundler.targets import Target

_ELF_MACHINES = {62: "x86_64", 183: "aarch64"}
_PE_MACHINES = {0x8664: "x86_64", 0xAA64: "aarch64"}
_MACHO_MACHINES = {0x01000007: "x86_64", 0x0100000C: "arm64"}
_MACHO_MAGIC = 0xFEEDFACF


@dataclass(frozen=True, slots=True)
class Executable:
    """System, machine, and whether it bears a signature that would be broken (a Mac's is made anew instead)."""

    system: str
    machine: str
    signed: bool = False


def examine(stub: bytes) -> Executable | None:
    """What the stub is, or None for a format no target has."""
    try:
        if stub[:4] == b"\x7fELF":
            return Executable("linux", _ELF_MACHINES.get(struct.unpack_from("<H", stub, 18)[0], "?"))
        if stub[:2] == b"MZ":
            return _examine_pe(stub)
        if struct.unpack_from("<I", stub)[0] == _MACHO_MAGIC:
            return _examine_macho(stub)
    except struct.error:
        return None
    return None


def check(stub: bytes, target: Target) -> None:
    """Raise `KitError` unless `stub` starts on `target` and may be appended to."""
    found = examine(stub)
    if found is None or (found.system, found.machine) != (target.system, target.machine):
        what = f"for {found.system}-{found.machine}" if found else "no executable of a known format"
        raise KitError(f"The kit's stub is {what}; {target.name} was expected.", "Build or import the kit again.")
    if found.signed:
        raise KitError(
            f"The kit's stub for {target.name} carries a code signature; a signature does not survive the payload.",
            "Take it off when the kit is built, and sign the finished dist (signtool, osslsigncode).",
        )


def _examine_pe(stub: bytes) -> Executable | None:
    (at,) = struct.unpack_from("<I", stub, 0x3C)
    if stub[at : at + 4] != b"PE\0\0":
        return None
    (machine,) = struct.unpack_from("<H", stub, at + 4)
    optional = at + 24
    (magic,) = struct.unpack_from("<H", stub, optional)
    directories = optional + (112 if magic == 0x20B else 96)
    _, certificate_size = struct.unpack_from("<II", stub, directories + 4 * 8)
    return Executable("windows", _PE_MACHINES.get(machine, "?"), signed=certificate_size > 0)


def _examine_macho(stub: bytes) -> Executable:
    (cpu,) = struct.unpack_from("<I", stub, 4)
    return Executable("macos", _MACHO_MACHINES.get(cpu, "?"))

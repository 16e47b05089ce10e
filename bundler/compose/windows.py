"""What Windows is told about a dist: an icon, a version, and the manifest. Equal specs give equal bytes."""

from __future__ import annotations

import re
import struct
from pathlib import Path

from bundler import resources
from bundler.compose import pe
from bundler.errors import SpecError
from bundler.spec import DistSpec

ICON, GROUP_ICON, VERSION, MANIFEST = 3, 14, 16, 24
NEUTRAL, ENGLISH = 0, 0x409
UNICODE = 1200
_ICON_HEADER = struct.Struct("<3H")
_ICON_ENTRY = struct.Struct("<4B2HI")  # then a 32-bit offset in a file, a 16-bit number in a group


def dressed(stub: bytes, spec: DistSpec, file_name: str, icon: dict[pe.Key, bytes]) -> bytes:
    """The stub with the dist's own version and manifest, and its icon if it has one.

    icon: from `icons` or `icon_of`; empty keeps the bootloader's. Raises `KitError`.
    """
    replaced = (VERSION, MANIFEST, *((ICON, GROUP_ICON) if icon else ()))
    found = {key: data for key, data in pe.resources(stub).items() if key[0] not in replaced} | icon
    found[VERSION, 1, ENGLISH] = version_info(spec, file_name)
    found[MANIFEST, 1, ENGLISH] = resources.template("windows.manifest").read_bytes()
    return pe.with_resources(stub, found)


def read_icon(path: Path) -> bytes:
    """The .ico file a spec names. Raises `SpecError` where it cannot be read or is not one."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SpecError(
            f"The icon {path} cannot be read ({error.strerror}).", "Correct dist.icon in the spec."
        ) from None
    icons(data)  # before anything large is read
    return data


def icon_of(program: bytes) -> dict[pe.Key, bytes]:
    """The icon of a finished program."""
    return {key: data for key, data in pe.resources(program).items() if key[0] in (ICON, GROUP_ICON)}


def icons(data: bytes) -> dict[pe.Key, bytes]:
    """An .ico file as resources: each picture, and the group that lists them. Raises `SpecError` if it is not one."""
    try:
        _, kind, count = _ICON_HEADER.unpack_from(data)
        if kind != 1 or not count:
            raise SpecError("The icon is no .ico file.", "Convert the picture to .ico (several sizes, up to 256).")
        found: dict[pe.Key, bytes] = {}
        group = _ICON_HEADER.pack(0, 1, count)
        for index in range(count):
            at = _ICON_HEADER.size + (_ICON_ENTRY.size + 4) * index
            *shape, size = _ICON_ENTRY.unpack_from(data, at)
            (offset,) = struct.unpack_from("<I", data, at + _ICON_ENTRY.size)
            if offset + size > len(data):
                raise SpecError("The icon file is cut off.", "Get it again.")
            found[ICON, index + 1, NEUTRAL] = data[offset : offset + size]
            group += _ICON_ENTRY.pack(*shape, size) + struct.pack("<H", index + 1)
    except struct.error:
        raise SpecError(
            "The icon is no .ico file.", "Convert the picture to .ico (several sizes, up to 256)."
        ) from None
    return found | {(GROUP_ICON, 1, NEUTRAL): group}


def version_info(spec: DistSpec, file_name: str) -> bytes:
    """VS_VERSIONINFO: what the file's properties show."""
    dist = spec.dist
    numbers = [min(int(number), 0xFFFF) for number in re.findall(r"\d+", dist.version)[:4]]
    high, low = ((a << 16) | b for a, b in zip(*[iter([*numbers, 0, 0, 0, 0][:4])] * 2, strict=True))
    fixed = struct.pack("<13I", 0xFEEF04BD, 0x10000, high, low, high, low, 0x3F, 0, 0x40004, 1, 0, 0, 0)
    told = {
        "FileDescription": dist.description or spec.ui.title or dist.name,
        "FileVersion": dist.version,
        "InternalName": dist.name,
        "OriginalFilename": file_name,
        "ProductName": spec.ui.title or dist.name,
        "ProductVersion": dist.version,
    }
    strings = _block(f"{ENGLISH:04X}{UNICODE:04X}", b"", [_text(key, value) for key, value in told.items()])
    translation = _block("Translation", struct.pack("<2H", ENGLISH, UNICODE), [])
    children = [_block("StringFileInfo", b"", [strings]), _block("VarFileInfo", b"", [translation])]
    return _block("VS_VERSION_INFO", fixed, children)


def _text(key: str, value: str) -> bytes:
    data = (value + "\0").encode("utf-16-le")
    return _block(key, data, [], length=len(data) // 2, text=True)


def _block(key: str, value: bytes, children: list[bytes], *, length: int | None = None, text: bool = False) -> bytes:
    """One node of a version resource: sizes, name, value, children, each on a 32-bit boundary."""
    body = _aligned(bytes(6) + (key + "\0").encode("utf-16-le")) + value
    for child in children:
        body = _aligned(body) + child
    # A node without value and with children is of kind text, as the resource compiler has it.
    kind = 1 if text or not value else 0
    return struct.pack("<3H", len(body), len(value) if length is None else length, kind) + body[6:]


def _aligned(data: bytes) -> bytes:
    return data + bytes(-len(data) % 4)

"""A library to link against in the place of another system's Vulkan loader: its functions by name, and nothing in them.

The receiver's system brings the real one. Only what every loader has is in it, so that a library which needs more does
not link, instead of failing at a receiver's.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from pathlib import Path

from bundler.engine.finding import Finding
from bundler.engine.zig import compile_with_zig
from bundler.errors import ToolError
from bundler.publish import publishing

LINUX, WINDOWS, IMPORTS = "libvulkan.so.1", "vulkan-1.dll", "vulkan-1.lib"
VERSIONS = ("1_0", "1_1")
"""Vulkan's versions whose functions every loader has that llama.cpp can work with: it asks for 1.2."""

_FUNCTION = re.compile(r"^VKAPI_ATTR \w+ VKAPI_CALL (vk\w+)\(", re.MULTILINE)


def functions(header: Path) -> tuple[str, ...]:
    """The functions of `VERSIONS` that a `vulkan_core.h` declares, sorted. Raises `ToolError` where it has none."""
    text = header.read_text(encoding="utf-8", errors="replace")
    found: set[str] = set()
    for version in VERSIONS:
        block = re.search(rf"^#define VK_VERSION_{version} 1$(.*?)^#define VK_(?:VERSION_\d|KHR_)", text, re.M | re.S)
        found.update(_FUNCTION.findall(block[1]) if block else ())
    if "vkGetInstanceProcAddr" not in found:
        raise ToolError(f"{header} does not declare Vulkan's functions.", "Install other headers.")
    return tuple(sorted(found))


def stub(header: Path, zig: str, triple: str, folder: Path) -> Finding:
    """The library for a target, made in `folder` if it is not there. triple: zig's name of the target.

    Raises `ToolError`.
    """
    names = functions(header)
    identity = hashlib.sha256("\n".join([triple, *names]).encode()).hexdigest()
    place = folder / identity[:16]
    if not place.is_dir():
        with publishing(place) as partial:
            _make(names, zig, triple, partial)
    library = place / (IMPORTS if "windows" in triple else LINUX)
    options = {"Vulkan_LIBRARY": str(library)}
    return Finding("vulkan-loader", True, "a stand-in", path=str(library), identity=identity, options=options)


def _make(names: Sequence[str], zig: str, triple: str, folder: Path) -> None:
    if "windows" in triple:
        (folder / "vulkan-1.def").write_text("\n".join([f"LIBRARY {WINDOWS}", "EXPORTS", *names, ""]))
        compile_with_zig([zig, "dlltool", "-m", "i386:x86-64", "-d", "vulkan-1.def", "-l", IMPORTS], folder)
    else:
        (folder / "vulkan.c").write_text("".join(f"void {name}(void) {{}}\n" for name in names))
        linking = ["-shared", "-nostdlib", f"-Wl,-soname,{LINUX}"]
        compile_with_zig([zig, "cc", "-target", triple, *linking, "vulkan.c", "-o", LINUX], folder)

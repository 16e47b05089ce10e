"""Engines for other systems, compiled here: zig's compiler brings the headers and libraries of every target along.

A target compiled this way differs from a native build in its compiler and in nothing else: same source, same recipes.
zig links against the stubs of an old glibc, so such an engine also starts on older systems than this one.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from bundler.engine import zigcc
from bundler.engine.recipes import SYSTEMS, SystemRules
from bundler.engine.toolchain import Toolchain, survey
from bundler.engine.vulkan_stub import stub
from bundler.errors import ToolError
from bundler.publish import file_sha256
from bundler.targets import Target


@dataclass(frozen=True, slots=True)
class Cross:
    """How zig compiles for one target.

    triple: zig's name of the target. system, processor: CMake's names. rules: what differs there from a native build.
    """

    triple: str
    system: str
    processor: str
    rules: SystemRules


# Symbols go at link time: no `strip` for a foreign format is needed. The C++ library is zig's own and always inside.
_LINUX = replace(SYSTEMS["linux"], link_flags=("-Wl,--gc-sections", "-Wl,--build-id=none", "-s"), strip=())

# As MinGW builds it: the C runtime is Windows' own, so that Python and the engine hand each other open files.
_WINDOWS = replace(
    SYSTEMS["windows"],
    compile_flags=_LINUX.compile_flags,
    link_flags=("-s",),
    names=("{}.dll",),
    include="windows.cmake",
)

CROSS: dict[str, Cross] = {
    "linux-aarch64": Cross("aarch64-linux-gnu.2.28", "Linux", "aarch64", _LINUX),
    "windows-x86_64": Cross("x86_64-windows.win10_19h1-gnu", "Windows", "AMD64", _WINDOWS),
}


def find(target: Target) -> Cross:
    """How to compile for `target`. Raises `ToolError` where that has to happen on such a machine."""
    if target.name not in CROSS:
        raise ToolError(
            f"An engine for {target.name} cannot be compiled on another system.",
            "Build the kit on such a machine and import it.",
        )
    return CROSS[target.name]


def toolchain(cross: Cross, names: Iterable[str], folder: Path) -> Toolchain:
    """The checks `names`, with zig in the compilers' place. folder: where the launchers are written.

    Raises `ToolError` naming what is missing.
    """
    compilers = {"c-compiler": ("cc", "C"), "cxx-compiler": ("c++", "CXX")}
    wanted = {*names} - {*compilers, "strip"}
    found = dict(survey([*sorted(wanted - {"vulkan-loader"}), "zig"]).findings)
    zig = found.pop("zig")
    folder.mkdir(parents=True, exist_ok=True)
    translation = file_sha256(Path(zigcc.__file__))[:12]
    for name, (mode, language) in compilers.items():
        launcher = _launcher(folder / mode, zig.path, mode, "-target", cross.triple)
        options = {f"CMAKE_{language}_COMPILER": str(launcher)}
        found[name] = replace(
            zig, name=name, path=str(launcher), identity=f"{zig.detail} {cross.triple} {translation}", options=options
        )
    options = {f"CMAKE_{tool.upper()}": str(_launcher(folder / tool, zig.path, tool)) for tool in ("ar", "ranlib")}
    if cross.system == "Windows":  # CMake wants one there, also where nothing is compiled by it
        options["CMAKE_RC_COMPILER"] = str(_launcher(folder / "rc", zig.path, "rc"))
    options |= {"CMAKE_SYSTEM_NAME": cross.system, "CMAKE_SYSTEM_PROCESSOR": cross.processor}
    found["c-compiler"] = replace(found["c-compiler"], options=found["c-compiler"].options | options)
    if "vulkan-loader" in wanted:
        header = Path(found["vulkan-headers"].path, "vulkan", "vulkan_core.h")
        found["vulkan-loader"] = stub(header, zig.path, cross.triple, folder / "vulkan")
    found["strip"] = replace(zig, name="strip", identity="")  # at link time; see the rules
    return Toolchain(found)


def _launcher(path: Path, zig: str, *arguments: str) -> Path:
    """A program called `path` that is zig with `arguments` in front."""
    command = [sys.executable, "-I", "-S", zigcc.__file__, zig, *arguments]
    text = f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n'
    if not path.is_file() or path.read_text() != text:
        path.write_text(text)
        path.chmod(0o755)
    return path

"""The tools an engine is built with: where each is, which version, and how to get it where it is missing.

One check per tool, by name; a recipe lists the names it needs, `doctor` shows what the checks find. A finding's
`identity` enters the cache key, its `options` go to CMake.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sysconfig
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import files, version
from pathlib import Path
from tempfile import TemporaryDirectory

from bundler.engine import gpu_tools, vulkan
from bundler.engine.finding import Finding
from bundler.errors import ToolError

_COMPILER_REMEDY = (
    "Install a C and C++ compiler: Debian/Ubuntu `apt install g++`, Fedora `dnf install gcc-c++ libstdc++-static`,"
    " macOS `xcode-select --install`."
)
_BINUTILS_REMEDY = "Install binutils: Debian/Ubuntu `apt install binutils`, Fedora `dnf install binutils`."
_PACKAGE_REMEDY = "Install Pannier again; it brings cmake, ninja and zig along."


def _compiler(name: str, variable: str, usual: tuple[str, ...]) -> Finding:
    command = shlex.split(os.environ.get(variable, "")) or [next((c for c in usual if shutil.which(c)), usual[0])]
    program = shutil.which(command[0])
    if program is None:
        return Finding(name, found=False, detail=f"{command[0]} not found", remedy=_COMPILER_REMEDY)
    banner = first_line([program, *command[1:], "--version"])
    machine = first_line([program, *command[1:], "-dumpmachine"])
    return Finding(
        name, found=True, detail=banner, path=program, identity=f"{banner} {machine}", arguments=tuple(command[1:])
    )


def c_compiler() -> Finding:
    """The C compiler, `CC` respected."""
    return _compiler("c-compiler", "CC", ("cc", "gcc", "clang", "cl"))


def cxx_compiler() -> Finding:
    """The C++ compiler, `CXX` respected."""
    return _compiler("cxx-compiler", "CXX", ("c++", "g++", "clang++", "cl"))


def cmake() -> Finding:
    """CMake from the package in our own environment: the same version for everyone."""
    try:
        folder = Path(import_module("cmake").CMAKE_BIN_DIR)
    except (ImportError, AttributeError, AssertionError):
        return Finding("cmake", found=False, detail="the cmake package is missing", remedy=_PACKAGE_REMEDY)
    return _packaged("cmake", folder)


def ninja() -> Finding:
    """Ninja from the package in our own environment."""
    try:
        folder = Path(import_module("ninja").BIN_DIR or _scripts_of("ninja"))
    except (ImportError, AttributeError):
        return Finding("ninja", found=False, detail="the ninja package is missing", remedy=_PACKAGE_REMEDY)
    return _packaged("ninja", folder)


def _scripts_of(package: str) -> Path:
    """Where its programs were put: with an environment laid over another (`uv run --with`) not among Python's own."""
    placed = (Path(file.locate()).resolve() for file in files(package) or ())
    return next((path.parent for path in placed if path.stem == package), Path(sysconfig.get_path("scripts")))


def _packaged(name: str, folder: Path, package: str = "") -> Finding:
    program = shutil.which(name, path=str(folder))
    if program is None:
        return Finding(name, found=False, detail=f"{name} is not in {folder}", remedy=_PACKAGE_REMEDY)
    release = version(package or name)
    return Finding(name, found=True, detail=f"{name} {release}", path=program, identity=release)


def _binutils(name: str) -> Finding:
    program = shutil.which(name)
    if program is None:
        return Finding(name, found=False, detail=f"{name} not found", remedy=_BINUTILS_REMEDY)
    banner = first_line([program, "--version"])
    return Finding(name, found=True, detail=banner, path=program, identity=banner)


def strip() -> Finding:
    """Removes symbol tables from finished libraries; its version stands for the linker's and assembler's."""
    return _binutils("strip")


def objcopy() -> Finding:
    """PyInstaller's EXE step needs it on Linux."""
    return _binutils("objcopy")


def zig() -> Finding:
    """Zig's C compiler from the package in our own environment, for the launcher in front of every Linux dist."""
    try:
        folder = Path(str(import_module("ziglang").__file__)).parent
    except ImportError:
        return Finding("zig", found=False, detail="the ziglang package is missing", remedy=_PACKAGE_REMEDY)
    return _packaged("zig", folder, "ziglang")


CHECKS: dict[str, Callable[[], Finding]] = {
    "c-compiler": c_compiler,
    "cxx-compiler": cxx_compiler,
    "cmake": cmake,
    "ninja": ninja,
    "strip": strip,
    "objcopy": objcopy,
    "zig": zig,
    "glslc": vulkan.glslc,
    "vulkan-headers": vulkan.headers,
    "spirv-headers": vulkan.spirv_headers,
    "vulkan-loader": vulkan.loader,
    "nvcc": gpu_tools.nvcc,
    "cudart": gpu_tools.cudart,
    "hip": gpu_tools.hip,
    "sycl": gpu_tools.sycl,
    "metal": gpu_tools.metal,
}


@dataclass(frozen=True, slots=True)
class Toolchain:
    """What the checks found, all of it present."""

    findings: dict[str, Finding] = field(default_factory=dict)

    @property
    def compiler(self) -> str:
        """How the manifest names the compiler."""
        return self.findings["cxx-compiler"].detail

    def path(self, name: str) -> str:
        """The tool's executable."""
        return self.findings[name].path

    def identities(self, names: Iterable[str]) -> dict[str, str]:
        """What a cache key must know of these tools."""
        return {name: self.findings[name].identity for name in names}

    def options(self, names: Iterable[str]) -> dict[str, str]:
        """CMake options that say where these tools and headers are."""
        return {key: value for name in names for key, value in self.findings[name].options.items()}


def survey(names: Iterable[str]) -> Toolchain:
    """Run these checks. Raises `ToolError` naming everything that is missing and how to get it."""
    findings = {name: CHECKS[name]() for name in dict.fromkeys(names)}
    missing = [finding for finding in findings.values() if not finding.found]
    if missing:
        raise ToolError(
            "The engine cannot be built here: " + "; ".join(finding.detail for finding in missing) + ".",
            " ".join(dict.fromkeys(finding.remedy for finding in missing)),
        )
    return Toolchain(findings)


_PROBE = """#include <stdexcept>
#include <vector>
int first(const std::vector<int> & v) { if (v.empty()) { throw std::runtime_error(""); } return v[0]; }
"""


def cxx_library(flags: Iterable[str]) -> Finding:
    """Whether the C++ compiler can build a shared library with these linker flags, standard library included.

    Takes half a second, so it is no part of `survey`; a compiler without its library is a common half-installation.
    """
    compiler = cxx_compiler()
    if not compiler.found:
        return compiler
    with TemporaryDirectory() as scratch:
        source, output = Path(scratch, "probe.cpp"), Path(scratch, "probe.so")
        source.write_text(_PROBE)
        command = [compiler.path, *compiler.arguments, "-shared", "-fPIC", str(source), "-o", str(output), *flags]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=clean_environment())
    if done.returncode:
        said = (done.stderr.strip().splitlines() or ["it failed without a word"])[0]
        detail = f"{compiler.path} cannot build a C++ library ({said})"
        return Finding("cxx-library", found=False, detail=detail, remedy=_COMPILER_REMEDY)
    return Finding("cxx-library", found=True, detail="builds shared C++ libraries")


# Settings of the person's own that would leak into the libraries and make them differ from everybody else's.
_LEAKY = ("CFLAGS", "CXXFLAGS", "CPPFLAGS", "LDFLAGS", "ASMFLAGS", "CPATH", "C_INCLUDE_PATH", "CPLUS_INCLUDE_PATH")


def clean_environment() -> dict[str, str]:
    """The environment for compilers: the person's, without flags of their own, and in English for messages."""
    kept = {
        key: value
        for key, value in os.environ.items()
        if key not in _LEAKY and not key.startswith(("CMAKE_", "GGML_", "LLAMA_", "NINJA_"))
    }
    return kept | {"LC_ALL": "C", "SOURCE_DATE_EPOCH": "0", "ZERO_AR_DATE": "1"}


def first_line(command: list[str]) -> str:
    """The first line a program prints, on whichever stream; "" if it cannot be run."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=clean_environment())
    except OSError:
        return ""
    return ((done.stdout or done.stderr).strip().splitlines() or [""])[0]

"""What the Vulkan recipe needs: the shader compiler, headers new enough, SPIR-V headers, and the loader to link.

Distributions' headers are often too old (Debian 12: 1.3.239). `PANNIER_VULKAN_HEADERS` names a directory with newer
ones: the root of an unpacked package or SDK, with `include/vulkan/vulkan.h` in it or under `usr/`.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
from pathlib import Path

from bundler.engine.finding import Finding
from bundler.publish import file_sha256

VARIABLE = "PANNIER_VULKAN_HEADERS"
MINIMUM_HEADER = 1, 4, 0
_GLSLC_REMEDY = "Install glslc: Debian/Ubuntu `apt install glslc`, Fedora `dnf install glslc`, or the Vulkan SDK."
_HEADERS_REMEDY = (
    "Install newer Vulkan and SPIR-V headers (Debian 13 or Ubuntu 25.04 `apt install libvulkan-dev spirv-headers`,"
    f" Fedora `dnf install vulkan-headers spirv-headers-devel`), or unpack those packages anywhere and set {VARIABLE}"
    " to that directory."
)
_SPIRV_PACKAGES = ("share/cmake/SPIRV-Headers", "lib/cmake/SPIRV-Headers", "lib64/cmake/SPIRV-Headers")
_MULTIARCH = f"{platform.machine()}-linux-gnu"
_LOADER_REMEDY = (
    "Install the Vulkan loader: Debian/Ubuntu `apt install libvulkan1`, Fedora `dnf install vulkan-loader`."
)


def roots() -> tuple[Path, ...]:
    """Where headers are looked for, in this order."""
    named = [Path(os.environ[name]) for name in (VARIABLE, "VULKAN_SDK") if os.environ.get(name)]
    return *(folder for root in named for folder in (root, root / "usr")), Path("/usr"), Path("/usr/local")


def glslc() -> Finding:
    """The shader compiler."""
    sdk = os.environ.get("VULKAN_SDK")
    program = shutil.which("glslc") or (shutil.which("glslc", path=str(Path(sdk, "bin"))) if sdk else None)
    if program is None:
        return Finding("glslc", found=False, detail="glslc not found", remedy=_GLSLC_REMEDY)
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    identity = " ".join(done.stdout.split())
    detail = f"glslc ({done.stdout.splitlines()[0]})" if done.stdout else "glslc"
    return Finding("glslc", True, detail, path=program, identity=identity, options={"Vulkan_GLSLC_EXECUTABLE": program})


def headers() -> Finding:
    """Vulkan's headers, new enough for llama.cpp."""
    seen = []
    for root in roots():
        version = header_version(root / "include" / "vulkan" / "vulkan_core.h")
        if version is None:
            continue
        text = ".".join(map(str, version))
        if version >= MINIMUM_HEADER and (root / "include" / "vulkan" / "vulkan.hpp").is_file():
            path = root / "include"
            options = {"Vulkan_INCLUDE_DIR": str(path)}
            return Finding(
                "vulkan-headers", True, f"Vulkan headers {text}", path=str(path), identity=text, options=options
            )
        seen.append(f"{text} in {root}")
    wanted = ".".join(map(str, MINIMUM_HEADER[:2]))
    detail = f"Vulkan headers {wanted} or newer not found" + (f" (only {', '.join(seen)})" if seen else "")
    return Finding("vulkan-headers", found=False, detail=detail, remedy=_HEADERS_REMEDY)


def spirv_headers() -> Finding:
    """SPIR-V's headers and their CMake package, which llama.cpp asks for."""
    for root in roots():
        for place in _SPIRV_PACKAGES:
            folder = root / place
            if (folder / "SPIRV-HeadersConfig.cmake").is_file():
                header = root / "include" / "spirv" / "unified1" / "spirv.hpp"
                identity = file_sha256(header) if header.is_file() else ""
                options = {"SPIRV-Headers_DIR": str(folder)}
                return Finding(
                    "spirv-headers", True, "SPIR-V headers", path=str(folder), identity=identity, options=options
                )
    return Finding("spirv-headers", found=False, detail="SPIR-V headers not found", remedy=_HEADERS_REMEDY)


def loader() -> Finding:
    """The loader library to link against; the one by its run-time name will do, no development package needed."""
    folders = [root / place for root in roots() for place in ("lib", "lib64", f"lib/{_MULTIARCH}")]
    for folder in folders:
        for name in ("libvulkan.so", "libvulkan.so.1", "libvulkan.dylib", "vulkan-1.lib"):
            library = folder / name
            if library.is_file():
                options = {"Vulkan_LIBRARY": str(library)}
                return Finding("vulkan-loader", True, f"Vulkan loader {library}", path=str(library), options=options)
    return Finding("vulkan-loader", found=False, detail="the Vulkan loader not found", remedy=_LOADER_REMEDY)


def header_version(header: Path) -> tuple[int, int, int] | None:
    """(major, minor, patch) of a `vulkan_core.h`; None where it is not there or says nothing."""
    try:
        text = header.read_text(errors="replace")
    except OSError:
        return None
    patch = re.search(r"#define VK_HEADER_VERSION (\d+)", text)
    complete = re.search(r"#define VK_HEADER_VERSION_COMPLETE VK_MAKE_API_VERSION\(\d+, (\d+), (\d+),", text)
    return (int(complete[1]), int(complete[2]), int(patch[1])) if patch and complete else None

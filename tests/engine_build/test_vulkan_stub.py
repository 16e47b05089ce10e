"""What stands in for another system's Vulkan loader: the functions every loader has, and no others."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bundler.engine.dll import read_dll
from bundler.engine.elf import read_elf
from bundler.engine.toolchain import zig
from bundler.engine.vulkan_stub import functions, stub
from bundler.errors import ToolError
from tests.zig import compile_program

HEADER = """
#define VK_VERSION_1_0 1
VKAPI_ATTR VkResult VKAPI_CALL vkCreateInstance(
    const VkInstanceCreateInfo*                 pCreateInfo);
VKAPI_ATTR PFN_vkVoidFunction VKAPI_CALL vkGetInstanceProcAddr(
    VkInstance                                  instance);
#define VK_VERSION_1_1 1
VKAPI_ATTR void VKAPI_CALL vkGetPhysicalDeviceFeatures2(
    VkPhysicalDevice                            physicalDevice);
#define VK_VERSION_1_2 1
VKAPI_ATTR void VKAPI_CALL vkResetQueryPool(
    VkDevice                                    device);
#define VK_KHR_surface 1
VKAPI_ATTR void VKAPI_CALL vkDestroySurfaceKHR(
    VkInstance                                  instance);
"""
EVERYWHERE = ("vkCreateInstance", "vkGetInstanceProcAddr", "vkGetPhysicalDeviceFeatures2")


@pytest.fixture
def header(tmp_path: Path) -> Path:
    (tmp_path / "vulkan_core.h").write_text(HEADER)
    return tmp_path / "vulkan_core.h"


def test_functions_that_only_newer_loaders_have_are_left_out(header: Path) -> None:
    assert functions(header) == EVERYWHERE


def test_another_header_is_refused(tmp_path: Path) -> None:
    (tmp_path / "other.h").write_text("int nothing;\n")
    with pytest.raises(ToolError, match="does not declare Vulkan's functions"):
        functions(tmp_path / "other.h")


@pytest.mark.parametrize("triple", ["aarch64-linux-gnu.2.28", "x86_64-windows.win10_19h1-gnu"])
def test_what_is_linked_with_it_asks_for_the_systems_own(header: Path, triple: str, tmp_path: Path) -> None:
    pytest.importorskip("ziglang")
    found = stub(header, zig().path, triple, tmp_path / "stub")
    (tmp_path / "one.c").write_text("void vkCreateInstance(void);\nvoid one(void) { vkCreateInstance(); }\n")
    flags = ["-shared", "-nostdlib", "one.c", str(found.options["Vulkan_LIBRARY"]), "-o", "one"]
    compile_program(triple, *flags, *(["-Wl,--no-entry"] if "windows" in triple else []), cwd=tmp_path)
    facts = read_dll(tmp_path / "one") if "windows" in triple else read_elf(tmp_path / "one")
    assert facts.needed == (("vulkan-1.dll",) if "windows" in triple else ("libvulkan.so.1",))


def test_what_only_newer_loaders_have_does_not_link(header: Path, tmp_path: Path) -> None:
    pytest.importorskip("ziglang")
    found = stub(header, zig().path, "x86_64-windows-gnu", tmp_path / "stub")
    (tmp_path / "one.c").write_text("void vkResetQueryPool(void);\nvoid one(void) { vkResetQueryPool(); }\n")
    command = [
        zig().path,
        "cc",
        "-target",
        "x86_64-windows-gnu",
        "-shared",
        "-nostdlib",
        "one.c",
        found.path,
        "-o",
        "one",
    ]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode
    assert "vkResetQueryPool" in done.stderr


def test_the_same_functions_have_the_same_identity_and_others_another(header: Path, tmp_path: Path) -> None:
    pytest.importorskip("ziglang")
    triple = "aarch64-linux-gnu.2.28"
    first = stub(header, zig().path, triple, tmp_path / "a").identity
    assert stub(header, zig().path, triple, tmp_path / "b").identity == first
    header.write_text(HEADER.replace("vkCreateInstance", "vkMakeInstance"))
    assert stub(header, zig().path, triple, tmp_path / "c").identity != first

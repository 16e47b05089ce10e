"""Which graphics devices and drivers this machine has, as a text that changes when they do.

Nothing is asked of the drivers themselves: that would take as long as a proof, and may crash like one. Files that every
installation of a driver changes stand for it. Variables that hide devices belong to it, too.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

VARIABLES = (
    *("GGML_VK_VISIBLE_DEVICES", "CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"),
    *("VK_ICD_FILENAMES", "VK_DRIVER_FILES", "ONEAPI_DEVICE_SELECTOR", "NVIDIA_VISIBLE_DEVICES"),
)

_LINUX = (
    "proc/driver/nvidia/version",
    "sys/module/*/version",
    "sys/class/drm/card*/device/vendor",
    "sys/class/drm/card*/device/device",
    "dev/nvidia[0-9]*",
    "dev/kfd",
    "usr/share/vulkan/icd.d/*",
    "etc/vulkan/icd.d/*",
    "usr/lib/*/libvulkan_*.so*",
    "usr/lib*/libvulkan_*.so*",
    "usr/lib/*/libcuda.so.*",
)
_DRIVER_MODULES = ("nvidia", "amdgpu", "i915", "xe", "nouveau")


def drivers_identity(root: Path = Path("/"), environ: Mapping[str, str] | None = None) -> str:
    """One digest of all of it. root: the machine's file tree, for tests."""
    environ = os.environ if environ is None else environ
    lines = [f"{name}={environ[name]}" for name in VARIABLES if environ.get(name)]
    if sys.platform == "linux":
        lines += _files(root)
    elif sys.platform == "win32":
        lines += _registry()
    else:
        lines.append(" ".join(os.uname()))
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _files(root: Path) -> Iterator[str]:
    for pattern in _LINUX:
        for path in sorted(root.glob(pattern)):
            if "sys/module" in pattern and path.parent.name not in _DRIVER_MODULES:
                continue
            with contextlib.suppress(OSError):
                about = path.stat()
                text = path.read_text(errors="replace") if pattern.startswith(("proc", "sys")) else ""
                size = "" if text or not path.is_file() else f"{about.st_size} {about.st_mtime_ns}"
                yield f"{path.relative_to(root)} {size} {text.strip()}"


def _registry() -> Iterator[str]:
    """Names and versions of the display drivers, where Windows keeps them."""
    if sys.platform != "win32":
        return
    import winreg

    displays = r"SYSTEM\CurrentControlSet\Control\Class\{4d36e968-e325-11ce-bfc1-08002be10318}"
    with contextlib.suppress(OSError), winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, displays) as classes:
        for index in range(winreg.QueryInfoKey(classes)[0]):
            with contextlib.suppress(OSError), winreg.OpenKey(classes, winreg.EnumKey(classes, index)) as driver:
                values = (winreg.QueryValueEx(driver, name)[0] for name in ("DriverDesc", "DriverVersion"))
                yield " ".join(map(str, values))

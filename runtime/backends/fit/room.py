"""How much memory is really free for a model: the machine's, less what its control groups withhold."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from runtime.backends.cgroups import levels, number, text
from runtime.backends.fit.need import GB, MIB

_KEPT_SHARE, _KEPT_LEAST = 0.03, 300 * MIB
"""Of the machine's memory, what is left to everything else: the server beside the worker, a browser that grows."""

_DEVICE_SHARE, _DEVICE_LEAST = 0.05, 300 * MIB
"""The same of a device: its driver takes some for every program that uses it."""

_FREE_ON_MACOS = 0.7
"""Of a Mac's memory. It says nothing that could be relied on: what is compressed or cached can mostly be given up."""


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes. memory: free main memory, total: all of it. device, device_total: the same of a device.

    limited: a control group, not the machine, sets the bound. shared: the device has no memory of its own.
    """

    memory: int
    total: int
    device: int = 0
    device_total: int = 0
    limited: bool = False
    shared: bool = False

    @property
    def for_model(self) -> int:
        """What a model may take of main memory."""
        return max(0, self.memory - max(_KEPT_LEAST, int(_KEPT_SHARE * self.total)))

    @property
    def for_device(self) -> int:
        """What it may take of the device's."""
        return max(0, self.device - max(_DEVICE_LEAST, int(_DEVICE_SHARE * self.device_total)))

    def __str__(self) -> str:
        where = " that this program may use" if self.limited else ""
        return f"{self.memory / GB:.1f} of {self.total / GB:.1f} GB memory{where} free"


def room(root: Path = Path("/")) -> Room:
    """Of this machine. root: its file tree, for tests."""
    if sys.platform == "linux" or root != Path("/"):
        return _linux(root)
    if sys.platform == "darwin":
        total = _sysctl(b"hw.memsize")
        return Room(int(_FREE_ON_MACOS * total), total)
    return _windows()


def _linux(root: Path) -> Room:
    said: dict[str, int] = {}
    for line in text(root / "proc/meminfo").splitlines():
        name, _, rest = line.partition(":")
        said[name] = int((rest.split() or ["0"])[0]) << 10
    total = said.get("MemTotal", 0)
    free = said.get("MemAvailable", said.get("MemFree", 0))
    limited = False
    for group in levels(root, "memory"):
        limit = number(group / "memory.max") or number(group / "memory.limit_in_bytes")
        if not limit or limit >= total:
            continue
        used = number(group / "memory.current") or number(group / "memory.usage_in_bytes")
        here = max(0, limit - (used - _given_up(group)))
        if here < free:
            free, total, limited = int(here), int(limit), True
    return Room(free, total, limited=limited)


def _given_up(group: Path) -> float:
    """Bytes of a group that are cached files, which the system takes back when it needs them."""
    for line in text(group / "memory.stat").splitlines():
        name, _, value = line.partition(" ")
        if name in ("inactive_file", "total_inactive_file"):
            return float(value)
    return 0.0


def _sysctl(name: bytes) -> int:
    import ctypes

    value, size = ctypes.c_uint64(0), ctypes.c_size_t(8)
    ctypes.CDLL(None).sysctlbyname(name, ctypes.byref(value), ctypes.byref(size), None, ctypes.c_size_t(0))
    return value.value


def _windows() -> Room:
    import ctypes

    class Status(ctypes.Structure):
        """`MEMORYSTATUSEX`."""

        _fields_ = (
            ("length", ctypes.c_ulong),
            ("load", ctypes.c_ulong),
            ("total", ctypes.c_ulonglong),
            ("free", ctypes.c_ulonglong),
            ("rest", ctypes.c_ulonglong * 5),
        )

    status = Status(length=ctypes.sizeof(Status))
    ctypes.CDLL("kernel32").GlobalMemoryStatusEx(ctypes.byref(status))
    return Room(int(status.free), int(status.total))

"""How many threads compute best: one for each real, fast core this process may use.

A second thread on a core (hyper-threading) or a slow core in the group makes every step wait for it; more threads than
a container's share of processor time means being put to sleep in the middle of a step.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from runtime.backends.cgroups import levels, number, text

_SLOW = 0.7  # a core with less than this share of the best one's capacity is not worth waiting for


SMALL_MODEL = 30_000_000
"""Parameters below which one thread is best: threads wait for each other several times a layer, and in so small a layer
that takes longer than the sums. Where other programs use the processors too, each wait can take a time slice."""


@dataclass(frozen=True, slots=True)
class Threads:
    """How many, and of how many processors. node: the processors to stay on, () for wherever the system likes.

    why: what the number follows from, as the end of a sentence.
    """

    count: int
    of: int
    why: str
    node: tuple[int, ...] = ()

    def __str__(self) -> str:
        return f"{self.count} of {self.of} processors compute ({self.why})"


def threads_for(parameters: int) -> int:
    """Threads for decoding with a model of this many parameters (0: not known)."""
    return threads_here(parameters).count


def threads_here(parameters: int = 0, wished: int = 0) -> Threads:
    """The threads for a model of this many parameters (0: not known) here. wished: a number asked for."""
    here = compute_threads()
    if wished:
        return Threads(wished, here.of, "as asked for")
    if 0 < parameters < SMALL_MODEL:
        return Threads(1, here.of, "the model is small")
    return here


def compute_threads(root: Path = Path("/"), allowed: Iterable[int] | None = None) -> Threads:
    """Threads for decoding, at least 1. root, allowed: a machine's file tree and usable processors, for tests."""
    if sys.platform == "linux":
        return _linux(root, set(os.sched_getaffinity(0) if allowed is None else allowed))
    processors = os.cpu_count() or 1
    if sys.platform == "darwin":
        return Threads(_performance_cores_macos() or processors, processors, "one for each performance core")
    return Threads(max(1, processors // 2), processors, "one for each core")  # most have two threads a core


def _linux(root: Path, processors: set[int]) -> Threads:
    fast = _fast(root, processors)
    node = _largest_node(root, fast)
    count = _cores(root, node or fast)
    why = "one for each core" if fast == processors else "one for each fast core"
    if node:
        why = f"{why} of one memory node"
    quota = _quota(root)
    if quota and int(quota) < count:
        count, why = int(quota), "all that this program's control group may use"
    return Threads(max(1, count), len(processors), why, tuple(sorted(node)))


def _largest_node(root: Path, processors: set[int]) -> set[int]:
    """The processors of the memory node that has most of them; nothing where there is only one such node.

    Across nodes, each barrier of a step waits for the slowest way to memory, and there are hundreds of them.
    """
    listed = sorted((root / "sys/devices/system/node").glob("node[0-9]*/cpulist"))
    nodes = [found for path in listed if (found := _listed(text(path)) & processors)]
    return max(nodes, key=len) if len(nodes) > 1 else set()


def _fast(root: Path, processors: set[int]) -> set[int]:
    """Without the efficiency cores: Intel's by their group, ARM's by their capacity."""
    performance = _listed(text(root / "sys/devices/cpu_core/cpus")) & processors
    if performance:
        return performance
    capacities = {cpu: number(root / f"sys/devices/system/cpu/cpu{cpu}/cpu_capacity") for cpu in processors}
    best = max(capacities.values(), default=0.0)
    return {cpu for cpu, capacity in capacities.items() if capacity >= _SLOW * best}


def _cores(root: Path, processors: set[int]) -> int:
    """Distinct cores among processors; a processor whose core is not told counts as one."""
    cores = set()
    for cpu in processors:
        siblings = text(root / f"sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        cores.add(frozenset(_listed(siblings)) or frozenset([cpu]))
    return len(cores)


def _quota(root: Path) -> float:
    """Processors' worth of time the control groups grant; 0 for no limit."""
    return min((limit for group in levels(root, "cpu") for limit in _limit(group)), default=0.0)


def _limit(group: Path) -> list[float]:
    both = text(group / "cpu.max").split()  # version 2: "50000 100000" or "max 100000"
    if len(both) != 2:
        both = [text(group / "cpu.cfs_quota_us").strip(), text(group / "cpu.cfs_period_us").strip()]
    quota, period = both
    return [int(quota) / int(period)] if quota.isdigit() and period.isdigit() and int(period) else []


def _listed(said: str) -> set[int]:
    """Linux' lists of processors: "0-3,8"."""
    result: set[int] = set()
    for part in said.strip().split(","):
        first, _, last = part.partition("-")
        if first.isdigit():
            result.update(range(int(first), int(last or first) + 1))
    return result


def _performance_cores_macos() -> int:
    import ctypes

    value, size = ctypes.c_int(0), ctypes.c_size_t(4)
    libc = ctypes.CDLL(None)
    for name in (b"hw.perflevel0.physicalcpu", b"hw.physicalcpu"):
        if libc.sysctlbyname(name, ctypes.byref(value), ctypes.byref(size), None, ctypes.c_size_t(0)) == 0:
            return value.value
    return 0

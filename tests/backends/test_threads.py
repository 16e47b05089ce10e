from __future__ import annotations

from pathlib import Path

import pytest

from runtime.backends.threads import compute_threads, threads_for, threads_here


def machine(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


def cores(siblings: dict[int, str]) -> dict[str, str]:
    return {f"sys/devices/system/cpu/cpu{n}/topology/thread_siblings_list": text for n, text in siblings.items()}


HYPERTHREADS = cores({0: "0,4", 1: "1,5", 2: "2-2,6", 3: "3,7", 4: "0,4", 5: "1,5", 6: "2,6", 7: "3,7"})
HYBRID = {
    **cores({0: "0-1", 1: "0-1", 2: "2-3", 3: "2-3", 4: "4", 5: "5", 6: "6", 7: "7"}),
    "sys/devices/cpu_core/cpus": "0-3",
    "sys/devices/cpu_atom/cpus": "4-7",
}
BIG_LITTLE = {
    **cores({n: str(n) for n in range(6)}),
    **{f"sys/devices/system/cpu/cpu{n}/cpu_capacity": "446" if n < 4 else "1024" for n in range(6)},
}
V2 = {"proc/self/cgroup": "0::/box/inner"}
V1 = {"proc/self/cgroup": "5:cpu,cpuacct:/docker/abc\n1:name=systemd:/"}


@pytest.mark.parametrize(
    ("files", "processors", "expected"),
    [
        ({}, range(6), 6),
        (HYPERTHREADS, range(8), 4),
        (HYPERTHREADS, [0, 4], 1),
        (HYPERTHREADS, [0, 1, 4], 2),
        (HYBRID, range(8), 2),
        (HYBRID, range(4, 8), 4),
        (BIG_LITTLE, range(6), 2),
        (BIG_LITTLE, range(4), 4),
        ({**V2, "sys/fs/cgroup/box/inner/cpu.max": "max 100000"}, range(4), 4),
        ({**V2, "sys/fs/cgroup/box/inner/cpu.max": "200000 100000"}, range(4), 2),
        ({**V2, "sys/fs/cgroup/box/cpu.max": "350000 100000"}, range(8), 3),
        ({**V2, "sys/fs/cgroup/box/cpu.max": "50000 100000"}, range(8), 1),
        ({"proc/self/cgroup": "0::/", "sys/fs/cgroup/cpu.max": "150000 100000"}, range(8), 1),
        (
            {
                **V1,
                "sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_quota_us": "300000",
                "sys/fs/cgroup/cpu,cpuacct/docker/abc/cpu.cfs_period_us": "100000",
            },
            range(8),
            3,
        ),
        (
            {
                **V1,
                "sys/fs/cgroup/cpu/docker/abc/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu/docker/abc/cpu.cfs_period_us": "100000",
            },
            range(8),
            8,
        ),
        # Inside a container version 1 shows its own group as the root, under a path that is not there.
        (
            {**V1, "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "200000", "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000"},
            range(8),
            2,
        ),
        ({"proc/self/cgroup": "nonsense"}, range(3), 3),
    ],
)
def test_one_thread_for_each_fast_core_within_the_limits(
    tmp_path: Path, files: dict[str, str], processors: range | list[int], expected: int
) -> None:
    assert compute_threads(machine(tmp_path, files), processors).count == expected


def test_threads_stay_on_the_larger_of_two_memory_nodes(tmp_path: Path) -> None:
    nodes = {f"sys/devices/system/node/node{n}/cpulist": cpus for n, cpus in enumerate(("0-1", "2-7"))}
    found = compute_threads(machine(tmp_path, {**cores({n: str(n) for n in range(8)}), **nodes}), range(8))
    assert (found.count, found.node) == (6, (2, 3, 4, 5, 6, 7))
    assert "memory node" in str(found)


def test_one_memory_node_holds_nobody_back(tmp_path: Path) -> None:
    found = compute_threads(machine(tmp_path, {"sys/devices/system/node/node0/cpulist": "0-3"}), range(4))
    assert (found.count, found.node) == (4, ())


def test_a_number_that_was_asked_for_is_taken() -> None:
    assert threads_here(600_000_000, wished=7).count == 7


def test_this_machine_has_at_least_one() -> None:
    assert compute_threads().count >= 1


def test_a_small_model_computes_in_one_thread_and_a_large_one_in_all() -> None:
    assert threads_for(3_500_000) == 1
    assert threads_for(600_000_000) == threads_for(0) == compute_threads().count

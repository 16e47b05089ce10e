"""Free memory is the machine's, less what a container withholds."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.backends.fit.room import room

GIB = 1 << 30


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    (tmp_path / "proc/self").mkdir(parents=True)
    lines = (f"MemTotal: {16 << 20} kB", f"MemFree: {1 << 20} kB", f"MemAvailable: {12 << 20} kB")
    (tmp_path / "proc/meminfo").write_text("\n".join(lines))
    return tmp_path


def group(machine: Path, line: str, path: str, **files: str) -> None:
    with (machine / "proc/self/cgroup").open("a") as file:
        file.write(line + "\n")
    folder = machine / "sys/fs/cgroup" / path
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_cached_files_count_as_free(machine: Path) -> None:
    found = room(machine)
    assert (found.memory, found.total, found.limited) == (12 * GIB, 16 * GIB, False)


def test_a_group_of_version_2_limits(machine: Path) -> None:
    stat = f"anon 5\ninactive_file {GIB}\n"
    limits = {"memory__max": str(4 * GIB), "memory__current": str(2 * GIB), "memory__stat": stat}
    group(machine, "0::/box/inner", "box", **limits)
    found = room(machine)
    assert (found.memory, found.total, found.limited) == (3 * GIB, 4 * GIB, True)


def test_a_group_of_version_1_limits(machine: Path) -> None:
    limits = {"memory__limit_in_bytes": str(2 * GIB), "memory__usage_in_bytes": str(GIB)}
    group(machine, "7:memory:/box", "memory/box", **limits)
    assert room(machine).memory == GIB


def test_a_group_without_a_limit_changes_nothing(machine: Path) -> None:
    group(machine, "0::/box", "box", memory__max="max", memory__current=str(GIB))
    group(machine, "7:memory:/old", "memory/old", memory__limit_in_bytes=str((1 << 63) - 4096))
    assert room(machine).memory == 12 * GIB


def test_something_is_left_to_everything_else(machine: Path) -> None:
    assert room(machine).for_model < room(machine).memory


def test_this_machine_has_memory() -> None:
    assert 0 < room().memory <= room().total

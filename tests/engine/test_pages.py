"""Who fills the page tables of a mapped model, seen in what the kernel tells of the mapping."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bundler import targets
from bundler.console import Console
from bundler.launcher.preload import build_preload
from runtime.engine.messages import Load
from runtime.engine.worker.pages import Pages

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux maps and fills at once")

SIZE, OFFSET = 40 << 20, (3 << 20) + 17
MAPS = """
import ctypes, json, os, sys
from runtime.engine.worker.pages import Pages

def entered():
    inside, total = False, 0
    for line in open("/proc/self/smaps"):
        if "-" in line.split()[0]:
            inside = line.rstrip().endswith(sys.argv[1])
        elif inside and line.startswith("Rss:"):
            total += int(line.split()[1])
    return total * 1024

fd = os.open(sys.argv[1], os.O_RDONLY)
size, offset = os.fstat(fd).st_size, int(sys.argv[2])
pages = Pages(fd, offset, int(sys.argv[3]))
libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, *(ctypes.c_int,) * 3, ctypes.c_long)
told = []
with pages.left_alone() as ours:
    libc.mmap(None, size, 1, 0x8001, fd, 0)  # PROT_READ; MAP_SHARED | MAP_POPULATE
mapped = entered()
pages.fill(told.append)
print(json.dumps({"ours": ours, "mapped": mapped, "filled": entered(), "told": told}))
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "model"
    path.write_bytes(os.urandom(OFFSET + SIZE + (5 << 20)))
    return path


@pytest.fixture(scope="module")
def library() -> Path:
    return build_preload(targets.host(), None, Console())


def mapped(file: Path, size: int, **environment: str) -> dict[str, Any]:
    command = [sys.executable, "-c", MAPS, str(file), str(OFFSET), str(size)]
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_model_is_mapped_at_once_and_its_own_pages_are_filled_afterwards(file: Path, library: Path) -> None:
    seen = mapped(file, SIZE, LD_PRELOAD=str(library))
    assert seen["ours"] is True
    assert seen["mapped"] == 0
    assert SIZE <= seen["filled"] < SIZE + (4 << 20)  # and next to nothing of what is before and behind the model
    assert seen["told"] == sorted(seen["told"])
    assert (len(seen["told"]), seen["told"][-1]) == (3, 1.0)


def test_without_the_library_the_kernel_fills_while_it_maps(file: Path) -> None:
    seen = mapped(file, SIZE)
    assert seen["ours"] is False
    assert seen["mapped"] >= file.stat().st_size


def test_a_model_larger_than_the_free_memory_is_not_left_to_us(file: Path, library: Path) -> None:
    assert mapped(file, 1 << 50, LD_PRELOAD=str(library))["ours"] is False


def test_what_was_read_is_in_memory_and_what_was_dropped_is_not(file: Path) -> None:
    fd = os.open(file, os.O_RDWR)
    try:
        pages = Pages(fd, OFFSET, SIZE)
        assert pages.are_in_memory()
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        assert not pages.are_in_memory()
    finally:
        os.close(fd)


@pytest.mark.parametrize("copied", [{"device": "Vulkan0"}, {"repack": True}, {"model_splits": ("a", "b")}])
def test_what_is_copied_is_read_by_llama_cpp_alone(copied: dict[str, Any]) -> None:
    load = Load("engine", (), model_fd=0, model_size=SIZE, **copied)
    with Pages.of(load).left_alone() as ours:
        assert not ours

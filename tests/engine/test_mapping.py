"""The model is used where it lies: mapped from inside a larger file, and copied nowhere."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from runtime.engine.client import WorkerEngine
from runtime.engine.core import Event, GenerationRequest
from runtime.engine.messages import Load
from tests.engine.workers import GREEDY, Worker, end_of, events, has_avx2, text_of
from tests.models import TinyModel

ALIGNMENT = 65536
SHAPE = TinyModel(weights="Q4_0", width=512, layers=4)
ASK = GenerationRequest("ask", "The teacher asks", GREEDY, max_tokens=8)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@dataclass(frozen=True)
class Mapping:
    """One line of /proc/PID/maps that maps a file."""

    start: int
    size: int
    offset: int
    inode: int


@dataclass(frozen=True)
class Container:
    """A model inside a larger file."""

    path: Path
    offset: int
    size: int


@pytest.fixture(scope="module")
def container(tmp_path_factory: pytest.TempPathFactory) -> Container:
    """A 5 MB Q4_0 model behind an aligned start, with other bytes before and after it."""
    folder = tmp_path_factory.mktemp("container")
    model = SHAPE.write(folder / "model.gguf").read_bytes()
    path = folder / "dist"
    path.write_bytes(b"MZ" * (3 * ALIGNMENT // 2) + model + b"behind" * 1000)
    return Container(path, 3 * ALIGNMENT, len(model))


def mappings(pid: int, inode: int) -> Iterator[Mapping]:
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        addresses, _, offset, _, found, *_ = line.split()
        if int(found) == inode:
            start, end = (int(part, 16) for part in addresses.split("-"))
            yield Mapping(start, end - start, int(offset, 16), inode)


def anonymous_bytes(pid: int) -> int:
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    (kibibytes,) = re.findall(r"^Anonymous:\s+(\d+) kB", rollup, re.MULTILINE)
    return int(kibibytes) * 1024


async def look(engine: WorkerEngine, inode: int) -> tuple[list[Event], list[Mapping], int]:
    found, pid = await events(engine, ASK), engine.status.worker_pid
    assert pid is not None
    return found, [*mappings(pid, inode)], anonymous_bytes(pid)


def test_the_worker_maps_the_models_bytes_inside_the_larger_file_and_copies_them_nowhere(
    worker: Worker, container: Container, tmp_path: Path
):
    inode = container.path.stat().st_ino
    found, mapped, anonymous = worker.use(
        lambda engine: look(engine, inode), model_path=str(container.path), model_offset=container.offset
    )
    heavier = replace(SHAPE, weights="F32").write(tmp_path / "seven-times-heavier.gguf")
    _, _, of_the_heavier = worker.use(lambda engine: look(engine, inode), model_path=str(heavier))
    assert end_of(found)
    weights = container.offset + ALIGNMENT  # llama.cpp lets the GGUF's header go once it has read it
    assert any(m.offset <= weights and m.offset + m.size >= container.offset + container.size for m in mapped)
    assert heavier.stat().st_size > 6 * container.size
    assert abs(of_the_heavier - anonymous) < 2**20, "private memory grows with the weights"


def test_a_descriptor_is_enough_also_when_the_file_was_renamed_and_unlinked(worker: Worker, container: Container):
    copy = container.path.with_name("copy")
    copy.write_bytes(container.path.read_bytes())
    with copy.open("rb") as file:
        file.seek(17)
        copy.rename(moved := copy.with_name("moved"))
        moved.unlink()
        inode = os.fstat(file.fileno()).st_ino
        found, mapped, _ = worker.use(
            lambda engine: look(engine, inode), model_fd=file.fileno(), model_offset=container.offset
        )
        assert file.tell() == 17, "the worker moved the position of a descriptor it shares"
    (by_path, _, _) = worker.use(
        lambda engine: look(engine, inode), model_path=str(container.path), model_offset=container.offset
    )
    assert mapped
    assert text_of(found) == text_of(by_path)


@pytest.mark.skipif(not has_avx2(), reason="the plain backend has no other layouts to copy into")
def test_repacking_copies_weights_into_private_memory_and_only_where_asked(worker: Worker, container: Container):
    inode = container.path.stat().st_ino
    load = replace(worker.load, model_path=str(container.path), model_offset=container.offset)
    plain = worker_memory(replace(load, repack=False), inode)
    repacked = worker_memory(replace(load, repack=True), inode)
    assert repacked - plain > container.size / 2


def worker_memory(load: Load, inode: int) -> int:
    return Worker(load).use(lambda engine: look(engine, inode))[2]

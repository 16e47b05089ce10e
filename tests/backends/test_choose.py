from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.backends.candidates import candidates
from runtime.backends.choose import Choice, choose
from runtime.backends.prober import Prober
from runtime.backends.verdicts import HANG_REMEMBERED, Memory, Status, Verdict
from runtime.container.unpack import EngineCache, engine_hash
from runtime.errors import CannotRunError, UsageError
from runtime.launch.osdep import Command
from runtime.launch.places import Place, Places
from tests.backends.engines import CORE, FakeContainer, container, probe_command, real_container

Broken = Callable[..., Path]
NO_CHILD = Command(("false",), "/nonexistent/program", {})


def choose_here(
    dist: FakeContainer, places: Places, forced: str | None = None, reprobe: bool = False, limit: float = 60.0
) -> Choice:
    return choose(dist, EngineCache(places), forced, reprobe, Prober(probe_command(), limit=limit))


def with_broken(engine_dir: Path, **broken: Path) -> FakeContainer:
    """Broken libraries in front of a sound one."""
    ranked = {name: (path, 1000 - i) for i, (name, path) in enumerate(broken.items())}
    return container(
        {name: engine_dir / name for name in CORE}, {**ranked, "x64": (engine_dir / "libggml-cpu-x64.so", 1)}
    )


def test_every_broken_candidate_is_passed_over_and_explained(
    engine_dir: Path, break_library: Broken, one_place: Places
) -> None:
    dist = with_broken(
        engine_dir,
        illegal=break_library("FAULT_COMPUTE", "FAULT_SIGNAL=4"),
        loading=break_library("FAULT_LOAD", "FAULT_SIGNAL=11"),
        hanging=break_library("FAULT_HANG"),
        wrong=break_library("FAULT_WRONG"),
        symbol=break_library("FAULT_SYMBOL"),
        other=break_library("FAULT_SCORE"),
    )
    choice = choose_here(dist, one_place, limit=10.0)
    assert choice.name == "cpu-x64"
    assert not choice.remembered
    assert [v.status for v in choice.verdicts] == [
        "crashed",
        "crashed",
        "hung",
        "wrong",
        "missing",
        "unsupported",
        "ok",
    ]
    lines = choice.describe()
    assert lines[0].startswith("cpu-illegal: refused - This processor says it can run cpu-illegal but fails")
    assert lines[-1] == "cpu-x64: chosen - cpu-x64 computes correctly on this machine."


def test_only_the_winner_and_the_core_stay_on_disk(engine_dir: Path, break_library: Broken, one_place: Places) -> None:
    choice = choose_here(with_broken(engine_dir, wrong=break_library("FAULT_WRONG")), one_place)
    assert sorted(path.name for path in choice.engine_dir.iterdir()) == sorted([*CORE, "libggml-cpu-x64.so"])
    kept = [path.name for path in choice.engine_dir.parent.iterdir()]
    assert len(kept) == 2
    assert not [name for name in kept if name.startswith(".")]


def test_the_second_start_starts_no_child(engine_dir: Path, break_library: Broken, one_place: Places) -> None:
    dist = with_broken(engine_dir, wrong=break_library("FAULT_WRONG"))
    first = choose_here(dist, one_place)
    dist.reads.clear()
    second = choose(dist, EngineCache(one_place), prober=Prober(NO_CHILD))
    assert second.remembered
    assert second.verdicts == first.verdicts
    assert second.library == first.library
    assert dist.reads == []


def test_reprobing_forgets(engine_dir: Path, one_place: Places) -> None:
    dist = real_container(engine_dir, "x64")
    choose_here(dist, one_place)
    with pytest.raises(CannotRunError):
        choose(dist, EngineCache(one_place), reprobe=True, prober=Prober(NO_CHILD))


def test_another_machine_or_engine_is_proven_anew(
    engine_dir: Path, one_place: Places, monkeypatch: pytest.MonkeyPatch
) -> None:
    dist = real_container(engine_dir, "x64")
    choose_here(dist, one_place)
    assert not choose_here(real_container(engine_dir, "x64", "sse42"), one_place).remembered
    monkeypatch.setattr("runtime.launch.osdep.linux.Linux.cpu_identity", lambda _: "another processor")
    assert not choose_here(dist, one_place).remembered


def test_a_forced_library_is_the_only_one_tried(engine_dir: Path, break_library: Broken, one_place: Places) -> None:
    dist = with_broken(engine_dir, wrong=break_library("FAULT_WRONG"))
    assert [v.name for v in choose_here(dist, one_place, "cpu-x64").verdicts] == ["cpu-x64"]
    assert choose_here(dist, one_place, "cpu").name == "cpu-x64"
    with pytest.raises(CannotRunError, match="'cpu-wrong' does not work on this machine: cpu-wrong computes wrong"):
        choose_here(dist, one_place, "cpu-wrong")


def test_an_unknown_name_is_answered_with_the_known_ones(engine_dir: Path, one_place: Places) -> None:
    with pytest.raises(UsageError, match="'cuda'") as caught:
        choose_here(real_container(engine_dir, "x64", "sse42"), one_place, "cuda")
    assert caught.value.remedy == "Choose one of: cpu, cpu-x64, cpu-sse42."


def test_when_nothing_works_every_reason_is_listed(engine_dir: Path, break_library: Broken, one_place: Places) -> None:
    broken = {"a": (break_library("FAULT_WRONG"), 2), "b": (break_library("FAULT_SCORE"), 1)}
    dist = container({name: engine_dir / name for name in CORE}, broken)
    with pytest.raises(CannotRunError) as caught:
        choose_here(dist, one_place)
    assert "cpu-a computes wrong numbers" in caught.value.message
    assert "lacks what cpu-b is made for" in caught.value.message
    assert caught.value.exit_code == 4


def test_without_a_lasting_place_it_works_without_memory(engine_dir: Path, tmp_path: Path) -> None:
    places = Places((Place(tmp_path / "own", "for the test", lasting=False),))
    dist = real_container(engine_dir, "x64")
    assert not choose_here(dist, places).remembered
    assert not choose_here(dist, places).remembered


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b'{"format": 1}', b"\xff\xfe", b"null"])
def test_a_damaged_memory_counts_as_none(engine_dir: Path, one_place: Places, damage: bytes) -> None:
    dist = real_container(engine_dir, "x64")
    choose_here(dist, one_place)
    memory = one_place.candidates[0].path / Memory(one_place, engine_hash(dist.manifest)).name
    assert json.loads(memory.read_bytes())["verdicts"]
    memory.write_bytes(damage)
    assert not choose_here(dist, one_place).remembered
    assert choose_here(dist, one_place).remembered


def test_a_hang_is_remembered_for_a_day_only(one_place: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    memory = Memory(one_place, "e" * 64)
    hung = Verdict("cpu-a", "a.so", Status.HUNG, "It hung.", until=time.time() + HANG_REMEMBERED)
    assert memory.keep([hung]) is not None
    assert memory.recall() == {"a.so#0": hung}
    later = time.time() + HANG_REMEMBERED + 1
    monkeypatch.setattr(time, "time", lambda: later)
    assert memory.recall() == {}


def test_candidates_go_from_the_fastest_backend_to_the_plainest_variant(engine_dir: Path) -> None:
    engine = real_container(engine_dir, "zen4", "haswell", "x64").manifest.engine
    cpu = [library for library in engine.libraries if library.kind == "backend"]
    gpus = [
        dataclasses.replace(cpu[0], backend=backend, variant="", file=backend) for backend in ("vulkan", "new", "cuda")
    ]
    engine = dataclasses.replace(engine, libraries=tuple(reversed([*gpus, *engine.libraries])))
    names = [candidate.name for candidate in candidates(engine)]
    assert names == ["cuda", "new", "vulkan", "cpu-zen4", "cpu-haswell", "cpu-x64"] or names == [
        *("cuda", "vulkan", "new", "cpu-zen4", "cpu-haswell", "cpu-x64")
    ]


def start(engine_dir: Path, environment: dict[str, str], *variants: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.backends.start", str(engine_dir), *(variants or ("haswell", "x64"))],
        env={"PATH": os.environ["PATH"], **environment},
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_ten_first_starts_at_once_all_choose_the_same_and_leave_no_litter(engine_dir: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    starts = [start(engine_dir, {"PANNIER_CACHE_DIR": str(cache)}) for _ in range(10)]
    results = [json.loads(process.communicate(timeout=120)[0]) for process in starts]
    assert {(result["name"], result["engine_dir"], result["loaded"]) for result in results} == {
        (results[0]["name"], results[0]["engine_dir"], True)
    }
    engine, memory = sorted(path.name for path in cache.iterdir())
    assert engine.startswith("engine-")
    assert memory.startswith("verdicts-")
    assert len(list((cache / engine).iterdir())) == 3
    again = json.loads(start(engine_dir, {"PANNIER_CACHE_DIR": str(cache)}).communicate(timeout=60)[0])
    assert again["remembered"]
    assert again["unpacked"] == []

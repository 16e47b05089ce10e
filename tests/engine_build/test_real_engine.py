"""The engine itself, as it goes into dists."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import zstandard

from bundler.engine.elf import read_elf
from bundler.engine.recipes import GLIBC
from bundler.engine.variants import RANKS
from bundler.targets import host

pytestmark = pytest.mark.skipif(host().system != "linux", reason="checked as ELF")

SCORE = """
import ctypes, sys
ctypes.CDLL(sys.argv[1] + "/libggml-base.so", mode=ctypes.RTLD_GLOBAL)
sys.stdout.write(str(ctypes.CDLL(sys.argv[2]).ggml_backend_score()))
"""


def variants(engine_dir: Path) -> dict[str, Path]:
    return {path.stem.removeprefix("libggml-cpu-"): path for path in engine_dir.glob("libggml-cpu-*.so")}


def test_ranks_are_the_scores_of_the_libraries_this_cpu_supports(engine_dir: Path) -> None:
    supported = 0
    for name, path in variants(engine_dir).items():
        command = [sys.executable, "-c", SCORE, str(engine_dir), str(path)]
        score = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        if score:
            supported += 1
            assert RANKS[name] == score, name
    assert supported >= 1


def test_every_variant_has_a_rank_of_its_own(engine_dir: Path) -> None:
    ranks = [RANKS[name] for name in variants(engine_dir)]
    assert len(ranks) == len(set(ranks)) >= 8


def test_nothing_is_needed_but_glibc_and_each_other(engine_dir: Path) -> None:
    files = {path.name: read_elf(path) for path in engine_dir.glob("*.so")}
    for name, facts in files.items():
        assert set(facts.needed) <= GLIBC | set(files), name
        assert facts.runpath == "$ORIGIN"


def test_no_path_of_the_building_machine_is_inside(engine_dir: Path) -> None:
    for path in engine_dir.glob("*.so"):
        data = path.read_bytes()
        assert str(Path.home()).encode() not in data
        assert b"/llama.cpp-" not in data
        assert str(engine_dir.parent.parent).encode() not in data


def test_llama_cpp_knows_its_commit(engine_dir: Path) -> None:
    assert b"0c1e57098" in (engine_dir / "libggml-base.so").read_bytes()


def test_it_is_small_enough(engine_dir: Path) -> None:
    libraries = [path for path in engine_dir.glob("*.so") if not path.name.startswith(("libllama-", "libmtmd"))]
    # Kits compress harder (8.1 MB); this level is quick.
    packed = sum(len(zstandard.ZstdCompressor(level=12).compress(path.read_bytes())) for path in libraries)
    assert packed < 9_500_000

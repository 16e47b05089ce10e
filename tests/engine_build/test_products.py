"""Products, ours and llama.cpp's: every variant that runs on this machine computes what they are defined to be."""

from __future__ import annotations

from pathlib import Path

from tests.engine_build.variants import right_variants


def test_every_variant_that_runs_here_is_right(engine_dir: Path) -> None:
    assert right_variants(engine_dir, "tests.engine_build.products", cases=150)

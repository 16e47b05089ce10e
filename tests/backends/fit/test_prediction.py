"""The prediction against real workers; `python -m bench.memory` does it for larger models and more contexts."""

from __future__ import annotations

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bench.memory import OVER, UNDER, measured
from bundler.model.gguf import read_tables
from bundler.model.shape import shape_of
from runtime.backends.fit.need import PROGRAM, Plan, need
from tests.models import TinyModel

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="memory is measured through /proc")

MODELS = {
    "grouped": TinyModel(layers=4, width=512, heads=8, kv_heads=2, weights="Q8_0"),
    "window": TinyModel("window", layers=6, width=512, heads=8, kv_heads=4, weights="Q8_0", window=128),
    "state": TinyModel("state", layers=4, width=512, weights="Q8_0"),
}


@pytest.fixture(scope="module")
def more_program(engine_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> int:
    """How much more than `PROGRAM` a worker takes before it has loaded anything. It differs by megabytes with where
    Python finds its bytecode, and whether it must compile first; with these small models it would tell.
    """
    path = TinyModel().write(tmp_path_factory.mktemp("least") / "model.gguf")
    plan = Plan(256)
    asyncio.run(measured(engine_dir, path, plan))  # compiles what it may keep
    taken = asyncio.run(measured(engine_dir, path, plan)).total
    more = taken - need(shape_of(read_tables(path)), plan).memory.total
    assert abs(more) < PROGRAM // 3
    return more


@pytest.mark.parametrize("name", MODELS)
def test_a_worker_takes_what_was_predicted(engine_dir: Path, tmp_path: Path, name: str, more_program: int) -> None:
    path = MODELS[name].write(tmp_path / "model.gguf")
    plan = Plan(1024)
    predicted = need(shape_of(read_tables(path)), plan).memory.total + more_program
    taken = asyncio.run(measured(engine_dir, path, plan)).total
    assert 1 - UNDER <= predicted / taken <= 1 + OVER


def test_a_cache_in_8_bits_takes_about_half(engine_dir: Path, tmp_path: Path) -> None:
    path = TinyModel(layers=2, width=512, heads=8, kv_heads=8, weights="Q8_0").write(tmp_path / "model.gguf")
    shape = shape_of(read_tables(path))
    whole, half = Plan(1024, cells=16384), Plan(1024, cells=16384, cache_type="q8_0")
    saved = asyncio.run(measured(engine_dir, path, whole)).total - asyncio.run(measured(engine_dir, path, half)).total
    predicted = need(shape, whole).memory.cache - need(shape, half).memory.cache
    assert 0.9 * predicted <= saved <= 1.1 * predicted


def test_a_larger_step_takes_what_was_predicted_more(engine_dir: Path, tmp_path: Path) -> None:
    path = TinyModel(layers=2, width=512, heads=8, kv_heads=8, weights="Q8_0").write(tmp_path / "model.gguf")
    shape = shape_of(read_tables(path))
    usual, wide = Plan(4096), Plan(4096, batch=2048)
    more = asyncio.run(measured(engine_dir, path, wide)).total - asyncio.run(measured(engine_dir, path, usual)).total
    predicted = need(shape, wide).memory.compute - need(shape, usual).memory.compute
    assert 0.7 * predicted <= more <= 1.3 * predicted


def test_a_split_cache_takes_a_whole_context_for_each_of_its_lines(engine_dir: Path, tmp_path: Path) -> None:
    path = TinyModel(layers=2, width=512, heads=8, kv_heads=8, weights="Q8_0").write(tmp_path / "model.gguf")
    shape = shape_of(read_tables(path))
    shared = Plan(2048, parallel=4, cells=8192)
    split = replace(shared, split=True)
    more = asyncio.run(measured(engine_dir, path, split)).total - asyncio.run(measured(engine_dir, path, shared)).total
    predicted = need(shape, split).memory.cache - need(shape, shared).memory.cache
    assert 0.8 * predicted <= more <= 1.2 * predicted


def test_foresight_takes_its_layer_and_a_cache_of_its_own_and_without_it_neither(
    engine_dir: Path, tmp_path: Path
) -> None:
    model = TinyModel(layers=4, width=512, heads=8, kv_heads=8, weights="Q8_0", ahead=True)
    path = model.write(tmp_path / "model.gguf")
    shape = shape_of(read_tables(path))
    blind = Plan(1024, cells=8192)
    seeing = replace(blind, foresight=True)
    taken = [asyncio.run(measured(engine_dir, path, plan)) for plan in (blind, seeing)]
    predicted = [need(shape, plan).memory for plan in (blind, seeing)]
    assert [one.mapped for one in taken] == pytest.approx([one.weights for one in predicted], rel=0.01)
    assert predicted[1].cache == predicted[0].cache * 5 // 4
    assert taken[1].total - taken[0].total == pytest.approx(predicted[1].total - predicted[0].total, rel=0.1)


def test_a_draft_takes_its_weights_and_a_cache_of_its_own(engine_dir: Path, tmp_path: Path, more_program: int) -> None:
    path = TinyModel(layers=4, width=512, heads=8, kv_heads=2, weights="Q8_0").write(tmp_path / "model.gguf")
    small = TinyModel(layers=2, width=512, heads=8, kv_heads=8, weights="Q8_0", seed=8).write(tmp_path / "draft.gguf")
    plan = Plan(1024, cells=8192)
    both = replace(plan, draft=shape_of(read_tables(small)))
    shape = shape_of(read_tables(path))
    predicted = need(shape, both).memory.total + more_program
    taken = asyncio.run(measured(engine_dir, path, both, draft=small)).total
    assert 1 - UNDER <= predicted / taken <= 1 + OVER
    assert need(shape, both).memory.cache > 2 * need(shape, plan).memory.cache

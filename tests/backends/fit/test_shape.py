"""The shape that is read from a file says what llama.cpp will allocate."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundler.model.gguf import read_tables
from bundler.model.shape import shape_of
from runtime.shape import ModelShape
from tests.models import TinyModel


def shape(tmp_path: Path, model: TinyModel) -> ModelShape:
    return shape_of(read_tables(model.write(tmp_path / "model.gguf")))


def test_grouped_queries_remember_only_their_keys(tmp_path: Path) -> None:
    found = shape(tmp_path, TinyModel(layers=3, heads=4, kv_heads=2, width=256))
    (run,) = found.layers
    assert (run.count, run.keys, run.values, run.windowed, run.state) == (3, 128, 128, False, 0)
    assert (found.heads, found.head_size, found.width, found.widest) == (4, 64, 256, 1024)


def test_all_bytes_of_the_tensors_are_accounted_for(tmp_path: Path) -> None:
    path = TinyModel(weights="Q8_0").write(tmp_path / "model.gguf")
    tables = read_tables(path)
    assert tables.header.data_end is not None
    padding = 32 * tables.header.tensors
    assert 0 <= tables.header.data_end - tables.data_start - shape_of(tables).weights <= padding


def test_every_sixth_layer_of_gemma3_looks_at_everything(tmp_path: Path) -> None:
    found = shape(tmp_path, TinyModel("window", layers=7, window=64))
    assert [layer.windowed for layer in found.each] == [True] * 5 + [False, True]
    assert found.window == 64


def test_a_state_is_remembered_once_for_a_whole_text(tmp_path: Path) -> None:
    found = shape(tmp_path, TinyModel("state", width=256))
    assert {(layer.keys, layer.state) for layer in found.each} == {(0, 4 * (3 * 512 + 16 * 512))}
    assert found.has_state


def test_a_hybrid_has_layers_of_both_kinds(tmp_path: Path) -> None:
    found = shape(tmp_path, TinyModel("both", layers=4, width=256))
    assert [(bool(layer.keys), bool(layer.state)) for layer in found.each] == [(False, True), (True, False)] * 2


def test_a_layer_that_guesses_ahead_is_told_apart_from_those_before_it(tmp_path: Path) -> None:
    found = shape(tmp_path, TinyModel(ahead=True))
    assert [layer.ahead for layer in found.each] == [False, False, True]
    assert {(layer.keys, layer.values) for layer in found.each} == {(128, 128)}
    assert found.layers_ahead == 1


def test_where_its_tensors_were_left_out_the_others_remember_as_before(tmp_path: Path) -> None:
    found = shape(tmp_path, TinyModel(ahead=True, stripped=True))
    assert [(layer.keys, layer.weights > 0) for layer in found.each] == [(128, True), (128, True), (0, False)]
    assert found.layers_ahead == 0


def test_experts_are_told_apart_from_the_rest_of_a_layer(tmp_path: Path) -> None:
    found = shape(tmp_path, TinyModel(experts=4, width=256))
    (run,) = found.layers
    assert run.experts == 4 * 3 * 512 * 256 * 4
    assert run.experts < run.weights
    assert found.widest == 2 * 1024


@pytest.mark.parametrize("kind", ["Q8_0", "Q4_0"])
def test_the_format_with_the_most_bytes_comes_first(tmp_path: Path, kind: str) -> None:
    assert shape(tmp_path, TinyModel(weights=kind)).types[0] == kind

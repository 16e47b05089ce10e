"""Split sets: joined while they are read, into what llama-gguf-split would write."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from gguf import GGUFReader

from bundler.compose.compose import compose
from bundler.errors import ModelError
from bundler.model.local import LocalModel, open_model
from bundler.model.resolve import resolve
from runtime.container.archive import DIST, open_dist
from runtime.container.source import Source
from runtime.container.verify import verify
from tests import handmade
from tests.model.llama_tools import llama_tool
from tests.model.splitting import TENSORS, split_set, weights
from tests.models import TinyModel


def read(model: LocalModel) -> bytes:
    with model.content.open() as stream:
        parts = []
        while part := stream.read(1000):
            parts.append(part)
    return b"".join(parts)


def test_the_whole_has_every_tensor_and_all_metadata_of_the_parts(tmp_path: Path) -> None:
    parts = split_set(tmp_path / "parts")
    assert len(parts) == 3
    joined = tmp_path / "joined.gguf"
    joined.write_bytes(read(open_model(parts[0], "x", {})))
    assert weights(joined) == weights(*parts)
    assert len(weights(joined)) == TENSORS
    whole, first = GGUFReader(joined), GGUFReader(parts[0])
    for key in first.fields:
        if key.startswith(("general.", "llama.", "tokenizer.")):
            assert whole.fields[key].contents() == first.fields[key].contents()
    again = open_model(joined, "x", {})
    assert again.header.tensors == TENSORS
    assert again.header.metadata["split.count"] == 0


def test_any_part_stands_for_the_whole(tmp_path: Path) -> None:
    first, second, third = (open_model(path, "x", {}) for path in split_set(tmp_path))
    assert read(first) == read(second) == read(third)
    assert len(read(first)) == first.size
    assert third.path == first.path
    assert first.name == "tiny-Q8_0"


@pytest.mark.parametrize("most", ["1", "4", "20"])
def test_it_is_byte_for_byte_what_llama_gguf_split_merges(engine_dir: Path, tmp_path: Path, most: str) -> None:
    tool = llama_tool("llama-gguf-split", engine_dir)
    original = TinyModel(layers=1, width=64, merges=20).write(tmp_path / "m.gguf")
    subprocess.run(
        [tool, "--split", "--split-max-tensors", most, original, tmp_path / "s"], check=True, capture_output=True
    )
    parts = sorted(tmp_path.glob("s-*"))
    subprocess.run([tool, "--merge", parts[0], tmp_path / "merged.gguf"], check=True, capture_output=True)
    paths = open_model(parts[-1], "x", {})
    if len(parts) > 1:
        assert read(paths) == (tmp_path / "merged.gguf").read_bytes()
    assert weights(tmp_path / "merged.gguf") == weights(original)


def test_composing_joins_without_a_second_copy(tmp_path: Path) -> None:
    folder = tmp_path / "parts"
    model = open_model(split_set(folder)[1], "tiny", {})
    before = sorted(path.name for path in tmp_path.glob("**/*.gguf"))
    done = compose(handmade.kit(tmp_path), model, handmade.spec(), tmp_path / "out")
    assert sorted(path.name for path in tmp_path.glob("**/*.gguf")) == before
    with open_dist(done.written.path) as dist, Source.open(done.written.path) as source:
        assert dist.read("model.gguf") == read(model)
        assert verify(source, DIST).sound


def test_composing_beside_the_program_joins_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bundler.compose import compose as module

    monkeypatch.setattr(module, "DIRECTORY_ALLOWANCE", 1 << 32)
    model = open_model(split_set(tmp_path / "parts")[0], "tiny", {})
    done = compose(handmade.kit(tmp_path, "windows-x86_64"), model, handmade.spec(), tmp_path / "out")
    (beside,) = done.beside
    assert beside.read_bytes() == read(model)


def test_a_missing_part_is_named(tmp_path: Path) -> None:
    parts = split_set(tmp_path)
    parts[1].unlink()
    with pytest.raises(ModelError, match=r"tiny-Q8_0-00002-of-00003\.gguf is missing"):
        resolve(str(parts[0]), tmp_path)


def test_a_part_that_is_cut_off_says_both_numbers(tmp_path: Path) -> None:
    parts = split_set(tmp_path)
    size = parts[1].stat().st_size
    with parts[1].open("r+b") as file:
        file.truncate(size - 90)
    with pytest.raises(ModelError, match=r"00002-of-00003\.gguf is cut off"):
        open_model(parts[0], "x", {})


def test_parts_of_two_models_are_not_joined(tmp_path: Path) -> None:
    parts = split_set(tmp_path / "one")
    other = split_set(tmp_path / "other", per_part=2)
    shutil.copy(parts[0], parts[1])
    with pytest.raises(ModelError, match=r"part 1 of 3 by its metadata, but part 2 of 3 by its name"):
        open_model(parts[0], "x", {})
    shutil.copy(other[1], parts[1])
    with pytest.raises(ModelError, match="part 2 of 4 by its metadata"):
        open_model(parts[0], "x", {})


def test_a_part_that_shrinks_while_it_is_read_ends_the_build(tmp_path: Path) -> None:
    parts = split_set(tmp_path / "parts")
    model = open_model(parts[0], "x", {})
    with parts[2].open("r+b") as file:
        file.truncate(parts[2].stat().st_size - 40)
    with pytest.raises(ModelError, match="it ended after"):
        compose(handmade.kit(tmp_path), model, handmade.spec(), tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []

"""The GGUF header reader: right about sound files, in words about the others."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from gguf import GGUFReader

from bundler.errors import ModelError
from bundler.model.gguf import read_header
from bundler.model.local import open_model
from bundler.model.resolve import resolve
from tests import handmade


def test_it_agrees_with_the_gguf_package(tmp_path: Path) -> None:
    path = handmade.gguf(tmp_path / "m.gguf")
    header, reader = read_header(path), GGUFReader(path)
    assert header.architecture == reader.fields["general.architecture"].contents() == "llama"
    assert header.metadata["general.name"] == reader.fields["general.name"].contents()
    assert header.metadata["tokenizer.ggml.tokens"] == 3
    assert header.tensors == len(reader.tensors)
    last = reader.tensors[-1]
    assert header.data_end == last.data_offset + last.n_bytes
    assert header.parameters == sum(int(t.n_elements) for t in reader.tensors)
    assert header.file_type == "F32"
    assert header.context_length == 512


def test_every_cut_of_the_header_is_a_sentence(tmp_path: Path) -> None:
    whole = handmade.gguf(tmp_path / "m.gguf").read_bytes()
    path = tmp_path / "cut.gguf"
    for length in range(0, 400):
        path.write_bytes(whole[:length])
        with pytest.raises(ModelError) as caught:
            open_model(path, "cut.gguf", {})
        assert str(path) in caught.value.message


def test_a_model_cut_inside_its_weights_says_both_numbers(tmp_path: Path) -> None:
    path = handmade.gguf(tmp_path / "m.gguf")
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(size - 100)
    with pytest.raises(ModelError, match=rf"{size:,}, the file at {size - 100:,}"):
        open_model(path, "m.gguf", {})


def test_a_big_endian_model_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "big.gguf"
    path.write_bytes(b"GGUF" + struct.pack(">I", 3) + bytes(100))
    with pytest.raises(ModelError, match="big-endian"):
        open_model(path, "big.gguf", {})


def test_something_else_is_not_taken_for_a_model(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    with pytest.raises(ModelError, match="not a GGUF") as caught:
        open_model(path, "x", {})
    assert "convert_hf_to_gguf" in caught.value.remedy


def test_a_part_whose_name_hides_that_it_is_one_is_refused_with_the_way_out(tmp_path: Path) -> None:
    path = handmade.gguf(tmp_path / "renamed.gguf", split__count=3, split__no=1)
    with pytest.raises(ModelError, match="part 2 of 3") as caught:
        open_model(path, "x", {})
    assert "NAME-00002-of-00003.gguf" in caught.value.remedy


def test_garbage_behind_a_sound_magic_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<IQQ", 3, 5, 5) + bytes(range(256)) * 40)
    with pytest.raises(ModelError):
        open_model(path, "x", {})


def test_a_path_is_taken_from_the_specs_folder_and_told_by_name_only(tmp_path: Path) -> None:
    handmade.gguf(tmp_path / "m.gguf")
    found = resolve("m.gguf", tmp_path)
    assert found.path == tmp_path / "m.gguf"
    assert (found.source, found.origin) == ("m.gguf", {"kind": "path", "file": "m.gguf"})


def test_a_missing_model_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model at"):
        resolve("nowhere.gguf", tmp_path)

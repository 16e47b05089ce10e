"""Quantising gives what llama-quantize gives, to the last bit."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFWriter

from bundler.console import Console
from bundler.errors import ModelError, SurroundingsError, ToolError
from bundler.model import quants
from bundler.model.local import open_model
from bundler.model.quantize import quantize
from tests import handmade
from tests.model.llama_tools import llama_tool
from tests.models import TinyModel

QUIET = Console(quiet=True)


@pytest.fixture(scope="module")
def floats(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return TinyModel(layers=1, merges=20).write(tmp_path_factory.mktemp("floats") / "tiny-F32.gguf")


Peer = Callable[..., bytes]


@pytest.fixture
def peer(engine_dir: Path) -> Peer:
    """llama-quantize, as a function from files to the bytes it writes."""

    def run(source: Path, target: Path, type_name: str, *options: str, cwd: Path | None = None) -> bytes:
        tool = llama_tool("llama-quantize", engine_dir)
        subprocess.run([tool, *options, source, target, type_name], check=True, capture_output=True, cwd=cwd)
        return target.read_bytes()

    return run


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANNIER_CACHE_DIR", str(tmp_path / "cache"))


def write_imatrix(path: Path, model: Path) -> Path:
    """As llama-imatrix writes it: sums of squares and counts for every weight matrix."""
    from gguf import GGUFReader

    writer = GGUFWriter(path, "imatrix")
    writer.add_type("imatrix")
    writer.add_array("imatrix.datasets", ["calibration.txt"])
    writer.add_uint32("imatrix.chunk_count", 3)
    writer.add_uint32("imatrix.chunk_size", 512)
    random = np.random.default_rng(3)
    for number, tensor in enumerate(GGUFReader(model).tensors):
        if len(tensor.shape) == 2 and tensor.name.startswith("blk."):
            columns = int(tensor.shape[0])
            writer.add_tensor(f"{tensor.name}.in_sum2", random.random((1, columns)).astype(np.float32) * 900)
            count = np.full((1, 1), 1536.0 if number % 2 else 0.0, dtype=np.float32)  # one that saw nothing, too
            writer.add_tensor(f"{tensor.name}.counts", count)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.mark.parametrize("type_name", ["Q4_K_M", "Q8_0", "F16", "Q2_K_S", "IQ4_XS"])
def test_the_result_is_llama_quantizes_byte_for_byte(
    engine_dir: Path, peer: Peer, floats: Path, tmp_path: Path, type_name: str
) -> None:
    options = ["--imatrix", "i.gguf"] if type_name == "Q2_K_S" else []
    matrix = write_imatrix(tmp_path / "i.gguf", floats) if options else None
    expected = peer(floats, tmp_path / "peer.gguf", type_name, *options, cwd=tmp_path)
    ours = quantize(open_model(floats, "tiny", {"kind": "path"}), type_name, engine_dir, QUIET, matrix)
    assert ours.path.read_bytes() == expected
    assert ours.origin["quantized"]["type"] == type_name
    assert len(ours.origin["sha256"]) == 64


def test_an_importance_matrix_counts_and_is_named_without_its_folder(
    engine_dir: Path, peer: Peer, floats: Path, tmp_path: Path
) -> None:
    matrix = write_imatrix(tmp_path / "i.gguf", floats)
    expected = peer(floats, tmp_path / "peer.gguf", "Q4_K_M", "--imatrix", "i.gguf", cwd=tmp_path)
    model = open_model(floats, "tiny", {})
    ours = quantize(model, "Q4_K_M", engine_dir, QUIET, matrix)
    assert ours.path.read_bytes() == expected
    assert ours.header.metadata["quantize.imatrix.file"] == "i.gguf"
    assert ours.path.read_bytes() != quantize(model, "Q4_K_M", engine_dir, QUIET).path.read_bytes()


def test_the_older_form_of_a_matrix_is_read_as_llama_quantize_reads_it(
    engine_dir: Path, peer: Peer, floats: Path, tmp_path: Path
) -> None:
    import struct

    values = np.random.default_rng(2).random(256).astype(np.float32) * 77
    name = b"blk.0.attn_q.weight"
    data = struct.pack("<ii", 1, len(name)) + name + struct.pack("<ii", 7, 256) + values.tobytes()
    data += struct.pack("<ii", 9, 4) + b"text"
    (tmp_path / "old.dat").write_bytes(data)
    expected = peer(floats, tmp_path / "peer.gguf", "Q4_K_M", "--imatrix", "old.dat", cwd=tmp_path)
    ours = quantize(open_model(floats, "tiny", {}), "Q4_K_M", engine_dir, QUIET, tmp_path / "old.dat")
    assert ours.path.read_bytes() == expected


def test_a_split_set_is_quantised_into_one_file(engine_dir: Path, peer: Peer, floats: Path, tmp_path: Path) -> None:
    split = llama_tool("llama-gguf-split", engine_dir)
    subprocess.run(
        [split, "--split", "--split-max-tensors", "5", floats, tmp_path / "s"], check=True, capture_output=True
    )
    first = min(tmp_path.glob("s-*"))
    expected = peer(first, tmp_path / "peer.gguf", "Q8_0")
    ours = quantize(open_model(first, "s", {}), "Q8_0", engine_dir, QUIET)
    assert ours.path.read_bytes() == expected


def test_it_is_done_once(engine_dir: Path, floats: Path, tmp_path: Path) -> None:
    model = open_model(floats, "tiny", {})
    first = quantize(model, "Q8_0", engine_dir, QUIET).path
    stamp = first.stat().st_mtime_ns
    assert quantize(model, "Q8_0", engine_dir, QUIET).path.stat().st_mtime_ns == stamp


def test_what_is_quantised_already_is_refused(tmp_path: Path) -> None:
    model = open_model(TinyModel(weights="Q8_0", layers=1, merges=9).write(tmp_path / "m.gguf"), "m", {})
    with pytest.raises(ModelError, match=r"quantised already \(mostly Q8_0\)"):
        quantize(model, "Q4_K_M", tmp_path, QUIET)


def test_a_type_that_needs_a_matrix_says_so(engine_dir: Path, floats: Path) -> None:
    with pytest.raises(ModelError, match="needs an importance matrix") as caught:
        quantize(open_model(floats, "t", {}), "IQ2_XXS", engine_dir, QUIET)
    assert "model.imatrix" in caught.value.remedy


def test_a_file_that_is_no_matrix_is_said_to_be_none(engine_dir: Path, floats: Path, tmp_path: Path) -> None:
    (tmp_path / "x.dat").write_bytes(b"\xff" * 40)
    with pytest.raises(ToolError, match="no importance matrix"):
        quantize(open_model(floats, "t", {}), "Q8_0", engine_dir, QUIET, tmp_path / "x.dat")


def test_a_quantiser_that_aborts_does_not_take_the_build_with_it(engine_dir: Path, tmp_path: Path) -> None:
    model = open_model(handmade.gguf(tmp_path / "hollow.gguf"), "hollow", {})  # no model at all, to llama.cpp
    with pytest.raises(ToolError, match="quantiser failed"):
        quantize(model, "Q8_0", engine_dir, QUIET)
    assert list((tmp_path / "cache").glob("**/*.partial")) == []


def test_a_full_disk_is_told_and_leaves_nothing(
    engine_dir: Path, floats: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.hub.test_download import mounted

    disk = tmp_path / "small"
    mounted(disk, 256 << 10)
    try:
        monkeypatch.setenv("PANNIER_CACHE_DIR", str(disk))
        with pytest.raises(SurroundingsError, match="could not be written"):
            quantize(open_model(floats, "t", {}), "Q8_0", engine_dir, QUIET)
        assert list(disk.glob("**/*.partial")) == []
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_every_type_is_one_the_engine_knows() -> None:
    bindings = distribution("llama-cpp-python").locate_file("llama_cpp/llama_cpp.py")
    declared = Path(str(bindings)).read_text(encoding="utf-8")
    for name in quants.TYPES:
        assert f"\nLLAMA_FTYPE_{'ALL' if name == 'F32' else 'MOSTLY'}_{name} = " in declared, name


def test_names_are_read_as_people_write_them() -> None:
    assert quants.canonical("q4_k") == "Q4_K_M"
    assert quants.canonical("bf16") == "BF16"
    assert quants.canonical("Q9_Z") is None
    for file, said in [
        ("Qwen3-0.6B-Q8_0.gguf", "Q8_0"),
        ("model.Q4_K_M.gguf", "Q4_K_M"),
        ("UD-Q4_K_XL/m-UD-Q4_K_XL", "UD-Q4_K_XL"),
        ("llama-3.2-f16.gguf", "F16"),
        ("model-BF16.gguf", "BF16"),
        ("tiny.gguf", ""),
    ]:
        assert quants.in_file_name(file) == said

"""What is found of NVIDIA's tools, and the products that stand in for cuBLAS."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from bundler.engine import gpu_tools
from bundler.engine.part import COMPAT

PRODUCTS = Path(__file__).parent / "products.cu"


@pytest.fixture
def compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for an `nvcc` that says which release it is; the only one there is."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv(gpu_tools.ARCHITECTURES, raising=False)
    monkeypatch.delenv("CUDA_PATH", raising=False)
    return tmp_path


def releases(folder: Path, release: str) -> None:
    program = folder / "nvcc"
    program.write_text(f"#!/bin/sh\necho 'Cuda compilation tools, release {release}, V{release}.88'\n")
    program.chmod(0o755)


def test_an_old_compiler_makes_no_code_for_what_it_does_not_know(compiler: Path) -> None:
    releases(compiler, "12.4")
    before = gpu_tools.nvcc().options["CMAKE_CUDA_ARCHITECTURES"].split(";")
    releases(compiler, "13.0")
    after = gpu_tools.nvcc().options["CMAKE_CUDA_ARCHITECTURES"].split(";")
    assert before[0] == after[0] == "75-real"  # Turing
    assert {*after} - {*before} == {"120a-real"}
    assert after[-1] == "90"  # and what drivers can compile for those to come


def test_the_gpus_can_be_chosen_and_make_another_engine(compiler: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    releases(compiler, "13.0")
    usual = gpu_tools.nvcc()
    monkeypatch.setenv(gpu_tools.ARCHITECTURES, "90-real")
    chosen = gpu_tools.nvcc()
    assert chosen.options["CMAKE_CUDA_ARCHITECTURES"] == "90-real"
    assert chosen.identity != usual.identity


def test_a_compiler_that_is_too_old_is_not_taken(compiler: Path) -> None:
    releases(compiler, "11.8")
    found = gpu_tools.nvcc()
    assert not found.found
    assert "too old" in found.detail


def test_the_runtime_is_linked_into_the_library(compiler: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    releases(compiler, "13.0")
    library = compiler / "toolkit" / "lib64" / "libcudart_static.a"
    library.parent.mkdir(parents=True)
    library.touch()
    monkeypatch.setenv("CUDA_PATH", str(compiler / "toolkit"))
    assert gpu_tools.cudart().options["CUDA_cudart_LIBRARY"] == str(library)


def test_every_product_is_right_on_the_device(tmp_path: Path) -> None:
    if os.environ.get("PANNIER_TEST_GPU") != "cuda":
        pytest.skip("no NVIDIA GPU was named in PANNIER_TEST_GPU")
    program = tmp_path / "products"
    sources = [str(PRODUCTS), str(COMPAT / "cuda" / "gemm.cu")]
    command = [
        gpu_tools.nvcc().path,
        "-O3",
        "-arch=native",
        "-std=c++17",
        f"-I{COMPAT / 'cuda'}",
        *sources,
        "-o",
        str(program),
    ]
    subprocess.run(command, check=True)
    done = subprocess.run([program, "check"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout

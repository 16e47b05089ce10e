"""What the recipes for makers' own interfaces need: NVIDIA's CUDA, AMD's HIP, Intel's SYCL, Apple's Metal.

`CUDAARCHS`, CMake's own variable, chooses for which NVIDIA GPUs code is made ("90-real" for an H100 alone): every
generation takes as long to compile and as much space as every other.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from bundler.engine.finding import Finding

ARCHITECTURES = "CUDAARCHS"
MINIMUM_CUDA = 12, 0
_KNOWS_BLACKWELL = 12, 8

_CUDA_REMEDY = "Install NVIDIA's CUDA toolkit (12.0 or newer); only nvcc, its headers and cudart are needed."
_HIP_REMEDY = "Install AMD's ROCm with its HIP compiler, hipBLAS and rocBLAS."
_SYCL_REMEDY = "Install Intel's oneAPI DPC++ compiler (icpx) and MKL, and source its setvars.sh."
_METAL_REMEDY = "Metal is built on a Mac, with Xcode's command line tools: `xcode-select --install`."


def _nvcc() -> str | None:
    return shutil.which("nvcc") or shutil.which("nvcc", path="/usr/local/cuda/bin")


def nvcc() -> Finding:
    """NVIDIA's compiler, new enough, and the GPUs it makes code for."""
    program = _nvcc()
    if program is None:
        return Finding("nvcc", found=False, detail="nvcc not found", remedy=_CUDA_REMEDY)
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    release = re.search(r"release (\d+)\.(\d+), V([\d.]+)", said)
    if release is None or (int(release[1]), int(release[2])) < MINIMUM_CUDA:
        return Finding("nvcc", found=False, detail=f"{program} is too old", remedy=_CUDA_REMEDY)
    architectures = os.environ.get(ARCHITECTURES) or _architectures((int(release[1]), int(release[2])))
    return Finding(
        "nvcc",
        found=True,
        detail=f"nvcc {release[3]}, for {architectures}",
        path=program,
        identity=f"{release[3]} {architectures}",
        options={"CMAKE_CUDA_COMPILER": program, "CMAKE_CUDA_ARCHITECTURES": architectures},
    )


def _architectures(release: tuple[int, int]) -> str:
    """Code for the generations people have, Turing to Blackwell; and PTX, which drivers compile for later ones."""
    blackwell = ["120a-real"] if release >= _KNOWS_BLACKWELL else []
    return ";".join(["75-real", "80-real", "86-real", "89-real", *blackwell, "90"])


def cudart() -> Finding:
    """The CUDA runtime as a static library: receivers have drivers, but no toolkit with its shared one."""
    roots = [Path(os.environ["CUDA_PATH"])] if os.environ.get("CUDA_PATH") else []
    roots += [Path(program).resolve().parents[1]] if (program := _nvcc()) else []
    for root in (*roots, Path("/usr/local/cuda"), Path("/usr")):
        for folder in ("lib64", "lib", "targets/x86_64-linux/lib", "lib/x86_64-linux-gnu"):
            library = root / folder / "libcudart_static.a"
            if library.is_file():
                # Given in place of cuBLAS too: CMake insists on one, and ours is among the library's own sources.
                options = {"CUDA_cudart_LIBRARY": str(library), "CUDA_cublas_LIBRARY": str(library)}
                return Finding("cudart", True, f"cudart {library}", path=str(library), options=options)
    return Finding("cudart", found=False, detail="the static CUDA runtime not found", remedy=_CUDA_REMEDY)


def hip() -> Finding:
    """AMD's compiler."""
    program = shutil.which("hipcc") or shutil.which("hipcc", path="/opt/rocm/bin")
    return _program("hip", program, "hipcc", _HIP_REMEDY)


def sycl() -> Finding:
    """Intel's compiler."""
    return _program("sycl", shutil.which("icpx"), "icpx", _SYCL_REMEDY)


def metal() -> Finding:
    """Apple's frameworks; there only on a Mac."""
    if sys.platform != "darwin":
        return Finding("metal", found=False, detail="this is no Mac", remedy=_METAL_REMEDY)
    return _program("metal", shutil.which("xcrun"), "Xcode's command line tools", _METAL_REMEDY)


def _program(name: str, program: str | None, called: str, remedy: str) -> Finding:
    if program is None:
        return Finding(name, found=False, detail=f"{called} not found", remedy=remedy)
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    banner = (done.stdout.strip().splitlines() or [called])[0]
    return Finding(name, found=True, detail=banner, path=program, identity=banner)

"""What the recipes for makers' own interfaces need: NVIDIA's CUDA, AMD's HIP, Intel's SYCL, Apple's Metal.

cuBLAS comes with the whole toolkit, or alone as the package `nvidia-cublas`: `PANNIER_CUBLAS` names its directory with
`include/` and `lib/`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from bundler.engine.finding import Finding

CUBLAS = "PANNIER_CUBLAS"
MINIMUM_CUDA = 12, 0

_CUDA_REMEDY = "Install NVIDIA's CUDA toolkit (12.0 or newer); only nvcc, its headers and cudart are needed."
_CUBLAS_REMEDY = f"Install cuBLAS with the CUDA toolkit, or unpack the package nvidia-cublas and set {CUBLAS} to it."
_HIP_REMEDY = "Install AMD's ROCm with its HIP compiler, hipBLAS and rocBLAS."
_SYCL_REMEDY = "Install Intel's oneAPI DPC++ compiler (icpx) and MKL, and source its setvars.sh."
_METAL_REMEDY = "Metal is built on a Mac, with Xcode's command line tools: `xcode-select --install`."


def nvcc() -> Finding:
    """NVIDIA's compiler, new enough."""
    program = shutil.which("nvcc") or shutil.which("nvcc", path="/usr/local/cuda/bin")
    if program is None:
        return Finding("nvcc", found=False, detail="nvcc not found", remedy=_CUDA_REMEDY)
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    release = re.search(r"release (\d+)\.(\d+), V([\d.]+)", said)
    if release is None or (int(release[1]), int(release[2])) < MINIMUM_CUDA:
        return Finding("nvcc", found=False, detail=f"{program} is too old", remedy=_CUDA_REMEDY)
    options = {"CMAKE_CUDA_COMPILER": program}
    return Finding("nvcc", True, f"nvcc {release[3]}", path=program, identity=release[3], options=options)


def cublas() -> Finding:
    """The library and its header, from the toolkit or from where `PANNIER_CUBLAS` says."""
    named = [Path(os.environ[CUBLAS])] if os.environ.get(CUBLAS) else []
    for root in (*named, Path("/usr/local/cuda"), Path("/usr")):
        header = root / "include" / "cublas_v2.h"
        libraries = sorted(library for folder in ("lib64", "lib") for library in (root / folder).glob("libcublas.so*"))
        if not header.is_file() or not libraries:
            continue
        light = sorted(libraries[0].parent.glob("libcublasLt.so*"))
        options = {"CUDA_cublas_LIBRARY": str(libraries[0]), "CMAKE_CUDA_FLAGS": f"-isystem {header.parent}"}
        options |= {"CUDA_cublasLt_LIBRARY": str(light[0])} if light else {}
        return Finding(
            "cublas", True, f"cuBLAS {libraries[0]}", str(root), identity=libraries[-1].name, options=options
        )
    return Finding("cublas", found=False, detail="cuBLAS not found", remedy=_CUBLAS_REMEDY)


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

"""The page for whoever finds a dist and has nothing but it."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from importlib.metadata import Distribution

from bundler.engine.source import RELEASE
from bundler.targets import Target

_PAGE = """\
You have found a language model, packed into one file together with everything it was made with.

WHAT IT IS
  The file is a program for {target}, and a ZIP archive. `unzip -l FILE` lists what is inside;
  manifest.json says what each thing is, where it came from, and its SHA-256.
  sources/format.md describes every byte. sources/verify_dist.py checks every byte with Python alone.

IF YOU WANT THE MODEL
  unzip -p FILE model.gguf > model.gguf
  GGUF is the format of llama.cpp, whose source is in sources/{engine} too.

IF YOU WANT TO REBUILD THE FILE, without any network
  You need: Linux, macOS or Windows as in "{target}", Python {python}, a C++ compiler, unzip, zstd.
  To get the very same bytes, the compiler has to be the one that manifest.json names (engine, compiler), and Python
  {python} has to be the same build; with others the result works as well, but its hashes differ, and the rebuild
  says which. An engine with GPU backends (manifest.json names them) also needs their tools: for Vulkan its headers,
  SPIR-V's and glslc, for CUDA NVIDIA's toolkit.
  What else is needed (cmake, ninja, {extras}node, PyInstaller, …) is in sources/wheels, {count} packages.

    mkdir rebuild; cd rebuild; unzip ../FILE 'sources/*'; zstd -d --rm sources/wheels/*.zst
    python{short} -m venv env
    env/bin/python -m pip install --no-index --no-deps sources/wheels/*.whl
    env/bin/pannier rebuild ../FILE --here --output rebuilt

  `pannier rebuild FILE`, where Pannier is installed already, does the same by itself.

WHAT IS UNDER sources/
  {engine}: llama.cpp and its Python bindings
  page-packages.tar.zst: what npm fetched for the chat page
  wheels/pannier-….whl: Pannier's own source, builder and runtime
  wheels/…: the packages of the runtime and of the builder, made of what was installed on the building machine; their
  RECORD has the hashes that their publishers gave
"""


def page(target: Target, dists: Sequence[Distribution]) -> str:
    """The text, for one system and these packages."""
    python = platform.python_version()
    extras = "zig, " if any(dist.metadata["Name"] == "ziglang" for dist in dists) else ""
    return _PAGE.format(
        target=target.name,
        engine=RELEASE.archive,
        python=python,
        short=".".join(python.split(".")[:2]),
        extras=extras,
        count=len(dists),
    )

"""Hand-made kits and models: tiny, for any target, built without a compiler, so that composing is testable anywhere."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path

import numpy as np
import zstandard
from gguf import GGMLQuantizationType, GGUFWriter

from bundler.archive.contents import SourceFile
from bundler.kit.assemble import KitParts, RuntimeFile, assemble
from bundler.model.local import LocalModel, open_model
from bundler.spec import DistSpec, parse
from bundler.targets import TARGETS
from runtime.container.archive import Archive, open_kit
from runtime.manifest import Digest, EngineInfo, EngineLibrary, KitManifest, RuntimeInfo


def elf(machine: int = 62, size: int = 5000) -> bytes:
    """The first bytes of an ELF executable for `machine`, and filling."""
    head = b"\x7fELF\x02\x01\x01" + bytes(9) + struct.pack("<HHI", 2, machine, 1)
    return head + bytes(i * 7 & 0xFF for i in range(size - len(head)))


def pe(*, certificate: int = 0) -> bytes:
    """A small PE32+ program with one section. certificate: size of its certificate table."""
    optional = struct.pack("<H2x5IQ2I", 0x20B, 0x200, 0, 0, 0x1000, 0x1000, 1 << 32, 0x1000, 0x200)
    optional += struct.pack("<6H4I2H4Q2I", 6, 0, 0, 0, 6, 0, 0, 0x2000, 0x400, 0, 3, 0, *[0x1000] * 4, 0, 16)
    directories = bytes(32) + struct.pack("<II", 4096 if certificate else 0, certificate) + bytes(88)
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, len(optional + directories), 0x22)
    section = struct.pack("<8s6I2HI", b".text", 0x200, 0x1000, 0x200, 0x400, 0, 0, 0, 0, 0x60000020)
    headers = b"MZ" + bytes(58) + struct.pack("<I", 64) + coff + optional + directories + section
    return headers.ljust(0x400, b"\0") + bytes(0x200)


def macho(*, signed: bool = False, cpu: int = 0x0100000C) -> bytes:
    """A small 64-bit Mach-O program: code, link-edit data that ends in strings, with or without a code signature."""
    text, linkedit, strings = 0x4000, 0x4000, 0x4100
    size = strings + 256 + (512 if signed else 0)
    segments = ((b"__TEXT", 0, text, 5), (b"__LINKEDIT", linkedit, size - linkedit, 1))
    commands = b"".join(
        struct.pack("<2I16s4Q4I", 0x19, 72, name, (1 << 32) + start, 0x4000, start, length, rights, rights, 0, 0)
        for name, start, length, rights in segments
    )
    commands += struct.pack("<6I", 0x02, 24, linkedit, 0, strings, 256)
    if signed:
        commands += struct.pack("<4I", 0x1D, 16, strings + 256, 512)
    header = struct.pack("<8I", 0xFEEDFACF, cpu, 0, 2, 3 + signed, len(commands), 0, 0)
    return (header + commands).ljust(linkedit, b"\0").ljust(size, b"\x5f")


STUBS = {
    "linux-x86_64": elf(),
    "linux-aarch64": elf(183),
    "windows-x86_64": pe(),
    "macos-arm64": macho(),
    "macos-x86_64": macho(cpu=0x01000007),
}


PKG = b"not really PyInstaller's archive " * 400 + b"MEI\x0c\x0b\x0a\x0b\x0e"


def runtime_files(target: str, pkg: bytes = PKG) -> list[RuntimeFile]:
    """What a runtime for `target` is made of: an archive with its description, or PyInstaller's one file."""
    if not TARGETS[target].launcher:
        return [RuntimeFile("runtime.pkg", pkg)]
    plain = b"not really a tar archive" * 400
    content = Digest(len(plain), hashlib.sha256(plain).hexdigest())
    return [
        RuntimeFile("runtime.txt", b"pannier-runtime 1\nnothing else\n"),
        RuntimeFile("runtime.tar.zst", zstandard.ZstdCompressor().compress(plain), content),
    ]


def source_files(folder: Path) -> tuple[SourceFile, ...]:
    """A page, and a wheel that is compressed."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "README.txt").write_text("You have found a model.\n")
    wheel = b"not really a wheel" * 99
    (folder / "odd.whl.zst").write_bytes(zstandard.ZstdCompressor().compress(wheel))
    content = Digest(len(wheel), hashlib.sha256(wheel).hexdigest())
    return (
        SourceFile("sources/README.txt", folder / "README.txt"),
        SourceFile("sources/wheels/odd.whl.zst", folder / "odd.whl.zst", content),
    )


def kit(
    folder: Path,
    target: str = "linux-x86_64",
    stub: bytes | None = None,
    commit: str = "0c1e57098",
    pkg: bytes = PKG,
    *,
    sources: bool = False,
) -> Archive[KitManifest]:
    """A kit for `target` with three made-up engine libraries, opened. sources: with two made-up source files, too."""
    engine_folder = folder / "engine"
    engine_folder.mkdir(parents=True, exist_ok=True)
    for name in ("libllama.so", "libggml-cpu-x64.so", "libggml-vulkan.so"):
        (engine_folder / name).write_bytes(name.encode() * 999)
    parts = KitParts(
        target=target,
        stub=STUBS[target] if stub is None else stub,
        runtime_files=runtime_files(target, pkg),
        runtime=RuntimeInfo("0.1.0", "3.11.7", "6.22.3"),
        engine=EngineInfo(
            source="llama-cpp-python 0.3.36",
            source_sha256="a" * 64,
            commit=commit,
            compiler="cc 1",
            recipe={},
            libraries=(
                EngineLibrary("engine/libllama.so.zst", "libllama.so", "core"),
                EngineLibrary("engine/libggml-cpu-x64.so.zst", "libggml-cpu-x64.so", "backend", "cpu", "x64", 1),
                EngineLibrary("engine/libggml-vulkan.so.zst", "libggml-vulkan.so", "backend", "vulkan"),
            ),
            architectures=("llama", "qwen2", "qwen3"),
        ),
        engine_folder=engine_folder,
        licenses={"licenses/llama.cpp.txt": b"MIT License\n"},
        sources=source_files(folder) if sources else (),
    )
    path = folder / f"{target}.kit"
    assemble(parts, path)
    return open_kit(path)


def gguf(path: Path, *, architecture: str = "llama", elements: int = 4096, **metadata: int) -> Path:
    """A small sound GGUF; its weights mean nothing. metadata: extra unsigned integers."""
    writer = GGUFWriter(path, architecture)
    writer.add_name("Tiny")
    writer.add_context_length(512)
    writer.add_array("tokenizer.ggml.tokens", ["a", "b", "ö"])
    for key, value in metadata.items():
        writer.add_uint32(key.replace("__", "."), value)
    weights = np.random.default_rng(1).integers(0, 255, elements, dtype=np.uint8).view(np.int8).astype(np.float32)
    writer.add_tensor("token_embd.weight", weights.reshape(-1, 32), raw_dtype=GGMLQuantizationType.F32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def model(folder: Path, **options: int) -> LocalModel:
    """A model made by `gguf`, opened."""
    return open_model(gguf(folder / "tiny.gguf", **options), "tiny.gguf", {"kind": "path", "file": "tiny.gguf"})


def spec(**tables: dict[str, object]) -> DistSpec:
    """A small spec. Tables given replace or join the defaults."""
    return parse({"dist": {"name": "tiny"}, "model": {"source": "tiny.gguf"}, **tables}, "test spec")

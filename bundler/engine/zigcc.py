"""A compiler under its usual name: `zig cc` with the ways of speaking that CMake and llama.cpp expect.

Run as a script by the launchers `cross` writes, once for every file that is compiled, so it imports next to nothing.
zig takes a processor's features by LLVM's names in `-mcpu` only; llama.cpp says `-march` (Arm) and `-m…` (x86), as GCC
and clang do. A feature named in GCC's way would be taken back by zig without a word.
"""

from __future__ import annotations

import os
import sys

# GCC's name of an Arm feature → LLVM's, where they differ.
_ARM = {"fp16": "fullfp16"}

# GCC's `-m…` → zig's names: what it turns on, with what GCC takes to come with it.
_X86: dict[str, tuple[str, ...]] = {
    "-msse4.2": ("sse4_2", "crc32", "popcnt"),
    "-mavx": ("avx",),
    "-mf16c": ("f16c",),
    "-mfma": ("fma",),
    "-mbmi2": ("bmi2",),
    "-mavx2": ("avx2",),
    "-mavxvnni": ("avxvnni",),
    **{f"-mavx512{part}": (f"avx512{part}",) for part in ("f", "cd", "vl", "dq", "bw", "vbmi", "vnni", "bf16")},
    "-mamx-tile": ("amx_tile",),
    "-mamx-int8": ("amx_int8",),
    "-mamx-bf16": ("amx_bf16",),
}


def translated(arguments: list[str]) -> list[str]:
    """The arguments as zig understands them."""
    kept = [_translate(argument) for argument in arguments if argument not in _X86]
    features = [feature for argument in arguments for feature in _X86.get(argument, ())]
    return ["+".join(["-mcpu=x86_64", *features]), *kept] if features else kept


def _translate(argument: str) -> str:
    if argument.startswith("-march=armv"):
        architecture, *features = argument.removeprefix("-march=").split("+")
        version = architecture.removeprefix("arm").removesuffix("-a").replace(".", "_")  # armv8.2-a → v8_2
        named = [_ARM.get(feature, feature) for feature in features]
        return "+".join(["-mcpu=generic", f"{version}a", *named])
    return argument


if __name__ == "__main__":
    zig, command, *rest = sys.argv[1:]
    os.execv(zig, [zig, command, *translated(rest)])

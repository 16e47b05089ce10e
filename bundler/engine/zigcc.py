"""A compiler under its usual name: `zig cc` with the ways of speaking that CMake and llama.cpp expect.

Run as a script by the launchers `cross` writes, once for every file that is compiled, so it imports next to nothing.
zig names an Arm processor's features by LLVM's names in `-mcpu`; llama.cpp says `-march`, as GCC and clang do.
"""

from __future__ import annotations

import os
import sys

# GCC's name of an Arm feature → LLVM's, where they differ.
_FEATURES = {"fp16": "fullfp16"}


def translated(arguments: list[str]) -> list[str]:
    """The arguments as zig understands them."""
    return [_translate(argument) for argument in arguments]


def _translate(argument: str) -> str:
    if argument.startswith("-march=armv"):
        architecture, *features = argument.removeprefix("-march=").split("+")
        version = architecture.removeprefix("arm").removesuffix("-a").replace(".", "_")  # armv8.2-a → v8_2
        named = [_FEATURES.get(feature, feature) for feature in features]
        return "+".join(["-mcpu=generic", f"{version}a", *named])
    return argument


if __name__ == "__main__":
    zig, *rest = sys.argv[1:]
    os.execv(zig, [zig, *translated(rest)])

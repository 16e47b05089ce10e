"""llama.cpp's CPU variants and their scores: higher is tried first.

A variant's library scores itself at run time: 0 on a CPU that lacks a feature it was compiled for, else a number that
depends only on those features. The number is needed where the library cannot run, in a manifest made on another
machine, so it is computed here from the same bits (ggml's `cpu-feats.cpp`); a test compares with real libraries.
"""

from __future__ import annotations

_BASE_SCORE = 1

# Feature → what it adds to the score.
_X86_BITS = {
    "FMA": 1 << 0,
    "F16C": 1 << 1,
    "SSE42": 1 << 2,
    "BMI2": 1 << 3,
    "AVX": 1 << 4,
    "AVX2": 1 << 5,
    "AVX_VNNI": 1 << 6,
    "AVX512": 1 << 7,
    "AVX512_VBMI": 1 << 8,
    "AVX512_BF16": 1 << 9,
    "AVX512_VNNI": 1 << 10,
    "AMX_INT8": 1 << 11,
}
_ARM_BITS = {
    "DOTPROD": 1 << 1,
    "FP16_VECTOR_ARITHMETIC": 1 << 2,
    "SVE": 1 << 3,
    "MATMUL_INT8": 1 << 4,
    "SVE2": 1 << 5,
    "SME": 1 << 6,
}

_AVX = ("SSE42", "AVX")
_AVX2 = (*_AVX, "F16C", "FMA", "AVX2", "BMI2")
_AVX512 = (*_AVX2, "AVX512")
_V82 = ("DOTPROD", "FP16_VECTOR_ARITHMETIC")
_V86 = (*_V82, "SVE", "MATMUL_INT8")

# Variant → the scored features it is compiled for.
_X86: dict[str, tuple[str, ...]] = {
    "x64": (),
    "sse42": ("SSE42",),
    "sandybridge": _AVX,
    "ivybridge": (*_AVX, "F16C"),
    "piledriver": (*_AVX, "F16C", "FMA"),
    "haswell": _AVX2,
    "skylakex": _AVX512,
    "cannonlake": (*_AVX512, "AVX512_VBMI"),
    "cascadelake": (*_AVX512, "AVX512_VNNI"),
    "icelake": (*_AVX512, "AVX512_VBMI", "AVX512_VNNI"),
    "cooperlake": (*_AVX512, "AVX512_VNNI", "AVX512_BF16"),
    "zen4": (*_AVX512, "AVX512_VBMI", "AVX512_VNNI", "AVX512_BF16"),
    "alderlake": (*_AVX2, "AVX_VNNI"),
    "sapphirerapids": (*_AVX512, "AVX512_VBMI", "AVX512_VNNI", "AVX512_BF16", "AMX_INT8"),
}
_ARM: dict[str, tuple[str, ...]] = {
    "armv8.0_1": (),
    "armv8.2_1": ("DOTPROD",),
    "armv8.2_2": _V82,
    "armv8.2_3": (*_V82, "SVE"),
    "armv8.6_1": _V86,
    "armv8.6_2": (*_V86, "SVE2"),
    "armv9.2_1": (*_V86, "SME"),
    "armv9.2_2": (*_V86, "SVE2", "SME"),
    "apple_m1": ("DOTPROD",),
    "apple_m2_m3": ("DOTPROD", "MATMUL_INT8"),
    "apple_m4": ("DOTPROD", "MATMUL_INT8", "SME"),
}

RANKS: dict[str, int] = {
    name: _BASE_SCORE + sum(bits[feature] for feature in features)
    for bits, table in ((_X86_BITS, _X86), (_ARM_BITS, _ARM))
    for name, features in table.items()
}
"""Variant → score on a machine that has all its features."""

"""Formats of weights that a backend is proven with: those most models have, and those of the model at hand."""

from __future__ import annotations

from runtime.shape import ModelShape

FLOATS = ("F32", "F16")
KINDS = (*FLOATS, "Q8_0", "Q4_0", "Q4_K", "Q6_K")
"""For processors, whose verdict serves every dist with this engine."""

PROVABLE = (*KINDS, "Q4_1", "Q5_0", "Q5_1", "Q2_K", "Q3_K", "Q5_K", "IQ4_NL", "IQ4_XS", "BF16", "MXFP4")
"""Those whose weights can be made here; the others need an importance matrix."""


def kinds_for(shape: ModelShape | None, *, processor: bool) -> tuple[str, ...]:
    """What to prove for this model. A GPU compiles a program for each format, so only those it needs are asked for."""
    own = [kind for kind in shape.types if kind in PROVABLE] if shape else []
    return tuple(dict.fromkeys([*(KINDS if processor or not shape else FLOATS), *own]))


def main_kind(shape: ModelShape | None) -> str:
    """The format to measure speed with."""
    return next((kind for kind in (shape.types if shape else ()) if kind in PROVABLE), "Q8_0")

"""Which models' own layers that guess ahead are understood: the same rule for the worker and for the fit."""

from __future__ import annotations

FORESEEING = frozenset({"glm4moe", "qwen35", "qwen35moe"})
"""Architectures with such a layer that was seen to work here. llama.cpp has a graph of that layer alone for some more;
where it has none it ends the process.
"""


def why_blind(architecture: str, layers: int) -> str:
    """Why so many layers of this architecture do not guess ahead; "" where they do."""
    if architecture not in FORESEEING:
        return f"How layers of {architecture or 'this architecture'} guess ahead is not known here."
    return "" if layers == 1 else f"{layers} layers that guess ahead by turns are not understood here."

"""The names of quantisations, as people write them and as file names carry them.

The names are llama-quantize's; `llama_ftype` has a constant for each (`LLAMA_FTYPE_MOSTLY_Q4_K_M`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable

FLOATS = ("F32", "F16", "BF16")
"""What can be quantised. `F32` is `LLAMA_FTYPE_ALL_F32`."""

ALIASES = {"Q3_K": "Q3_K_M", "Q4_K": "Q4_K_M", "Q5_K": "Q5_K_M"}

TYPES = (
    *("Q1_0", "Q2_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "MXFP4_MOE", "TQ1_0", "TQ2_0"),
    *(
        "IQ1_S",
        "IQ1_M",
        "IQ2_XXS",
        "IQ2_XS",
        "IQ2_S",
        "IQ2_M",
        "IQ3_XXS",
        "IQ3_XS",
        "IQ3_S",
        "IQ3_M",
        "IQ4_XS",
        "IQ4_NL",
    ),
    *("Q2_K", "Q2_K_S", "Q3_K_S", "Q3_K_M", "Q3_K_L", "Q4_K_S", "Q4_K_M", "Q5_K_S", "Q5_K_M", "Q6_K"),
    *FLOATS,
)
"""What the quantiser can make."""

PREFERRED = ("Q4_K_M", "Q8_0")
"""Taken, in this order, where a repository has several and the builder names none; llama.cpp chooses the same."""

# Not a letter, digit or underscore on either side, so that Q4_K is not found in Q4_K_M and F16 not in BF16. Publishers
# add names of their own (UD-Q4_K_XL, Q4_0_4_4): such a name is matched whole, or not at all.
_IN_NAME = re.compile(
    r"(?<![A-Za-z0-9_])((?:UD-)?(?:I?Q\d\w*|TQ\d\w*|MXFP4\w*|BF16|F16|F32|FP16|FP32))(?![A-Za-z0-9_])", re.IGNORECASE
)


def canonical(name: str) -> str | None:
    """The quantiser's name for a type as people write it ("q4_k" is "Q4_K_M"); None if there is none."""
    upper = name.upper()
    upper = ALIASES.get(upper, upper)
    return upper if upper in TYPES else None


def in_file_name(name: str) -> str:
    """The quantisation that a file's or folder's name states, in capitals; empty if it states none."""
    found = _IN_NAME.findall(name.removesuffix(".gguf"))
    return str(found[-1]).upper() if found else ""


def preferred(names: Iterable[str]) -> str:
    """Which of several to take where none was named; empty if none of those is among them."""
    have = set(names)
    return next((name for name in PREFERRED if name in have), "")

"""`samplers`: which samplers draw a token, and in which order, as llama-server takes them."""

from __future__ import annotations

from dataclasses import replace

from runtime.api.errors import invalid
from runtime.engine.core import SAMPLERS, SamplingParams

_LETTERS = dict(zip("edskypmxti", (*SAMPLERS, "infill"), strict=True))
"""Each by the letter llama.cpp has for it."""

_ALIASES = {"nucleus": "top_p", "temp": "temperature", "typ": "typ_p", "typical_p": "typ_p"}
_SPELLINGS = {name.replace("_", ""): name for name in (*SAMPLERS, "infill")} | {
    alias.replace("_", ""): name for alias, name in _ALIASES.items()
}

_MOST = 32
_MOST_COMPARED = 256  # "infill" compares every token that is left with every other


def checked_samplers(given: str | list[str]) -> tuple[str, ...]:
    """Their names in the order given: names, or a string of letters. Raises `ApiError` 400."""
    if len(given) > _MOST:
        raise invalid(f"'samplers' takes at most {_MOST} samplers.", "samplers")
    return tuple(map(_by_letter, given)) if isinstance(given, str) else tuple(map(_by_name, given))


def check_infill(sampling: SamplingParams) -> SamplingParams:
    """The parameters themselves. Raises `ApiError` 400 where "infill" would look at too many tokens."""
    names = sampling.samplers
    if "infill" not in names:
        return sampling
    if "top_k" not in names[: names.index("infill")] or not 0 < sampling.top_k <= _MOST_COMPARED:
        raise invalid(
            f"'samplers' has 'infill', which must come behind 'top_k' with a 'top_k' of 1 to {_MOST_COMPARED}: "
            "it compares every token with every other.",
            "samplers",
        )
    return replace(sampling, min_keep=min(sampling.min_keep, _MOST_COMPARED))


def _by_letter(letter: str) -> str:
    if letter not in _LETTERS:
        raise invalid(f"'samplers' has {letter!r}; the letters are {''.join(_LETTERS)!r}.", "samplers")
    return _LETTERS[letter]


def _by_name(name: str) -> str:
    found = _SPELLINGS.get(name.lower().replace("-", "").replace("_", ""))
    if found is None:
        raise invalid(f"'samplers' has {name[:40]!r}; there are {', '.join((*SAMPLERS, 'infill'))}.", "samplers")
    return found

"""Draws from the likeliest tokens alone, where a chain would throw the others away at once.

The looking is done by a library of ours in front of the worker (`runtime/launcher/preload/likeliest.c`). Where there is
none, on Windows and macOS and from source, llama.cpp looks at the whole vocabulary; what is drawn is the same.
"""

from __future__ import annotations

import ctypes
import math
from functools import cache
from typing import Any

MOST = 1024
"""For more than that llama.cpp's way is as good."""

_SIEVED = 4, 60
"""So many for each that is wanted, and so many more, are put through a sieve at first; then `MOST`."""


@cache
def _library() -> Any:
    """The function that finds them; None where the library is not there."""
    try:
        find = ctypes.CDLL(None).pannier_likeliest
    except (AttributeError, OSError, TypeError):
        return None
    find.restype = ctypes.c_int32
    find.argtypes = (ctypes.c_void_p, ctypes.c_int32, ctypes.c_int32, ctypes.c_void_p)
    return find


class Likeliest:
    """For one thread: room for the likeliest tokens of one step after the other."""

    def __init__(self, raw: Any, context: Any, vocabulary_size: int) -> None:
        """raw: llama.cpp's declarations. context: its handle."""
        self._raw, self._context, self._vocabulary_size = raw, context, vocabulary_size
        self._room = (raw.llama_token_data * MOST)()
        self._start = ctypes.cast(self._room, raw.llama_token_data_p)
        self._at = ctypes.addressof(self._room)

    def draw(self, sampler: Any, output: int, wanted: int, sieve: Any = None) -> int | None:
        """The token a sampler selects when it sees only the `wanted` likeliest of batch entry `output`, and nothing of
        what it would be told of the choice. None where nobody can look for them.

        sieve: a sampler that rules tokens out before that; None, too, where too few are left of those it was shown.
        """
        find = _library()
        if find is None or not 0 < wanted <= MOST:
            return None
        logits = self._raw.llama_get_logits_ith(self._context, output)
        for shown in sorted({min(MOST, _SIEVED[0] * wanted + _SIEVED[1]), MOST}) if sieve else (wanted,):
            count = find(logits, self._vocabulary_size, shown, self._at)
            left = self._sift(sieve, count) if sieve else count
            if left >= min(wanted, count):
                array = self._array(left)
                self._raw.llama_sampler_apply(sampler, ctypes.byref(array))
                return int(array.data[array.selected].id)
        return None

    def _sift(self, sieve: Any, count: int) -> int:
        """Keep those of the first `count` that the sieve lets through, in their order; how many they are."""
        array, room, left = self._array(count), self._room, 0
        self._raw.llama_sampler_apply(sieve, ctypes.byref(array))
        for place in range(count):
            if room[place].logit != -math.inf:
                room[left] = room[place]
                left += 1
        return left

    def _array(self, count: int) -> Any:
        return self._raw.llama_token_data_array(self._start, count, -1, False)

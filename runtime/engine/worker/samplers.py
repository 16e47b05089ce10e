"""Samplers of llama.cpp, as ctypes sees them: made or refused, and taken apart."""

from __future__ import annotations

import ctypes
from typing import Any

from runtime.errors import EngineError


def made(sampler: Any) -> Any:
    """The sampler. Raises `EngineError` where there is none."""
    if not sampler:
        raise EngineError("llama.cpp could not make a sampler.")
    return sampler


def without(raw: Any, sampler: Any, *calls: str) -> tuple[Any, Any]:
    """A second sampler with the same state that lacks some calls, and its table of calls, which must outlive it."""
    table = raw.llama_sampler_i.from_buffer_copy(sampler.contents.iface.contents)
    for call in calls:
        setattr(table, call, type(getattr(table, call))())
    return made(raw.llama_sampler_init(ctypes.byref(table), sampler.contents.ctx)), table

"""How fast a device is, as far as it decides between devices."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rates:
    """operation: seconds for one small operation. reading, prompt: bytes of weights a second, for one token and for
    each of many."""

    operation: float
    reading: float
    prompt: float

    def __str__(self) -> str:
        return f"{self.reading / 1e9:.1f} GB/s reading, {self.operation * 1e6:.0f} µs an operation"

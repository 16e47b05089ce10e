"""Which usual computers a dist will run on: the fit's arithmetic, done when the dist is built."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runtime.backends.fit.choose import Fit, Wishes, choose
from runtime.backends.fit.need import GB
from runtime.backends.fit.words import machine_for, usual_room
from runtime.shape import ModelShape

MEMORY = (8, 16, 32)
DEVICE = (4, 8, 12, 24)
BESIDE = 16
"""GB of main memory assumed beside a graphics card."""


@dataclass(frozen=True, slots=True)
class Usual:
    """One kind of computer and what becomes of the model there. device: GB of its graphics card, 0 for none."""

    memory: int
    device: int
    fit: Fit

    @property
    def name(self) -> str:
        """As people call it."""
        return f"{self.device} GB graphics card" if self.device else f"{self.memory} GB memory"

    @property
    def verdict(self) -> str:
        """What becomes of the model there."""
        return str(self.fit) if self.fit.fits else f"too small by {self.fit.lacks / GB:.1f} GB"


def usual_machines(shape: ModelShape, wishes: Wishes, backends: Sequence[str]) -> list[Usual]:
    """The model on each of them; graphics cards only where the dist can use one."""
    found = [Usual(size, 0, choose(shape, wishes, usual_room(size))) for size in MEMORY]
    if any(name != "cpu" for name in backends):
        found += [Usual(BESIDE, size, choose(shape, wishes, usual_room(BESIDE, size))) for size in DEVICE]
    return found


def lines(shape: ModelShape, machines: Sequence[Usual]) -> list[str]:
    """The table `pannier build` prints."""
    width = max(len(machine.name) for machine in machines)
    table = [f"  {machine.name:<{width}}  {machine.verdict}" for machine in machines]
    return [
        f"Needs a computer with {machine_for(shape)} GB of memory; usual ones, with other programs running:",
        *table,
    ]

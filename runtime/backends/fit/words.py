"""A model that does not fit, in words: what it needs, what is there, and what would run."""

from __future__ import annotations

from dataclasses import replace

from runtime.backends.fit.choose import LEAST_CONTEXT, Fit, Wishes, choose
from runtime.backends.fit.need import GB, need
from runtime.backends.fit.room import Room
from runtime.errors import CannotRunError
from runtime.shape import ModelShape

FORCE = "--ignore-memory"

_SIZES = (1, 2, 4, 8, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 1024)


def refusal(shape: ModelShape, wishes: Wishes, fit: Fit) -> CannotRunError:
    """The error for a fit that lacks memory; it names the next thing to try."""
    taken = fit.need.memory
    message = (
        f"This model needs {taken.total / GB:.1f} GB of memory ({taken.weights / GB:.1f} GB for itself,"
        f" {(taken.total - taken.weights) / GB:.1f} GB to work with); {fit.room}."
    )
    smaller = _smaller_context(shape, wishes, fit.room)
    if smaller:
        remedy = f"Start it with --ctx-size {smaller}, or close other programs."
    else:
        remedy = f"It runs on a computer with {machine_for(shape)} GB of memory; here a smaller model would."
    return CannotRunError(message, f"{remedy} {FORCE} tries it all the same, very slowly if at all.")


def machine_for(shape: ModelShape) -> int:
    """The smallest usual computer, in GB of memory, that runs the model with the smallest context."""
    least = Wishes(LEAST_CONTEXT)
    fitting = (size for size in _SIZES if choose(shape, least, usual_room(size)).fits)
    return next(fitting, _SIZES[-1])


def usual_room(memory: int, device: int = 0) -> Room:
    """What is free on a usual computer with so many GB, and of its graphics card's: a system and a browser run."""
    free = max(0.25 * memory, 0.85 * memory - 2.0)
    return Room(int(free * GB), memory * GB, int(0.92 * device * GB), device * GB)


def _smaller_context(shape: ModelShape, wishes: Wishes, room: Room) -> int:
    """A context that would fit, where the one asked for does not; 0 if none would."""
    if not wishes.firm:
        return 0
    found = choose(shape, replace(wishes, firm=False), room)
    return found.plan.context_size if found.fits and need(shape, found.plan).memory.total else 0

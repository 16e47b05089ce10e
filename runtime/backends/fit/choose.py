"""From wishes and room to a plan: the largest one that fits, and in words what was given up and why.

What is given up first is what is missed least: room for several requests at once, then a draft model, which only saves
time, then half of the cache's precision, then context, half by half. A context that somebody asked for by number is
never made smaller; then it does not fit, and that is said with what would.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from runtime.backends.fit.need import CELL_STEP, GB, Need, Plan, cell_bytes, need
from runtime.backends.fit.room import Room
from runtime.engine.lines import DRAFT_BATCH, cells_for
from runtime.shape import ModelShape

LEAST_CONTEXT = 1024
"""Tokens below which a context is not made smaller: a system prompt and a question need so many."""

WIDE_BATCH = 1024
"""Tokens computed at once on a device with memory of its own, where it has room for the buffers: to begin a step takes
as long for many as for few, and the device waits meanwhile. docs/gpus.md has what this and the next bring.
"""

WIDER_BATCH = 2048
"""The same where not all layers are on it: the others' weights are copied there for every step with a prompt."""

_WORTH = 0.1
"""Of the layers left to the processor, so many more may be for the sake of larger steps; tokens take as much longer."""

_QUANTIZED_HEAD = 32  # a quantised cache needs heads of a multiple of this


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is to be run. firm: the context was asked for by number. gpu_layers: -1 for as many as fit. split_cache: a
    part of the cache for each request, if there is memory for that. draft: a model that guesses ahead, if all of both
    fits. foresight: the model's own layer may do that, on the same condition; blind: why it does not, where it has one.
    """

    context_size: int
    parallel: int = 1
    firm: bool = False
    gpu_layers: int = -1
    repack: bool = False
    cache_type: str = ""
    split_cache: bool = False
    draft: ModelShape | None = None
    foresight: bool = False
    blind: str = ""


@dataclass(frozen=True, slots=True)
class Fit:
    """What was chosen. given_up: in words, what of the wishes. lacks: bytes it does not fit by.

    A plan that lacks something is the smallest one: what would be needed at least.
    """

    plan: Plan
    need: Need
    room: Room
    given_up: tuple[str, ...] = ()
    lacks: int = 0

    @property
    def fits(self) -> bool:
        """Whether it can run here."""
        return self.lacks == 0

    def __str__(self) -> str:
        """One line for the start of a program."""
        plan, taken = self.plan, self.need.memory.total
        many = f" for {plan.parallel} at once" if plan.parallel > 1 else ""
        parts = [f"{plan.context_size} tokens of context{many}", f"{_gb(taken)} of {_gb(self.room.memory)} free memory"]
        if plan.gpu_layers:
            parts.append(f"{_gb(self.need.device.total)} of {_gb(self.room.device)} on the graphics card")
        return ", ".join(parts) + "".join(f"; {words}" for words in self.given_up)


def choose(shape: ModelShape, wishes: Wishes, room: Room) -> Fit:
    """The largest plan that fits; or the smallest one, with what it lacks."""
    if guessing := _with_guesses(shape, wishes, room):
        return guessing
    smallest: Fit | None = None
    for plan in _ladder(shape, wishes):
        fitted = _widened_in_part(shape, _on_device(shape, plan, wishes, room), wishes, room)
        taken = need(shape, fitted)
        lacks = max(0, _main(taken, room) - room.for_model)
        if not lacks:
            return _filled(shape, fitted, wishes, room)
        smallest = Fit(fitted, taken, room, lacks=lacks)
    assert smallest is not None  # the ladder has at least one rung
    return smallest


def _with_guesses(shape: ModelShape, wishes: Wishes, room: Room) -> Fit | None:
    """With what guesses ahead, if nothing of the model has to give way to it."""
    if wishes.draft is None and not wishes.foresight:
        return None
    first = next(_ladder(shape, wishes))
    without = _on_device(shape, first, wishes, room)
    plan = _on_device(shape, replace(first, draft=wishes.draft, foresight=wishes.foresight), wishes, room)
    if replace(plan, draft=None, foresight=False) != without or not _fits(shape, plan, room):
        return None
    return _filled(shape, _widened_in_part(shape, plan, wishes, room), wishes, room)


def _ladder(shape: ModelShape, wishes: Wishes) -> Iterator[Plan]:
    """Plans for one request, from what is wished downwards."""
    first = Plan(wishes.context_size, wishes.parallel, repack=wishes.repack)
    types = [wishes.cache_type] if wishes.cache_type else ["f16", *(["q8_0"] if _quantizes(shape) else [])]
    context = wishes.context_size
    while True:
        for cache_type in types:
            yield replace(first, context_size=context, cache_type=cache_type)
        if wishes.firm or context <= LEAST_CONTEXT:
            return
        context = max(LEAST_CONTEXT, context // 2)


def _quantizes(shape: ModelShape) -> bool:
    remembers = any(layer.keys for layer in shape.layers)
    return remembers and shape.head_size > 0 and shape.head_size % _QUANTIZED_HEAD == 0


def _on_device(shape: ModelShape, plan: Plan, wishes: Wishes, room: Room) -> Plan:
    """With as many layers on the device as it holds. Experts stay in main memory before whole layers do: of them a
    token uses few."""
    if not room.device or wishes.gpu_layers == 0:
        return plan
    everything = shape.depth + 1
    most = everything if wishes.gpu_layers < 0 else min(everything, wishes.gpu_layers)

    def fits(trial: Plan) -> bool:
        return need(shape, trial).device.total <= room.for_device

    if wishes.gpu_layers > 0 or fits(replace(plan, gpu_layers=most)):
        return replace(plan, gpu_layers=most)
    if shape.experts:
        for left in range(1, shape.depth + 1):
            if fits(trial := replace(plan, gpu_layers=most, experts_on_cpu=left)):
                return trial
    for layers in range(most - 1, 0, -1):
        if fits(trial := replace(plan, gpu_layers=layers)):
            return trial
    return plan


def _filled(shape: ModelShape, plan: Plan, wishes: Wishes, room: Room) -> Fit:
    """With cells for several requests, as far as a share of the memory goes that remembers, and as it stays in it."""
    on_device = plan.gpu_layers > 0
    taken = need(shape, plan)
    free = room.for_device if on_device else room.for_model
    spare = free - (taken.device.total if on_device else _main(taken, room))
    each = cell_bytes(shape, plan)
    cells = cells_for(plan.context_size, plan.parallel, each, room.device if on_device else room.memory)
    if each:
        masks = 2 * (plan.batch + (DRAFT_BATCH if plan.draft or plan.foresight else 0))  # who may see whom
        affordable = plan.context_size + max(0, spare) // (each + masks)
        cells = max(plan.context_size, min(cells, affordable) // CELL_STEP * CELL_STEP)
    filled = replace(plan, cells=cells)
    if on_device and need(shape, filled).device.total > room.for_device:
        filled = plan  # the cache of windows grows by steps
    if wishes.split_cache and not (shape.has_window or shape.has_state):
        filled = _split(shape, filled, room)
    if _is_whole(shape, plan) and not room.shared:
        filled = _widened(shape, filled, room)
    return Fit(filled, need(shape, filled), room, _given_up(shape, filled, wishes, room))


def _split(shape: ModelShape, plan: Plan, room: Room) -> Plan:
    """With a part of the cache for each request, if it holds a whole context for everybody and the memory is there."""
    split = replace(plan, split=True)
    taken = need(shape, split)
    enough = taken.device.total <= room.for_device if plan.gpu_layers else _main(taken, room) <= room.for_model
    return split if enough and plan.cells >= plan.context_size * plan.parallel else plan


def _is_whole(shape: ModelShape, plan: Plan) -> bool:
    """Whether everything is on the device."""
    return plan.gpu_layers > shape.depth and not plan.experts_on_cpu


def _widened(shape: ModelShape, plan: Plan, room: Room) -> Plan:
    """With larger steps, if nothing has to give way to them."""
    wide = replace(plan, batch=WIDE_BATCH)
    return wide if _fits(shape, wide, room) else plan


def _widened_in_part(shape: ModelShape, plan: Plan, wishes: Wishes, room: Room) -> Plan:
    """With larger steps, if not everything is on a device with memory of its own, and few layers give way to them."""
    if not plan.gpu_layers or _is_whole(shape, plan) or room.shared:
        return plan
    for batch in (WIDER_BATCH, WIDE_BATCH):
        wide = _on_device(shape, replace(plan, gpu_layers=0, experts_on_cpu=0, batch=batch), wishes, room)
        if _fits(shape, wide, room) and _gives_little(shape, wide, plan):
            return wide
    return plan


def _gives_little(shape: ModelShape, wide: Plan, plan: Plan) -> bool:
    """Whether little more of the model is left to the processor with the one than with the other."""
    if plan.experts_on_cpu:
        return wide.gpu_layers == plan.gpu_layers and wide.experts_on_cpu <= (1 + _WORTH) * plan.experts_on_cpu
    everything = shape.depth + 1
    return wide.gpu_layers > 0 and everything - wide.gpu_layers <= (1 + _WORTH) * (everything - plan.gpu_layers)


def _given_up(shape: ModelShape, plan: Plan, wishes: Wishes, room: Room) -> tuple[str, ...]:
    words = []
    if plan.context_size < wishes.context_size:
        words.append(f"{wishes.context_size} tokens would not fit")
    if plan.cache_type != "f16" and not wishes.cache_type:
        words.append("what is remembered of a text is kept in 8 bits to fit")
    if plan.all_cells < plan.context_size * wishes.parallel:
        words.append(f"requests at once share {plan.all_cells} tokens")
    if wishes.draft and not plan.draft:
        words.append("no draft model guesses ahead, for want of memory")
    if wishes.foresight and not plan.foresight:
        words.append("its own layer does not guess ahead, for want of memory")
    if wishes.blind:
        words.append(f"its own layer does not guess ahead: {wishes.blind}")
    if wishes.split_cache and not plan.split:
        words.append("the cache is not split")
    if room.device and wishes.gpu_layers < 0:
        if not plan.gpu_layers:
            words.append("nothing of it fits on the graphics card")
        elif plan.experts_on_cpu:
            words.append(f"the experts of {plan.experts_on_cpu} of {shape.depth} layers stay in main memory")
        elif plan.gpu_layers <= shape.depth:
            words.append(f"{plan.gpu_layers} of {shape.depth + 1} layers fit on the graphics card")
    return tuple(words)


def _fits(shape: ModelShape, plan: Plan, room: Room) -> bool:
    """Whether there is memory for it, here and on the device."""
    taken = need(shape, plan)
    return taken.device.total <= room.for_device and _main(taken, room) <= room.for_model


def _main(taken: Need, room: Room) -> int:
    """Main memory that is taken; a device without memory of its own takes it, too."""
    return taken.memory.total + (taken.device.total if room.shared else 0)


def _gb(size: int) -> str:
    return f"{size / GB:.1f} GB" if size >= GB / 10 else f"{size / 1e6:.0f} MB"

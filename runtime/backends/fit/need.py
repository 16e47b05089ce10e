"""How much memory a model takes when it is run in a certain way.

What is allocated exactly (weights, cache, states) is computed exactly. What llama.cpp derives from its graph (the
buffers in which a step is computed) is a formula that was compared with its own figures; `bench/memory.py` holds the
whole against measured processes.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

from runtime.engine.lines import DRAFT_BATCH, ROWS_KEPT, STATE_BACK, lines_for, split_lines_for
from runtime.shape import Layers, ModelShape

MIB = 1 << 20
GB = 10**9

PROGRAM = 19 * MIB
"""Private memory of a worker before it has loaded anything: Python, and the engine's libraries' own."""

CELL_STEP = 256  # cells are made in multiples of it

_BYTES = {"f16": 2.0, "q8_0": 34 / 32}
_PIECE = 140  # bytes a word or merge takes in llama.cpp's tables, beside its text, which is there twice


@dataclass(frozen=True, slots=True)
class Plan:
    """How a model is to run.

    context_size: tokens a request may use. cells: tokens remembered at a time, of all requests together.
    cache_type: format of what is remembered, "f16" or "q8_0". gpu_layers: layers on the device, the last ones, with the
    output as one more. experts_on_cpu: of these layers, the first so many leave their experts in main memory.
    repack: weights are rearranged, in private memory. batch: tokens computed at once. split: the cache has a part for
    each request, of a whole context. draft: a small model beside it that reads the same texts, all of it on the device
    if anything is. foresight: its own layer guesses ahead instead, in a context of its own.
    """

    context_size: int
    parallel: int = 1
    cells: int = 0
    cache_type: str = "f16"
    gpu_layers: int = 0
    experts_on_cpu: int = 0
    repack: bool = False
    batch: int = 512
    split: bool = False
    draft: ModelShape | None = None
    foresight: bool = False

    @property
    def of_draft(self) -> Plan:
        """How the draft is to run."""
        layers = self.draft.depth + 1 if self.draft and self.gpu_layers else 0
        return Plan(self.context_size, self.parallel, self.cells, gpu_layers=layers, batch=DRAFT_BATCH)

    @property
    def all_cells(self) -> int:
        """Cells as they are really made."""
        if self.split:
            return _up(self.context_size, CELL_STEP) * split_lines_for(self.parallel)
        return _up(max(self.cells, self.context_size), CELL_STEP)


@dataclass(frozen=True, slots=True)
class Amount:
    """Bytes in one memory. weights: of the file, mapped in place or copied to a device. repacked: copies of them."""

    weights: int = 0
    repacked: int = 0
    cache: int = 0
    compute: int = 0
    program: int = 0

    @property
    def total(self) -> int:
        """All of it."""
        return self.weights + self.repacked + self.cache + self.compute + self.program

    def __add__(self, other: Amount) -> Amount:
        return Amount(*(getattr(self, one.name) + getattr(other, one.name) for one in fields(Amount)))


@dataclass(frozen=True, slots=True)
class Need:
    """What a plan takes: in main memory and on the device."""

    memory: Amount
    device: Amount = Amount()


def need(shape: ModelShape, plan: Plan) -> Need:
    """The memory this plan takes."""
    alone = _alone(shape, plan)
    if plan.foresight:
        return _with_foresight(shape, plan, alone)
    if plan.draft is None:
        return alone
    beside = _alone(plan.draft, plan.of_draft)
    tables = replace(beside.memory, program=beside.memory.program - PROGRAM)
    return Need(alone.memory + tables, alone.device + beside.device)


def cell_bytes(shape: ModelShape, plan: Plan) -> int:
    """What one more token of the cache takes, in all layers that remember every token; of the draft's cache, too."""
    each = sum(_cell(layer, plan) for layer in _loaded(shape, plan) if not layer.windowed)
    return each + (cell_bytes(plan.draft, plan.of_draft) if plan.draft else 0)


def lines(shape: ModelShape, plan: Plan) -> int:
    """How many texts are kept at a time."""
    if plan.split:
        return split_lines_for(plan.parallel)
    return lines_for(plan.parallel, costly=shape.has_window or shape.has_state)


def _alone(shape: ModelShape, plan: Plan) -> Need:
    """Without the draft."""
    here, there = _layers(shape, plan)
    on_device = plan.gpu_layers > 0
    output = plan.gpu_layers > shape.depth
    weights = shape.embedding + sum(layer.weights for layer in here) + sum(experts for _, experts in there)
    weights += 0 if output or shape.tied else shape.output
    compute = _compute(shape, plan)
    memory = Amount(
        weights=weights,
        repacked=sum(layer.weights for layer in here) if plan.repack else 0,
        cache=_cache(shape, plan, here),
        # What lies between the layers of both sides is computed on the device, but the experts are computed here.
        compute=_step(shape, plan) if on_device and not (here or plan.experts_on_cpu) else compute,
        program=PROGRAM + _PIECE * shape.pieces + 2 * shape.text,
    )
    device = Amount(
        weights=sum(layer.weights - experts for layer, experts in there) + (shape.output if output else 0),
        cache=_cache(shape, plan, [layer for layer, _ in there]),
        compute=compute if on_device else 0,
    )
    return Need(memory, device)


def _with_foresight(shape: ModelShape, plan: Plan, alone: Need) -> Need:
    """With the buffers of the second context, and the rows that go from one to the other."""
    compute = _compute(shape, replace(plan, batch=DRAFT_BATCH))
    rows = 4 * shape.width * (plan.batch + 2 * DRAFT_BATCH + 2 * ROWS_KEPT * lines(shape, plan))
    if not plan.gpu_layers:
        return replace(alone, memory=replace(alone.memory, compute=alone.memory.compute + compute + rows))
    step = _step(shape, plan)
    return Need(
        replace(alone.memory, compute=alone.memory.compute + step + rows),
        replace(alone.device, compute=alone.device.compute + compute),
    )


def _loaded(shape: ModelShape, plan: Plan) -> list[Layers]:
    """Layer by layer; in place of one that is not even loaded, one of no size."""
    return [Layers(1, 0) if layer.ahead and not plan.foresight else layer for layer in shape.each]


def _layers(shape: ModelShape, plan: Plan) -> tuple[list[Layers], list[tuple[Layers, int]]]:
    """The layers in main memory; those on the device, each with the bytes of experts it leaves in main memory."""
    each = _loaded(shape, plan)
    first = max(0, len(each) + 1 - plan.gpu_layers) if plan.gpu_layers else len(each)
    left = [layer.experts if index < plan.experts_on_cpu else 0 for index, layer in enumerate(each)]
    return each[:first], [*zip(each[first:], left[first:], strict=True)]


def _cache(shape: ModelShape, plan: Plan, layers: list[Layers]) -> int:
    kept = lines(shape, plan)
    cells = plan.all_cells
    windowed = _up(min(cells, shape.window * kept + plan.batch), CELL_STEP)
    states = kept * (1 + STATE_BACK if plan.foresight else 1)
    return sum(_cell(layer, plan) * (windowed if layer.windowed else cells) + layer.state * states for layer in layers)


def _cell(layer: Layers, plan: Plan) -> int:
    return int((layer.keys + layer.values) * _BYTES[plan.cache_type])


def _compute(shape: ModelShape, plan: Plan) -> int:
    """The buffers of a step of a whole batch: what a layer makes of it, who may see whom, and the last words' chances.

    The factors are llama.cpp's graph in practice: gate, up and their product lie beside four to five things as wide as
    what goes from layer to layer.
    """
    tokens = min(plan.batch, plan.all_cells)
    values = 4 * tokens * int(1.5 * shape.widest + 4.5 * shape.width)
    remembers = any(layer.keys for layer in shape.layers)
    seen = plan.all_cells if remembers else 0
    if shape.has_window:
        seen += min(plan.all_cells, shape.window * lines(shape, plan) + plan.batch)
    return values + 2 * tokens * seen + _step(shape, plan)


def _step(shape: ModelShape, plan: Plan) -> int:
    """What a step hands out: the chances of every word, for each request."""
    return 4 * plan.parallel * shape.vocabulary


def _up(number: int, step: int) -> int:
    return -(-number // step) * step

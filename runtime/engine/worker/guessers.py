"""Which guesser there is for a model: the draft that came with it, its own layer, or none; and why not.

The draft goes first: somebody chose it. A guesser that cannot be used is done without, and the log says why.
"""

from __future__ import annotations

from dataclasses import replace

from runtime.engine.bindings import Device
from runtime.engine.foresight import why_blind
from runtime.engine.lines import DRAFT_BATCH, guessed_cells
from runtime.engine.messages import DraftFile, Load
from runtime.engine.worker.cache import MemoryKind
from runtime.engine.worker.context import Context
from runtime.engine.worker.draft import Draft
from runtime.engine.worker.foresight import Foresight
from runtime.engine.worker.guesser import Guesser
from runtime.engine.worker.log import say
from runtime.engine.worker.model import Model
from runtime.engine.worker.vocabulary import difference
from runtime.errors import CannotRunError, PannierError

USED, USED_LAYER = "used", "the model's own layer"
"""What is told of a draft, and of a layer, that guesses."""


def guesser_for(model: Model, context: Context, load: Load, device: Device | None) -> tuple[Guesser | None, str]:
    """What guesses ahead for this context, if something is to and can; and what is told of it: which it is, or why it
    is not used; "" where there is none.
    """
    what = Draft.name if load.draft else Foresight.name
    try:
        if load.draft is not None:
            return _draft(model, context, load, load.draft, device), USED
        return (_foresight(model, context, load), USED_LAYER) if load.foresees else (None, "")
    except PannierError as error:
        say(f"{what} is not used. {error.message}")
        return None, error.message


def _draft(model: Model, context: Context, load: Load, draft: DraftFile, device: Device | None) -> Draft:
    if context.kind is not MemoryKind.FULL:
        raise CannotRunError("The model cannot take back what it has read.")
    theirs = _load_of_draft(load, draft, context)
    small = Model(model.llama, theirs, device, lambda _: None)
    if differs := difference(small, model):
        raise CannotRunError(f"Its vocabulary is not the model's: {differs}.")
    if small.memory_kind is not MemoryKind.FULL or not small.generates:
        raise CannotRunError("It cannot take back what it has read.")
    return Draft(Context(small, theirs, memory=0), model.vocabulary_size)


def _foresight(model: Model, context: Context, load: Load) -> Foresight:
    if why := why_blind(model.architecture, model.layers_ahead):
        raise CannotRunError(why)
    if not context.back:
        raise CannotRunError("The model cannot take back what it has read.")
    cells = context.cells + (0 if context.is_split else guessed_cells(load.parallel))
    theirs = replace(load, context_size=context.size, cells=cells, batch_tokens=min(load.batch_tokens, DRAFT_BATCH))
    foresight = Foresight(context, Context(model, theirs, memory=0, ahead=True))
    context.follower = foresight
    return foresight


def _load_of_draft(load: Load, draft: DraftFile, context: Context) -> Load:
    """How to load the draft: with as many cells as the model has, for the same texts."""
    return replace(
        load,
        model_fd=draft.fd,
        model_path=draft.path,
        model_offset=draft.offset,
        model_size=draft.size,
        model_splits=(),
        gpu_layers=draft.gpu_layers,
        experts_on_cpu=0,
        context_size=context.size,
        batch_tokens=min(load.batch_tokens, DRAFT_BATCH),
        cells=load.cells or context.cells,
        cache_type="f16",
        repack=False,
        split_cache=False,
        foresight=False,
    )

"""How long a token takes on a backend, expected from measured rates: what candidates are ranked by."""

from __future__ import annotations

from runtime.backends.fit.need import Plan
from runtime.backends.rates import Rates
from runtime.shape import ModelShape

OPERATIONS = 16
"""Operations in a layer, of the usual kind."""

PROMPT_SHARE = 3.0
"""Tokens of prompts for each token of an answer, as in a conversation."""


def seconds_per_token(shape: ModelShape, plan: Plan, device: Rates, processor: Rates) -> float:
    """For a token of an answer, with its share of the prompt, where `plan` puts layers on a device."""
    layers = [*shape.each]
    first = max(0, len(layers) + 1 - plan.gpu_layers) if plan.gpu_layers else len(layers)
    active = shape.expert_share
    seconds = 0.0
    for index, layer in enumerate(layers):
        if layer.ahead:
            continue
        dense, experts = layer.weights - layer.experts, int(layer.experts * active)
        apart = index < plan.experts_on_cpu
        if index < first:
            seconds += _layer(dense + experts, processor)
        else:
            seconds += _layer(dense + (0 if apart else experts), device) + (_layer(experts, processor) if apart else 0)
    return seconds + _reading(shape.output, device if plan.gpu_layers > len(layers) else processor)


def _layer(size: int, rates: Rates) -> float:
    return OPERATIONS * rates.operation + _reading(size, rates) + PROMPT_SHARE * size / rates.prompt


def _reading(size: int, rates: Rates) -> float:
    return size / rates.reading

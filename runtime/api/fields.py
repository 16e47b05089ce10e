"""The sampling fields of every dialect, under llama.cpp's names, and what becomes of them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from runtime.api.errors import invalid
from runtime.api.limits import checked_grammar, checked_schema
from runtime.api.samplers import check_infill, checked_samplers
from runtime.engine.core import SamplingParams, TokenBias

Ignored = Annotated[Any, Field(description="Has no meaning here; accepted and without effect.")]
_Probability = Annotated[float | None, Field(ge=0, le=1)]
_Seed = Annotated[int | None, Field(ge=-(2**63), lt=2**64, description="-1 draws one.")]


def only(what: str) -> Any:
    """A field that is refused unless it asks for nothing."""
    return Field(default=None, description=f"Not offered; refused unless {what}.")


class SamplingFields(BaseModel):
    """How tokens are drawn; part of several requests."""

    model_config = ConfigDict(strict=True, extra="forbid", defer_build=True, allow_inf_nan=False)

    seed: _Seed = None
    temperature: Annotated[float | None, Field(ge=0, le=100)] = None
    top_p: _Probability = None
    frequency_penalty: Annotated[float | None, Field(ge=-2, le=2)] = None
    presence_penalty: Annotated[float | None, Field(ge=-2, le=2)] = None

    top_k: Annotated[int | None, Field(ge=-1, lt=2**31, description="0 or -1 is no limit.")] = None
    min_p: _Probability = None
    repeat_penalty: Annotated[float | None, Field(gt=0, le=100)] = None
    repeat_last_n: Annotated[int | None, Field(ge=-1, lt=2**31, description="-1 is the whole context.")] = None
    typical_p: _Probability = None
    top_n_sigma: Annotated[float | None, Field(ge=-1, le=1000, description="-1 is off.")] = None
    xtc_probability: _Probability = None
    xtc_threshold: _Probability = None
    dynatemp_range: Annotated[float | None, Field(ge=0, le=100)] = None
    dynatemp_exponent: Annotated[float | None, Field(ge=0, le=100)] = None
    dry_multiplier: Annotated[float | None, Field(ge=0, le=100)] = None
    dry_base: Annotated[float | None, Field(ge=1, le=100)] = None
    dry_allowed_length: Annotated[int | None, Field(ge=0, lt=2**31)] = None
    dry_penalty_last_n: Annotated[int | None, Field(ge=-1, lt=2**31)] = None
    dry_sequence_breakers: Annotated[list[str] | None, Field(max_length=64)] = None
    mirostat: Annotated[int | None, Field(ge=0, le=2)] = None
    mirostat_tau: Annotated[float | None, Field(ge=0, le=1000)] = None
    mirostat_eta: Annotated[float | None, Field(ge=0, le=1000)] = None
    logit_bias: Annotated[
        dict[str, float] | list[list[Any]] | None, Field(description="Token id to bias, or pairs of both.")
    ] = None
    grammar: Annotated[str | None, Field(description="GBNF with a rule `root`.")] = None
    json_schema: Annotated[dict[str, Any] | None, Field(description="JSON Schema the answer follows.")] = None
    ignore_eos: bool | None = None
    min_keep: Annotated[
        int | None,
        Field(ge=0, lt=2**31, description="So many tokens are always left to draw from."),
    ] = None

    samplers: Annotated[
        list[str] | str | None,
        Field(description="Only these, in this order; names or letters. With mirostat none of them is used."),
    ] = None
    n_keep: Annotated[
        int | None,
        Field(
            ge=-1,
            lt=2**31,
            description="If it is not 0 and the answer has a limit of tokens: at the end of the context it goes on, "
            "with so many tokens of the prompt (-1: all of it) and the newer half of what followed them.",
        ),
    ] = None

    id_slot: Ignored = None
    n_cache_reuse: Ignored = None
    backend_sampling: Ignored = None
    sse_ping_interval: Ignored = None
    n_discard: Any = only("0")
    adaptive_target: Any = only("-1")
    adaptive_decay: Any = only("null")
    cache_prompt: Any = only("true")
    n_probs: Any = only("0")
    t_max_predict_ms: Any = only("0")
    post_sampling_probs: Any = only("false")
    return_progress: Any = only("false")
    timings_per_token: Any = only("false")
    lora: Any = only("empty")


_ADAPTIVE = "the sampler 'adaptive_p' is not offered; mirostat aims at a measure, too"

REFUSED: dict[str, tuple[tuple[Any, ...], str]] = {
    "cache_prompt": ((True,), "what was computed before is always used again, and changes no answer"),
    "n_probs": ((0,), "here it is called otherwise; /completion has it"),
    "n_discard": ((0,), "where the context is full the older half is forgotten"),
    "adaptive_target": ((-1, -1.0), _ADAPTIVE),
    "adaptive_decay": ((), _ADAPTIVE),
    "t_max_predict_ms": ((0,), "/completion and /infill have it"),
    "post_sampling_probs": ((False,), "/completion has it"),
    "return_progress": ((False,), "streams of /completion, /infill and /v1/chat/completions have it"),
    "timings_per_token": ((False,), "the end of the answer has the timings; here nothing before it does"),
    "lora": (([],), "there are no adapters in this file"),
}
"""Field → the values that ask for nothing, and why any other is refused."""

_NO_MEANING = ("id_slot", "n_cache_reuse", "backend_sampling", "sse_ping_interval")
_NOT_SAMPLING = ("ignore_eos", "grammar", "json_schema", "n_keep", *_NO_MEANING)
_NAMES = tuple(name for name in SamplingFields.model_fields if name not in (*REFUSED, *_NOT_SAMPLING))


def refuse(asked: BaseModel, table: dict[str, tuple[tuple[Any, ...], str]]) -> None:
    """Raise `ApiError` 400 for the first field of `table` that asks for something."""
    for name, (harmless, reason) in table.items():
        value = getattr(asked, name)
        if value is not None and not any(value == one and type(value) is type(one) for one in harmless):
            raise invalid(f"'{name}' is refused: {reason}.", name, "unsupported_parameter")


def sampling_of(asked: SamplingFields, defaults: SamplingParams, *, offered: tuple[str, ...] = ()) -> SamplingParams:
    """The engine's parameters. Raises `ApiError` 400 for what it cannot do; `offered` fields this request can."""
    refuse(asked, {name: row for name, row in REFUSED.items() if name not in offered})
    given = {name: value for name in _NAMES if (value := getattr(asked, name)) is not None}
    if "top_k" in given:
        given["top_k"] = max(given["top_k"], 0)
    if "seed" in given:
        given["seed"] = None if given["seed"] == -1 else given["seed"] % 2**32  # the engine's seeds have 32 bits
    if "logit_bias" in given:
        given["logit_bias"] = _biases(given["logit_bias"])
    if "dry_sequence_breakers" in given:
        given["dry_sequence_breakers"] = tuple(given["dry_sequence_breakers"])
    if asked.grammar and asked.json_schema is not None:
        raise invalid("'grammar' and 'json_schema' contradict each other; give one.", "grammar")
    if asked.grammar:
        given["grammar"] = checked_grammar(asked.grammar)
    elif asked.json_schema is not None:
        given["grammar"] = checked_schema(asked.json_schema, "json_schema")
    if "repeat_last_n" in given:
        given["penalty_last_n"] = given.pop("repeat_last_n")
    if "samplers" in given:
        given["samplers"] = checked_samplers(given["samplers"])
    return check_infill(replace(defaults, **given))


def shift_of(asked: SamplingFields, limit: int | None) -> int | None:
    """What of the prompt is kept where the answer outgrows the context (-1: all of it); None: it ends there.

    limit: of the answer's tokens. Without one an answer that may outgrow the context might never end.
    """
    return asked.n_keep if asked.n_keep and limit is not None else None


def with_logprobs(sampling: SamplingParams, logprobs: bool | None, top_logprobs: int | None) -> SamplingParams:
    """With what is to be told of tokens' chances, as OpenAI's and Ollama's chat ask for it. Raises `ApiError` 400."""
    if logprobs:
        return replace(sampling, n_probs=top_logprobs or 0)
    if top_logprobs:
        raise invalid("'top_logprobs' has a meaning only with 'logprobs': true.", "top_logprobs")
    return sampling


def _biases(given: dict[str, float] | list[list[Any]]) -> tuple[TokenBias, ...]:
    pairs: list[list[Any]] = [list(pair) for pair in given.items()] if isinstance(given, dict) else given
    biases: list[TokenBias] = []
    for pair in pairs:
        token: Any
        bias: Any
        token, bias = pair if len(pair) == 2 else (None, None)
        if isinstance(token, str) and token.isascii() and token.isdigit() and len(token) < 10:
            token = int(token)
        if bias is False:
            bias = -math.inf  # llama.cpp's way to forbid a token
        if type(token) is not int or token < 0 or type(bias) not in (int, float):
            raise invalid("'logit_bias' should map ids of tokens to numbers.", "logit_bias")
        biases.append(TokenBias(token, float(bias)))
    return tuple(biases)

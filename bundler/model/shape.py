"""From a GGUF's header to the shape that its memory follows from.

Sizes are taken from the tensors themselves: they are what is really allocated, whatever the metadata calls it. Only
what tensors cannot tell (which layers look through a window, how large a state is) comes from the metadata.
"""

from __future__ import annotations

import re
import struct
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import groupby
from typing import Any

from bundler.model.gguf import GgufTables, TensorInfo, tensor_bytes, type_name
from runtime.shape import Layers, ModelShape

_BLOCK = re.compile(r"blk\.(\d+)\.(.+)")
_EXPERTS = re.compile(r"ffn_\w*exps\.")
_GUESSES = "nextn.eh_proj.weight"  # of a layer that guesses ahead: joins a token and the row before it
_MATRIX_TYPES = 8  # formats named at most

_PERIODS = {
    "gemma2": 2, "gpt-oss": 2, "cohere2": 4, "exaone4": 4, "exaone-moe": 4, "llama4": 4, "olmo2": 4, "afmoe": 4,
    "mellum": 4, "gemma3n": 5, "gemma3": 6, "gemma-embedding": 6, "plamo3": 8,
}  # fmt: skip
"""Architectures of which every n-th layer looks at everything and the others through a window; llama.cpp's defaults."""

_DENSE_FIRST = {"cohere2moe": 4, "smallthinker": 4, "laguna": 4, "modern-bert": 3}
"""The same, beginning with the one that looks at everything."""


def shape_of(tables: GgufTables) -> ModelShape:
    """The shape of the model with this header. What is not known counts as the larger case."""
    said = _Said(tables)
    blocks: dict[int, dict[str, TensorInfo]] = defaultdict(dict)
    rest: dict[str, TensorInfo] = {}
    for tensor in tables.tensors:
        found = _BLOCK.fullmatch(tensor.name)
        if found:
            blocks[int(found[1])][found[2]] = tensor
        else:
            rest[tensor.name] = tensor
    depth = max(said.number("block_count"), len(blocks))  # without the tensors of the last one, too, it counts
    layers = [_layer(said, number, blocks[number], depth) for number in range(depth)]
    embedding = _size(rest.pop("token_embd.weight", None))
    tied = "output.weight" not in rest
    output = sum(map(_size, rest.values()))
    return ModelShape(
        layers=tuple(replace(run, count=len([*same])) for run, same in groupby(layers)),
        embedding=embedding,
        output=output + (embedding if tied else 0),
        tied=tied,
        width=said.number("embedding_length"),
        widest=max((_widest(said, block) for block in blocks.values()), default=0),
        heads=said.number("attention.head_count"),
        head_size=said.head_size,
        window=said.window,
        vocabulary=said.lengths.get("tokenizer.ggml.tokens", 0) or said.number("vocab_size"),
        pieces=sum(said.lengths.get(f"tokenizer.ggml.{part}", 0) for part in ("tokens", "merges")),
        text=sum(said.sizes.get(f"tokenizer.ggml.{part}", 0) for part in ("tokens", "merges")),
        expert_count=said.number("expert_count"),
        experts_used=said.number("expert_used_count"),
        types=_types(tables.tensors),
    )


class _Said:
    """The metadata, with the architecture's prefix understood."""

    def __init__(self, tables: GgufTables) -> None:
        self.header = tables.header
        self.architecture = tables.header.architecture
        self._raw: Mapping[str, bytes] = dict(tables.pairs)
        listed = ("tokenizer.ggml.tokens", "tokenizer.ggml.merges")
        self.lengths = {key: int(self.header.metadata[key]) for key in listed if key in self._raw}
        self.sizes = {key: len(self._raw[key]) for key in self.lengths}

    def number(self, key: str) -> int:
        """A whole number of this architecture; of a list its largest; 0 where it is not said."""
        return max(self.numbers(key), default=0)

    def numbers(self, key: str) -> list[int]:
        """A number, or a list of them, as a list."""
        full = f"{self.architecture}.{key}"
        value = self.header.metadata.get(full)
        if value is None or isinstance(value, str | float):
            return []
        return _array(self._raw[full], full) or [int(value)]

    def of_layer(self, key: str, layer: int) -> int:
        """A number that may differ from layer to layer."""
        found = self.numbers(key)
        return found[layer] if layer < len(found) > 1 else max(found, default=0)

    @property
    def head_size(self) -> int:
        """Of a query."""
        heads = self.number("attention.head_count")
        return self.number("attention.key_length") or (self.number("embedding_length") // heads if heads else 0)

    @property
    def window(self) -> int:
        """Tokens a windowed layer looks back at; 0 where none does."""
        return self.number("attention.sliding_window") or self.number("attention.chunk_size")

    def is_windowed(self, layer: int) -> bool:
        """Whether the layer looks through the window. Of an unknown architecture none does: that takes more."""
        listed = self.numbers("attention.sliding_window_pattern")
        if not self.window:
            return False
        if len(listed) > 1:
            return bool(listed[layer]) if layer < len(listed) else False
        if self.architecture in _DENSE_FIRST:
            return layer % _DENSE_FIRST[self.architecture] != 0
        period = listed[0] if listed else _PERIODS.get(self.architecture, 1)
        return layer % period < period - 1


def _layer(said: _Said, number: int, tensors: Mapping[str, TensorInfo], depth: int) -> Layers:
    keys, values = _remembered(said, number, tensors)
    is_behind = number >= depth - said.number("nextn_predict_layers")
    ahead = is_behind and _GUESSES in tensors
    if (is_behind and not ahead) or number >= depth - said.number("attention.shared_kv_layers"):
        keys = values = 0
    return Layers(
        count=1,
        weights=sum(map(_size, tensors.values())),
        experts=sum(_size(tensor) for name, tensor in tensors.items() if _EXPERTS.match(name)),
        keys=keys,
        values=values,
        windowed=bool(keys) and said.is_windowed(number),
        state=4 * _state(said, tensors),
        ahead=ahead,
    )


def _remembered(said: _Said, number: int, tensors: Mapping[str, TensorInfo]) -> tuple[int, int]:
    """Keys and values of a token."""
    if "attn_kv_a_mqa.weight" in tensors and "attn_k_b.weight" in tensors:
        return tensors["attn_kv_a_mqa.weight"].shape[1], 0  # what keys and values are made of, once
    if "attn_k.weight" in tensors:
        keys = tensors["attn_k.weight"].shape[1]
        return keys, tensors["attn_v.weight"].shape[1] if "attn_v.weight" in tensors else keys
    if any(name.startswith("attn_") and name.endswith("qkv.weight") for name in tensors) and not _state(said, tensors):
        heads = said.of_layer("attention.head_count_kv", number) or said.of_layer("attention.head_count", number)
        return heads * said.head_size, heads * (said.number("attention.value_length") or said.head_size)
    return 0, 0


def _state(said: _Said, tensors: Mapping[str, TensorInfo]) -> int:
    """Numbers of a text's state."""
    if any(name.startswith("ssm_") for name in tensors):
        inner, size = said.number("ssm.inner_size"), said.number("ssm.state_size")
        convolved = inner + 2 * said.number("ssm.group_count") * size
        return max(0, said.number("ssm.conv_kernel") - 1) * convolved + size * inner
    width = said.number("embedding_length")
    if any(name.startswith("shortconv.") for name in tensors):
        return width * max(0, said.number("shortconv.l_cache") - 1)
    if any(name.startswith("time_mix_") for name in tensors):
        return width * ((said.number("token_shift_count") or 2) + said.number("wkv.head_size"))
    return 0


def _widest(said: _Said, tensors: Mapping[str, TensorInfo]) -> int:
    """The most numbers a layer holds of a token at one time, beside what goes from layer to layer."""

    def rows(*names: str) -> int:
        return sum(tensors[f"{name}.weight"].shape[1] for name in names if f"{name}.weight" in tensors)

    used = said.number("expert_used_count")
    return max(
        rows("ffn_gate", "ffn_up"),
        used * rows("ffn_gate_exps", "ffn_up_exps") + rows("ffn_gate_shexp", "ffn_up_shexp"),
        rows("attn_q", "attn_k", "attn_v", "attn_qkv", "attn_q_b"),
        rows("ssm_in") + said.number("ssm.inner_size") * ("ssm_out.weight" in tensors),
        rows("shortconv.in_proj"),
    )


def _types(tensors: Iterable[TensorInfo]) -> tuple[str, ...]:
    """Formats of the matrices that are multiplied with, most bytes first."""
    totals: dict[str, int] = defaultdict(int)
    for tensor in tensors:
        if len(tensor.shape) > 1:
            totals[type_name(tensor.kind)] += _size(tensor)
    return tuple(sorted(totals, key=lambda name: -totals[name])[:_MATRIX_TYPES])


def _size(tensor: TensorInfo | None) -> int:
    return 0 if tensor is None else tensor_bytes(tensor.kind, tensor.shape) or 0


def _array(pair: bytes, key: str) -> list[int]:
    """The whole numbers of a list, from the pair's bytes; nothing if it is no list of whole numbers."""
    codes: dict[int, Any] = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 7: "?", 10: "Q", 11: "q"}
    at = 8 + len(key.encode())
    if struct.unpack_from("<I", pair, at)[0] != 9:
        return []
    kind, count = struct.unpack_from("<IQ", pair, at + 4)
    return (
        [int(value) for value in struct.unpack_from(f"<{count}{codes[kind]}", pair, at + 16)] if kind in codes else []
    )

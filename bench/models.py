"""Models of noise for timing: real shapes, a real tokenizer with a modern vocabulary's size, weights that mean nothing.

The weights are one block of seeded noise repeated, so that gigabytes are written as fast as the disk takes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np

VOCABULARY = 151_936
EXPERTS = 4  # of a layer that guesses ahead
BLOCK = np.dtype([("scale", "<f2"), ("values", "i1", 32)])  # Q8_0: 32 weights and their scale, 34 bytes

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


@dataclass(frozen=True, slots=True)
class Shape:
    """Dimensions of a qwen2-style decoder.

    sharp: how decided it is between tokens. faint: how much of what they make the layers behind the first `plain` ones
    add: if little, a model of those first ones alone mostly says the same, and is a draft for it. ahead: in glm4moe's
    style instead, with a layer of its own that guesses ahead: the fainter the layers, the more often it is right.
    """

    layers: int
    width: int
    feed_forward: int
    heads: int
    kv_heads: int
    context: int = 8192
    vocabulary: int = VOCABULARY
    sharp: float = 1.0
    plain: int = 0
    faint: float = 1.0
    ahead: bool = False


TINY = Shape(layers=1, width=64, feed_forward=64, heads=1, kv_heads=1, context=1024)
"""Almost nothing but the vocabulary."""

SMALL = Shape(layers=12, width=512, feed_forward=1536, heads=8, kv_heads=2)
"""About 114 million parameters, two thirds of them the vocabulary."""

MEDIUM = Shape(layers=28, width=2048, feed_forward=6144, heads=16, kv_heads=8)
"""About 1.7 billion parameters, 1.8 GB in Q8_0."""

LARGE = Shape(layers=36, width=2560, feed_forward=13824, heads=32, kv_heads=8)
"""About 5 GB in Q8_0."""


def write(path: Path, shape: Shape, vocabulary: Path | None = None) -> Path:
    """Write the model unless `path` has it already; returns `path`.

    vocabulary: a GGUF whose tokenizer it gets, of 151,936 tokens as well.
    """
    if path.exists():
        return path
    partial = path.with_suffix(".partial")
    writer = gguf.GGUFWriter(partial, "glm4moe" if shape.ahead else "qwen2")
    writer.add_name("noise")
    writer.add_block_count(shape.layers + shape.ahead)
    if shape.ahead:
        writer.add_nextn_predict_layers(1)
        writer.add_leading_dense_block_count(shape.layers)
        writer.add_expert_count(EXPERTS)
        writer.add_expert_used_count(2)
        writer.add_expert_shared_count(1)
        writer.add_expert_feed_forward_length(shape.feed_forward // 4)
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_feed_forward_length(shape.feed_forward)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.kv_heads)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e6)
    writer.add_chat_template(CHATML)
    if vocabulary:
        _copy_vocabulary(writer, vocabulary)
    else:
        _add_vocabulary(writer, shape.vocabulary)
    _add_tensors(writer, shape)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return partial.replace(path)


def _add_vocabulary(writer: gguf.GGUFWriter, size: int) -> None:
    """256 bytes in GPT-2's alphabet, ChatML's tokens, and filling up to a modern size."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in plain]
    letters = {byte: chr(byte) for byte in plain} | {byte: chr(256 + at) for at, byte in enumerate(others)}
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokens = [letters[byte] for byte in range(256)] + special
    filling = [f"\u0120word{index}" for index in range(size - len(tokens))]
    kinds = [gguf.TokenType.NORMAL] * 256 + [gguf.TokenType.CONTROL] * 3 + [gguf.TokenType.NORMAL] * len(filling)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(tokens + filling)
    writer.add_token_types(kinds)
    # As many merges as a real vocabulary has: reading them is a part of every start.
    writer.add_token_merges(["\u0120 t", *(f"{letters[a]} {letters[b]}" for a in range(256) for b in range(256))])
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_bos_token_id(tokens.index("<|endoftext|>"))
    writer.add_add_bos_token(False)


def _copy_vocabulary(writer: gguf.GGUFWriter, vocabulary: Path) -> None:
    for name, field in gguf.GGUFReader(vocabulary).fields.items():
        if name.startswith("tokenizer.") and name != gguf.Keys.Tokenizer.CHAT_TEMPLATE:
            sub_type = field.types[-1] if len(field.types) > 1 else None
            writer.add_key_value(name, field.contents(), field.types[0], sub_type)


def _add_tensors(writer: gguf.GGUFWriter, shape: Shape) -> None:
    random = np.random.default_rng(7)
    noise = np.zeros((1 << 16) - 1, dtype=BLOCK)  # an odd number: no row of a matrix is like another near it
    noise["scale"] = 0.0003
    noise["values"] = random.integers(-127, 128, (len(noise), 32), dtype=np.int8)

    def matrix(name: str, rows: int, columns: int, share: float = 1.0, *, count: int = 0) -> None:
        blocks = np.resize(noise[::-1] if name == "output" else noise, max(1, count) * rows * columns // 32)
        blocks["scale"] *= np.float16(share)
        data = blocks.view(np.uint8).reshape(*((count,) if count else ()), rows, columns // 32 * 34)
        writer.add_tensor(f"{name}.weight", data, raw_dtype=gguf.GGMLQuantizationType.Q8_0)

    def vector(name: str, size: int, value: float) -> None:
        writer.add_tensor(name, np.full(size, value, dtype=np.float32))

    kv_width = shape.width // shape.heads * shape.kv_heads
    matrix("token_embd", shape.vocabulary, shape.width, 30.0 if shape.ahead else 1.0)  # all layers are faint beside it
    vector("output_norm.weight", shape.width, shape.sharp)
    if shape.ahead:
        matrix("output", shape.vocabulary, shape.width)  # else what follows a token would mostly be the token
    for layer in range(shape.layers + shape.ahead):
        block = f"blk.{layer}."
        share = 1.0 if layer < shape.plain else shape.faint
        vector(f"{block}attn_norm.weight", shape.width, 1.0)
        vector(f"{block}{'post_attention' if shape.ahead else 'ffn'}_norm.weight", shape.width, 1.0)
        for name, rows in (("attn_q", shape.width), ("attn_k", kv_width), ("attn_v", kv_width)):
            matrix(f"{block}{name}", rows, shape.width)
            vector(f"{block}{name}.bias", rows, 0.0)
        matrix(f"{block}attn_output", shape.width, shape.width, share)
        if layer == shape.layers:
            width, inner = shape.width, shape.feed_forward // 4
            # Of the token and the row before it, it looks at the token alone.
            joins = np.eye(width, 2 * width, dtype=np.float32)
            writer.add_tensor(f"{block}nextn.eh_proj.weight", joins)
            vector(f"{block}nextn.enorm.weight", width, 1.0)
            vector(f"{block}nextn.hnorm.weight", width, 1.0)
            matrix(f"{block}ffn_gate_inp", EXPERTS, width)
            vector(f"{block}exp_probs_b.bias", EXPERTS, 0.0)
            for name, rows, columns in (("gate", inner, width), ("up", inner, width), ("down", width, inner)):
                matrix(f"{block}ffn_{name}_exps", rows, columns, share if name == "down" else 1.0, count=EXPERTS)
                matrix(f"{block}ffn_{name}_shexp", rows, columns, share if name == "down" else 1.0)
            continue
        matrix(f"{block}ffn_gate", shape.feed_forward, shape.width)
        matrix(f"{block}ffn_up", shape.feed_forward, shape.width)
        matrix(f"{block}ffn_down", shape.width, shape.feed_forward, share)

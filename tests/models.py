"""Tiny random models that llama.cpp loads like any other: real tokenizers, seeded weights, a megabyte or two.

What they say is noise, but always the same noise: the same spec gives the same bytes.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path

import gguf
import numpy as np

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

_TRAINING_TEXT = (
    "The teacher asks a question and the students think about the answer. A river carries water through the garden, "
    "and every morning the light is a little brighter than it was before. Nobody knows why the old stone house stands "
    "at the end of the road, but when the rain comes the children run there and wait until it stops. She said that the "
    "answer to the question is in the book on the table, and he said that there is no book and there is no table. "
    "Für größere Fragen gibt es später noch Zeit; çà et là, naïve idées. 2026, 1999 and 42 are numbers."
)
_STATE = 16
_CONVOLUTION = 4
_EXPERTS_USED = 2
_EXPERTS_AHEAD = 4
_ARCHITECTURES = {"full": "llama", "window": "gemma3", "state": "mamba", "both": "lfm2", "gated": "qwen35"}
_BPE_SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


@dataclass(frozen=True, slots=True)
class TinyModel:
    """What to generate. memory: what the model remembers a text by.

    "full": attention over everything (llama). "window": five of six layers see only the last `window` tokens (gemma3).
    "state": one state that cannot go back (mamba). "both": attention in every second layer, a short convolution's state
    in the others (lfm2). "gated": attention in every second layer, a state in the others that can go back a few tokens
    (qwen35).

    experts: of a mixture, two of which see each token; 0 for one that sees all ("full": llama with experts; "gated":
    qwen35moe, with one more that sees all).

    ahead: it has a layer of its own that guesses ahead ("gated", or "full": then it is a glm4moe). faint: how much the
    layers add of what they make; if little, that layer is mostly right. stripped: the layer's tensors were left out, as
    some do to save room.

    vocabulary: "bpe" (bytes, with ChatML's tokens) or "spm" (SentencePiece, adds a <s>). runs: of these characters
    there are tokens of up to 64 at once, as real vocabularies have them of spaces and dashes ("bpe" only).

    ranks: with this form for a question and a document the model ranks documents besides (qwen3, with a head of two
    numbers: how likely it is that the one answers the other, and that it does not; "full" only).

    weights: "F32", "Q8_0" or "Q4_0". spread: standard deviation of the weights, large enough that the text is not one
    word for ever.
    """

    memory: str = "full"
    vocabulary: str = "bpe"
    runs: str = ""
    weights: str = "F32"
    layers: int = 2
    width: int = 256
    heads: int = 4
    kv_heads: int = 2
    experts: int = 0
    ahead: bool = False
    faint: float = 1.0
    stripped: bool = False
    ranks: str = ""
    context: int = 32768
    window: int = 64
    seed: int = 7
    spread: float = 0.08
    merges: int = 200
    template: str | None = CHATML

    def write(self, path: Path) -> Path:
        """Write the GGUF to `path` and return it."""
        writer = gguf.GGUFWriter(path, self._architecture)
        writer.add_name("tiny")
        writer.add_file_type(gguf.LlamaFileType["ALL_F32" if self.weights == "F32" else f"MOSTLY_{self.weights}"])
        writer.add_block_count(self.layers + self.ahead)
        writer.add_context_length(self.context)
        writer.add_embedding_length(self.width)
        writer.add_layer_norm_rms_eps(1e-6)
        writer.add_feed_forward_length(0 if self.memory == "state" else 2 * self.width)
        writer.add_head_count(0 if self.memory == "state" else self.heads)
        if self.memory == "state":
            writer.add_ssm_conv_kernel(_CONVOLUTION)
            writer.add_ssm_inner_size(2 * self.width)
            writer.add_ssm_state_size(_STATE)
            writer.add_ssm_time_step_rank(_STATE)
        else:
            writer.add_head_count_kv(
                [self.kv_heads * (layer % 2) for layer in range(self.layers)]
                if self.memory == "both"
                else self.kv_heads
            )
            writer.add_rope_dimension_count(self.width // self.heads)
        if self.memory == "gated":
            writer.add_rope_dimension_sections([self.width // self.heads // 2, 0, 0, 0])
            writer.add_full_attention_interval(2)
            writer.add_key_length(self.width // self.heads)
            writer.add_value_length(self.width // self.heads)
            writer.add_ssm_conv_kernel(_CONVOLUTION)
            writer.add_ssm_inner_size(self.width)
            writer.add_ssm_state_size(self.width // self.heads)
            writer.add_ssm_time_step_rank(self.heads)
            writer.add_ssm_group_count(self.kv_heads)
        if self.memory == "window":
            writer.add_sliding_window(self.window)
            writer.add_key_length(self.width // self.heads)
            writer.add_value_length(self.width // self.heads)
        if self.memory == "both":
            writer.add_shortconv_l_cache(_CONVOLUTION)
        if self.experts:
            writer.add_expert_count(self.experts)
            writer.add_expert_used_count(_EXPERTS_USED)
            writer.add_expert_feed_forward_length(2 * self.width)
        if self.ahead:
            writer.add_nextn_predict_layers(1)
        if self.ahead and self.memory == "full":
            writer.add_leading_dense_block_count(self.layers)
            writer.add_expert_count(_EXPERTS_AHEAD)
            writer.add_expert_used_count(_EXPERTS_USED)
            writer.add_expert_shared_count(1)
            writer.add_expert_feed_forward_length(self.width)
        if self.ranks:
            writer.add_key_length(self.width // self.heads)
            writer.add_value_length(self.width // self.heads)
            writer.add_pooling_type(gguf.PoolingType.RANK)
            writer.add_classifier_output_labels(["yes", "no"])
            writer.add_string("tokenizer.chat_template.rerank", self.ranks)
        words = _add_bpe(writer, self.merges, self.runs) if self.vocabulary == "bpe" else _add_spm(writer, self.merges)
        writer.add_vocab_size(words)
        if self.template is not None:
            writer.add_chat_template(self.template)
        self._add_weights(writer, words)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    @property
    def _architecture(self) -> str:
        if self.ahead and self.memory == "full":
            return "glm4moe"
        if self.experts and self.memory == "gated":
            return "qwen35moe"
        return "qwen3" if self.ranks else _ARCHITECTURES[self.memory]

    def _add_weights(self, writer: gguf.GGUFWriter, words: int) -> None:
        weights = _Weights(writer, self)
        weights.matrix("token_embd", words, self.width)
        weights.matrix("output", words, self.width, 3.0)
        weights.ones("token_embd_norm" if self.memory == "both" else "output_norm", self.width)
        if self.ranks:
            weights.matrix("cls.output", 2, self.width)
        for layer in range(self.layers):
            block = f"blk.{layer}."
            weights.ones(f"{block}attn_norm", self.width)
            if self.memory == "state":
                self._add_state_space(weights, block)
            else:
                self._add_transformer(weights, block, layer)
        if self.ahead and not self.stripped:
            self._add_layer_ahead(weights, f"blk.{self.layers}.")

    def _add_transformer(self, weights: _Weights, block: str, layer: int) -> None:
        head, width = self.width // self.heads, self.width
        is_post = self.ahead or self.memory == "gated"
        weights.ones(f"{block}{'post_attention' if is_post else 'ffn'}_norm", width)
        if self.memory == "both" and not layer % 2:
            weights.matrix(f"{block}shortconv.in_proj", 3 * width, width)
            weights.matrix(f"{block}shortconv.out_proj", width, width)
            weights.plain(f"{block}shortconv.conv.weight", np.full((width, _CONVOLUTION), 1 / _CONVOLUTION))
        elif self.memory == "gated" and not layer % 2:
            self._add_gated_state(weights, block)
        else:
            weights.matrix(f"{block}attn_q", (1 + (self.memory == "gated")) * width, width)
            weights.matrix(f"{block}attn_k", head * self.kv_heads, width)
            weights.matrix(f"{block}attn_v", head * self.kv_heads, width)
            weights.matrix(f"{block}attn_output", width, width, self.faint)
        if self.experts:
            weights.matrix(f"{block}ffn_gate_inp", self.experts, width, 10.0)  # decided, as in trained ones
            weights.matrices(f"{block}ffn_gate_exps", self.experts, 2 * width, width)
            weights.matrices(f"{block}ffn_up_exps", self.experts, 2 * width, width)
            weights.matrices(f"{block}ffn_down_exps", self.experts, width, 2 * width, self.faint)
        if self.experts and self.memory == "gated":
            weights.plain(f"{block}ffn_gate_inp_shexp.weight", weights.noise(1, width)[0])
            weights.matrix(f"{block}ffn_gate_shexp", 2 * width, width)
            weights.matrix(f"{block}ffn_up_shexp", 2 * width, width)
            weights.matrix(f"{block}ffn_down_shexp", width, 2 * width, self.faint)
        if not self.experts:
            weights.matrix(f"{block}ffn_gate", 2 * width, width)
            weights.matrix(f"{block}ffn_up", 2 * width, width)
            weights.matrix(f"{block}ffn_down", width, 2 * width, self.faint)
        norms = {
            "window": ("attn_q", "attn_k", "post_attention", "post_ffw"),
            "both": ("attn_q", "attn_k") * (layer % 2),
            "gated": ("attn_q", "attn_k") * (layer % 2),
        }
        for norm in ("attn_q", "attn_k") if self.ranks else norms.get(self.memory, ()):
            weights.ones(f"{block}{norm}_norm", head if norm.startswith("attn_") else width)

    def _add_layer_ahead(self, weights: _Weights, block: str) -> None:
        """It makes of a token and the row before it little else than the token, where layers are faint."""
        width = self.width
        mixed = weights.noise(width, width) * self.faint
        weights.plain(f"{block}nextn.eh_proj.weight", np.concatenate([np.eye(width), mixed], axis=1))
        weights.ones(f"{block}nextn.enorm", width)
        weights.ones(f"{block}nextn.hnorm", width)
        weights.ones(f"{block}attn_norm", width)
        if self.memory == "gated":
            self._add_transformer(weights, block, layer=1)
            return
        kv_width = width // self.heads * self.kv_heads
        weights.ones(f"{block}post_attention_norm", width)
        for name, rows in (("attn_q", width), ("attn_k", kv_width), ("attn_v", kv_width)):
            weights.matrix(f"{block}{name}", rows, width)
        weights.matrix(f"{block}attn_output", width, width, self.faint)
        weights.matrix(f"{block}ffn_gate_inp", _EXPERTS_AHEAD, width, 10.0)
        weights.plain(f"{block}exp_probs_b.bias", np.zeros(_EXPERTS_AHEAD))
        for name in ("gate", "up", "down"):
            weights.matrices(f"{block}ffn_{name}_exps", _EXPERTS_AHEAD, width, width, self.faint)
            weights.matrix(f"{block}ffn_{name}_shexp", width, width, self.faint)

    def _add_gated_state(self, weights: _Weights, block: str) -> None:
        width, head = self.width, self.width // self.heads
        mixed = width + 2 * head * self.kv_heads
        weights.matrix(f"{block}attn_qkv", mixed, width)
        weights.matrix(f"{block}attn_gate", width, width)
        weights.matrix(f"{block}ssm_beta", self.heads, width)
        weights.matrix(f"{block}ssm_alpha", self.heads, width)
        weights.matrix(f"{block}ssm_out", width, width, self.faint)
        weights.ones(f"{block}ssm_norm", head)
        weights.plain(f"{block}ssm_conv1d.weight", np.full((mixed, _CONVOLUTION), 1 / _CONVOLUTION))
        weights.plain(f"{block}ssm_dt.bias", np.zeros(self.heads))
        weights.plain(f"{block}ssm_a", np.full(self.heads, -0.1))

    def _add_state_space(self, weights: _Weights, block: str) -> None:
        inner = 2 * self.width
        weights.matrix(f"{block}ssm_in", 2 * inner, self.width)
        weights.matrix(f"{block}ssm_x", 3 * _STATE, inner)
        weights.matrix(f"{block}ssm_dt", inner, _STATE)
        weights.matrix(f"{block}ssm_out", self.width, inner)
        weights.plain(f"{block}ssm_conv1d.weight", np.full((inner, _CONVOLUTION), 1 / _CONVOLUTION))
        weights.plain(f"{block}ssm_conv1d.bias", np.zeros(inner))
        weights.plain(f"{block}ssm_dt.bias", np.full(inner, -2.0))
        weights.plain(f"{block}ssm_a", np.tile(-np.arange(1.0, _STATE + 1), (inner, 1)))
        weights.plain(f"{block}ssm_d", np.ones(inner))


class _Weights:
    """Adds tensors, random ones always in the same order and so always the same."""

    def __init__(self, writer: gguf.GGUFWriter, model: TinyModel) -> None:
        self._writer = writer
        self._kind = gguf.GGMLQuantizationType[model.weights]
        self._spread = model.spread
        self._random = np.random.default_rng(model.seed)

    def matrix(self, name: str, rows: int, columns: int, scale: float = 1.0) -> None:
        values = (self.noise(rows, columns) * scale).astype(np.float32)
        kind = self._kind if columns % 32 == 0 else gguf.GGMLQuantizationType.F32
        self._writer.add_tensor(f"{name}.weight", gguf.quants.quantize(values, kind), raw_dtype=kind)

    def noise(self, rows: int, columns: int) -> np.ndarray:
        return self._random.standard_normal((rows, columns)) * self._spread

    def matrices(self, name: str, count: int, rows: int, columns: int, scale: float = 1.0) -> None:
        values = (self._random.standard_normal((count, rows, columns)) * self._spread * scale).astype(np.float32)
        self._writer.add_tensor(f"{name}.weight", gguf.quants.quantize(values, self._kind), raw_dtype=self._kind)

    def ones(self, name: str, size: int) -> None:
        self.plain(f"{name}.weight", np.ones(size))

    def plain(self, name: str, values: np.ndarray) -> None:
        self._writer.add_tensor(name, values.astype(np.float32))


def _add_bpe(writer: gguf.GGUFWriter, merges: int, runs: str) -> int:
    """A byte-level vocabulary as GPT-2's: 256 bytes, the merges learned from a paragraph, ChatML's control tokens."""
    letters = _byte_letters()
    words = [[letters[byte] for byte in word.encode()] for word in _words(" ")]
    learned = _learn(words, merges)
    long = [letters[ord(one)] * 2**power for one in runs for power in range(2, 7)]
    tokens = [*letters.values(), *(left + right for left, right in learned), *long, *_BPE_SPECIALS]
    control = [gguf.TokenType.CONTROL] * len(_BPE_SPECIALS)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.NORMAL] * (len(tokens) - len(control)) + control)
    writer.add_token_merges([f"{left} {right}" for left, right in learned])
    writer.add_bos_token_id(tokens.index("<|endoftext|>"))
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_add_bos_token(False)
    return len(tokens)


def _add_spm(writer: gguf.GGUFWriter, merges: int) -> int:
    """A SentencePiece vocabulary: control tokens, 256 bytes to fall back on, letters and merges with their scores."""
    words = [[*word] for word in _words("\N{LOWER ONE EIGHTH BLOCK}")]
    letters = sorted({letter for word in words for letter in word})
    pieces = [*(left + right for left, right in _learn(words, merges)), *letters]
    control = [("<unk>", gguf.TokenType.UNKNOWN), ("<s>", gguf.TokenType.CONTROL), ("</s>", gguf.TokenType.CONTROL)]
    byte = [(f"<0x{value:02X}>", gguf.TokenType.BYTE) for value in range(256)]
    normal = [(piece, gguf.TokenType.NORMAL) for piece in pieces]
    tokens = [*control, *byte, *normal]
    writer.add_tokenizer_model("llama")
    writer.add_token_list([text for text, _ in tokens])
    writer.add_token_types([kind for _, kind in tokens])
    writer.add_token_scores([0.0] * (len(control) + len(byte)) + [-float(rank) for rank in range(len(pieces))])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_unk_token_id(0)
    writer.add_add_bos_token(True)
    writer.add_add_space_prefix(True)
    return len(tokens)


def _words(space: str) -> list[str]:
    return [space + word for word in _TRAINING_TEXT.split()]


def _learn(words: list[list[str]], merges: int) -> list[tuple[str, str]]:
    """Byte-pair encoding: the most frequent pair becomes a symbol, again and again; ties by the alphabet."""
    learned: list[tuple[str, str]] = []
    for _ in range(merges):
        pairs = Counter(pair for word in words for pair in pairwise(word))
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        learned.append(best)
        words = [_merged(word, best) for word in words]
    return learned


def _merged(word: list[str], pair: tuple[str, str]) -> list[str]:
    result: list[str] = []
    for letter in word:
        if result and (result[-1], letter) == pair:
            result[-1] += letter
        else:
            result.append(letter)
    return result


@cache
def _byte_letters() -> dict[int, str]:
    """GPT-2's alphabet: printable Latin-1 bytes stand for themselves, the others for the letters from U+0100 on."""
    plain = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in plain]
    return {byte: chr(byte) for byte in plain} | {byte: chr(256 + at) for at, byte in enumerate(others)}

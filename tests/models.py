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
_BPE_SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


@dataclass(frozen=True, slots=True)
class TinyModel:
    """What to generate. vocabulary: "bpe" (bytes, with ChatML's tokens) or "spm" (SentencePiece, adds a <s>).

    weights: "F32" or "Q8_0". spread: standard deviation of the weights; large enough that the text is not one word.
    """

    vocabulary: str = "bpe"
    weights: str = "F32"
    layers: int = 2
    width: int = 256
    heads: int = 4
    kv_heads: int = 2
    context: int = 2048
    seed: int = 7
    spread: float = 0.08
    merges: int = 200
    template: str | None = CHATML

    def write(self, path: Path) -> Path:
        """Write the GGUF to `path` and return it."""
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_name("tiny")
        writer.add_file_type(gguf.LlamaFileType.ALL_F32 if self.weights == "F32" else gguf.LlamaFileType.MOSTLY_Q8_0)
        writer.add_block_count(self.layers)
        writer.add_context_length(self.context)
        writer.add_embedding_length(self.width)
        writer.add_feed_forward_length(2 * self.width)
        writer.add_head_count(self.heads)
        writer.add_head_count_kv(self.kv_heads)
        writer.add_layer_norm_rms_eps(1e-6)
        writer.add_rope_dimension_count(self.width // self.heads)
        words = _add_bpe(writer, self.merges) if self.vocabulary == "bpe" else _add_spm(writer, self.merges)
        writer.add_vocab_size(words)
        if self.template is not None:
            writer.add_chat_template(self.template)
        self._add_weights(writer, words)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    def _add_weights(self, writer: gguf.GGUFWriter, words: int) -> None:
        random = np.random.default_rng(self.seed)
        kind = gguf.GGMLQuantizationType[self.weights]
        kv_width = self.width // self.heads * self.kv_heads

        def matrix(name: str, rows: int, columns: int, scale: float = 1.0) -> None:
            values = (random.standard_normal((rows, columns)) * self.spread * scale).astype(np.float32)
            writer.add_tensor(f"{name}.weight", gguf.quants.quantize(values, kind), raw_dtype=kind)

        def ones(name: str) -> None:
            writer.add_tensor(f"{name}.weight", np.ones(self.width, dtype=np.float32))

        matrix("token_embd", words, self.width)
        matrix("output", words, self.width, 3.0)
        ones("output_norm")
        for layer in range(self.layers):
            block = f"blk.{layer}."
            ones(f"{block}attn_norm")
            ones(f"{block}ffn_norm")
            matrix(f"{block}attn_q", self.width, self.width)
            matrix(f"{block}attn_k", kv_width, self.width)
            matrix(f"{block}attn_v", kv_width, self.width)
            matrix(f"{block}attn_output", self.width, self.width)
            matrix(f"{block}ffn_gate", 2 * self.width, self.width)
            matrix(f"{block}ffn_up", 2 * self.width, self.width)
            matrix(f"{block}ffn_down", self.width, 2 * self.width)


def _add_bpe(writer: gguf.GGUFWriter, merges: int) -> int:
    """A byte-level vocabulary as GPT-2's: 256 bytes, the merges learned from a paragraph, ChatML's control tokens."""
    letters = _byte_letters()
    words = [[letters[byte] for byte in word.encode()] for word in _words(" ")]
    learned = _learn(words, merges)
    tokens = [*letters.values(), *(left + right for left, right in learned), *_BPE_SPECIALS]
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

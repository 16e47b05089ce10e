"""A tiny random model that ranks documents: a BERT with a head of one number, as rerankers are."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import gguf
import numpy as np

_CONTROL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_SPACE = "\N{LOWER ONE EIGHTH BLOCK}"
_LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_PUNCTUATION = ".,:;?!-<>|_[]"
TOKENS = (*_CONTROL, *(_SPACE + one for one in _LETTERS + _PUNCTUATION), *_LETTERS, _SPACE)
CLS, SEP = TOKENS.index("[CLS]"), TOKENS.index("[SEP]")


@dataclass(frozen=True, slots=True)
class TinyRanker:
    """What to generate. form: the model's own template for a question and a document; pooling: what it makes of them.

    labels: numbers of the head, of which the first is the score.
    """

    form: str | None = None
    pooling: gguf.PoolingType = gguf.PoolingType.RANK
    labels: int = 1
    layers: int = 2
    width: int = 64
    heads: int = 4
    context: int = 256
    seed: int = 7
    spread: float = 0.2

    def write(self, path: Path) -> Path:
        """Write the GGUF to `path` and return it."""
        writer = gguf.GGUFWriter(path, "bert")
        writer.add_name("tiny ranker")
        writer.add_file_type(gguf.LlamaFileType.ALL_F32)
        writer.add_block_count(self.layers)
        writer.add_context_length(self.context)
        writer.add_embedding_length(self.width)
        writer.add_feed_forward_length(2 * self.width)
        writer.add_head_count(self.heads)
        writer.add_layer_norm_eps(1e-12)
        writer.add_causal_attention(False)
        writer.add_pooling_type(self.pooling)
        if self.labels > 1:
            writer.add_classifier_output_labels([f"label {number}" for number in range(self.labels)])
        writer.add_vocab_size(len(TOKENS))
        writer.add_tokenizer_model("bert")
        writer.add_token_list(TOKENS)
        kinds = [gguf.TokenType.CONTROL] * len(_CONTROL)
        writer.add_token_types([*kinds, *[gguf.TokenType.NORMAL] * (len(TOKENS) - len(kinds))])
        writer.add_token_type_count(2)
        for name in ("pad", "unk", "sep", "mask"):
            getattr(writer, f"add_{name}_token_id")(TOKENS.index(f"[{name.upper()}]"))
        writer.add_bos_token_id(CLS)
        if self.form is not None:
            writer.add_string("tokenizer.chat_template.rerank", self.form)
        self._add_weights(writer)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    def _add_weights(self, writer: gguf.GGUFWriter) -> None:
        random, width = np.random.default_rng(self.seed), self.width

        def matrix(name: str, rows: int, columns: int, scale: float = 1.0) -> None:
            values = random.standard_normal((rows, columns)) * self.spread * scale
            writer.add_tensor(f"{name}.weight", values.astype(np.float32))

        def norm(name: str) -> None:
            writer.add_tensor(f"{name}.weight", np.ones(width, np.float32))
            writer.add_tensor(f"{name}.bias", np.zeros(width, np.float32))

        matrix("token_embd", len(TOKENS), width)
        matrix("token_types", 2, width)
        matrix("position_embd", self.context, width)
        norm("token_embd_norm")
        for layer in range(self.layers):
            block = f"blk.{layer}."
            for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
                matrix(f"{block}{name}", width, width)
            matrix(f"{block}ffn_up", 2 * width, width)
            matrix(f"{block}ffn_down", width, 2 * width)
            norm(f"{block}attn_output_norm")
            norm(f"{block}layer_output_norm")
        matrix("cls", width, width)
        matrix("cls.output", self.labels, width, 5.0)

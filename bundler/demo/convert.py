"""Writing the GGUF: vocabulary, template, metadata and weights, in the type asked for."""

import json
from pathlib import Path

import gguf
import numpy as np
from gguf import GGMLQuantizationType, LlamaFileType, TokenType
from tokenizers import Tokenizer

from bundler.demo import tokenizer as vocabulary
from bundler.demo.model import Decoder, ModelConfig
from bundler.demo.template import TEMPLATE

KINDS: dict[str, tuple[GGMLQuantizationType, LlamaFileType]] = {
    "f32": (GGMLQuantizationType.F32, LlamaFileType.ALL_F32),
    "f16": (GGMLQuantizationType.F16, LlamaFileType.MOSTLY_F16),
    "q8_0": (GGMLQuantizationType.Q8_0, LlamaFileType.MOSTLY_Q8_0),
}
COMMITTED = "q8_0"
VERSION = "1.0"
_DESCRIPTION = (
    "A tiny chat model made from nothing to show that Pannier works: greetings, sixty capitals, small sums, "
    "memory within a conversation, tiny stories and tool calls. Everything it read was written by code."
)
_TENSORS = {
    "attention_norm.weight": "attn_norm.weight", "attention.q.weight": "attn_q.weight",
    "attention.k.weight": "attn_k.weight", "attention.v.weight": "attn_v.weight",
    "attention.out.weight": "attn_output.weight", "attention.q_norm.weight": "attn_q_norm.weight",
    "attention.k_norm.weight": "attn_k_norm.weight",
    "ffn_norm.weight": "ffn_norm.weight", "gate.weight": "ffn_gate.weight", "up.weight": "ffn_up.weight",
    "down.weight": "ffn_down.weight",
}  # fmt: skip


def tensor_name(name: str) -> str:
    """llama.cpp's name for one of our weights."""
    whole = {"embedding.weight": "token_embd.weight", "norm.weight": "output_norm.weight"}
    if name in whole:
        return whole[name]
    _, layer, rest = name.split(".", 2)
    return f"blk.{layer}.{_TENSORS[rest]}"


def write(model: Decoder, tokenizer: Tokenizer, path: Path, kind: str) -> Path:
    """Write the model as `kind`: one-dimensional weights stay F32, as llama.cpp expects."""
    matrix_type, file_type = KINDS[kind]
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(path, "qwen3")
    _describe(writer, file_type)
    _shape(writer, model.config)
    _vocabulary(writer, tokenizer)
    for name, weight in model.state_dict().items():
        values = weight.float().numpy()
        raw_type = matrix_type if values.ndim == 2 else GGMLQuantizationType.F32
        writer.add_tensor(tensor_name(name), gguf.quantize(values.astype(np.float32), raw_type), raw_dtype=raw_type)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def _describe(writer: gguf.GGUFWriter, file_type: LlamaFileType) -> None:
    writer.add_type("model")
    writer.add_name("Pannier Demo")
    writer.add_author("The Pannier project")
    writer.add_organization("Pannier")
    writer.add_version(VERSION)
    writer.add_basename("pannier-demo")
    writer.add_size_label("3.5M")
    writer.add_description(_DESCRIPTION)
    writer.add_license("apache-2.0")
    writer.add_license_name("Apache License 2.0")
    writer.add_license_link("https://www.apache.org/licenses/LICENSE-2.0")
    writer.add_languages(["en", "ko", "ja"])
    writer.add_tags(["chat", "tiny", "demo", "tool-calling"])
    writer.add_file_type(file_type)
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def _shape(writer: gguf.GGUFWriter, config: ModelConfig) -> None:
    writer.add_context_length(config.context)
    writer.add_embedding_length(config.width)
    writer.add_block_count(config.layers)
    writer.add_feed_forward_length(config.feed_forward)
    writer.add_head_count(config.heads)
    writer.add_head_count_kv(config.kv_heads)
    writer.add_key_length(config.head_width)
    writer.add_value_length(config.head_width)
    writer.add_rope_freq_base(config.rope_base)
    writer.add_layer_norm_rms_eps(config.norm_epsilon)
    writer.add_vocab_size(config.vocab_size)


def _token_type(token: str) -> TokenType:
    """Control tokens stay hidden from the reader; tags print, because programs parse them."""
    if token in vocabulary.CONTROL:
        return TokenType.CONTROL
    return TokenType.USER_DEFINED if token in vocabulary.TAGS else TokenType.NORMAL


def _vocabulary(writer: gguf.GGUFWriter, tokenizer: Tokenizer) -> None:
    ids = tokenizer.get_vocab(with_added_tokens=True)
    tokens = sorted(ids, key=lambda token: ids[token])
    types = [_token_type(token) for token in tokens]
    merges = json.loads(tokenizer.to_str())["model"]["merges"]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre(vocabulary.PRE)
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges([merge if isinstance(merge, str) else " ".join(merge) for merge in merges])
    writer.add_bos_token_id(ids[vocabulary.PAD])
    writer.add_add_bos_token(False)
    writer.add_eos_token_id(ids[vocabulary.TURN_END])
    writer.add_eot_token_id(ids[vocabulary.TURN_END])
    writer.add_pad_token_id(ids[vocabulary.PAD])
    writer.add_chat_template(TEMPLATE)

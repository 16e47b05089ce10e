"""Reading a GGUF of ours back, so that training can go on from the committed model."""

from pathlib import Path

import gguf
import torch
from gguf import dequantize
from tokenizers import Tokenizer

from bundler.demo import tokenizer
from bundler.demo.convert import tensor_name
from bundler.demo.model import Decoder, ModelConfig


def read(path: Path) -> tuple[Decoder, Tokenizer]:
    """The network with the file's weights, and its vocabulary."""
    reader = gguf.GGUFReader(path)
    model = Decoder(ModelConfig())
    stored = {tensor.name: tensor for tensor in reader.tensors}
    weights = {}
    for name, mine in model.state_dict().items():
        tensor = stored[tensor_name(name)]
        weights[name] = torch.from_numpy(dequantize(tensor.data, tensor.tensor_type).copy()).view_as(mine)
    model.load_state_dict(weights)
    return model, tokenizer.from_parts(_texts(reader, "tokens"), _texts(reader, "merges"))


def _texts(reader: gguf.GGUFReader, name: str) -> list[str]:
    field = reader.get_field(f"tokenizer.ggml.{name}")
    if field is None:
        raise ValueError(f"The file has no tokenizer.ggml.{name}.")
    return list(field.contents())

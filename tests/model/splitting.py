"""Split sets made with the gguf package, which splits as llama.cpp does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from gguf import GGUFReader, GGUFWriter

TENSORS = 7


def split_set(folder: Path, stem: str = "tiny-Q8_0", *, per_part: int = 3) -> list[Path]:
    """A model of seven odd-sized tensors in three parts."""
    folder.mkdir(parents=True, exist_ok=True)
    writer = GGUFWriter(folder / f"{stem}.gguf", "llama", split_max_tensors=per_part)
    writer.add_name("Tiny")
    writer.add_context_length(512)
    writer.add_array("tokenizer.ggml.tokens", ["a", "b", "ö"])
    random = np.random.default_rng(5)
    for number in range(TENSORS):
        shape = (3 + number, 5) if number % 2 else (7 + number,)
        writer.add_tensor(f"blk.{number}.weight", random.standard_normal(shape).astype(np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return sorted(folder.glob(f"{stem}-*.gguf"))


def weights(*paths: Path) -> dict[str, bytes]:
    """Every tensor of the files, by name."""
    return {tensor.name: tensor.data.tobytes() for path in paths for tensor in GGUFReader(path).tensors}

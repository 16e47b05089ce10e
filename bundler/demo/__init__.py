"""A tiny model of our own, committed beside the recipe that makes it.

`MODEL_PATH` is the file and `MODEL_SHA256` what it has to hash to. Everything else in this package is the
recipe and its evaluation; none of it is needed to use the model, and only training needs PyTorch.
"""

from pathlib import Path

MODEL_PATH = Path(__file__).with_name("pannier-demo.gguf")
DIGEST_PATH = MODEL_PATH.with_name(MODEL_PATH.name + ".sha256")
MODEL_SHA256 = DIGEST_PATH.read_text(encoding="ascii").split()[0]

__all__ = ["DIGEST_PATH", "MODEL_PATH", "MODEL_SHA256"]

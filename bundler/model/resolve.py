"""From what a builder writes to a file on this disk: `demo` or a path."""

from __future__ import annotations

from pathlib import Path

from bundler.errors import ModelError
from bundler.model.local import LocalModel, open_model

DEMO = "demo"


def resolve(reference: str, base: Path, sha256: str = "") -> LocalModel:
    """The model `reference` means. Raises `ModelError`.

    base: folder that relative paths start from. sha256: what its bytes must have, if known; checked while copying.
    """
    if reference == DEMO:
        from bundler import demo

        return open_model(Path(demo.MODEL_PATH), DEMO, {"kind": "demo"}, sha256 or demo.MODEL_SHA256)
    if reference.startswith("hf:"):
        raise ModelError(
            f"{reference}: building from a Hugging Face repository is not there yet.",
            "Download the GGUF and name its path.",
        )
    path = (base / Path(reference).expanduser()).resolve()
    # Where the file lay on the builder's disk is nobody's business, and would make equal builds differ.
    return open_model(path, path.name, {"kind": "path", "file": path.name}, sha256)

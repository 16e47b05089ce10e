"""A model that lies on this disk, and the checks that it can be packed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bundler.errors import ModelError
from bundler.model.gguf import GgufHeader, read_header


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A GGUF ready to be packed.

    origin: where it came from, for the manifest; never a path of this machine. sha256: what it must be, if known.
    """

    path: Path
    header: GgufHeader
    size: int
    source: str
    origin: dict[str, Any] = field(default_factory=dict)
    sha256: str = ""

    def mismatch(self, problem: str) -> ModelError:
        """The error for a file whose bytes are not what they should be."""
        return ModelError(f"{self.path}: {problem}.", "Get the model again, or correct model.sha256 in the dist-spec.")


def open_model(path: Path, source: str, origin: dict[str, Any], sha256: str = "") -> LocalModel:
    """Read and check the GGUF at `path`. Raises `ModelError` where it cannot work, with the reason and the way out."""
    if not path.is_file():
        raise ModelError(f"There is no model at {path}.", "Check the path, or name a repository as hf:OWNER/REPO.")
    model = LocalModel(path, read_header(path), path.stat().st_size, source, origin, sha256)
    _check_whole(model)
    _check_not_a_part(model)
    return model


def check_architecture(model: LocalModel, known: tuple[str, ...]) -> None:
    """Raise `ModelError` unless the engine knows the model's architecture. known: from the kit's manifest."""
    if model.header.architecture not in known:
        raise ModelError(
            f"{model.path.name} is a {model.header.architecture or 'nameless'!r} model; this engine does not know that "
            f"architecture (it knows {len(known)} others).",
            "Use a kit with a newer engine, or another model.",
        )


def _check_whole(model: LocalModel) -> None:
    header = model.header
    if not header.tensors:
        raise ModelError(f"{model.path} holds no tensors (a vocabulary only?).", "Choose a GGUF with weights.")
    if header.data_end is not None and model.size < header.data_end:
        raise ModelError(
            f"{model.path} is cut off: its tensors end at byte {header.data_end:,}, the file at {model.size:,}.",
            "Get the model again.",
        )


def _check_not_a_part(model: LocalModel) -> None:
    count = int(model.header.metadata.get("split.count", 0))
    if count <= 1:
        return
    number = int(model.header.metadata.get("split.no", 0)) + 1
    raise ModelError(
        f"{model.path.name} is part {number} of {count} of a split model; one part alone cannot run.",
        "Join the parts first: llama-gguf-split --merge FIRST-PART OUTPUT.gguf",
    )

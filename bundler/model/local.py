"""A model that lies on this disk, in one file or in parts, and the checks that it can be packed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bundler.errors import ModelError
from bundler.model import split
from bundler.model.content import Content
from bundler.model.gguf import GgufHeader, read_tables
from bundler.model.licenses import License, chosen_name
from bundler.model.shape import shape_of
from runtime.shape import ModelShape


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A GGUF ready to be packed.

    path: its file, or the first of its parts. content: its bytes, joined if they come in parts.
    source: what the builder named. origin: where it came from, for the manifest; never a path of this machine.
    sha256: what its content must have, if known. terms: what its source says of its licence, beside `header`.
    shape: what its memory follows from.
    """

    path: Path
    header: GgufHeader
    content: Content
    source: str
    origin: dict[str, Any] = field(default_factory=dict)
    sha256: str = ""
    terms: License = field(default_factory=License)
    shape: ModelShape | None = None

    @property
    def size(self) -> int:
        """Bytes it will take in the dist."""
        return self.content.size

    @property
    def name(self) -> str:
        """File name without suffix and without the number of a part."""
        named = split.part_name(self.path.name)
        return Path(named.joined).stem if named else self.path.stem

    @property
    def license(self) -> str:
        """The licence it states, or its source does."""
        return chosen_name(*self.licenses)

    @property
    def licenses(self) -> tuple[str, ...]:
        """Every name of a licence that is stated for it; they may differ, and then all of them count."""
        said = self.header.metadata
        names = (said.get("general.license"), said.get("general.license.name"), self.terms.name)
        return tuple(str(name) for name in names if name)

    def mismatch(self, problem: str) -> ModelError:
        """The error for a file whose bytes are not what they should be."""
        return ModelError(f"{self.path}: {problem}.", "Get the model again, or correct model.sha256 in the dist-spec.")


def open_model(
    path: Path, source: str, origin: dict[str, Any], sha256: str = "", terms: License | None = None
) -> LocalModel:
    """Read and check the GGUF at `path`; one part of a set stands for the whole set.

    Raises `ModelError` where it cannot work, with the reason and the way out.
    """
    if not path.is_file():
        raise ModelError(f"There is no model at {path}.", "Check the path, or name a repository as hf:OWNER/REPO.")
    paths = split.parts_of(path)
    if len(paths) == 1:
        tables, content = read_tables(path), Content.of_file(path)
    else:
        tables, content = split.join(paths)
    model = LocalModel(paths[0], tables.header, content, source, origin, sha256, terms or License(), shape_of(tables))
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
        f"{model.path.name} is part {number} of {count} of a split model, but its name does not say so; "
        "one part alone cannot run.",
        f"Put all parts into one folder under the names they had: NAME-{number:05d}-of-{count:05d}.gguf.",
    )

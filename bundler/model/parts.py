"""What may go with a model: a projector, LoRA adapters, a draft model, a chat template; found and checked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bundler.errors import ModelError, SpecError
from bundler.model.content import Content
from bundler.model.drafts import fitting_draft
from bundler.model.local import LocalModel
from bundler.spec import DistSpec
from runtime.manifest import Role
from runtime.shape import ModelShape

PROJECTOR_ENTRY = "projector.gguf"
DRAFT_ENTRY = "draft.gguf"
TEMPLATE_ENTRY = "chat-template.jinja"

Opener = Callable[[str], LocalModel]
"""From a reference to the file it means, fetched and its licence agreed to."""


@dataclass(frozen=True, slots=True)
class Part:
    """An entry that goes with the model. source, origin, license: as a model's. sha256: what it must have, if known.

    shape: of a draft.
    """

    role: Role
    entry: str
    content: Content
    source: str
    origin: dict[str, Any] = field(default_factory=dict)
    license: str = ""
    sha256: str = ""
    shape: ModelShape | None = None

    def mismatch(self, problem: str) -> ModelError:
        """The error for bytes that are not what they should be."""
        return ModelError(f"{self.source} ({self.role}): {problem}.", "Get it again.")


def collect(spec: DistSpec, base: Path, model: LocalModel, opener: Opener) -> tuple[Part, ...]:
    """Everything the spec wants packed with `model`, in the order of the file. Raises `ModelError` or `SpecError`.

    base: the spec's folder.
    """
    wanted = spec.model
    parts: list[Part] = []
    if wanted.projector:
        parts.append(_part(Role.PROJECTOR, PROJECTOR_ENTRY, _projector(opener(wanted.projector))))
    for number, reference in enumerate(wanted.adapters):
        parts.append(_part(Role.ADAPTER, f"adapters/{number}.gguf", _adapter(opener(reference), model)))
    if wanted.draft:
        draft = fitting_draft(opener(wanted.draft), model)
        parts.append(replace(_part(Role.DRAFT, DRAFT_ENTRY, draft), shape=draft.shape))
    if spec.chat.template:
        parts.append(_template(base / Path(spec.chat.template).expanduser()))
    return tuple(parts)


def _part(role: Role, entry: str, model: LocalModel) -> Part:
    return Part(role, entry, model.content, model.source, model.origin, model.license, model.sha256)


def _projector(model: LocalModel) -> LocalModel:
    if model.header.architecture != "clip":  # llama.cpp's name for every projector, whatever is in it
        raise ModelError(
            f"{model.path.name} is no projector but a {model.header.architecture or 'nameless'!r} model.",
            "Choose the repository's mmproj file.",
        )
    return model


def _adapter(adapter: LocalModel, model: LocalModel) -> LocalModel:
    said = adapter.header.metadata
    if said.get("general.type") != "adapter" or said.get("adapter.type") != "lora":
        raise ModelError(
            f"{adapter.path.name} is no LoRA adapter in GGUF.", "Convert it with llama.cpp's convert_lora_to_gguf.py."
        )
    if adapter.header.architecture != model.header.architecture:
        raise ModelError(
            f"{adapter.path.name} is for {adapter.header.architecture!r} models; {model.path.name} is a "
            f"{model.header.architecture!r} model.",
            "Choose an adapter made for this model.",
        )
    return adapter


def _template(path: Path) -> Part:
    from runtime.chat.sandbox import CompiledTemplate

    try:
        data = path.read_bytes()
        CompiledTemplate(data.decode("utf-8"))
    except OSError as error:
        raise SpecError(
            f"The chat template {path} cannot be read ({error.strerror}).", "Correct chat.template."
        ) from None
    except Exception as error:  # Jinja's, the sandbox's, or UTF-8's
        raise SpecError(f"The chat template {path} is not valid: {error}.", "Correct it, or leave it out.") from None
    return Part(Role.TEMPLATE, TEMPLATE_ENTRY, Content.of_bytes(data), path.name)

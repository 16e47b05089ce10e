"""What the page tells about the file: its model, its engine, and why it computes on what it computes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class DistFacts:
    """The file. manifest_sha256: its identity."""

    name: str = ""
    version: str = ""
    description: str = ""
    target: str = ""
    manifest_sha256: str = ""


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """The model and where it came from. sha256: of the GGUF, "" where it is in several files."""

    name: str = ""
    author: str = ""
    license: str = ""
    sha256: str = ""
    size: int = 0
    parameters: int = 0
    architecture: str = ""
    file_type: str = ""
    source: str = ""
    origin: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EngineFacts:
    """What computes. why: the decision, one line a candidate."""

    name: str = "llama.cpp"
    commit: str = ""
    backend: str = ""
    why: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RuntimeFacts:
    """What serves."""

    pannier: str = ""
    python: str = ""


@dataclass(frozen=True, slots=True)
class About:
    """All of it. license_text: reads the model's licence, which may be long, when somebody asks."""

    dist: DistFacts = DistFacts()
    model: ModelFacts = ModelFacts()
    engine: EngineFacts = EngineFacts()
    runtime: RuntimeFacts = RuntimeFacts()
    license_text: Callable[[], str] = lambda: ""

    def as_json(self) -> dict[str, Any]:
        """The document of `/api/about`."""
        return {
            "dist": asdict(self.dist),
            "model": {**asdict(self.model), "license_text": self.license_text()},
            "engine": asdict(self.engine),
            "runtime": asdict(self.runtime),
        }

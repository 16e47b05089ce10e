"""`pannier models`: the models that are on this disk already, and what to write to pack one of them."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bundler.console import Console
from bundler.errors import ModelError
from bundler.model import stores, web
from bundler.model.choose import in_words
from bundler.model.hub import Hub
from bundler.model.local import open_model


@dataclass(frozen=True, slots=True)
class AtHand:
    """A model on this disk. reference: what to write for it."""

    reference: str
    path: Path
    size: int
    name: str
    architecture: str
    file_type: str
    parameters: int
    license: str


def add_parser(verbs: Any) -> None:
    """Declare the verb."""
    parser = verbs.add_parser("models", help="list the models that are on this disk", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """One line per model; what cannot be read is left out, with a warning."""
    models = list(at_hand(console))
    lines = [
        f"{m.reference}\n    {m.name or m.path.name}: {m.architecture}, {m.parameters:,} parameters, mostly "
        f"{m.file_type}, {in_words(m.size)}, licence {m.license or 'not stated'}"
        for m in models
    ]
    nothing = "None found in the caches of Hugging Face, Ollama, LM Studio and llama.cpp, nor in Pannier's own."
    console.result({"models": [_plain(m) for m in models]}, "\n".join(lines) or nothing)
    return 0


def at_hand(console: Console, hub: Hub | None = None) -> Iterator[AtHand]:
    """Every model in the caches of Hugging Face, of Pannier, of Ollama, LM Studio and llama.cpp."""
    for reference, path in _everywhere(hub or Hub.from_environment()):
        try:
            model = open_model(path, reference, {})
        except ModelError as error:
            console.warn(f"{reference} is left out: {error.message}")
            continue
        header = model.header
        name = str(header.metadata.get("general.name", ""))
        described = (name, header.architecture, header.file_type, header.parameters, model.license)
        yield AtHand(reference, path, model.size, *described)


def _everywhere(hub: Hub) -> Iterator[tuple[str, Path]]:
    yield from hub.cached_models()
    with suppress(OSError):
        for path in sorted(web.folder().glob("*.gguf")):
            yield str(path), path
    for stored in stores.listing():
        yield stored.reference, stored.path


def _plain(model: AtHand) -> dict[str, Any]:
    return {
        "reference": model.reference,
        "path": str(model.path),
        "size": model.size,
        "name": model.name,
        "architecture": model.architecture,
        "file_type": model.file_type,
        "parameters": model.parameters,
        "license": model.license or None,
    }

"""All that a spec says about its model, done: found, licence agreed to, fetched, quantised, with what goes with it.

The steps of a build that come before anything is composed; they are the same for every target.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bundler import targets
from bundler.console import Console
from bundler.errors import ModelError
from bundler.model import resolve
from bundler.model.hub import Hub
from bundler.model.licenses import check_accepted, text_for
from bundler.model.local import LocalModel
from bundler.model.parts import Part, collect
from bundler.model.quantize import quantize
from bundler.spec import DistSpec

EngineDir = Callable[[], Path]
"""Gives a folder with libllama for this machine, built if need be; only called where something is quantised."""


@dataclass(frozen=True, slots=True)
class Obtained:
    """What goes into every dist of a spec. license_text: of the model; empty if nothing is known about it."""

    model: LocalModel
    parts: tuple[Part, ...] = ()
    license_text: bytes = b""

    @property
    def size(self) -> int:
        """Bytes of the model and all its parts."""
        return self.model.size + sum(part.content.size for part in self.parts)


def obtain(
    spec: DistSpec,
    *,
    base: Path,
    spec_folder: Path,
    accepted: Sequence[str],
    engine_dir: EngineDir,
    console: Console,
    hub: Hub | None = None,
) -> Obtained:
    """Get the model of `spec` and its parts. Raises `ModelError` and its kin, with a way out.

    base: folder that model.source starts from; spec_folder: everything else does. accepted: licences agreed to.
    """

    systems = spec.dist.targets or [targets.host().name]

    def get(reference: str, folder: Path, sha256: str = "", stated: str = "") -> LocalModel:
        found = resolve.find(reference, folder, sha256, console, hub)
        if found.missing != 0:
            console.say(f"{found.announcement} The result will run on {', '.join(systems)}.")
        check_accepted(found.what, (stated, found.terms.name), accepted)
        model = resolve.opened(found, console)
        for condition in check_accepted(found.what, (stated, *model.licenses), accepted):
            console.say(f"The licence {condition.license} of {found.what} asks: {condition.asks}.")
        return model

    model = get(spec.model.source, base, spec.model.sha256, spec.model.license)
    parts = collect(spec, spec_folder, model, lambda reference: get(reference, spec_folder))
    if spec.model.quantize:
        matrix = _file(spec.model.imatrix, spec_folder, console, hub)
        model = quantize(model, spec.model.quantize, engine_dir(), console, matrix)
    elif spec.model.imatrix:
        raise ModelError("model.imatrix does nothing without model.quantize.", "Add the one or drop the other.")
    for part in parts:
        if part.role in ("projector", "adapter"):
            console.warn(f"{part.source} is packed as {part.entry}; this version's runtime does not use it yet.")
    name = spec.model.license or model.license
    if not name and not spec.model.license_file:
        console.warn(f"No licence is stated for {model.path.name}; find out whether it may be handed on.")
    text = _license_file(spec, spec_folder) or text_for(name, model.terms)
    return Obtained(_with_license_origin(model), parts, text)


def _with_license_origin(model: LocalModel) -> LocalModel:
    where = model.terms.where
    return replace(model, origin={**model.origin, "license_text": where}) if where else model


def _file(reference: str, folder: Path, console: Console, hub: Hub | None) -> Path | None:
    """An importance matrix: any file a reference can mean, no model."""
    if not reference:
        return None
    path = resolve.find(reference, folder, "", console, hub).fetch(console)
    if not path.is_file():
        raise ModelError(f"There is no importance matrix at {path}.", "Correct model.imatrix.")
    return path


def _license_file(spec: DistSpec, folder: Path) -> bytes:
    if not spec.model.license_file:
        return b""
    path = folder / spec.model.license_file
    try:
        return path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"The licence file {path} cannot be read ({error.strerror}).", "Correct model.license_file in the spec."
        ) from None

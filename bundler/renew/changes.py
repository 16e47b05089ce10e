"""What a renewal changes in the dist-spec: a TOML file with only the keys that change."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bundler.errors import ModelError, SpecError
from bundler.spec import DistSpec, parse
from runtime.manifest import DistManifest

KEPT = (
    *("dist.targets", "model.source", "model.sha256", "model.quantize", "model.imatrix"),
    *("model.projector", "model.adapters", "model.draft", "chat.template", "media.split", "media.sidecar"),
)
"""Keys that decide what is packed and where it lies; a renewal keeps all of that."""


@dataclass(frozen=True, slots=True)
class Changes:
    """The spec after the change, and what else the change brings.

    license_text: a new licence text of the model, None to keep the old one. told: the keys that were given.
    """

    spec: DistSpec
    license_text: bytes | None = None
    told: frozenset[str] = frozenset()


def none(manifest: DistManifest) -> Changes:
    """No change: the spec the dist was built from. Raises `SpecError` if this version cannot read it any more."""
    return Changes(parse(manifest.spec, "the spec inside the dist"))


def load(path: Path, manifest: DistManifest) -> Changes:
    """The manifest's spec with the keys in the file at `path` put in. Raises `SpecError` or `ModelError`."""
    try:
        wanted = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SpecError(f"The changes {path} cannot be read ({error.strerror}).", "Check the path.") from None
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SpecError(f"The changes {path} are not valid TOML: {error}.", "See docs/dist-spec.md.") from None
    merged: dict[str, Any] = dict(manifest.spec)
    for table, values in wanted.items():
        old = merged.get(table)
        merged[table] = {**old, **values} if isinstance(old, dict) and isinstance(values, dict) else values
    spec = parse(_with_what_is_kept(parse(merged, str(path)).model_dump(), wanted, manifest), str(path))
    told = frozenset(f"{table}.{key}" for table, values in wanted.items() for key in values)
    if "model.license_file" not in told or not spec.model.license_file:
        return Changes(spec, told=told)
    text = path.parent / spec.model.license_file
    try:
        license_text = text.read_bytes()
    except OSError as error:
        raise ModelError(f"The licence file {text} cannot be read ({error.strerror}).", "Correct its path.") from None
    return Changes(spec, license_text, told)


def _with_what_is_kept(merged: dict[str, Any], wanted: dict[str, Any], manifest: DistManifest) -> dict[str, Any]:
    """The merged spec, the keys that a renewal keeps as they are inside. Raises `SpecError` where they shall differ.

    A whole spec may serve as changes; it names files by paths, the manifest by their names alone.
    """
    inside = parse(manifest.spec, "the spec inside the dist").model_dump()
    inside["model"]["source"] = manifest.model.source
    for name in KEPT:
        table, key = name.split(".")
        given, kept = wanted.get(table, {}).get(key), inside[table][key]
        if name not in ("dist.targets", "model.sha256") and given is not None and _names(given) != _names(kept):
            raise SpecError(
                f"The changes say {name} = {given!r}; inside it is {kept!r}, and repacking keeps what is packed.",
                "To pack something else: pannier build",
            )
        merged[table][key] = kept
    return merged


def _names(value: Any) -> Any:
    if isinstance(value, list):
        return [_names(item) for item in value]
    return Path(value).name if isinstance(value, str) else value

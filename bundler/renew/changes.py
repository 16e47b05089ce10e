"""What a renewal changes in the dist-spec: a TOML file with only the keys that change."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bundler.errors import ModelError, SpecError
from bundler.spec import DistSpec, parse
from runtime.manifest import DistManifest


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
    _refuse_another_model(wanted, manifest)
    merged: dict[str, Any] = dict(manifest.spec)
    for table, values in wanted.items():
        old = merged.get(table)
        merged[table] = {**old, **values} if isinstance(old, dict) and isinstance(values, dict) else values
    merged["model"]["source"] = manifest.model.source
    merged["dist"]["targets"] = []
    spec = parse(merged, str(path))
    told = frozenset(f"{table}.{key}" for table, values in wanted.items() for key in values)
    if "model.license_file" not in told or not spec.model.license_file:
        return Changes(spec, told=told)
    text = path.parent / spec.model.license_file
    try:
        license_text = text.read_bytes()
    except OSError as error:
        raise ModelError(f"The licence file {text} cannot be read ({error.strerror}).", "Correct its path.") from None
    return Changes(spec, license_text, told)


def _refuse_another_model(wanted: dict[str, Any], manifest: DistManifest) -> None:
    """A whole spec may serve as changes, but only for the model that is inside."""
    model = wanted.get("model", {})
    source = model.get("source", manifest.model.source) if isinstance(model, dict) else manifest.model.source
    if source != manifest.model.source and Path(str(source)).name != manifest.model.source:
        raise SpecError(
            f"The changes name another model ({source}) than the one inside ({manifest.model.source}).",
            "Repacking keeps the model. To pack another one: pannier build",
        )

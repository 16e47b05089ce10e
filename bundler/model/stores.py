"""Models that other programs keep on this disk: Ollama, LM Studio, llama.cpp's own downloads.

Nothing is copied or changed; a model found here is packed from where it lies. Layouts: Ollama's manifests and blobs as
its registry protocol has them; LM Studio's OWNER/REPO/FILE folders; llama.cpp's flat cache folder (its newer versions
use the Hugging Face cache instead, see `hub.py`).
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bundler.errors import ModelError
from bundler.model.choose import is_model
from bundler.model.licenses import License
from bundler.model.reference import InStore

_OLLAMA_HOST, _OLLAMA_NAMESPACE, _OLLAMA_TAG = "registry.ollama.ai", "library", "latest"
_SYSTEM_OLLAMA = Path("/usr/share/ollama/.ollama/models")
_MEDIA = "application/vnd.ollama.image."


@dataclass(frozen=True, slots=True)
class Stored:
    """A model in a store. reference: what to write for it. path: its GGUF, or the first part."""

    reference: str
    path: Path
    origin: dict[str, Any]
    sha256: str = ""
    terms: License = field(default_factory=License)


def find(reference: InStore) -> Stored:
    """The model a reference means. Raises `ModelError` saying what is there."""
    if reference.store == "ollama":
        return _in_ollama(reference.name)
    wanted = reference.name.removesuffix(".gguf").lower()
    listed = list(_listing(reference.store))
    fitting = [s for s in listed if wanted in _names(s.reference.partition(":")[2])]
    if len(fitting) == 1:
        return fitting[0]
    there = "; ".join(s.reference for s in fitting or listed) or "nothing"
    problem = f"means {len(fitting)} models" if fitting else "is not on this disk"
    raise ModelError(
        f"{reference.store}:{reference.name} {problem}.", f"In {_root(reference.store)} there is: {there}."
    )


def listing() -> Iterator[Stored]:
    """Every model in every store."""
    for store in ("ollama", "lmstudio", "llamacpp"):
        yield from _listing(store)


def _listing(store: str) -> Iterator[Stored]:
    if store == "ollama":
        yield from _ollama_listing()
        return
    root = _root(store)
    pattern = "*/*/*.gguf" if store == "lmstudio" else "*.gguf"
    for path in sorted(root.glob(pattern)):
        if is_model(path.name) and path.is_file():
            name = path.relative_to(root).as_posix()
            yield Stored(f"{store}:{name}", path, {"kind": store, "file": name})


def _names(name: str) -> set[str]:
    """What a stored file may be called: all of its path, its folder, its file name."""
    whole = name.removesuffix(".gguf").lower()
    return {whole, whole.rpartition("/")[0], whole.rpartition("/")[2]} - {""}


def _root(store: str) -> Path:
    home = Path.home()
    if store == "ollama":
        return Path(os.environ.get("OLLAMA_MODELS") or home / ".ollama" / "models")
    if store == "lmstudio":
        pointer = home / ".lmstudio-home-pointer"
        with suppress(OSError):
            return Path(pointer.read_text(encoding="utf-8").strip()) / "models"
        old = home / ".cache" / "lm-studio" / "models"
        return old if old.is_dir() and not (home / ".lmstudio").is_dir() else home / ".lmstudio" / "models"
    if chosen := os.environ.get("LLAMA_CACHE"):
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local")) / "llama.cpp"
    if sys.platform == "darwin":
        return home / "Library" / "Caches" / "llama.cpp"
    return Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache") / "llama.cpp"


def _ollama_roots() -> list[Path]:
    """This user's models, then those of the system's service."""
    return [_root("ollama"), _SYSTEM_OLLAMA]


def _ollama_listing() -> Iterator[Stored]:
    for root in _ollama_roots():
        manifests = root / "manifests"
        for manifest in sorted(manifests.glob("*/*/*/*")):
            with suppress(ModelError):  # an entry that is no model, or a damaged one
                host, namespace, model, tag = manifest.relative_to(manifests).parts
                front = "" if host == _OLLAMA_HOST else f"{host}/"
                front += "" if front == "" and namespace == _OLLAMA_NAMESPACE else f"{namespace}/"
                yield _ollama_model(root, manifest, f"{front}{model}:{tag}")


def _in_ollama(name: str) -> Stored:
    model, _, tag = name.rpartition("/")[2].partition(":")
    front = name.rpartition("/")[0].split("/") if "/" in name else []
    namespace = front[-1] if front else _OLLAMA_NAMESPACE
    host = front[-2] if len(front) > 1 else _OLLAMA_HOST
    for root in _ollama_roots():
        manifest = root / "manifests" / host / namespace / model / (tag or _OLLAMA_TAG)
        with suppress(OSError):
            if manifest.is_file():
                return _ollama_model(root, manifest, name)
    there = ", ".join(stored.reference for stored in _ollama_listing()) or "nothing"
    raise ModelError(
        f"Ollama has no model {name!r} on this disk.", f"It has: {there}. (Get one with: ollama pull NAME)"
    )


def _ollama_model(root: Path, manifest: Path, name: str) -> Stored:
    try:
        layers = json.loads(manifest.read_text(encoding="utf-8"))["layers"]
        digests = {kind: [x["digest"] for x in layers if x["mediaType"] == _MEDIA + kind] for kind in _KINDS}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"Ollama's manifest {manifest} cannot be read ({error}).", "Pull the model again.") from None
    if not digests["model"]:
        raise ModelError(f"Ollama's {name} holds no GGUF.", "Choose a model that Ollama keeps as GGUF.")
    digest = str(digests["model"][0])
    path = _blob(root, digest)
    if not path.is_file():
        raise ModelError(f"Ollama's {name} is not whole: {path} is missing.", f"Get it again: ollama pull {name}")
    origin = {"kind": "ollama", "name": name, "sha256": digest.removeprefix("sha256:")}
    texts = [_text(_blob(root, str(found))) for found in digests["license"]]
    text = b"\n\n".join(text for text in texts if text)
    return Stored(f"ollama:{name}", path, origin, origin["sha256"], License(text=text, where=f"ollama:{name}"))


_KINDS = ("model", "license")


def _blob(root: Path, digest: str) -> Path:
    return root / "blobs" / digest.replace(":", "-")


def _text(path: Path) -> bytes:
    with suppress(OSError):
        return path.read_bytes()
    return b""

"""What is in the file: the manifest's nouns, and their one JSON form.

`manifest.json` is the first entry of a dist (`kit.json` of a kit). It names every other entry with size, SHA-256 and
CRC-32, so that the whole layout, down to the last header byte, can be derived from it (docs/format.md).
JSON form: sorted keys, two spaces, UTF-8, a final newline; equal manifests are equal bytes.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields, is_dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from runtime.errors import DamagedError
from runtime.shape import ModelShape

DIST_FORMAT = "pannier-dist"
KIT_FORMAT = "pannier-kit"
FORMAT_VERSION = 1

DIST_MANIFEST_NAME = "manifest.json"
KIT_MANIFEST_NAME = "kit.json"

_GET_AGAIN = "Get the file again, or run `verify` on it to see what is damaged."


class Role(StrEnum):
    """What an entry is for."""

    MODEL = "model"
    PROJECTOR = "projector"  # llama.cpp's "mmproj": from images or sound to the model's embeddings
    ADAPTER = "adapter"  # a LoRA
    DRAFT = "draft"  # a small model that guesses ahead for the large one
    TEMPLATE = "template"  # a chat template in place of the model's own
    ENGINE = "engine"
    RUNTIME = "runtime"  # what the stub starts; always last
    STUB = "stub"  # only in kits: the launcher or bootloader that becomes the dist's first bytes
    LICENSE = "license"
    SOURCE = "source"  # what the file can be rebuilt from
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Digest:
    """Size in bytes and SHA-256 (lower-case hex) of some bytes."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One member of the archive, as stored.

    name: path inside the archive. size, sha256, crc32: of the stored bytes; crc32 is eight lower-case hex digits.
    alignment: the data starts at a multiple of it (1 or a power of two up to 65536).
    encoding: "" for plain bytes, "zstd" if the stored bytes are one zstd frame.
    content: of the bytes after decoding; None where nothing is encoded.
    """

    name: str
    role: Role
    size: int
    sha256: str
    crc32: str
    alignment: int = 1
    encoding: str = ""
    content: Digest | None = None

    @property
    def decoded(self) -> Digest:
        """Size and hash of the bytes a reader wants in the end."""
        return self.content or Digest(self.size, self.sha256)


@dataclass(frozen=True, slots=True)
class EngineLibrary:
    """One shared library of the engine.

    entry: its archive member. file: the name it must have on disk. kind: "core" (always needed) or "backend".
    backend: "cpu", "vulkan", … ("" for core). variant: instruction-set variant of the CPU backend ("haswell"), or "".
    rank: higher is tried first among the variants of one backend; llama.cpp's own score where it has one.
    needs: libraries outside the bundle that the system must bring ("libvulkan.so.1").
    """

    entry: str
    file: str
    kind: str
    backend: str = ""
    variant: str = ""
    rank: int = 0
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """The engine inside: where its source came from, how it was built, and its libraries.

    architectures: the model architectures it knows, as GGUF's `general.architecture` names them.
    """

    source: str  # "llama-cpp-python 0.3.36"
    source_sha256: str
    commit: str  # llama.cpp's commit, as its build reports it
    compiler: str
    recipe: dict[str, Any]
    libraries: tuple[EngineLibrary, ...]
    architectures: tuple[str, ...] = ()
    glibc: str = ""  # oldest glibc it starts on, "" where that has no meaning
    oldest: str = ""  # oldest version of its system it starts on, "" where glibc says it

    @property
    def backends(self) -> tuple[str, ...]:
        """Names of the backends present, in order of first appearance."""
        return tuple(dict.fromkeys(lib.backend for lib in self.libraries if lib.kind == "backend"))


@dataclass(frozen=True, slots=True)
class Package:
    """One Python package, one system library, or one package of npm in the page ("npm:preact"), inside the runtime.

    sha256: of what was installed. A package: of the lines `PATH,sha256=…,SIZE` of its RECORD that are not about
    metadata, sorted; its wheel's RECORD has the same lines. A system library: of the file. Empty for Python, which is
    many files, and for npm's, of which the page's lock file tells the sums.
    """

    name: str
    version: str
    license: str = ""
    sha256: str = ""


@dataclass(frozen=True, slots=True)
class RuntimeInfo:
    """The frozen runtime inside."""

    version: str  # of Pannier
    python: str
    pyinstaller: str
    packages: tuple[Package, ...] = ()
    glibc: str = ""
    oldest: str = ""


@dataclass(frozen=True, slots=True)
class Sidecar:
    """A file of the model beside the executable: all of it, or one part of a split GGUF."""

    file: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class PartInfo:
    """Where a further part of the model came from. entry: its archive member. The rest as in `ModelInfo`.

    shape: only of a draft.
    """

    entry: str
    source: str = ""
    origin: dict[str, Any] = field(default_factory=dict)
    license: str = ""
    shape: ModelShape | None = None


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """The model inside (or beside) the dist and where it came from.

    entry: its archive member, "" if it is beside. sidecar: the one file it is in then; splits: or the parts of it, in
    order, each a GGUF that llama.cpp loads together with the others. source: what the builder named; origin:
    repository, commit, … parts: what goes with it, each an entry of its own with a role. shape: what its memory follows
    from; None in dists of before it was told.
    """

    name: str
    architecture: str
    entry: str
    sidecar: Sidecar | None = None
    splits: tuple[Sidecar, ...] = ()
    file_type: str = ""  # "Q8_0"
    parameters: int = 0
    context_length: int = 0
    license: str = ""
    author: str = ""
    description: str = ""
    source: str = ""
    origin: dict[str, Any] = field(default_factory=dict)
    parts: tuple[PartInfo, ...] = ()
    shape: ModelShape | None = None

    @property
    def beside(self) -> tuple[Sidecar, ...]:
        """The files beside the executable without which the model is not whole; none if it is inside."""
        return (self.sidecar,) if self.sidecar else self.splits


@dataclass(frozen=True, slots=True)
class Renewal:
    """One renewal of a dist (`pannier repack`): what the file was before, and what was renewed.

    manifest_sha256: identity of the file it was made from. engine, runtime, kit: what that file had.
    changed: "engine", "runtime", "spec". model_checked: False if the model was copied unread, on the manifest's word.
    """

    manifest_sha256: str
    engine: str
    runtime: str
    kit: str
    changed: tuple[str, ...]
    model_checked: bool


@dataclass(frozen=True, slots=True)
class KitManifest:
    """Everything but the model, for one target. Its entries are stored exactly as a dist stores them."""

    target: str
    entries: tuple[Entry, ...]
    engine: EngineInfo
    runtime: RuntimeInfo
    format: str = KIT_FORMAT
    format_version: int = FORMAT_VERSION


@dataclass(frozen=True, slots=True)
class DistManifest:
    """Everything about one dist. `spec` is the dist-spec it was built from, complete with defaults.

    stub: what precedes the archive. kit: SHA-256 of the kit's manifest. history: renewals, oldest first.
    code_signature: the identifier in the code signature at the end, "" if there is none (only a Mac asks for one).
    """

    name: str
    version: str
    target: str
    stub: Digest
    entries: tuple[Entry, ...]
    model: ModelInfo
    engine: EngineInfo
    runtime: RuntimeInfo
    kit: str
    spec: dict[str, Any] = field(default_factory=dict)
    history: tuple[Renewal, ...] = ()
    code_signature: str = ""
    format: str = DIST_FORMAT
    format_version: int = FORMAT_VERSION

    def entry(self, name: str) -> Entry:
        """The entry called `name`. Raises `KeyError` with the names there are."""
        for entry in self.entries:
            if entry.name == name:
                return entry
        raise KeyError(f"no entry {name!r}; there are: {', '.join(e.name for e in self.entries)}")

    @property
    def draft(self) -> PartInfo | None:
        """The draft model that goes with the model, if there is one."""
        names = {entry.name for entry in self.entries if entry.role is Role.DRAFT}
        return next((part for part in self.model.parts if part.entry in names), None)


def encode(manifest: DistManifest | KitManifest) -> bytes:
    """The manifest's bytes; equal manifests give equal bytes."""
    return (json.dumps(_plain(manifest), sort_keys=True, indent=2, ensure_ascii=False) + "\n").encode()


def decode_dist(data: bytes) -> DistManifest:
    """Read `manifest.json`. Raises `DamagedError` where it is not one this version can read."""
    return _decode(data, DistManifest, DIST_FORMAT)


def decode_kit(data: bytes) -> KitManifest:
    """Read `kit.json`. Raises `DamagedError` where it is not one this version can read."""
    return _decode(data, KitManifest, KIT_FORMAT)


_M = TypeVar("_M", DistManifest, KitManifest)


def _decode(data: bytes, cls: type[_M], expected: str) -> _M:
    try:
        raw = json.loads(data)
    except ValueError as error:
        raise DamagedError(f"The manifest is not readable JSON ({error}).", _GET_AGAIN) from None
    if not isinstance(raw, dict) or raw.get("format") != expected:
        raise DamagedError(f"The manifest does not describe a {expected}.", _GET_AGAIN)
    if raw.get("format_version") != FORMAT_VERSION:
        raise DamagedError(
            f"The manifest has format version {raw.get('format_version')!r}; this program reads {FORMAT_VERSION}.",
            "Use a newer Pannier, or plain unzip (docs/format.md).",
        )
    try:
        manifest: _M = _build(cls, raw)
    except (TypeError, ValueError, KeyError) as error:
        raise DamagedError(f"The manifest lacks or garbles a field ({error}).", _GET_AGAIN) from None
    return manifest


def _plain(value: Any) -> Any:
    """Dataclasses to dicts, tuples to lists; None and defaults are kept, so that readers see every field."""
    if is_dataclass(value):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def _build(kind: Any, raw: Any) -> Any:
    """The inverse of `_plain`, strict about types so that a damaged manifest cannot pass for a sound one."""
    origin = get_origin(kind)
    if kind is Any:
        return raw
    if origin in (UnionType, Union):
        if raw is None:
            return None
        (inner,) = (arg for arg in get_args(kind) if arg is not NoneType)
        return _build(inner, raw)
    if origin is tuple:
        if not isinstance(raw, list):
            raise TypeError(f"expected a list, found {type(raw).__name__}")
        return tuple(_build(get_args(kind)[0], item) for item in raw)
    if origin is dict:
        if not isinstance(raw, dict):
            raise TypeError(f"expected an object, found {type(raw).__name__}")
        return dict(raw)
    if is_dataclass(kind):
        if not isinstance(raw, dict):
            raise TypeError(f"expected an object, found {type(raw).__name__}")
        hints = get_type_hints(kind)
        return kind(**{name: _build(hints[name], item) for name, item in raw.items() if name in hints})  # type: ignore[operator]
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return kind(raw)
    if type(raw) is not kind:
        raise TypeError(f"expected {kind.__name__}, found {type(raw).__name__}")
    return raw

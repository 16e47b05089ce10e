"""From what a builder writes to a file on this disk, in two steps: find (and say what it is), then fetch.

Between the two a build says what it is about to download and under which licence; nothing large moves before that.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from bundler.console import Console
from bundler.errors import ModelError
from bundler.model import stores, web
from bundler.model.choose import Choice, choose, in_words
from bundler.model.hub import Hub, origin, total_missing
from bundler.model.hub_terms import terms_of
from bundler.model.licenses import License
from bundler.model.local import LocalModel, open_model
from bundler.model.reference import Demo, InStore, OnDisk, OnHub, OnWeb, parse
from bundler.model.split import part_name

DEMO = "demo"


@dataclass(frozen=True, slots=True)
class Found:
    """A file that is located, and perhaps not here yet.

    what: it, in words. size: in bytes, None if nobody knows yet. missing: bytes to download. terms: its licence as far
    as it is known before the file is read. fetch: brings it here; its path, source and origin. sha256: what its bytes
    must have, if known.
    """

    what: str
    source: str
    size: int | None
    missing: int | None
    fetch: Callable[[Console], Path]
    origin: dict[str, object]
    sha256: str = ""
    terms: License = field(default_factory=License)

    @property
    def announcement(self) -> str:
        """What to say before a download: size, licence, and what machines it needs."""
        size = in_words(self.size) if self.size else "of unknown size"
        said = f"{self.what}: {size}, licence {self.terms.name or 'not stated'}."
        if self.size:
            said += f" It will need about {in_words(needed_memory(self.size))} of memory where it runs."
            if self.size > 4 << 30:
                said += " It is over 4 GiB: for Windows and macOS it will lie beside the program."
        if self.missing and self.size and self.missing < self.size:
            said += f" {in_words(self.missing)} of it are not here yet."
        return said


def find(reference: str, base: Path, sha256: str, console: Console, hub: Hub | None = None) -> Found:
    """Locate what `reference` means. Raises `ModelError`.

    base: folder that relative paths start from. sha256: what its bytes must have, if known; checked while copying.
    hub: where repositories are looked up; by default as the environment says.
    """
    match parse(reference, base):
        case Demo():
            from bundler import demo

            return _here(Path(demo.MODEL_PATH), DEMO, {"kind": "demo"}, sha256 or demo.MODEL_SHA256)
        case OnDisk(path):
            # Where the file lay on the builder's disk is nobody's business, and would make equal builds differ.
            return _here(path, path.name, {"kind": "path", "file": path.name}, sha256)
        case OnWeb() as on_web:
            return _on_web(OnWeb(on_web.url, on_web.sha256 or sha256))
        case InStore() as stored:
            found = stores.find(stored)
            return _here(found.path, reference, found.origin, sha256 or found.sha256, found.terms)
        case OnHub() as on_hub:
            return _on_hub(reference, on_hub, sha256, hub or Hub.from_environment(), console)


def resolve(
    reference: str, base: Path, sha256: str = "", console: Console | None = None, hub: Hub | None = None
) -> LocalModel:
    """The model `reference` means, fetched and checked. Raises `ModelError`."""
    console = console or Console(quiet=True)
    return opened(find(reference, base, sha256, console, hub), console)


def opened(found: Found, console: Console) -> LocalModel:
    """Fetch a model and read its header. Raises `ModelError`."""
    return open_model(found.fetch(console), found.source, dict(found.origin), found.sha256, found.terms)


def needed_memory(size: int) -> int:
    """Bytes of memory a model of `size` bytes needs with a short context: its weights, and something to compute in."""
    return size + size // 10 + (400 << 20)


def _here(path: Path, source: str, origin: dict[str, object], sha256: str = "", terms: License | None = None) -> Found:
    size = path.stat().st_size if path.is_file() else None
    return Found(path.name, source, size, 0, lambda _: path, origin, sha256, terms or License())


def _on_web(reference: OnWeb) -> Found:
    file = web.find(reference)
    return Found(
        what=file.shown,
        source=file.shown,
        size=file.size,
        missing=0 if file.cached.is_file() else file.size,
        fetch=lambda console: web.fetch(file, console),
        origin={"kind": "https", "url": file.shown, "sha256": reference.sha256},
        sha256=reference.sha256,
    )


def _on_hub(source: str, reference: OnHub, sha256: str, hub: Hub, console: Console) -> Found:
    repository = hub.find(reference.repository, reference.revision, console)
    choice = choose(repository.files, reference.wanted, repository.where)
    if choice.guessed:
        console.say(f"{repository.name} has several models; taking {choice.quant}.")
    _check_hash(choice, sha256, source)
    return Found(
        what=f"{choice.label} from {repository.where}",
        source=source,
        size=choice.size,
        missing=total_missing(hub, repository, choice.files),
        fetch=lambda console: hub.fetch(repository, choice.files, console)[0],
        origin=origin(repository, choice.files),
        # Of a split set the hub knows the parts' hashes; the parts are checked one by one, and the whole is new.
        sha256=sha256 or (choice.files[0].sha256 if len(choice.files) == 1 else ""),
        terms=terms_of(hub, repository, console),
    )


def _check_hash(choice: Choice, sha256: str, source: str) -> None:
    """A wrong hash is better said before gigabytes are fetched than after."""
    known = choice.files[0].sha256
    if sha256 and known and part_name(choice.files[0].name) is None and known != sha256:
        raise ModelError(
            f"{source} has SHA-256 {known}, not {sha256}.",
            "Correct model.sha256, or name the revision that has it: hf:OWNER/REPO:FILE@COMMIT",
        )

"""What a builder may write for a model, read into one noun per kind.

demo                                     the model in this repository
PATH                                     a GGUF, or one part of a split set
hf:OWNER/REPO[:FILE-or-QUANT][@REV]      a repository on the Hugging Face Hub, or on a mirror (HF_ENDPOINT)
https://HOST/PATH[#sha256=HEX]           a file on a web server; its SHA-256 must be given, here or in the spec
ollama:NAME[:TAG]                        a model that Ollama has on this disk
lmstudio:OWNER/REPO[/FILE]               a model that LM Studio has on this disk
llamacpp:FILE                            a file in llama.cpp's download cache
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urldefrag, urlsplit

from bundler.errors import ModelError

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_FORM = "Write it as hf:OWNER/REPO[:FILE-or-QUANT][@REVISION]."


@dataclass(frozen=True, slots=True)
class Demo:
    """The model in this repository."""


@dataclass(frozen=True, slots=True)
class OnDisk:
    """A file named by its path."""

    path: Path


@dataclass(frozen=True, slots=True)
class OnHub:
    """A file or split set in a repository. wanted: a file name or quantisation, "" for whatever is usual."""

    repository: str
    wanted: str = ""
    revision: str = "main"


@dataclass(frozen=True, slots=True)
class OnWeb:
    """A file on a web server and the hash it must have ("" if the builder gave none)."""

    url: str
    sha256: str = ""

    @property
    def file(self) -> str:
        """The last part of its path."""
        return urlsplit(self.url).path.rsplit("/", 1)[-1] or "model.gguf"


@dataclass(frozen=True, slots=True)
class InStore:
    """A model that another program keeps on this disk. store: "ollama", "lmstudio" or "llamacpp"."""

    store: str
    name: str


Reference = Demo | OnDisk | OnHub | OnWeb | InStore

STORES = ("ollama", "lmstudio", "llamacpp")


def parse(text: str, base: Path) -> Reference:
    """Read a reference. base: folder that relative paths start from. Raises `ModelError` for a malformed one."""
    if text == "demo":
        return Demo()
    kind, colon, rest = text.partition(":")
    if colon and kind == "hf":
        return _on_hub(text, rest)
    if colon and kind in ("http", "https") and rest.startswith("//"):
        return _on_web(text)
    if colon and kind in STORES:
        if not rest:
            raise ModelError(f"{text!r} names no model.", "See what is there: pannier models")
        return InStore(kind, rest)
    return OnDisk((base / Path(text).expanduser()).resolve())


def _on_hub(text: str, rest: str) -> OnHub:
    named, _, revision = rest.partition("@")
    repository, _, wanted = named.strip("/").partition(":")
    if "/" not in repository or not _REPOSITORY.fullmatch(repository):
        raise ModelError(f"{text!r} does not name a repository as OWNER/REPO.", _FORM)
    if (":" in named and not wanted) or ("@" in rest and not revision):
        raise ModelError(f"{text!r} ends where a file, quantisation or revision was expected.", _FORM)
    return OnHub(repository, wanted, revision or "main")


def _on_web(text: str) -> OnWeb:
    url, fragment = urldefrag(text)
    sha256 = fragment.removeprefix("sha256=") if fragment.startswith("sha256=") else ""
    if fragment and not _SHA256.fullmatch(sha256):
        raise ModelError(f"{text!r} ends in {fragment!r}, which is no SHA-256.", "Write #sha256= and 64 hex digits.")
    if not urlsplit(url).hostname:
        raise ModelError(f"{text!r} names no server.", "Write https://HOST/PATH.")
    return OnWeb(url, sha256.lower())

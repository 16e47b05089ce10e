"""Which files of a repository a builder means: one GGUF, or one split set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bundler.errors import ModelError
from bundler.model.quants import ALIASES, in_file_name, preferred
from bundler.model.split import part_name

_BESIDE = ("mmproj", "imatrix")
"""What such files are called that are GGUFs but no models of their own."""


@dataclass(frozen=True, slots=True)
class RepoFile:
    """A file in a repository. sha256: "" where the hub does not know it; blob: git's own hash of a small file."""

    name: str
    size: int
    sha256: str = ""
    blob: str = ""


@dataclass(frozen=True, slots=True)
class Choice:
    """What will be taken. quant: as the names state it. guessed: the builder named none of several."""

    files: tuple[RepoFile, ...]
    quant: str
    guessed: bool = False

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def label(self) -> str:
        """The file's name, or that of the whole set."""
        named = part_name(self.files[0].name)
        return f"{named.stem} in {named.count} parts" if named else self.files[0].name


def choose(files: Sequence[RepoFile], wanted: str, where: str) -> Choice:
    """The files that `wanted` (a file name, a quantisation, or "") means. Raises `ModelError` with what there is.

    where: names the repository in errors.
    """
    by_name = {file.name: file for file in files}
    if wanted in by_name and wanted:
        return _whole_set(by_name, wanted, where)
    candidates = [
        _whole_set(by_name, file.name, where) for file in files if file.name.endswith(".gguf") and is_model(file.name)
    ]
    if not candidates:
        raise ModelError(
            f"{where} has no GGUF files.",
            "Choose a repository that has some (their names often end in -GGUF), or convert the model with llama.cpp's "
            "convert_hf_to_gguf.py.",
        )
    if wanted.endswith(".gguf"):
        raise ModelError(f"{where} has no file {wanted!r}.", _what_there_is(candidates))
    if wanted:
        return _with_quant(candidates, wanted, where)
    if len(candidates) == 1:
        return candidates[0]
    usual = preferred(candidate.quant for candidate in candidates)
    if not usual:
        raise ModelError(f"{where} has {len(candidates)} models; name one of them.", _what_there_is(candidates))
    chosen = _with_quant(candidates, usual, where)
    return Choice(chosen.files, chosen.quant, guessed=True)


def _with_quant(candidates: Sequence[Choice], wanted: str, where: str) -> Choice:
    upper = wanted.upper()
    names = {upper, ALIASES.get(upper, upper), upper.replace("FP16", "F16").replace("FP32", "F32")}
    fitting = [candidate for candidate in candidates if candidate.quant.replace("FP", "F") in names]
    if not fitting:
        raise ModelError(f"{where} has no {wanted!r}.", _what_there_is(candidates))
    if len(fitting) > 1:
        raise ModelError(f"{where} has {len(fitting)} models as {wanted}; name the file.", _what_there_is(fitting))
    return fitting[0]


def _whole_set(by_name: dict[str, RepoFile], name: str, where: str) -> Choice:
    named = part_name(name)
    files = named.files if named else (name,)
    missing = [file for file in files if file not in by_name]
    if missing:
        raise ModelError(f"{where} lacks parts of {name}: {', '.join(missing)}.", "Choose another file or revision.")
    return Choice(tuple(by_name[file] for file in files), in_file_name(named.stem if named else name))


def is_model(name: str) -> bool:
    """Whether a GGUF of this name is a model of its own, or the first part of one."""
    base = name.rsplit("/", 1)[-1].lower()
    named = part_name(name)
    return not any(word in base for word in _BESIDE) and (named is None or named.number == 1)


def _what_there_is(candidates: Sequence[Choice]) -> str:
    listed = [f"{candidate.quant or candidate.files[0].name} ({in_words(candidate.size)})" for candidate in candidates]
    if len(set(listed)) < len(listed) or len({candidate.quant for candidate in candidates}) < len(candidates):
        listed = [f"{candidate.files[0].name} ({in_words(candidate.size)})" for candidate in candidates]
    return f"There are: {', '.join(listed)}."


def in_words(size: int) -> str:
    """A number of bytes as people say it ("4.7 GB"), in powers of ten."""
    for unit, step in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= step:
            return f"{size / step:.3g} {unit}"
    return f"{size} bytes"

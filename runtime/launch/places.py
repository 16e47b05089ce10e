"""Where files may live on a stranger's machine.

A home may be missing, read-only, full, or mounted so that nothing in it can be executed. So there is a list of places,
best first, and each is tried for real (create, write, map as executable) before it is used; permission bits would lie
to root and say nothing of mounts. Each refusal is kept in words, for `info`.

The last place is the one this very program was unpacked into: it runs there, so that place allows it. What a one-file
program was unpacked into goes when the program ends.

`runtime/launcher/places.c` looks for a place for the program itself, before there is any Python: the same places, in
the same order, with the same words.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from runtime.errors import SurroundingsError
from runtime.launch.osdep import System, system
from runtime.launch.osdep.api import APP
from runtime.launch.tempdirs import bootloader_pid, unpacked_dir

VARIABLE = "PANNIER_CACHE_DIR"
PAGE = 4096
NO_EXECUTION = "forbids running programs (mounted noexec)"

_WORDS = {
    errno.ENOSPC: "is full",
    errno.EDQUOT: "is full (the user's quota)",
    errno.EROFS: "is read-only",
    errno.EACCES: "may not be written to",
    errno.EPERM: "may not be written to",
    errno.ENOENT: "does not exist",
    errno.ENOTDIR: "does not exist",
    errno.EIO: "cannot be read or written (a hardware error)",
}


@dataclass(frozen=True, slots=True)
class Place:
    """A folder that may hold our files.

    among_others: others may write beside it, so that it must prove to be ours alone. lasting: it outlives the program.
    depth: how many folders of its path may be made; a home that does not exist is not ours to make.
    """

    path: Path
    description: str
    among_others: bool = False
    lasting: bool = True
    depth: int = 2


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a place cannot be used, for people."""

    place: Place
    reason: str

    def __str__(self) -> str:
        return f"{self.place.path} ({self.place.description}) {self.reason}"


@dataclass
class Places:
    """The places in order, and what became of them so far."""

    candidates: tuple[Place, ...]
    refusals: list[Refusal] = field(default_factory=list)
    osdep: System = system

    def usable(self, *, executable: bool) -> Iterator[Place]:
        """The places that can hold files (libraries, if `executable`), each tried just before it is given out."""
        for place in self.candidates:
            reason = self.try_out(place, executable=executable)
            if reason:
                self.refuse(place, reason)
            else:
                yield place

    def refuse(self, place: Place, reason: str) -> None:
        """Note why `place` was not used; the same reason is noted once."""
        refusal = Refusal(place, reason)
        if refusal not in self.refusals:
            self.refusals.append(refusal)

    def trusted(self, place: Place) -> bool:
        """Whether what lies in `place` can only come from this user (or from whom they named)."""
        return not place.among_others or self.osdep.is_mine(place.path)

    def try_out(self, place: Place, *, executable: bool) -> str:
        """Why `place` cannot be used, "" if it can. Leaves nothing behind but the folder itself."""
        try:
            place.path.mkdir(mode=0o700, exist_ok=True) if place.among_others else _make(place.path, place.depth)
            if not self.trusted(place):
                return "belongs to somebody else or may be written to by others"
            return _write_and_map(place.path, executable)
        except OSError as error:
            return in_words(error)

    def none_left(self) -> SurroundingsError:
        """The error for when no place is left, with every reason."""
        reasons = "; ".join(str(refusal) for refusal in self.refusals)
        return SurroundingsError(
            f"There is no folder to unpack the engine into: {reasons or 'none could be named'}.",
            f"Set {VARIABLE} to a folder this user may write to and run programs from, with 20 MB free.",
        )


def places(environ: Mapping[str, str] | None = None, osdep: System = system) -> Places:
    """The places of this machine and user, best first."""
    environ = os.environ if environ is None else environ
    found: list[Place] = []
    if environ.get(VARIABLE):
        found.append(Place(Path(environ[VARIABLE]).absolute(), f"set by {VARIABLE}", depth=16))
    cache = osdep.user_cache_dir(environ)
    if cache is not None:
        # A folder of its own: the builder keeps its things in the same cache, and each side sweeps only its own.
        found.append(Place(cache / "runtime", "the user's cache", depth=3))
    runtime = osdep.private_runtime_dir(environ)
    if runtime is not None:
        found.append(Place(runtime, "the session's folder", among_others=True))
    user = os.geteuid() if hasattr(os, "geteuid") else "user"
    for path, description in osdep.shared_dirs(environ):
        found.append(Place(path / f"{APP}-{user}", description, among_others=True))
    own = unpacked_dir()
    if own is not None and bootloader_pid() is not None:
        found.append(Place(own / "engine", "this program's own folder", lasting=False))
    elif own is not None and all(place.path != own.parent.parent for place in found):
        found.append(Place(own.parent.parent, "where this program was unpacked"))
    return Places(tuple(found), osdep=osdep)


def in_words(error: OSError) -> str:
    """An error of a place as the end of a sentence."""
    return _WORDS.get(error.errno or 0, f"cannot be used ({error.strerror or error})")


def _make(path: Path, depth: int) -> None:
    """Make a private folder and at most `depth - 1` above it."""
    if depth > 1 and not path.parent.exists():
        _make(path.parent, depth - 1)
    path.mkdir(mode=0o700, exist_ok=True)


def _write_and_map(directory: Path, executable: bool) -> str:
    """Really write a page, and really map it as code: mounts with `noexec` refuse exactly that."""
    trial = directory / f".trial-{os.getpid()}-{secrets.token_hex(4)}"
    descriptor = os.open(trial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o700)
    try:
        os.write(descriptor, bytes(PAGE))
        return "" if not executable or _maps_as_code(descriptor) else NO_EXECUTION
    finally:
        os.close(descriptor)
        with contextlib.suppress(OSError):
            trial.unlink()


def maps_as_code(path: Path) -> bool:
    """Whether the system would load `path` as a library."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return False
    try:
        return _maps_as_code(descriptor)
    finally:
        os.close(descriptor)


def _maps_as_code(descriptor: int) -> bool:
    if os.name != "posix":
        return True
    import mmap

    try:
        mmap.mmap(descriptor, PAGE, mmap.MAP_PRIVATE, mmap.PROT_READ | mmap.PROT_EXEC).close()
    except OSError:
        return False
    return True

"""The packages of this environment as wheels, made of what is installed: no network, and the same bytes every time.

An installed package knows its files and their hashes (RECORD). Put back into a ZIP they are a wheel again: not the
registry's file, but one with the same content, that pip installs. A wheel made of what such a wheel installed is the
same wheel, so a rebuilt archive packs what the first one packed.
"""

from __future__ import annotations

import base64
import hashlib
import re
import stat
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from email import message_from_string
from importlib.metadata import Distribution, distribution
from pathlib import Path, PurePosixPath

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import bundler
from bundler import resources
from bundler.errors import ToolError
from bundler.publish import digest_of, file_sha256

OWN = "pannier"
_NUMBER = re.compile(r"[\d.-]+$")
_DATE = (1980, 1, 1, 0, 0, 0)
_LEFT_BY_INSTALLERS = ("INSTALLER", "REQUESTED", "RECORD", "direct_url.json", "uv_cache.json", "uv_build.json")


@dataclass(frozen=True, slots=True)
class _File:
    """One file of a wheel. name: inside it. sha256: what it must have, as RECORD writes it; empty if not recorded."""

    name: str
    path: Path
    sha256: str = ""


def packages() -> tuple[Distribution, ...]:
    """Pannier and everything it needs here, sorted by name. Raises `ToolError` where something is missing."""
    return closure([OWN], {})


def closure(
    names: Iterable[str], surroundings: Mapping[str, str], without: frozenset[str] = frozenset()
) -> tuple[Distribution, ...]:
    """These packages and all that they need, sorted by name; `without` some.

    surroundings: markers' variables where they are not as here. Raises `ToolError` where one is not installed.
    """
    found: dict[str, Distribution] = {}
    waiting = list(names)
    while waiting:
        name = canonicalize_name(waiting.pop())
        if name in found or name in without:
            continue
        try:
            found[name] = distribution(name)
        except ModuleNotFoundError:
            raise ToolError(f"The package {name} is not installed.", "Install Pannier again.") from None
        needed = (Requirement(line) for line in found[name].requires or ())
        waiting += [r.name for r in needed if not r.marker or r.marker.evaluate({"extra": "", **surroundings})]
    return tuple(found[name] for name in sorted(found))


def remake(dist: Distribution, folder: Path) -> Path:
    """Write the wheel of an installed package into `folder`. Raises `ToolError` if its files are not as installed."""
    info = next(PurePosixPath(f.as_posix()).parts[0] for f in dist.files or () if ".dist-info" in f.parts[0])
    files = [*_own_files(dist, info), *_metadata(dist)] if _is_checkout(dist) else [*_files(dist, info)]
    files.sort(key=lambda file: (file.name.startswith(info), file.name))
    target = folder / f"{info.removesuffix('.dist-info')}-{_tags(dist)}.whl"
    lines = []
    with zipfile.ZipFile(target, "w") as wheel:
        for file in files:
            data = file.path.read_bytes()
            if ".data/scripts/" in file.name and re.match(rb"#!.*python", data):
                raise ToolError(f"{file.path} names this machine's Python; its wheel cannot be made.")
            digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
            if file.sha256 not in ("", digest):
                name = dist.metadata["Name"]
                raise ToolError(f"{file.path} was changed after it was installed.", f"Install {name} again.")
            _add(wheel, file.name, data, executable=bool(file.path.stat().st_mode & stat.S_IXUSR))
            lines.append(f"{file.name},sha256={digest},{len(data)}\n")
        _add(wheel, f"{info}/RECORD", "".join([*lines, f"{info}/RECORD,,\n"]).encode(), executable=False)
    return target


def own_sha256() -> str:
    """Hash of Pannier's own files where it is a link to a checkout, of which its RECORD says nothing; else empty."""
    if not _is_checkout(distribution(OWN)):
        return ""
    return digest_of({place: file_sha256(path) for place, path in resources.in_checkout()})


def _add(wheel: zipfile.ZipFile, name: str, data: bytes, *, executable: bool) -> None:
    """Uncompressed: the whole wheel is compressed, and what a compressor writes differs between its versions."""
    member = zipfile.ZipInfo(name, _DATE)
    member.external_attr = (stat.S_IFREG | (0o755 if executable else 0o644)) << 16
    member.create_system = 3  # Unix, whichever system this is
    wheel.writestr(member, data)


def _files(dist: Distribution, info: str) -> Iterator[_File]:
    """The files of a package that was installed from a wheel."""
    made = {entry.name for entry in dist.entry_points if entry.group.endswith("_scripts")}
    for file in dist.files or ():
        name = PurePosixPath(file.as_posix())
        if "__pycache__" in name.parts or (name.parts[0] == info and name.name in _LEFT_BY_INSTALLERS):
            continue
        inside = str(name)
        if name.parts[0] == "..":
            outside = [part for part in name.parts if part != ".."]
            if outside[0] in ("bin", "Scripts"):
                program = name.name.removesuffix(".exe")
                if program in made or _NUMBER.sub("", program) in made:
                    continue  # installers make these from the entry points, pip also a pip3.11 for itself
                outside = ["scripts", *outside[1:]]
            else:
                outside = ["data", *outside]
            inside = str(PurePosixPath(info.replace(".dist-info", ".data"), *outside))
        recorded = file.hash.value if file.hash and file.hash.mode == "sha256" else ""
        yield _File(inside, Path(str(dist.locate_file(file))), recorded)


def _is_checkout(dist: Distribution) -> bool:
    """Whether this is Pannier itself, installed as a link to its checkout."""
    return canonicalize_name(dist.metadata["Name"]) == OWN and not any(
        file.parts[0] == "bundler" for file in dist.files or ()
    )


def _own_files(dist: Distribution, info: str) -> Iterator[_File]:
    """Pannier's own files, where the wheel has them (`tool.hatch.build.targets.wheel` in pyproject.toml)."""
    yield from (_File(place, path) for place, path in resources.in_checkout())
    yield _File(f"{info}/licenses/LICENSE", Path(bundler.__file__).parent.parent / "LICENSE")


def _metadata(dist: Distribution) -> Iterator[_File]:
    for file in dist.files or ():
        inside = ".dist-info" in file.parts[0] and file.name in ("METADATA", "WHEEL", "entry_points.txt")
        if inside:
            yield _File(file.as_posix(), Path(str(dist.locate_file(file))))


def _tags(dist: Distribution) -> str:
    """The last part of the wheel's name: its tags, those of one kind joined by dots."""
    told = message_from_string(dist.read_text("WHEEL") or "").get_all("Tag") or ["py3-none-any"]
    kinds = zip(*(tag.split("-", 2) for tag in told), strict=True)
    return "-".join(".".join(dict.fromkeys(kind)) for kind in kinds)

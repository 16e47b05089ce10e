"""Who owns what is inside the frozen runtime: packages with versions, licences and their texts.

Read from the list PyInstaller wrote while it packed, so only what is really inside is named. A module whose bytes are
not those its package was installed with is refused: its package's hash would be a lie.
"""

from __future__ import annotations

import base64
import hashlib
import platform
import re
import ssl
import sys
import sysconfig
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackagePath, distribution, distributions
from pathlib import Path

from bundler.errors import ToolError
from bundler.freeze.contents import SYSTEM_LIBRARIES
from bundler.publish import file_sha256
from runtime.manifest import Package

_TEXTS = re.compile(r"(^|/)(licen[cs]e|copying|notice|authors)[^/]*$", re.IGNORECASE)
_SHORT = 60


@dataclass(frozen=True, slots=True)
class Owned:
    """A package and the text of its licence."""

    package: Package
    text: str


def inventory(sources: Iterable[str]) -> tuple[Owned, ...]:
    """The owners of these source files and libraries, sorted by name; Python and PyInstaller's bootloader included.

    Raises `ToolError` for a file that was changed after its package was installed.
    """
    owners = {str(path): (dist, file) for dist in distributions() for path, file in _files(dist)}
    found: dict[str, Owned] = {}
    for source in sources:
        owner = owners.get(source) or owners.get(str(Path(source).resolve()))
        if owner and owner[0].metadata["Name"] == "pannier":
            continue  # ourselves: the manifest names our version elsewhere, and a checkout owns no files
        if owner:
            _check_unchanged(Path(source), *owner)
        for owned in [_of_distribution(owner[0])] if owner else _of_system(Path(source)):
            found.setdefault(owned.package.name, owned)
    for owned in (_of_python(), _of_bootloader()):
        found.setdefault(owned.package.name, owned)
    return tuple(found[name] for name in sorted(found, key=str.lower))


def record_sha256(dist: Distribution) -> str:
    """Hash of what a package's RECORD says of its code; as `Package.sha256` tells."""
    files = [(file.as_posix(), file.hash, file.size) for file in dist.files or () if _is_code(file)]
    lines = [f"{name},{known.mode}={known.value},{size}\n" for name, known, size in files if known]
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest() if lines else ""


def _is_code(file: PackagePath) -> bool:
    """Not what installers add or change: metadata, scripts outside, compiled copies."""
    return ".dist-info" not in file.parts[0] and file.parts[0] != ".." and "__pycache__" not in file.parts


def _check_unchanged(path: Path, dist: Distribution, file: PackagePath) -> None:
    if file.hash is None or file.hash.mode != "sha256":
        return
    recorded = base64.urlsafe_b64decode(file.hash.value + "=" * (-len(file.hash.value) % 4)).hex()
    if file_sha256(path) != recorded:
        name = dist.metadata["Name"]
        raise ToolError(
            f"{path} was changed after {name} {dist.version} was installed.",
            f"Install it again: pip install --force-reinstall {name}=={dist.version}",
        )


def _files(dist: Distribution) -> Iterator[tuple[Path, PackagePath]]:
    for file in dist.files or ():
        if file.suffix in {".py", ".so", ".pyd", ".dll", ".dylib"}:
            yield Path(str(dist.locate_file(file))), file


def _of_distribution(dist: Distribution) -> Owned:
    meta = dist.metadata
    named = [str(meta[field]) for field in ("License-Expression", "License") if field in meta]
    license_name = next((name for name in named if name), "")
    if not license_name or len(license_name) > _SHORT or "\n" in license_name:
        classifiers = [c for c in meta.get_all("Classifier") or [] if c.startswith("License :: ")]
        license_name = classifiers[0].rsplit(" :: ", 1)[-1] if classifiers else ""
    texts = [
        Path(str(dist.locate_file(file))).read_text(encoding="utf-8", errors="replace").strip()
        for file in sorted(dist.files or ())
        if ".dist-info" in file.parts[0] and _TEXTS.search(str(file))
    ]
    package = Package(meta["Name"], dist.version, license_name, record_sha256(dist))
    return Owned(package, joined(meta["Name"], license_name, texts))


def _of_python() -> Owned:
    """The interpreter, its library and its extension modules."""
    places = (Path(sysconfig.get_path("stdlib")), Path(sys.base_prefix))
    texts = [path.read_text(errors="replace") for folder in places if (path := folder / "LICENSE.txt").is_file()]
    return Owned(Package("Python", platform.python_version(), "PSF-2.0"), joined("Python", "PSF-2.0", texts[:1]))


def _of_bootloader() -> Owned:
    """PyInstaller's stub and start-up modules; the exception lets them go into programs under any licence."""
    whole = _of_distribution(distribution("pyinstaller"))
    name, license_name = "PyInstaller bootloader", "GPL-2.0-or-later WITH Bootloader-exception"
    return Owned(Package(name, whole.package.version, license_name, whole.package.sha256), whole.text)


def _of_system(file: Path) -> list[Owned]:
    """A system library's entry, by its file name; empty for what belongs to Python itself."""
    stem = next((stem for stem in SYSTEM_LIBRARIES if re.match(rf"{re.escape(stem)}(?![a-z_+])", file.name)), None)
    if stem is None:
        return []
    name, license_name, debian = SYSTEM_LIBRARIES[stem]
    versions = {"OpenSSL": ssl.OPENSSL_VERSION.split()[1], "zlib": zlib.ZLIB_RUNTIME_VERSION}
    copyright_file = Path("/usr/share/doc", debian, "copyright")
    texts = [copyright_file.read_text(errors="replace")] if debian and copyright_file.is_file() else []
    package = Package(name, versions.get(name, ""), license_name, file_sha256(file))
    return [Owned(package, joined(name, license_name, texts))]


def joined(name: str, license_name: str, texts: list[str]) -> str:
    """A package's licence as a dist carries it: its name, then the texts, or what the package says of itself."""
    body = "\n\n".join(text.strip() for text in texts) or f"Licensed under {license_name or 'terms it does not name'}."
    return f"{name}\n\n{body}\n"

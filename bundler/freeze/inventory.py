"""Who owns what is inside the frozen runtime: packages with versions, licences and their texts.

Read from the list PyInstaller wrote while it packed, so only what is really inside is named.
"""

from __future__ import annotations

import platform
import re
import ssl
import sys
import sysconfig
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, distribution, distributions
from pathlib import Path

from bundler.freeze.contents import SYSTEM_LIBRARIES
from bundler.page.build import PagePackage
from runtime.manifest import Package

_TEXTS = re.compile(r"(^|/)(licen[cs]e|copying|notice|authors)[^/]*$", re.IGNORECASE)
_SHORT = 60

NPM = "npm:"
"""Begins the name of a package that comes from npm; all others are Python's."""


@dataclass(frozen=True, slots=True)
class Owned:
    """A package and the text of its licence."""

    package: Package
    text: str


def inventory(sources: Iterable[str]) -> tuple[Owned, ...]:
    """The owners of these source files and libraries, sorted by name; Python and PyInstaller's bootloader included."""
    owners = {str(path): dist for dist in distributions() for path in _files(dist)}
    found: dict[str, Owned] = {}
    for source in sources:
        dist = owners.get(source) or owners.get(str(Path(source).resolve()))
        for owned in [_of_distribution(dist)] if dist else _of_system(Path(source).name):
            found.setdefault(owned.package.name, owned)
    for owned in (_of_python(), _of_bootloader()):
        found.setdefault(owned.package.name, owned)
    return tuple(found[name] for name in sorted(found, key=str.lower))


def of_page(packages: Iterable[PagePackage]) -> tuple[Owned, ...]:
    """The npm packages that are in the page."""
    return tuple(
        Owned(Package(NPM + one.name, one.version, one.license), _joined(one.name, one.license, [one.text]))
        for one in packages
    )


def _files(dist: Distribution) -> Iterator[Path]:
    for file in dist.files or ():
        if file.suffix in {".py", ".so", ".pyd", ".dll", ".dylib"}:
            yield Path(str(dist.locate_file(file)))


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
    return Owned(Package(meta["Name"], dist.version, license_name), _joined(meta["Name"], license_name, texts))


def _of_python() -> Owned:
    """The interpreter, its library and its extension modules."""
    places = (Path(sysconfig.get_path("stdlib")), Path(sys.base_prefix))
    texts = [path.read_text(errors="replace") for folder in places if (path := folder / "LICENSE.txt").is_file()]
    return Owned(Package("Python", platform.python_version(), "PSF-2.0"), _joined("Python", "PSF-2.0", texts[:1]))


def _of_bootloader() -> Owned:
    """PyInstaller's stub and start-up modules; the exception lets them go into programs under any licence."""
    whole = _of_distribution(distribution("pyinstaller"))
    name, license_name = "PyInstaller bootloader", "GPL-2.0-or-later WITH Bootloader-exception"
    return Owned(Package(name, whole.package.version, license_name), whole.text)


def _of_system(file: str) -> list[Owned]:
    """A system library's entry, by its file name; empty for what belongs to Python itself."""
    stem = next((stem for stem in SYSTEM_LIBRARIES if re.match(rf"{re.escape(stem)}(?![a-z_+])", file)), None)
    if stem is None:
        return []
    name, license_name, debian = SYSTEM_LIBRARIES[stem]
    versions = {"OpenSSL": ssl.OPENSSL_VERSION.split()[1], "zlib": zlib.ZLIB_RUNTIME_VERSION}
    copyright_file = Path("/usr/share/doc", debian, "copyright")
    texts = [copyright_file.read_text(errors="replace")] if debian and copyright_file.is_file() else []
    return [Owned(Package(name, versions.get(name, ""), license_name), _joined(name, license_name, texts))]


def _joined(name: str, license_name: str, texts: list[str]) -> str:
    body = "\n\n".join(text.strip() for text in texts) or f"Licensed under {license_name or 'terms it does not name'}."
    return f"{name}\n\n{body}\n"

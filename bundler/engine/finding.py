"""The noun of `doctor`: what a check found."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing a build needs, found or not.

    detail: what was found, or what is missing. remedy: how to get it. path: the executable or directory.
    identity: what of it decides the bytes built. options: CMake options saying where it is.
    arguments: what `CC`/`CXX` say beside the program's name.
    """

    name: str
    found: bool
    detail: str
    remedy: str = ""
    path: str = ""
    identity: str = ""
    options: dict[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()

"""Checks that a finished library finds what it needs on any system, and tells how old a system may be.

A library that asks for something neither the engine nor every system has would start on the machine it was built on,
and nowhere else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bundler.engine.dll import read_dll
from bundler.engine.dylib import read_dylib
from bundler.engine.elf import read_elf
from bundler.engine.recipes import GLIBC, MACOS, RECIPES, WINDOWS, Recipe, SystemRules
from bundler.errors import ToolError
from bundler.targets import Target


@dataclass(frozen=True, slots=True)
class Oldest:
    """What a system must have at least: a glibc ("2.28", on Linux), a version of itself ("10.0", elsewhere)."""

    glibc: str = ""
    system: str = ""


def check(recipe: Recipe, folder: Path, names: Sequence[str], target: Target, rules: SystemRules) -> Oldest:
    """What the files `names` of `recipe` ask of a system.

    Raises `ToolError` for one that asks for something else than its siblings and what every system has.
    """
    rows = (RECIPES["cpu"], recipe)
    siblings = {rules.names[0].format(stem) for row in rows for stem in (*row.core, *row.libraries)}
    if target.system == "linux":
        return Oldest(glibc=_elf(folder, names, GLIBC | siblings | set(recipe.asked_of(target)), rules.run_path))
    if target.system == "windows":
        return Oldest(system=_windows(folder, names, siblings | set(recipe.asked_of(target))))
    return Oldest(system=_macos(folder, names, target.machine))


def _elf(folder: Path, names: Sequence[str], allowed: set[str] | frozenset[str], run_path: str) -> str:
    versions = []
    for name in names:
        facts = read_elf(folder / name)
        _refuse(name, [needed for needed in facts.needed if needed not in allowed])
        if facts.soname not in ("", name) or facts.runpath != run_path:
            message = f"{name} calls itself {facts.soname!r} and looks in {facts.runpath!r}."
            raise ToolError(message, "Report this as a bug.")
        versions.append(facts.glibc)
    return ".".join(map(str, max(versions, default=())))


def _windows(folder: Path, names: Sequence[str], allowed: set[str]) -> str:
    versions = []
    for name in names:
        facts = read_dll(folder / name)
        strangers = [needed for needed in facts.needed if needed not in allowed and not needed.startswith(WINDOWS)]
        _refuse(name, strangers)
        versions.append(max(facts.oldest, (10, 0)) if any(map(_is_universal, facts.needed)) else facts.oldest)
    return ".".join(map(str, max(versions, default=())))


def _is_universal(needed: str) -> bool:
    """Whether it is a part of the C runtime that came with Windows 10; no header tells that."""
    return needed.startswith("api-ms-win-crt-")


def _macos(folder: Path, names: Sequence[str], machine: str) -> str:
    versions = []
    for name in names:
        facts = read_dylib(folder / name, machine)
        _refuse(name, [needed for needed in facts.needed if not needed.startswith(MACOS)])
        versions.append(facts.oldest)
    return ".".join(map(str, max(versions, default=())))


def _refuse(name: str, strangers: Sequence[str]) -> None:
    if strangers:
        raise ToolError(f"{name} needs {', '.join(strangers)}, which not every system has.", "Report this as a bug.")

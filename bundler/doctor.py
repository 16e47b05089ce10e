"""`pannier doctor`: what can this machine build, what is missing, and how to get it."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bundler import cache
from bundler.console import Console
from bundler.engine.cli import size_of
from bundler.engine.finding import Finding
from bundler.engine.recipes import COMPILING, RECIPES, rules_for
from bundler.engine.toolchain import CHECKS, cxx_library
from bundler.errors import ToolError
from bundler.foreign.tools import PACKAGES, find
from bundler.page.node import node
from bundler.targets import TARGETS, host

FREEZING = ("python-library", "node", "objcopy", "strip", "zig")
FOREIGN = next(target.name for target in TARGETS.values() if target.anywhere)
"""The target whose kit any other Linux makes, too."""

SPACE = 1_000_000_000
"""Bytes a first build needs for source, objects, libraries and frozen runtime, with room to spare."""


@dataclass(frozen=True, slots=True)
class Ability:
    """Something this machine can or cannot build. missing: what stands in the way."""

    name: str
    title: str
    missing: tuple[Finding, ...]

    @property
    def possible(self) -> bool:
        """Whether nothing stands in the way."""
        return not self.missing


def add_parser(verbs: Any) -> None:
    """Declare the verb."""
    doctor = verbs.add_parser("doctor", help="what can this machine build? what is missing?", description=__doc__)
    doctor.add_argument("--json", action="store_true", help="print the result as JSON")
    doctor.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Tell all; exit code 9 where not even the simplest kit can be built here."""
    findings = examine()
    abilities = judge(findings)
    sizes = {kind.name: size_of(kind) for kind in sorted(cache.root().glob("*")) if kind.is_dir()}
    data = {
        "target": host().name,
        "checks": [_plain(finding) for finding in findings.values()],
        "builds": [
            {"name": a.name, "title": a.title, "possible": a.possible, "missing": [f.name for f in a.missing]}
            for a in abilities
        ],
        "cache": {"path": str(cache.root()), "sizes": sizes},
    }
    console.result(data, _text(findings, abilities, sizes))
    return (
        0
        if all(ability.possible for ability in abilities if ability.name in ("cpu", "runtime"))
        else ToolError.exit_code
    )


def examine() -> dict[str, Finding]:
    """Every check there is, by name."""
    findings = {name: check() for name, check in CHECKS.items()}
    findings["cxx-library"] = cxx_library(rules_for(host()).link_flags)
    findings["python-library"] = python_library()
    findings["node"] = node()
    findings |= {name: find(name) for name in _abroad()}
    findings["space"] = space(cache.root())
    return findings


def judge(findings: dict[str, Finding]) -> list[Ability]:
    """What can be built: each recipe, and the frozen runtime."""
    rows = [(recipe.name, recipe.title, (*recipe.requires, "cxx-library", "space")) for recipe in RECIPES.values()]
    frozen = tuple(name for name in FREEZING if name in ("python-library", "node") or host().system == "linux")
    rows.append(("runtime", "the frozen runtime", (*frozen, "space")))
    if _abroad():
        rows.append((FOREIGN, "a kit for another processor", (*COMPILING, "zig", *_abroad(), "space")))
    return [
        Ability(name, title, tuple(findings[need] for need in dict.fromkeys(needs) if not findings[need].found))
        for name, title, needs in rows
    ]


def _abroad() -> tuple[str, ...]:
    """What it takes to make a kit for `FOREIGN` here, if that is another system."""
    return tuple(PACKAGES) if host().system == "linux" and host().name != FOREIGN else ()


def python_library() -> Finding:
    """PyInstaller needs Python as a shared library; some Pythons are built without."""
    from PyInstaller.depend import bindepend

    path = bindepend.get_python_library_path()
    if path is None:
        remedy = (
            "Use a Python with a shared library: your distribution's, python.org's, uv's, or pyenv's with"
            " PYTHON_CONFIGURE_OPTS=--enable-shared."
        )
        return Finding("python-library", found=False, detail="this Python has no shared library", remedy=remedy)
    return Finding("python-library", found=True, detail=Path(path).name, path=str(path))


def space(folder: Path) -> Finding:
    """Room for a first build where the cache lies."""
    existing = next(place for place in (folder, *folder.parents) if place.is_dir())
    free = shutil.disk_usage(existing).free
    text = f"{free / 1e9:.1f} GB free in {existing}"
    if free < SPACE:
        remedy = f"Make {SPACE / 1e9:.0f} GB of room, or name another directory in {cache.VARIABLE}."
        return Finding("space", found=False, detail=f"only {text}", remedy=remedy)
    return Finding("space", found=True, detail=text)


def _plain(finding: Finding) -> dict[str, Any]:
    return {"name": finding.name, "found": finding.found, "detail": finding.detail, "remedy": finding.remedy}


def _text(findings: dict[str, Finding], abilities: Sequence[Ability], sizes: dict[str, int]) -> str:
    optional = {*_abroad(), *(name for recipe in RECIPES.values() for name in recipe.requires)} - set(COMPILING)
    lines = [f"This machine builds for {host().name}.", ""]
    for name, finding in findings.items():
        mark = "ok" if finding.found else "--" if name in optional else "!!"
        lines.append(f"  {mark}  {name:<19} {finding.detail}")
    lines.append("")
    for ability in abilities:
        verdict = "can be built" if ability.possible else f"needs {', '.join(f.name for f in ability.missing)}"
        lines.append(f"  {'ok' if ability.possible else '--'}  {ability.name:<19} {verdict} ({ability.title})")
    remedies = dict.fromkeys(f.remedy for ability in abilities for f in ability.missing if f.remedy)
    lines += ["", *remedies] if remedies else []
    total = sum(sizes.values()) / 1e6
    lines += ["", f"Cache: {cache.root()} ({total:.0f} MB; `pannier engine clean` makes room)"]
    return "\n".join(lines)

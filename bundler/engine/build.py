"""Builds an engine, or finds it in the cache.

An engine is made of parts, one per recipe. Part and engine are named by a hash of everything that decides their bytes
(source, options, flags, compiler, our own packing rules), so a changed input is another name and nothing is ever
updated in place. Building needs minutes once; finding takes milliseconds and checks every library's hash.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bundler import cache
from bundler.console import Console
from bundler.engine import cross
from bundler.engine.part import KEY_LENGTH, Workshop, part, part_key
from bundler.engine.product import LICENSE, Engine, find, write_record
from bundler.engine.recipes import BASE_OPTIONS, RECIPES, Recipe, choose
from bundler.engine.toolchain import survey
from bundler.errors import ToolError
from bundler.publish import digest_of, one_at_a_time, publishing
from bundler.targets import Target, host
from runtime.oldest import numbered


def build_engine(
    target: Target, backends: Iterable[str], root: Path | None, console: Console, *, peers: bool = False
) -> Engine:
    """The engine with these backends (`cpu` is always among them), compiled now if the cache does not have it.

    root: the cache; None means the usual one. peers: also build llama.cpp's own programs, to measure against.
    Raises `ToolError` where it cannot be built here, or the build fails; `UsageError` for an unknown backend.
    """
    wanted = _wanted(target, backends, root, console, peers=peers)
    engine = find(wanted.place)
    if engine is None:
        with one_at_a_time(wanted.place, console):
            engine = find(wanted.place)
            if engine is None:
                _assemble(wanted, [part(recipe, wanted.shop) for recipe in wanted.recipes])
                engine = find(wanted.place)
    if engine is None:
        raise ToolError(f"The engine in {wanted.place} does not stay whole.", "Check the disk, then build again.")
    return engine


def finished_engine(target: Target, backends: Iterable[str], root: Path | None, console: Console) -> Engine | None:
    """What `build_engine` would find in the cache; None where it would have to compile."""
    return find(_wanted(target, backends, root, console).place)


@dataclass(frozen=True, slots=True)
class _Wanted:
    """An engine that may be there or not: what it is made of, with what, and where it is once it is made."""

    shop: Workshop
    recipes: tuple[Recipe, ...]
    key: str
    place: Path


def _wanted(
    target: Target, backends: Iterable[str], root: Path | None, console: Console, *, peers: bool = False
) -> _Wanted:
    recipes = choose(backends) + ((RECIPES["peers"],) if peers else ())
    shop = _workshop(target, [name for recipe in recipes for name in recipe.requires], root or cache.root(), console)
    keys = {recipe.name: part_key(recipe, shop) for recipe in recipes}
    key = digest_of({"target": target.name, "parts": keys})
    return _Wanted(shop, recipes, key, shop.root / "engines" / f"{target.name}-{'+'.join(keys)}-{key[:KEY_LENGTH]}")


def _workshop(target: Target, tools: Sequence[str], root: Path, console: Console) -> Workshop:
    """This machine's own compiler for its own target, zig's for the others."""
    if target == host():
        return Workshop(target, survey(tools), root, console)
    foreign = cross.find(target)
    return Workshop(target, cross.toolchain(foreign, tools, root / "tools" / target.name), root, console, foreign)


def _assemble(wanted: _Wanted, parts: Sequence[Engine]) -> None:
    """Put the parts' files side by side, as hard links where the file system has them."""
    recipes, rules = wanted.recipes, wanted.shop.rules
    with publishing(wanted.place) as partial:
        for source in parts:
            for file in source.files:
                _link(source.path / file.file, partial / file.file)
        _link(parts[0].license, partial / LICENSE)
        recipe = {
            "backends": [row.name for row in recipes if row.packed],
            "options": {**BASE_OPTIONS, **{name: value for row in recipes for name, value in row.options.items()}},
            "compile_flags": list(rules.compile_flags),
            "link_flags": list(rules.link_flags),
        }
        whole = replace(
            parts[0],
            path=partial,
            key=wanted.key,
            files=tuple(file for source in parts for file in source.files),
            recipe=recipe,
            glibc=max((source.glibc for source in parts), key=numbered),
            oldest=max((source.oldest for source in parts), key=numbered),
        )
        write_record(whole)


def _link(source: Path, destination: Path) -> None:
    try:
        os.link(source, destination)
    except OSError:
        shutil.copy2(source, destination)

"""`pannier engine build|list|clean`: compile engines, see those there are, make room."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bundler import cache
from bundler.console import Console
from bundler.engine.build import build_engine
from bundler.engine.cross import CROSS
from bundler.engine.product import Engine, read_record
from bundler.engine.recipes import RECIPES, choose
from bundler.publish import discard_idle, published
from bundler.targets import find, host


def add_parser(verbs: Any) -> None:
    """Declare the verb and its own verbs."""
    engine = verbs.add_parser("engine", help="build, list and clean engines", description=__doc__)
    inner = engine.add_subparsers(metavar="build|list|clean", required=True)
    build = inner.add_parser("build", help="compile the engine, for this machine's target or another one")
    build.add_argument("--target", metavar="T", help=f"one of {', '.join((host().name, *CROSS))}")
    build.add_argument("--peers", action="store_true", help="also llama.cpp's own server and tools, to measure against")
    build.set_defaults(run=run_build)
    listing = inner.add_parser("list", help="list the compiled engines")
    listing.set_defaults(run=run_list)
    clean = inner.add_parser("clean", help="delete compiled engines and their objects")
    clean.add_argument("--source", action="store_true", help="the source archive too")
    clean.set_defaults(run=run_clean)
    for parser, what in ((build, "backend to build, beside cpu"), (clean, "only engines with this backend")):
        parser.add_argument("--backend", action="append", metavar="B", default=[], help=what)
    for parser in (build, listing, clean):
        parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run_build(args: argparse.Namespace, console: Console) -> int:
    """Compile, or find that nothing has changed since the last time."""
    engine = build_engine(find(args.target) if args.target else host(), args.backend, None, console, peers=args.peers)
    console.result(summary(engine), str(engine.path))
    return 0


def run_list(args: argparse.Namespace, console: Console) -> int:
    """One line per engine."""
    engines = [engine for folder in published(cache.root() / "engines") if (engine := read_record(folder))]
    lines = [
        f"{engine.key[:12]}  {engine.target:<13}  {_names(engine):<20}  "
        f"{size_of(engine.path) / 1e6:>6.1f} MB  {engine.compiler}"
        for engine in engines
    ]
    text = "\n".join(lines) or "No engines yet; make one: pannier engine build"
    console.result({"engines": [summary(engine) for engine in engines]}, text)
    return 0


def run_clean(args: argparse.Namespace, console: Console) -> int:
    """Delete; what another process is building right now stays."""
    wanted = [recipe.name for recipe in choose(args.backend) if recipe.name in args.backend] if args.backend else []
    kinds = ("engines", "parts", "work", *(("sources",) if args.source else ()))
    freed, kept = 0, []
    for folder in [folder for kind in kinds for folder in published(cache.root() / kind)]:
        if wanted and not set(wanted) & _recipes_in(folder):
            continue
        size = size_of(folder)
        if discard_idle(folder):
            freed += size
        else:
            kept.append(str(folder))
            console.warn(f"{folder} is being built right now; it stays.")
    console.result({"freed": freed, "kept": kept}, f"{freed / 1e6:.1f} MB freed")
    return 0


def summary(engine: Engine) -> dict[str, Any]:
    """What `engine build` and `engine list` tell of an engine."""
    return {
        "key": engine.key,
        "path": str(engine.path),
        "target": engine.target,
        "backends": list(engine.recipe.get("backends", [])),
        "peers": sorted(file.file for file in engine.files if file.kind == "peer"),
        "libraries": [file.file for file in engine.libraries],
        "compiler": engine.compiler,
        "glibc": engine.glibc,
        "size": size_of(engine.path),
    }


def size_of(folder: Path) -> int:
    """Bytes in a directory, everything below included."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if path.is_file())


def _names(engine: Engine) -> str:
    peers = [] if all(file.kind != "peer" for file in engine.files) else ["peers"]
    return "+".join([*engine.recipe.get("backends", []), *peers])


def _recipes_in(folder: Path) -> set[str]:
    """The recipes a cache directory's name speaks of: TARGET-RECIPE+RECIPE-HASH."""
    parts = folder.name.split("-")
    return set(parts[2].split("+")) & set(RECIPES) if len(parts) > 3 else set()

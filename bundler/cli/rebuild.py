"""`pannier rebuild`: make a dist again from the sources it carries, without a network, and compare."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bundler.archive.rebuild import check_output, explain, rebuild, rebuild_here
from bundler.console import Console
from bundler.errors import UsageError
from runtime.container.archive import open_dist


def add_parser(verbs: Any) -> None:
    """Declare the verb."""
    parser = verbs.add_parser("rebuild", help="make a dist again from itself, and compare", description=__doc__)
    parser.add_argument("dist", type=Path, metavar="DIST")
    parser.add_argument("--output", type=Path, default=Path("rebuilt"), metavar="DIR", help="folder for the result")
    parser.add_argument(
        "--reuse-engine",
        action="store_true",
        help="take the engine that was compiled here before, if source and compiler are the same",
    )
    parser.add_argument(
        "--here", action="store_true", help="use this environment and its cache, not one made of the dist's packages"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Rebuild; a result with other bytes is an error, but stays where it is, to be looked at."""
    check_output(args.dist, args.output)
    try:
        dist = open_dist(args.dist)
    except OSError as error:
        raise UsageError(f"{args.dist} cannot be opened ({error.strerror}).", "Check the path.") from None
    with dist:
        if args.here:
            done = rebuild_here(dist, args.output, console)
        else:
            done = rebuild(dist, args.output, console, reuse_engine=args.reuse_engine)
        manifest = dist.manifest
    facts = {"path": str(done.path), "sha256": done.sha256, "same": done.same, "differences": list(done.differences)}
    console.result(facts, f"{done.path}  sha256 {done.sha256}{': the same, byte for byte' if done.same else ''}")
    if not done.same and not (args.here and args.json):  # a program reads the one, `rebuild` itself
        raise explain(manifest, done)
    return 0

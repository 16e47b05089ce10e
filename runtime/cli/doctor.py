"""`doctor`: everything a support question should contain, on one screen; and nothing that is nobody's business."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from runtime.cli.private import Veil
from runtime.console import Console
from runtime.container.archive import DIST, Archive
from runtime.container.beside import verify_beside
from runtime.container.verify import verify
from runtime.errors import CannotRunError
from runtime.launch.examine import Examination, examine
from runtime.launch.opening import open_own
from runtime.launch.options import LaunchOptions, add_engine_flags
from runtime.manifest import DistManifest


def add_parser(verbs: Any) -> None:
    """Declare the verb."""
    parser = verbs.add_parser("doctor", help="examine this computer: what works, what does not, and why")
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.add_argument("--reprobe", action="store_true", help="try the backends again instead of remembering")
    parser.add_argument("--no-verify", action="store_true", help="do not read the whole file to check it")
    add_engine_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Tell all; the exit code says whether the model can run here, or that the file is damaged."""
    with open_own() as archive:
        console.status("examining this computer …")
        found = examine(archive, LaunchOptions.of(archive.manifest, args), reprobe=args.reprobe)
        console.status("")
        damages = None if args.no_verify else _damages(archive, console)
        data = {**found.as_json(), "dist": _about(archive), "integrity": _integrity(damages)}
        veil = Veil.of_this_user()
        console.result(veil.over(data), veil.over("\n".join(_lines(archive, found, damages))))
    if damages:
        return 3
    return 0 if found.runs else CannotRunError.exit_code


def _damages(archive: Archive[DistManifest], console: Console) -> list[str]:
    total = archive.source.size + sum(file.size for file in archive.manifest.model.beside)
    done = 0

    def advance(count: int) -> None:
        nonlocal done
        done += count
        console.status(f"checking the file: {100 * done // total} %")

    report = verify_beside(verify(archive.source, DIST, advance), Path(archive.source.name).parent, advance)
    console.status("")
    return [str(damage) for damage in report.damages]


def _integrity(damages: list[str] | None) -> dict[str, Any]:
    return {"checked": damages is not None, "damages": damages or []}


def _about(archive: Archive[DistManifest]) -> dict[str, str]:
    manifest = archive.manifest
    return {
        "name": manifest.name,
        "version": manifest.version,
        "target": manifest.target,
        "model": manifest.model.name,
        "engine": manifest.engine.commit,
        "pannier": manifest.runtime.version,
        "manifest_sha256": archive.manifest_sha256,
    }


def _lines(archive: Archive[DistManifest], found: Examination, damages: list[str] | None) -> list[str]:
    manifest = archive.manifest
    checked = "not checked" if damages is None else "; ".join(damages) or "every byte is as it was built"
    head = [
        f"dist      {manifest.name} {manifest.version} for {manifest.target}, manifest {archive.manifest_sha256[:16]}",
        f"          Pannier {manifest.runtime.version}, llama.cpp {manifest.engine.commit}, {checked}",
    ]
    return [*head, *found.lines()]

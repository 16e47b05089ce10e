"""`verify`, `extract` and `licenses`: look into the running file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from runtime.console import Console
from runtime.container import extract
from runtime.container.archive import DIST
from runtime.container.beside import files_of, verify_beside
from runtime.container.verify import verify
from runtime.errors import DamagedError
from runtime.launch.modelcheck import Memory, stretches_of
from runtime.launch.opening import open_own
from runtime.launch.places import places
from runtime.manifest import Role

BAR = 40


def add_parser(verbs: Any) -> None:
    """Declare the three verbs."""
    parser = verbs.add_parser("verify", help="account for every byte of this file")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.set_defaults(run=run_verify)
    parser = verbs.add_parser("extract", help="take one entry out of this file")
    parser.add_argument("entry", metavar="ENTRY|model")
    parser.add_argument("-o", "--output", metavar="PATH", help="where to; - for standard output")
    parser.set_defaults(run=run_extract)
    parser = verbs.add_parser("licenses", help="print the licence texts of everything inside")
    parser.set_defaults(run=run_licenses)


def run_verify(args: argparse.Namespace, console: Console) -> int:
    """Check every byte; exit code 3 if any is damaged."""
    with open_own() as archive:
        done, total = 0, archive.source.size + sum(file.size for file in archive.manifest.model.beside)

        def advance(count: int) -> None:
            nonlocal done
            done += count
            filled = BAR * done // total
            console.status(f"checking [{'#' * filled}{'.' * (BAR - filled)}] {100 * done // total} %")

        before = [stretch.identity for stretch in stretches_of(archive)] if not archive.manifest.model.beside else []
        report = verify(archive.source, DIST, advance)
        report = verify_beside(report, Path(archive.source.name).parent, advance)
        if before and report.sound:  # the next start need not read the model again
            Memory(places()).keep_if_settled(stretches_of(archive), before)
    console.status("")
    lines = [f"damaged: {damage}" for damage in report.damages]
    if not lines:
        lines = [f"sound: all {report.file_size:,} bytes are accounted for"]
        lines += [f"sound: {file.file}, {file.size:,} bytes" for file in files_of(report)]
    if archive.signature:
        lines.append("signed; no file can prove its own signature, so check it from outside: pannier verify --key PUB")
    lines.append(f"manifest sha256 {report.manifest_sha256}")
    console.result(
        {
            "sound": report.sound,
            "size": report.file_size,
            "manifest_sha256": report.manifest_sha256,
            "damages": [str(damage) for damage in report.damages],
        },
        "\n".join(lines),
    )
    return 0 if report.sound else DamagedError.exit_code


def run_extract(args: argparse.Namespace, console: Console) -> int:
    """Write one entry to a file or to stdout."""
    with open_own() as archive:
        name = extract.resolve(archive, args.entry)
        if args.output == "-":
            extract.to_stream(archive, name, sys.stdout.buffer)
            return 0
        path = Path(args.output) if args.output else extract.default_path(archive, name)
        extract.to_file(archive, name, path)
        console.say(f"{name} → {path} ({archive.entry(name).decoded.size:,} bytes, SHA-256 checked)")
    return 0


def run_licenses(args: argparse.Namespace, console: Console) -> int:
    """Print every licence entry under its name."""
    with open_own() as archive:
        model = archive.manifest.model
        console.out(f"Model: {model.name}, licence {model.license or 'not stated by its file'}\n")
        for entry in archive.manifest.entries:
            if entry.role is Role.LICENSE:
                title = Path(entry.name).stem
                console.out(f"{title}\n{'=' * len(title)}\n")
                console.out(archive.read(entry.name).decode("utf-8", "replace"))
    return 0

"""`pannier inspect`, `verify` and `extract`: look into a dist or kit of any target, on any system."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from bundler import bom
from bundler.console import Console
from bundler.errors import DamagedError, UsageError
from bundler.trust.keys import PublicKey, load_public
from bundler.trust.signing import Verdict, judge
from runtime.container import extract
from runtime.container.archive import DIST, KIT, Archive, Kind, open_archive
from runtime.container.beside import files_of, verify_beside
from runtime.container.source import Source
from runtime.container.verify import verify
from runtime.manifest import DistManifest, encode
from runtime.oldest import oldest_system


def add_parser(verbs: Any) -> None:
    """Declare the three verbs."""
    parser = verbs.add_parser("inspect", help="say what is inside a dist or kit")
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--sbom", action="store_true", help="print its bill of materials (CycloneDX JSON)")
    parser.add_argument("--json", action="store_true", help="print the whole manifest as JSON")
    parser.set_defaults(run=run_inspect)
    parser = verbs.add_parser("verify", help="account for every byte of a dist or kit")
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--key", type=Path, metavar="PUB", help="also check that this public key's owner signed it")
    parser.add_argument("--signature", type=Path, metavar="FILE", help="a detached signature instead of the one inside")
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.set_defaults(run=run_verify)
    parser = verbs.add_parser("extract", help="take one entry out of a dist or kit")
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("entry", metavar="ENTRY|model")
    parser.add_argument("-o", "--output", metavar="PATH", help="where to; - for standard output")
    parser.set_defaults(run=run_extract, json=False)


def run_inspect(args: argparse.Namespace, console: Console) -> int:
    """Print what the manifest says."""
    with _opened(args.file) as archive:
        if args.sbom:
            console.out(archive.read(extract.resolve(archive, bom.ENTRY)).decode().rstrip())
            return 0
        manifest = json.loads(encode(archive.manifest))
        rows = [
            (entry.name, f"{archive.data_range(entry.name)[0]:,}", f"{entry.size:,}", entry.sha256[:16])
            for entry in archive.manifest.entries
        ]
        lines = [*_headline(archive), "", *_table([("entry", "offset", "size", "sha256"), *rows])]
    console.result({"manifest_sha256": archive.manifest_sha256, "manifest": manifest}, "\n".join(lines))
    return 0


def run_verify(args: argparse.Namespace, console: Console) -> int:
    """Check every byte, and the signature if a key is given; exit code 3 if anything is not as it should be."""
    if args.signature and not args.key:
        raise UsageError("A signature cannot be checked without a key.", "Add --key PUB.")
    key = load_public(args.key) if args.key else None
    with (
        _source(args.file) as source,
        console.progress(f"Checking {args.file.name}", source.size, in_bytes=True) as advance,
    ):
        kind = _kind(source)
        report = verify_beside(verify(source, kind, advance), args.file.parent, advance)
        signed = _judged(source, kind, key, args.signature) if key else None
    lines = [f"damaged: {damage}" for damage in report.damages]
    lines = lines or [
        f"sound: all {report.file_size:,} bytes are accounted for (manifest sha256 {report.manifest_sha256})",
        *(f"sound: {file.file}, {file.size:,} bytes" for file in files_of(report)),
    ]
    if signed:
        lines.append(f"{'signed' if signed.good else 'NOT SIGNED by this key'}: {signed.words}")
    console.result(
        {
            "sound": report.sound,
            "signed": signed.good if signed else None,
            "size": report.file_size,
            "manifest_sha256": report.manifest_sha256,
            "damages": [
                {"region": d.region, "offset": d.offset, "size": d.size, "problem": d.problem} for d in report.damages
            ],
        },
        "\n".join(lines),
    )
    return 0 if report.sound and (signed is None or signed.good) else DamagedError.exit_code


def _judged(source: Source, kind: Kind[Any], key: PublicKey, detached: Path | None) -> Verdict:
    try:
        return judge(open_archive(source, kind), key, detached)
    except DamagedError as error:
        return Verdict(False, f"it is too damaged to tell: {error.message}")


def run_extract(args: argparse.Namespace, console: Console) -> int:
    """Write one entry to a file or to stdout."""
    with _opened(args.file) as archive:
        name = extract.resolve(archive, args.entry)
        if args.output == "-":
            extract.to_stream(archive, name, sys.stdout.buffer)
            return 0
        path = Path(args.output) if args.output else extract.default_path(archive, name)
        extract.to_file(archive, name, path)
        console.say(f"{name} → {path} ({archive.entry(name).decoded.size:,} bytes, SHA-256 checked)")
    return 0


def _source(path: Path) -> Source:
    try:
        return Source.open(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be opened ({error.strerror}).", "Check the path.") from None


def _kind(source: Source) -> Kind[Any]:
    """Dist or kit: by the archive comment, or, where the end is damaged, by a kit's lack of a stub."""
    comment = source.read_at(max(0, source.size - 200), 200)
    return KIT if KIT.format_name.encode() in comment or source.read_at(0, 2) == b"PK" else DIST


def _opened(path: Path) -> Archive[Any]:
    source = _source(path)
    return open_archive(source, _kind(source))


def _headline(archive: Archive[Any]) -> list[str]:
    manifest = archive.manifest
    lines = []
    if isinstance(manifest, DistManifest):
        model = manifest.model
        beside = ", ".join(file.file for file in model.beside)
        where = f"beside it, in {beside}" if beside else "inside"
        lines.append(f"dist      {manifest.name} {manifest.version} for {manifest.target}")
        lines.append(
            f"model     {model.name}: {model.architecture}, {model.parameters:,} parameters, mostly {model.file_type}, "
            f"licence {model.license or 'not stated'}; {where}"
        )
    else:
        lines.append(f"kit       for {manifest.target}")
    engine = manifest.engine
    lines.append(f"engine    llama.cpp {engine.commit} ({engine.source}): {', '.join(engine.backends)}")
    lines.append(f"runtime   Pannier {manifest.runtime.version}, Python {manifest.runtime.python}")
    if oldest := oldest_system(manifest.target, engine, manifest.runtime):
        lines.append(f"starts on {oldest}")
    lines.append(f"manifest  sha256 {archive.manifest_sha256}{', signed' if archive.signature else ''}")
    if isinstance(manifest, DistManifest):
        for renewal in manifest.history:
            unread = "" if renewal.model_checked else " (model not read)"
            lines.append(f"renewed   {', '.join(renewal.changed)}{unread}; before: sha256 {renewal.manifest_sha256}")
    return lines


def _table(rows: list[tuple[str, str, str, str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(4)]
    return [f"{a:<{widths[0]}}  {b:>{widths[1]}}  {c:>{widths[2]}}  {d}" for a, b, c, d in rows]

"""`pannier kit build|list|import|export`: make, keep and pass on kits."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bundler import targets
from bundler.console import Console
from bundler.errors import KitError, UsageError
from bundler.kit import build, store, vouching
from bundler.trust.keys import load_private, load_public


def add_parser(verbs: Any) -> None:
    """Declare the verb and its own verbs."""
    kit = verbs.add_parser("kit", help="build, list, import and export kits", description=__doc__)
    inner = kit.add_subparsers(metavar="build|list|import|export", required=True)
    building = inner.add_parser("build", help="build a kit")
    anywhere = ", ".join(target.name for target in targets.TARGETS.values() if target.anywhere)
    building.add_argument("--target", metavar="T", help=f"this machine's own if not named; on any Linux: {anywhere}")
    building.add_argument("--backend", action="append", metavar="B", help="backend to build, beside cpu")
    building.add_argument(
        "--sources", action="store_true", help="also pack all it can be rebuilt from (archive.sources)"
    )
    building.set_defaults(run=run_build)
    listing = inner.add_parser("list", help="list the stored kits")
    listing.set_defaults(run=run_list)
    taking = inner.add_parser("import", help="check a kit file and store it")
    taking.add_argument("file", type=Path, metavar="FILE")
    taking.add_argument("--sha256", metavar="HASH", default="", help="the file's SHA-256, as its publisher states it")
    taking.add_argument("--key", type=Path, metavar="PUB", help="refuse the kit unless this key signed it")
    taking.add_argument("--signature", type=Path, metavar="FILE", help="its signature, if it is not FILE.sig")
    taking.set_defaults(run=run_import)
    giving = inner.add_parser("export", help="copy a stored kit to a file")
    giving.add_argument("kit", metavar="TARGET|ID")
    giving.add_argument("file", type=Path, metavar="FILE")
    giving.add_argument("--sign", type=Path, metavar="KEY", help="write its signature beside it, as FILE.sig")
    giving.set_defaults(run=run_export)
    for parser in (building, listing, taking, giving):
        parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run_build(args: argparse.Namespace, console: Console) -> int:
    """Build, or find that nothing has changed since the last time."""
    target = targets.find(args.target) if args.target else targets.host()
    kit = build.build(target, ["cpu", *(args.backend or [])], console, sources=args.sources)
    return _told(kit, console)


def run_list(args: argparse.Namespace, console: Console) -> int:
    """One line per kit."""
    kits = store.stored()
    lines = [
        f"{k.id[:12]}  {k.manifest.target:<15}  {', '.join(k.manifest.engine.backends):<14}  "
        f"{k.path.stat().st_size:>12,}  {k.manifest.engine.source}  {k.starts_on}"
        for k in kits
    ]
    console.result({"kits": [k.summary for k in kits]}, "\n".join(lines) or "No kits yet; make one: pannier kit build")
    return 0


def run_import(args: argparse.Namespace, console: Console) -> int:
    """Check every byte, and who vouches for it if a hash or key is given; then store."""
    if args.signature and not args.key:
        raise UsageError("A signature cannot be checked without a key.", "Add --key PUB.")
    if args.sha256:
        vouching.check_hash(args.file, args.sha256)
    if args.key:
        vouching.check_signature(args.file, load_public(args.key), args.signature)
    return _told(store.add(args.file), console)


def run_export(args: argparse.Namespace, console: Console) -> int:
    """Copy the newest kit that fits."""
    for kit in store.stored():
        if kit.manifest.target == args.kit or (len(args.kit) >= 6 and kit.id.startswith(args.kit)):
            key = load_private(args.sign) if args.sign else None
            store.export(kit, args.file)
            signature = vouching.sign(args.file, key) if key else None
            told = {**kit.summary, "path": str(args.file), "signature": str(signature) if signature else None}
            console.result(told, "\n".join(str(path) for path in (args.file, signature) if path))
            return 0
    raise KitError(f"No stored kit is for {args.kit!r} or has that id.", "See them with: pannier kit list")


def _told(kit: store.StoredKit, console: Console) -> int:
    console.result(kit.summary, f"{kit.path}  ({kit.manifest.target}, id {kit.id[:12]})")
    return 0

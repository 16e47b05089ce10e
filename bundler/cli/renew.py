"""`pannier repack` and `diff`: renew what stands around a model, and see what changed."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bundler.console import Console
from bundler.errors import UsageError
from bundler.kit.build import kit_for
from bundler.renew import changes as spec_changes
from bundler.renew.diff import diff
from bundler.renew.repack import repack
from bundler.trust.keys import load_private
from bundler.trust.signing import write_detached
from runtime.container.archive import Archive, open_dist
from runtime.manifest import DistManifest

UNCHECKED = "The model was copied unread, on the manifest's word; the new manifest says so. `verify` checks it."


def add_parser(verbs: Any) -> None:
    """Declare the verbs."""
    parser = verbs.add_parser("repack", help="renew engine, runtime or spec around the same model", description=__doc__)
    parser.add_argument("dist", type=Path, metavar="DIST")
    parser.add_argument(
        "--engine", choices=["new", "same"], help="new (the default without --spec): from a kit; same: what is inside"
    )
    parser.add_argument("--kit", type=Path, metavar="FILE", help="take engine and runtime from this kit")
    parser.add_argument("--spec", type=Path, metavar="FILE", help="TOML with the keys of the dist-spec that change")
    parser.add_argument("--trust-manifest", action="store_true", help="do not read the model; noted inside")
    parser.add_argument("--sign", type=Path, metavar="KEY", help="sign the result with this private key")
    parser.add_argument("--output", type=Path, default=Path("dist"), metavar="DIR", help="folder for the result (dist)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(run=run_repack)
    parser = verbs.add_parser("diff", help="say what differs between two dists")
    parser.add_argument("a", type=Path, metavar="A")
    parser.add_argument("b", type=Path, metavar="B")
    parser.add_argument("--json", action="store_true", help="print the differences as JSON")
    parser.set_defaults(run=run_diff)


def run_repack(args: argparse.Namespace, console: Console) -> int:
    """Renew one dist."""
    if args.kit and args.engine == "same":
        raise UsageError("--kit brings another engine; --engine same keeps the one inside.", "Leave one of them out.")
    private = load_private(args.sign) if args.sign else None
    with _opened(args.dist) as dist:
        manifest = dist.manifest
        changes = spec_changes.load(args.spec, manifest) if args.spec else spec_changes.none(manifest)
        renew_engine = args.kit or args.engine == "new" or (args.engine is None and not args.spec)
        kit = None
        if renew_engine:
            backends, sources = changes.spec.engine.backends, changes.spec.archive.sources
            kit = kit_for(args.kit, manifest.target, backends, console, sources=sources)
        with console.progress(f"Repacking {args.dist.name}", dist.source.size, in_bytes=True) as advance:
            written = repack(
                dist,
                changes,
                args.output,
                kit=kit,
                trust_manifest=args.trust_manifest,
                sign=private.sign if private else None,
                advance=advance,
            )
        differences = diff(manifest, written.manifest)
    signature = write_detached(written.path, written.signature) if written.signature else None
    if args.trust_manifest:
        console.warn(UNCHECKED)
    console.result(
        {
            "path": str(written.path),
            "size": written.size,
            "manifest_sha256": written.manifest_sha256,
            "signature": str(signature) if signature else None,
            "changed": list(written.manifest.history[-1].changed),
            "model_checked": not args.trust_manifest,
        },
        "\n".join([f"{written.path}  ({written.size:,} bytes)", *(f"  {d}" for d in differences)]),
    )
    return 0


def run_diff(args: argparse.Namespace, console: Console) -> int:
    """Tell; two equal dists are no failure, and neither are two different ones."""
    with _opened(args.a) as a, _opened(args.b) as b:
        differences = diff(a.manifest, b.manifest)
        same = a.manifest_sha256 == b.manifest_sha256
    console.result(
        {"equal": same, "differences": [{"what": d.what, "before": d.before, "after": d.after} for d in differences]},
        "\n".join(map(str, differences)) or "No difference: the same manifest, so the same bytes.",
    )
    return 0


def _opened(path: Path) -> Archive[DistManifest]:
    try:
        return open_dist(path)
    except OSError as error:
        raise UsageError(f"{path} cannot be opened ({error.strerror}).", "Check the path.") from None

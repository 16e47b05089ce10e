"""`pannier build`: a dist-spec goes in, one file per target comes out."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bundler import recipient, targets
from bundler.compose import windows
from bundler.compose.compose import Composed, compose
from bundler.console import Console
from bundler.engine.build import build_engine
from bundler.errors import KitError, PannierError, ToolError
from bundler.kit.build import kit_for
from bundler.machines import Usual, lines, usual_machines
from bundler.model.obtain import Obtained, obtain
from bundler.sizes import parse_size
from bundler.spec import DistSpec, load
from bundler.trust.keys import load_private
from bundler.trust.signing import detached_path, write_detached
from runtime.backends.fit.choose import Wishes
from runtime.container.archive import Archive
from runtime.engine.foresight import why_blind
from runtime.launch.options import wished_context
from runtime.manifest import DistManifest, KitManifest

EVERY = "all"
"""What `--target` calls every target there is a kit for."""


def add_parser(verbs: Any) -> None:
    """Declare the verb."""
    parser = verbs.add_parser("build", help="pack a model into one executable", description=__doc__)
    parser.add_argument("spec", type=Path, metavar="SPEC", help="dist-spec (TOML)")
    parser.add_argument("--model", metavar="REF", help="another model: demo, a path, hf:…, https://…, ollama:…")
    parser.add_argument(
        "--accept-license",
        action="append",
        default=[],
        metavar="NAME",
        help="you have read this licence and may hand the model on under it; repeatable",
    )
    parser.add_argument("--target", action="append", metavar="T", help=f"one of {', '.join(targets.TARGETS)}, or all")
    parser.add_argument("--backend", action="append", metavar="B", help="backend to pack, beside cpu")
    parser.add_argument("--kit", type=Path, metavar="FILE", help="use this kit instead of a stored one")
    parser.add_argument("--split", metavar="SIZE", help="no file larger than this: fat32, 4GB, …")
    parser.add_argument("--sidecar", action="store_true", help="put the model into a file beside the program")
    parser.add_argument("--sign", type=Path, metavar="KEY", help="sign the result with this private key")
    parser.add_argument("--output", type=Path, default=Path("dist"), metavar="DIR", help="folder for the result (dist)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Build for every target, stopping at the first that fails; `--target all` passes over those without a kit."""
    spec = with_flags(load(args.spec), args)
    base = Path() if args.model else args.spec.parent
    obtained = obtain(
        spec,
        base=base,
        spec_folder=args.spec.parent,
        accepted=args.accept_license,
        engine_dir=lambda: build_engine(targets.host(), ["cpu"], None, console).path,
        console=console,
    )
    sign = load_private(args.sign).sign if args.sign else None
    icon = windows.read_icon(args.spec.parent / spec.dist.icon) if spec.dist.icon else b""
    results: list[Composed] = []
    lacking: dict[str, PannierError] = {}
    for name in spec.dist.targets or [targets.host().name]:
        try:
            opened = kit_for(args.kit, name, spec.engine.backends, console, sources=spec.archive.sources)
        except (KitError, ToolError) as error:
            if EVERY not in (args.target or []):
                raise
            lacking[name] = error
            continue
        with opened as kit:
            done = build_one(kit, obtained, spec, args.output, console, sign, icon)
        for note in done.notes:
            console.warn(note)
        results.append(done)
    if not results:
        raise next(iter(lacking.values()))
    usual = _usual_machines(results[0].written.manifest)
    console.result(
        {
            "dists": [_described(done) for done in results],
            "lacking": [
                {"target": name, "problem": str(error), "remedy": error.remedy} for name, error in lacking.items()
            ],
            "machines": [{"name": one.name, "runs": one.fit.fits, "verdict": one.verdict} for one in usual],
        },
        "\n".join([*_table(results, lacking), *_told(results, usual)]),
    )
    return 0


def _table(results: Sequence[Composed], lacking: Mapping[str, PannierError]) -> list[str]:
    """One line for each file, and for each target there is none for; named by target if there are several."""
    lines = {done.written.manifest.target: f"{done.written.path}  ({done.written.size:,} bytes)" for done in results}
    lines |= {name: f"not built: {error} {error.remedy}" for name, error in lacking.items()}
    if len(lines) == 1:
        return list(lines.values())
    return [f"{name:<15} {lines[name]}" for name in targets.TARGETS if name in lines]


def build_one(
    kit: Archive[KitManifest],
    obtained: Obtained,
    spec: DistSpec,
    output: Path,
    console: Console,
    sign: Callable[[bytes], bytes] | None = None,
    icon: bytes = b"",
) -> Composed:
    """Compose one dist, with a progress bar, and the text for its recipient beside it.

    sign: the dist is signed, also detached, if it is given. icon: for Windows.
    """
    total = obtained.size + sum(entry.size for entry in kit.manifest.entries)
    with console.progress(f"Packing {spec.dist.name} for {kit.manifest.target}", total, in_bytes=True) as advance:
        done = compose(
            kit,
            obtained.model,
            spec,
            output,
            parts=obtained.parts,
            license_text=obtained.license_text,
            icon=icon,
            sign=sign,
            advance=advance,
        )
    if done.written.signature:
        write_detached(done.written.path, done.written.signature)
    written = done.written
    recipient.write_text(written.manifest, written.manifest_sha256, written.path, signed=bool(written.signature))
    return done


def _usual_machines(manifest: DistManifest) -> list[Usual]:
    """What becomes of the model on usual computers."""
    shape, serve = manifest.model.shape, manifest.spec["serve"]
    if shape is None:
        return []
    wishes = Wishes(wished_context(manifest), serve["parallel"], serve["ctx_size"] > 0)
    if manifest.draft:
        wishes = replace(wishes, draft=manifest.draft.shape)
    elif shape.layers_ahead:
        wishes = replace(wishes, foresight=not why_blind(manifest.model.architecture, shape.layers_ahead))
    return usual_machines(shape, wishes, manifest.engine.backends)


def _line(done: Composed) -> str:
    return f"{done.written.path}  ({done.written.size:,} bytes)"


def _told(results: list[Composed], usual: list[Usual]) -> list[str]:
    shape = results[0].written.manifest.model.shape
    return lines(shape, usual) if shape else []


def with_flags(spec: DistSpec, args: argparse.Namespace) -> DistSpec:
    """The spec with the command line's wishes put in."""
    changes: dict[str, Any] = spec.model_dump()
    if args.model:
        changes["model"]["source"] = args.model
        changes["model"]["sha256"] = ""  # the spec's hash was for the spec's model
    if args.target:
        named = targets.TARGETS if EVERY in args.target else args.target
        changes["dist"]["targets"] = [targets.find(name).name for name in dict.fromkeys(named)]
    if args.backend:
        changes["engine"]["backends"] = list(dict.fromkeys(["cpu", *args.backend]))
    if args.split:
        parse_size(args.split)
        changes["media"]["split"] = args.split
    changes["media"]["sidecar"] |= args.sidecar
    return DistSpec.model_validate(changes)


def _described(done: Composed) -> dict[str, Any]:
    manifest = done.written.manifest
    return {
        "path": str(done.written.path),
        "size": done.written.size,
        "target": manifest.target,
        "manifest_sha256": done.written.manifest_sha256,
        "model": manifest.model.name,
        "signature": str(detached_path(done.written.path)) if done.written.signature else None,
        "beside": [str(path) for path in done.beside],
        "readme": str(recipient.path_for(done.written.path, manifest.target)),
        "notes": list(done.notes),
    }

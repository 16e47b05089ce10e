"""`info`: what this file is, and what it would run on here."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from typing import Any

from runtime.console import Console
from runtime.container.archive import Archive
from runtime.engine.foresight import why_blind
from runtime.errors import PannierError
from runtime.launch import session
from runtime.launch.opening import open_own
from runtime.launch.options import LaunchOptions, add_engine_flags
from runtime.manifest import DistManifest, ModelInfo, encode
from runtime.oldest import oldest_system


def add_parser(verbs: Any) -> None:
    """Declare the verb."""
    parser = verbs.add_parser("info", help="say what is inside, and what it runs on here")
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.add_argument("--reprobe", action="store_true", help="try the backends again instead of remembering")
    add_engine_flags(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Tell; where no backend works that is part of what is told, and decides the exit code."""
    with open_own() as archive:
        options = LaunchOptions.of(archive.manifest, args)
        try:
            succession, cache = session.decide(archive, options, console, reprobe=args.reprobe)
        except PannierError as error:
            console.out("\n".join(_about(archive)))
            raise error from None
        choice, fitted = succession.choice, succession.fit
        decision = {
            "backend": choice.name,
            "engine_dir": str(choice.engine_dir),
            "remembered": choice.remembered,
            "verdicts": [
                {"name": v.name, "status": str(v.status), "detail": v.detail, "technical": v.technical}
                for v in choice.verdicts
            ],
            "refused_places": [str(refusal) for refusal in cache.places.refusals],
            "repack": options.repack,
            "fit": asdict(fitted) if fitted else None,
        }
        lines = [
            *_about(archive),
            f"backend   {choice.name} ({'known from an earlier start' if choice.remembered else 'proven just now'})",
            *(f"          {line}" for line in choice.describe()),
            *([f"memory    {fitted}"] if fitted else []),
            f"weights   {'rearranged copies in memory' if options.repack else 'mapped in place, no copy in memory'}",
            f"cache     {choice.engine_dir}",
            *(f"          not used: {refusal}" for refusal in cache.places.refusals),
        ]
        manifest = json.loads(encode(archive.manifest))
        console.result(
            {"manifest_sha256": archive.manifest_sha256, "manifest": manifest, "decision": decision}, "\n".join(lines)
        )
    return 0


def _foresight(model: ModelInfo) -> list[str]:
    if not (layers := model.shape.layers_ahead if model.shape else 0):
        return []
    why = why_blind(model.architecture, layers)
    return [f"draft     none. {why}" if why else "draft     the model's own layer, which guesses ahead"]


def _about(archive: Archive[DistManifest]) -> list[str]:
    manifest = archive.manifest
    model, engine = manifest.model, manifest.engine
    description = str(manifest.spec.get("dist", {}).get("description", ""))
    where = f"in {model.sidecar.file} beside this file" if model.sidecar else "inside this file"
    return [
        f"dist      {manifest.name} {manifest.version} for {manifest.target}",
        *([f"          {description}"] if description else []),
        f"model     {model.name}: {model.architecture}, {model.parameters:,} parameters, mostly {model.file_type}",
        f"          licence {model.license or 'not stated'}, by {model.author or 'unknown'}, {where}",
        *([f"draft     {manifest.draft.source}, which guesses ahead"] if manifest.draft else _foresight(model)),
        f"engine    llama.cpp {engine.commit} with {', '.join(engine.backends)}",
        f"runtime   Pannier {manifest.runtime.version}, Python {manifest.runtime.python}",
        *([f"starts on {oldest}"] if (oldest := oldest_system(manifest.target, engine, manifest.runtime)) else []),
        f"manifest  sha256 {archive.manifest_sha256}",
    ]

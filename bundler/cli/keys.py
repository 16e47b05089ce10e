"""`pannier keygen`: a key to sign dists with."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from bundler.console import Console
from bundler.trust.keys import PASSPHRASE, generate


def add_parser(verbs: Any) -> None:
    """Declare the verb."""
    parser = verbs.add_parser(
        "keygen",
        help="make a key to sign dists with",
        description=f"Writes a private key to FILE and the public one to FILE.pub. Set {PASSPHRASE} to protect it.",
    )
    parser.add_argument("file", type=Path, metavar="FILE")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Make the key; its fingerprint is what people compare."""
    private, public_path = generate(args.file)
    fingerprint = private.public.fingerprint
    console.say(f"Keep {args.file} secret and safe; give {public_path} to those who shall check your dists.")
    console.result(
        {"private": str(args.file), "public": str(public_path), "fingerprint": fingerprint},
        f"{public_path}  fingerprint {fingerprint}",
    )
    return 0

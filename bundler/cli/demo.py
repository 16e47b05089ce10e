"""`pannier demo`: build the demonstration and start it; the shortest way from nothing to an answer."""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path
from typing import Any

from bundler import resources, targets
from bundler.cli.build import build_one
from bundler.console import Console
from bundler.errors import PannierError
from bundler.kit import build, store
from bundler.model.obtain import Obtained
from bundler.model.resolve import resolve
from bundler.spec import load

QUESTION = "Hello! Who are you?"
ANSWER_SECONDS = 120


def add_parser(verbs: Any) -> None:
    """Declare the verb."""
    parser = verbs.add_parser("demo", help="build the demonstration and start it", description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("dist"), metavar="DIR", help="folder for the result (dist)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace, console: Console) -> int:
    """Build; then chat where a person watches, else ask one question and say how to go on."""
    spec = load(resources.dist_spec("demo"))
    model = resolve(spec.model.source, Path())
    with store.opened(build.build(targets.host(), spec.engine.backends, console).path) as kit:
        done = build_one(kit, Obtained(model), spec, args.output, console)
    path = done.written.path.resolve()
    console.say(f"Built {path} ({done.written.size:,} bytes) for {targets.host().name}.")
    if sys.stdin.isatty() and sys.stdout.isatty():
        console.say("Starting it. Ctrl-C ends it.")
        return _start(path)
    console.say(f"Asking it: {QUESTION}")
    answer = _ask(path)
    console.out(answer)
    console.say(f"Start it with: {path}")
    return 0


def _start(path: Path) -> int:
    """Run the dist until it ends. Ctrl-C reaches it directly, so it is not ours to act on."""
    with subprocess.Popen([path]) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue


def _ask(path: Path) -> str:
    try:
        done = subprocess.run(
            [path, "run", QUESTION, "--temperature", "0"],
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=ANSWER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise PannierError(f"{path} gave no answer in {ANSWER_SECONDS} s.", "Start it by hand to see why.") from None
    if done.returncode:
        raise PannierError(f"{path} failed (exit code {done.returncode}): {done.stderr.strip()}")
    return done.stdout.strip()

"""Are two builds that share nothing but their inputs the same, byte for byte?

usage: python -m bench.reproducible_engine [--backend B]... [--folder DIR] [--against CACHE]

Builds engine, frozen runtime and kit twice, each from an empty cache, in directories of different depth, under another
umask, time zone and user flags, and compares every file. Takes two full compilations; with --against, an existing
cache stands for the first. Prints one JSON line; exit code 1 if anything differs.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bundler import cache
from bundler.publish import file_sha256
from runtime.container.archive import open_kit

SURROUNDINGS: tuple[dict[str, Any], ...] = (
    {"folder": "a", "umask": 0o022, "env": {"TZ": "UTC"}},
    {"folder": "b/much deeper/down", "umask": 0o077, "env": {"TZ": "Pacific/Auckland", "CXXFLAGS": "-g -O1"}},
)


def main() -> int:
    """Build, compare, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backend", action="append", default=[])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--against", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        builds = []
        for number, around in enumerate(SURROUNDINGS):
            root = args.against if args.against and number == 0 else Path(name) / around["folder"]
            builds.append(hashes(root, args.backend, around["umask"], around["env"]))
    first, second = builds
    differing = sorted(file for file in first.keys() | second.keys() if first.get(file) != second.get(file))
    sys.stdout.write(json.dumps({"files": len(first), "differing": differing, "kit": first["kit"]}) + "\n")
    return 1 if differing else 0


def hashes(root: Path, backends: list[str], umask: int, extra: dict[str, str]) -> dict[str, str]:
    """Build a kit in the cache `root`; SHA-256 of every entry (libraries, stub, PKG, licences) and of the kit."""
    flags = [word for backend in backends for word in ("--backend", backend)]
    command = [sys.executable, "-m", "bundler", "kit", "build", *flags, "--json"]
    environment = os.environ | extra | {cache.VARIABLE: str(root)}
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment, umask=umask)
    path = Path(json.loads(done.stdout)["path"])
    with open_kit(path) as kit:
        return {entry.name: entry.sha256 for entry in kit.manifest.entries} | {"kit": file_sha256(path)}


if __name__ == "__main__":
    sys.exit(main())

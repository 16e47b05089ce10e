"""How long renewing a large dist takes, against `cp` of it, with and without one SHA-256 read by Python's hashlib.

usage: python -m bench.repack [--gib 5] [--rounds 5] [--folder DIR]

All alternate; medians and ratios are printed. Checked, the bar is 1.1 of `cp` plus the read; with `--trust-manifest`
it is 1.1 of `cp`. A renewed dist is on the disk when the command ends. A copy is there only after `sync`, which is
therefore part of the bar; the ratios to `cp` alone are told beside it. Where a disk decides, a run says as much about
the disk as about either; `--folder` on a file system in memory compares the work alone, and there the bar is plain
`cp`. On a file system that shares blocks (Btrfs, XFS; `shares` says whether this is one) both take no room and the
unchecked one no time to speak of; `cp` shares there too, so its ratio means nothing.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench.compose import noise
from bundler.compose import ranges
from bundler.compose.compose import compose
from bundler.model.local import open_model
from bundler.renew import changes
from bundler.renew.repack import repack
from runtime.container.archive import open_dist
from tests import handmade


def main() -> None:
    """Measure and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gib", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        folder = Path(name)
        source = noise(folder / "noise.gguf", int(args.gib * (1 << 30)))
        model = open_model(source, "noise.gguf", {})
        old = compose(handmade.kit(folder), model, handmade.spec(), folder / "old").written.path
        source.unlink()
        kit = handmade.kit(folder / "new", commit="fffffffff")
        copy, out = folder / "copy", folder / "out"

        def renew(*, trust: bool) -> None:
            with open_dist(old) as dist:
                repack(dist, changes.none(dist.manifest), out, kit=kit, trust_manifest=trust)

        def cp() -> None:
            subprocess.run(["cp", old, copy], check=True)

        def cp_and_sync() -> None:
            cp()
            subprocess.run(["sync", copy], check=True)

        def read() -> None:
            with copy.open("rb") as file:
                hashlib.file_digest(file, "sha256")

        taken: dict[str, list[float]] = {"checked": [], "trusted": [], "cp": [], "cp_sync": [], "sha256": []}
        for _ in range(args.rounds):
            timed(taken["checked"], lambda: renew(trust=False))
            shutil.rmtree(out)
            timed(taken["cp"], cp)
            timed(taken["sha256"], read)
            copy.unlink()
            timed(taken["trusted"], lambda: renew(trust=True))
            shutil.rmtree(out)
            timed(taken["cp_sync"], cp_and_sync)
            copy.unlink()
        with old.open("rb") as file:
            shares = ranges.can_share(file.fileno(), folder)
    middle = {name: statistics.median(times) for name, times in taken.items()}
    result = {
        "gib": args.gib,
        "shares": shares,
        **{f"{name}_s": [round(t, 2) for t in times] for name, times in taken.items()},
        "checked_ratio": round(middle["checked"] / (middle["cp_sync"] + middle["sha256"]), 3),
        "trusted_ratio": round(middle["trusted"] / middle["cp_sync"], 3),
        "checked_ratio_unflushed_cp": round(middle["checked"] / (middle["cp"] + middle["sha256"]), 3),
        "trusted_ratio_unflushed_cp": round(middle["trusted"] / middle["cp"], 3),
    }
    print(json.dumps(result))


def timed(into: list[float], act: Callable[[], None]) -> None:
    """Add how long `act` takes, in seconds. Nothing that another left is still to be written when it begins."""
    os.sync()
    started = time.perf_counter()
    act()
    into.append(time.perf_counter() - started)


if __name__ == "__main__":
    main()

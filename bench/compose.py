"""How long packing a large model takes, against `cp` followed by coreutils' `sha256sum` on the same file.

usage: python -m bench.compose [--gib 5] [--rounds 3] [--folder DIR]

Both sides alternate; medians and their ratio are printed. The model is noise; the kit is hand-made (a real one adds
some 20 MB). The bar is a ratio of at most 0.6.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from bundler.compose.compose import compose
from bundler.model.local import open_model
from tests import handmade


def main() -> None:
    """Measure and print one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gib", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=args.folder) as name:
        folder = Path(name)
        model = open_model(noise(folder / "noise.gguf", int(args.gib * (1 << 30))), "noise.gguf", {})
        kit = handmade.kit(folder)
        ours, peers = [], []
        for _ in range(args.rounds):
            started = time.perf_counter()
            done = compose(kit, model, handmade.spec(), folder / "out")
            ours.append(time.perf_counter() - started)
            done.written.path.unlink()
            started = time.perf_counter()
            subprocess.run(["cp", model.path, folder / "copy"], check=True)
            subprocess.run(["sha256sum", folder / "copy"], check=True, stdout=subprocess.DEVNULL)
            peers.append(time.perf_counter() - started)
            (folder / "copy").unlink()
    result = {
        "gib": args.gib,
        "compose_s": [round(t, 2) for t in ours],
        "cp_sha256sum_s": [round(t, 2) for t in peers],
        "ratio": round(statistics.median(ours) / statistics.median(peers), 3),
    }
    print(json.dumps(result))


def noise(path: Path, size: int) -> Path:
    """A sound small GGUF followed by noise up to `size` bytes."""
    handmade.gguf(path)
    with path.open("ab") as file:
        while file.tell() < size:
            file.write(os.urandom(min(16 << 20, size - file.tell())))
    return path


if __name__ == "__main__":
    main()

"""Compose and repack on the file system at argv[1]; prints how much room each took, and whether the results are sound.

A program of its own, because the mount it looks at is seen by nobody outside its namespace.
"""

from __future__ import annotations

import json
import os
import sys
from itertools import pairwise
from pathlib import Path

from bench.compose import noise
from bundler.compose.compose import compose
from bundler.model.local import open_model
from bundler.renew import changes
from bundler.renew.repack import repack
from runtime.container.archive import DIST, open_dist
from runtime.container.source import Source
from runtime.container.verify import verify
from tests import handmade

SIZE = 80 << 20


def main() -> None:
    folder = Path(sys.argv[1])
    model = open_model(noise(folder / "noise.gguf", SIZE), "noise.gguf", {})
    kit = handmade.kit(folder / "new", commit="fffffffff")
    free = [room(folder)]
    old = compose(handmade.kit(folder), model, handmade.spec(), folder / "old").written.path
    free.append(room(folder))
    sound = []
    for trust in (False, True):
        with open_dist(old) as dist:
            none = changes.none(dist.manifest)
            new = repack(dist, none, folder / f"new-{trust}", kit=kit, trust_manifest=trust).path
        free.append(room(folder))
        with Source.open(new) as source:
            sound.append(verify(source, DIST).sound)
    print(json.dumps({"taken": [a - b for a, b in pairwise(free)], "sound": sound}))  # noqa: T201


def room(folder: Path) -> int:
    os.sync()
    stat = os.statvfs(folder)
    return stat.f_bavail * stat.f_frsize


if __name__ == "__main__":
    main()

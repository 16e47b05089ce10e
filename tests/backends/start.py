"""A start in a process of its own: `python -m tests.backends.start ENGINE_DIR VARIANT…` prints the choice as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from runtime.backends.choose import choose
from runtime.backends.ggml import Ggml
from runtime.backends.prober import Prober
from runtime.container.unpack import EngineCache
from runtime.errors import PannierError
from runtime.launch.places import places
from tests.backends.engines import probe_command, real_container


def main() -> int:
    found = places()
    container = real_container(Path(sys.argv[1]), *sys.argv[2:])
    try:
        choice = choose(container, EngineCache(found), prober=Prober(probe_command()))
    except PannierError as error:
        sys.stdout.write(json.dumps({"error": str(error), "code": error.exit_code}))
        return error.exit_code
    loaded = Ggml(choice.engine_dir).load(choice.path)
    sys.stdout.write(
        json.dumps(
            {
                "name": choice.name,
                "engine_dir": str(choice.engine_dir),
                "remembered": choice.remembered,
                "loaded": loaded is not None,
                "refusals": [str(refusal) for refusal in found.refusals],
                "unpacked": container.reads,
                "describe": choice.describe(),
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""Proving a backend in a child process, which may crash, hang or compute nonsense in our stead.

This is the child, started as `--probe PARENT`; `runtime.backends.prober` is the parent. It gets one JSON line for each
library to try, and answers with lines of what it is doing and one with the verdict.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from runtime.backends.verdicts import Status
from runtime.launch.osdep import system

OPTION = "--probe"


def child_main(arguments: Sequence[str]) -> int:
    """The child. arguments: the parent's process id. Answers on what was its stdout until stdin ends.

    Stdout is moved out of the way first: what C code prints must not end up between the answers.
    """
    system.die_with_parent(int(arguments[0]))
    system.no_crash_reports()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which ends us
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def say(**answer: object) -> None:
        answers.write(json.dumps(answer) + "\n")
        answers.flush()

    for line in sys.stdin:
        request = json.loads(line)
        say(**_try(request, say))
    return 0


def _try(request: dict[str, Any], say: Any) -> dict[str, object]:
    """Prove one device; the answer tells its verdict, what it says of itself, and how fast it is if that was asked."""
    from runtime.backends.ggml import TYPES, Ggml
    from runtime.backends.proof import Sums, WrongNumbers
    from runtime.backends.speed import Measuring

    engine_dir, library, kinds = Path(request["engine"]), Path(request["library"]), request["kinds"]

    say(doing="loading")
    try:
        ggml = Ggml(engine_dir)
        if ggml.score(library) == 0:
            return {"status": Status.UNSUPPORTED, "technical": "ggml_backend_score is 0"}
        registry = ggml.load(library)
    except OSError as error:
        # A frozen program's loader puts a sentence of its own in place of the system's.
        return {"status": Status.MISSING, "technical": str(error.__cause__ or error)}
    if registry is None:
        return {"status": Status.MISSING, "technical": "ggml_backend_load returned NULL"}
    devices = ggml.devices(registry)
    if len(devices) <= request["device"]:
        return {"status": Status.UNSUPPORTED, "technical": "no device"}
    device = devices[request["device"]]
    about = {**ggml.about(device), "devices": len(devices)}
    say(about=about)
    try:
        Sums(ggml, registry, device, lambda doing: say(doing=doing)).all(kinds)
        if request["measure"]:
            say(doing="measuring its speed")
            measured = Measuring(ggml, registry, device, request["threads"]).rates(TYPES[request["measure"]])
            return {"status": Status.OK, "rates": asdict(measured)}
    except WrongNumbers as error:
        return {"status": Status.WRONG, "technical": str(error)}
    except MemoryError as error:
        return {"status": Status.NO_MEMORY, "technical": str(error)}
    except ArithmeticError as error:
        return {"status": Status.CRASHED, "technical": str(error)}
    return {"status": Status.OK}


if __name__ == "__main__":
    sys.exit(child_main([argument for argument in sys.argv[1:] if argument != OPTION]))

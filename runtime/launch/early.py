"""What a dist begins before it has read its command line: the worker's Python gets ready beside our own.

Only where the launcher has handed us the dist's descriptor, since the worker has to inherit it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

from runtime.engine.spare import Spare
from runtime.launch.osdep import system

WORKER_OPTION = "--worker"

FD_VARIABLE = "PANNIER_DIST_FD"
"""The launcher's word for which descriptor is the dist (runtime/launcher/main.c)."""

_LOADING = ("serve", "run", "chat")  # the verbs that need a worker

_spare: Spare | None = None


def start_spare(arguments: Sequence[str]) -> None:
    """Start a worker in advance if these arguments of the command line will want one."""
    global _spare
    fd = os.environ.get(FD_VARIABLE, "")
    if not (getattr(sys, "frozen", False) and fd.isdigit() and wants_worker(arguments)):
        return
    command = system.worker_command(int(fd))
    with suppress(OSError):  # the same will be met again, and told, when the worker is really wanted
        _spare = Spare((*command.argv, *worker_arguments()), command.executable, command.environment, (int(fd),))


def take_spare() -> Spare | None:
    """The worker that was started in advance, to whoever asks first."""
    global _spare
    spare, _spare = _spare, None
    return spare


def wants_worker(arguments: Sequence[str]) -> bool:
    """Whether this command line will start one, as far as its first words tell."""
    if any(word in ("-h", "--help") for word in arguments):
        return False
    return not arguments or arguments[0] in _LOADING or arguments[0].startswith("-")


def worker_arguments() -> tuple[str, str]:
    """What tells this program that it is our worker."""
    return WORKER_OPTION, str(os.getpid())

"""Everything that can go wrong while building, as one tree. It continues the runtime's tree and its exit codes.

PannierError                 exit 1   (runtime.errors)
├── UsageError               exit 2   (runtime.errors)
├── DamagedError             exit 3   (runtime.errors)
├── SurroundingsError        exit 5   (runtime.errors) the result cannot be written: disk full, no permission
├── SpecError                exit 7   the dist-spec is not valid; names the key and the place
├── ModelError               exit 8   the model cannot be found, read or packed
├── ToolError                exit 9   a build tool is missing or failed; names the log
└── KitError                 exit 10  no kit for the target, or not a kit
"""

from __future__ import annotations

from runtime.errors import DamagedError, PannierError, SurroundingsError, UsageError

__all__ = [
    "DamagedError",
    "KitError",
    "ModelError",
    "PannierError",
    "SpecError",
    "SurroundingsError",
    "ToolError",
    "UsageError",
]


class SpecError(PannierError):
    """The dist-spec is not valid; the message names the key and the place."""

    exit_code = 7


class ModelError(PannierError):
    """The model cannot be found, read or packed."""

    exit_code = 8


class ToolError(PannierError):
    """A build tool is missing or failed; the message ends with its last lines, the remedy names its log."""

    exit_code = 9


class KitError(PannierError):
    """There is no kit for the target, or the file given is not one."""

    exit_code = 10

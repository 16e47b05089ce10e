"""The command line of a dist: parse, run one verb, turn errors into a sentence and an exit code."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from runtime.console import Console
from runtime.errors import INTERRUPTED, PannierError, unforeseen

EXIT_CODES = """exit codes: 0 done; 1 unforeseen; 2 command line; 3 damaged file; 4 cannot run here;
5 surroundings (port, disk, permissions); 6 engine failed; 130 interrupted"""


_VERBS = {
    "serve": "serve",
    "run": "run",
    "chat": "chat",
    "info": "info",
    "doctor": "doctor",
    "verify": "look",
    "extract": "look",
    "licenses": "look",
}
"""The module of every verb, in the order of the help."""


def parser(verb: str = "") -> argparse.ArgumentParser:
    """The whole command line, or only what belongs to one verb: a start should not import the others."""
    top = argparse.ArgumentParser(
        description="A language model in one file: starts a chat page and an API on this computer.", epilog=EXIT_CODES
    )
    verbs = top.add_subparsers(metavar="VERB", required=True)
    wanted = [_VERBS[verb]] if verb in _VERBS else dict.fromkeys(_VERBS.values())
    for name in wanted:
        importlib.import_module(f"runtime.cli.{name}").add_parser(verbs)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code. No traceback reaches the user unless PANNIER_DEBUG is set."""
    argv = list(sys.argv[1:] if argv is None else argv)
    if not argv or (argv[0].startswith("-") and argv[0] not in ("-h", "--help")):
        argv.insert(0, "serve")  # what a double click means, with flags or without
    args = parser(argv[0]).parse_args(argv)
    console = Console(json=getattr(args, "json", False))
    try:
        return int(args.run(args, console))
    except PannierError as error:
        console.fail(error)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        console.leave()
        return 1
    except Exception as error:
        if os.environ.get("PANNIER_DEBUG"):
            raise
        console.fail(unforeseen(error))
        return PannierError.exit_code


if __name__ == "__main__":
    sys.exit(main())

"""The `pannier` command: parse, run one verb, turn errors into a sentence and an exit code."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from bundler.console import Console
from bundler.errors import PannierError
from runtime.errors import INTERRUPTED, unforeseen

EXIT_CODES = """exit codes: 0 done; 1 unforeseen; 2 command line; 3 damaged file; 5 surroundings (disk, permissions);
7 dist-spec; 8 model; 9 build tool; 10 kit; 130 interrupted"""


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    # Late: each verb's module brings what it needs, and `--help` should not wait for all of it.
    from bundler import doctor
    from bundler.cli import build, demo, keys, kit, look, models, page, rebuild, renew
    from bundler.engine import cli as engine

    top = argparse.ArgumentParser(
        prog="pannier", description="Packs a language model into one self-contained executable.", epilog=EXIT_CODES
    )
    verbs = top.add_subparsers(metavar="VERB", required=True)
    for module in (demo, build, renew, rebuild, models, look, keys, engine, kit, page, doctor):
        module.add_parser(verbs)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code. No traceback reaches the user unless PANNIER_DEBUG is set."""
    args = parser().parse_args(argv)
    console = Console(json=getattr(args, "json", False))
    try:
        return int(args.run(args, console))
    except PannierError as error:
        console.fail(error)
        return error.exit_code
    except KeyboardInterrupt:
        console.say("Interrupted; nothing half-written is left under a final name.")
        return INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()  # the reader of our output left; there is nobody to tell
        return 1
    except Exception as error:
        if os.environ.get("PANNIER_DEBUG"):
            raise
        console.fail(unforeseen(error))
        return PannierError.exit_code


if __name__ == "__main__":
    sys.exit(main())

"""Where the recipe talks: standard error. A module of its own, because every training process imports it."""

import sys


def report(line: str) -> None:
    """Say one line at once."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()

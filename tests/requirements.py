"""What a test needs from the machine: skipped with the reason where it is missing, a failure where CI must have it."""

from __future__ import annotations

import os
import shutil

import pytest

CI = os.environ.get("PANNIER_CI") == "1"
"""Set by .ci/run: what is missing there was forgotten to be installed, so it must not pass for a skip."""


def missing(reason: str) -> None:
    """Skip this test because of `reason`; in CI, fail it."""
    if CI:
        pytest.fail(f"CI must bring this: {reason}")
    pytest.skip(reason)


def tool(name: str) -> str:
    """Path of a program the test runs."""
    path = shutil.which(name)
    if path is None:
        missing(f"the program {name} is not installed")
    return str(path)

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.running import Running, running


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    """One server for the tests that change nothing about it."""
    with running() as started:
        yield started

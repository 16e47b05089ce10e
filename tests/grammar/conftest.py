from __future__ import annotations

from pathlib import Path

import pytest

from tests.grammar.drawing import Drawing


@pytest.fixture(scope="session")
def llama(engine_dir: Path) -> Drawing:
    """llama.cpp as it reads grammars."""
    return Drawing(engine_dir)

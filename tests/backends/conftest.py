from __future__ import annotations

from pathlib import Path

import pytest

from runtime.launch.places import Place, Places


@pytest.fixture
def one_place(tmp_path: Path) -> Places:
    return Places((Place(tmp_path / "cache", "for the test"),))

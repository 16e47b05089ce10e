"""What tests on both sides share."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bundler.console import Console
from bundler.engine.build import build_engine
from bundler.page.build import build_page
from bundler.targets import host
from tests.requirements import missing

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def engine_dir() -> Path:
    """The real CPU engine's libraries: from the cache, compiled if it is not there (minutes, once).

    PANNIER_TEST_ENGINE names a directory to use instead.
    """
    given = os.environ.get("PANNIER_TEST_ENGINE")
    return Path(given) if given else build_engine(host(), ["cpu"], None, Console()).path


@pytest.fixture(scope="session")
def break_library(engine_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Compiles `broken.c` around the plainest real variant, with the given preprocessor definitions."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        missing("a C compiler to make broken libraries with")
        raise AssertionError  # not reached
    folder = tmp_path_factory.mktemp("broken")

    def build(*definitions: str, arguments: tuple[str, ...] = ()) -> Path:
        target = folder / f"{re.sub(r'[^A-Za-z0-9_-]', '-', '-'.join(definitions)) or 'healthy'}.so"
        if not target.exists():
            real = engine_dir / "libggml-cpu-x64.so"
            subprocess.run(
                [
                    *(compiler, "-shared", "-fPIC", "-o", str(target), str(ROOT / "tests/backends/broken.c")),
                    *(f"-D{definition}" for definition in definitions),
                    *(f'-DREAL="{real}"', f"-L{engine_dir}", "-l:libggml-base.so", *arguments),
                ],
                check=True,
            )
        return target

    return build


@pytest.fixture(scope="session")
def page_dir() -> Path:
    """The built page's files: from the cache, built if it is not there (seconds, once)."""
    return build_page(None, Console()).files

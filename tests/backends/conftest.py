from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.launch.places import Place, Places
from tests.backends.engines import CORE
from tests.requirements import missing


@pytest.fixture(scope="session")
def break_library(engine_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Compiles `broken.c` around the plainest real variant, with the given preprocessor definitions."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        missing("a C compiler to make broken libraries with")
        raise AssertionError  # not reached
    folder = tmp_path_factory.mktemp("broken")

    def build(*definitions: str, arguments: tuple[str, ...] = ()) -> Path:
        target = folder / f"{'-'.join(definitions).replace('=', '-') or 'healthy'}.so"
        if not target.exists():
            real = engine_dir / "libggml-cpu-x64.so"
            subprocess.run(
                [
                    *(compiler, "-shared", "-fPIC", "-o", str(target), str(Path(__file__).with_name("broken.c"))),
                    *(f"-D{definition}" for definition in definitions),
                    *(f'-DREAL="{real}"', f"-L{engine_dir}", f"-l:{CORE[0]}", *arguments),
                ],
                check=True,
            )
        return target

    return build


@pytest.fixture
def one_place(tmp_path: Path) -> Places:
    return Places((Place(tmp_path / "cache", "for the test"),))

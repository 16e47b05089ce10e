"""The frozen runtime: what is inside, that what the launcher unpacks runs, that it is the same from everywhere.

Frozen for real, with a `__main__` of a few lines in the place of the runtime's own: half a minute each.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from dataclasses import dataclass
from pathlib import Path

import pytest
import zstandard
from PyInstaller.archive.readers import CArchiveReader, ZlibArchiveReader

from bundler import cache
from bundler.freeze import freeze
from bundler.freeze.contents import EXCLUDED, EXTRA
from bundler.freeze.folder import PROGRAM
from bundler.publish import file_sha256

ROOT = Path(__file__).parent.parent.parent

STAND_IN = '''"""Tells what a test wants to know about the frozen program it runs in."""

import sys


def main():
    if sys.argv[1:] == ["imports"]:
        import fastapi
        import jinja2.sandbox
        import pydantic
        import starlette.staticfiles
        import uvicorn
        import zstandard

        uvicorn.Config(fastapi.FastAPI()).load()
    if sys.argv[1:] == ["bindings"]:
        import importlib.util

        sys.stdout.write(str(importlib.util.find_spec("llama_cpp").submodule_search_locations))
        return 0
    if sys.argv[1:] == ["page"]:
        from pathlib import Path

        sys.stdout.write((Path(sys._MEIPASS) / "webui" / "index.html").read_text())
        return 0
    sys.stdout.write("alive")
    return 0
'''

DRIVE = """
import sys
from pathlib import Path
from bundler.console import Console
from bundler.freeze.freeze import freeze_runtime
from bundler.targets import host
sys.stdout.write(str(freeze_runtime(host(), Path(sys.argv[1]), Console(quiet=True)).path))
"""


@dataclass(frozen=True)
class Frozen:
    path: Path
    program: Path

    @property
    def record(self) -> dict[str, object]:
        record: dict[str, object] = json.loads((self.path / freeze.RECORD).read_text())
        return record

    def run(self, *arguments: str) -> str:
        done = subprocess.run([str(self.program), *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


def freeze_from(checkout: Path, root: Path, umask: int) -> Path:
    """Copy the project to `checkout`, put the stand-in in, and freeze it there."""
    for name in ("bundler", "runtime", "templates"):
        shutil.copytree(ROOT / name, checkout / name, ignore=shutil.ignore_patterns("__pycache__", "demo"))
    (checkout / "runtime" / "__main__.py").write_text(STAND_IN)
    shutil.copytree(ROOT / "webui", checkout / "webui", ignore=shutil.ignore_patterns("node_modules", "dist"))
    (checkout / "webui" / "node_modules").mkdir()
    (checkout / "webui" / "node_modules" / "big.js").write_text("not for the page")
    done = subprocess.run(
        [sys.executable, "-c", DRIVE, str(root)],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout), "PYTHONHASHSEED": "77", "TZ": "Pacific/Auckland"},
        capture_output=True,
        text=True,
        check=False,
        umask=umask,
    )
    assert done.returncode == 0, done.stderr
    return Path(done.stdout)


@pytest.fixture(scope="module")
def frozen(tmp_path_factory: pytest.TempPathFactory) -> Frozen:
    """Kept in the cache: the same sources are frozen once for many test runs."""
    folder = tmp_path_factory.mktemp("frozen")
    path = freeze_from(folder / "checkout", cache.root(), 0o022)
    plain = zstandard.ZstdDecompressor().decompress((path / freeze.ARCHIVE).read_bytes())
    with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
        tar.extractall(folder / "unpacked", filter="tar")
    return Frozen(path, folder / "unpacked" / PROGRAM)


def test_what_is_unpacked_is_a_program(frozen: Frozen) -> None:
    assert frozen.run() == "alive"


def test_the_listing_names_every_file(frozen: Frozen) -> None:
    found = freeze.find(frozen.path)
    assert found is not None
    assert found.listing is not None
    folder = frozen.program.parent
    unpacked = {(str(path.relative_to(folder)), path.stat().st_size) for path in folder.rglob("*") if path.is_file()}
    assert set(found.listing.files) == unpacked
    assert not any(path.is_symlink() for path in folder.rglob("*"))


def test_the_web_framework_is_complete(frozen: Frozen) -> None:
    assert frozen.run("imports") == "alive"


def test_the_bindings_package_has_a_place_to_import_from(frozen: Frozen) -> None:
    assert "llama_cpp" in frozen.run("bindings")


def test_the_page_is_inside_and_nothing_else_of_its_folder(frozen: Frozen) -> None:
    assert frozen.run("page").startswith("<!doctype html>")
    page = frozen.program.parent / "_internal" / "webui"
    names = [path.relative_to(page).as_posix() for path in page.rglob("*") if path.is_file()]
    assert {"index.html", "icon.svg"} <= set(names)
    assert not [name for name in names if not name.endswith((".html", ".svg", ".js", ".mjs", ".css"))]


def test_what_must_be_inside_is_and_what_must_not_is_not(frozen: Frozen) -> None:
    archive = CArchiveReader(str(frozen.program)).open_embedded_archive("PYZ.pyz")
    assert isinstance(archive, ZlibArchiveReader)
    modules = set(archive.toc)
    assert set(EXTRA) <= modules
    assert {"runtime.manifest", "runtime.__main__"} <= modules
    tops = {name.split(".")[0] for name in modules}
    assert not tops & {"bundler", "numpy", "pip", "PyInstaller", "tkinter", "sqlite3", "rich", "yaml"}
    assert not [name for name in modules for out in EXCLUDED if name == out or name.startswith(f"{out}.")]
    assert not [name for name in modules if name.startswith(("opentelemetry.sdk", "opentelemetry.exporter"))]


def test_no_directory_of_the_building_machine_is_inside(frozen: Frozen) -> None:
    archive = CArchiveReader(str(frozen.program)).open_embedded_archive("PYZ.pyz")
    for name in ("runtime.manifest", "fastapi.applications", "llama_cpp.llama_cpp"):
        code = archive.extract(name)
        assert not Path(code.co_filename).is_absolute(), code.co_filename


def test_it_is_small_enough(frozen: Frozen) -> None:
    """With an engine of 9.5 MB the limit for everything but the model, 25 MB, is kept."""
    assert (frozen.path / freeze.ARCHIVE).stat().st_size < 12_000_000


def test_every_package_inside_is_named_with_its_licence_and_its_text(frozen: Frozen) -> None:
    found = freeze.find(frozen.path)
    assert found is not None
    packages = {package.name.lower(): package for package in found.info.packages}
    assert {"fastapi", "llama_cpp_python", "python", "openssl", "pyinstaller bootloader"} <= set(packages)
    assert not {"rich", "numpy", "pip", "huggingface_hub"} & set(packages)
    assert all(package.license for package in packages.values()), packages
    assert len(found.licenses) == len(packages)
    assert b"MIT License" in found.licenses["pydantic.txt"]
    assert packages["npm:preact"].license == "MIT"
    assert b"Jason Miller" in found.licenses["npm-preact.txt"]
    assert found.info.glibc


def test_from_another_directory_the_same_bytes_come_out(frozen: Frozen, tmp_path: Path) -> None:
    again = freeze_from(tmp_path / "quite" / "another place" / "checkout", tmp_path / "cache", 0o077)
    assert again != frozen.path
    assert file_sha256(again / freeze.ARCHIVE) == file_sha256(frozen.path / freeze.ARCHIVE)


def test_a_damaged_runtime_is_not_found(frozen: Frozen, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(frozen.path, tmp_path / "copy"))
    assert freeze.find(copy) is not None
    with (copy / freeze.ARCHIVE).open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"x")
    assert freeze.find(copy) is None
    assert not copy.exists()

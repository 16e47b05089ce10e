"""Wheels made of what is installed are wheels, and the same ones again when they are installed and made again."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest

from bundler import resources
from bundler.archive import wheels
from bundler.errors import ToolError
from bundler.publish import file_sha256

ROOT = Path(__file__).parents[2]
PACKAGES = ("h11", "ninja", "click", "markupsafe", "huggingface-hub", "pannier")
"""Plain, with a program of its own, with a script made from an entry point, compiled, large; and ourselves."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheels")
    for name in PACKAGES:
        wheels.remake(distribution(name), folder)
    return folder


@pytest.fixture(scope="module")
def installed(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment into which pip installed the wheels; its folder of packages."""
    place = tmp_path_factory.mktemp("installed") / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", place], check=True)
    pip = [sys.executable, "-m", "pip", "--python", place / "bin" / "python", "install", "--quiet", "--no-index"]
    subprocess.run([*pip, "--no-deps", *sorted(made.iterdir())], check=True)
    (site,) = place.glob("lib/python*/site-packages")
    return site


def test_pip_installs_them_and_what_they_install_makes_the_same_wheels(
    made: Path, installed: Path, tmp_path: Path
) -> None:
    for name in PACKAGES:
        (dist,) = Distribution.discover(name=name, path=[str(installed)])
        again = wheels.remake(dist, tmp_path)
        assert file_sha256(again) == file_sha256(made / again.name)


def test_what_is_installed_from_them_works(installed: Path) -> None:
    programs = installed.parents[2] / "bin"
    assert subprocess.run([programs / "ninja", "--version"], check=True, capture_output=True).stdout
    asked = [programs / "python", "-c", "import importlib.metadata as m; print(m.version('pannier'), m.version('h11'))"]
    said = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.split()
    assert said == [distribution("pannier").version, distribution("h11").version]


def test_every_hash_in_its_record_is_the_one_its_publisher_gave(made: Path) -> None:
    (wheel,) = made.glob("h11-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        (record,) = [name for name in archive.namelist() if name.endswith("/RECORD")]
        lines = set(archive.read(record).decode().splitlines())
        assert archive.testzip() is None
    published = (distribution("h11").read_text("RECORD") or "").splitlines()
    code = [line for line in published if line.startswith("h11/") and "__pycache__" not in line]
    assert code
    assert set(code) <= lines


def test_a_file_that_was_changed_after_its_installation_is_refused(tmp_path: Path) -> None:
    site = tmp_path / "site"
    for file in distribution("h11").files or ():
        if "__pycache__" not in file.parts:
            (site / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(str(file.locate()), site / file)
    (dist,) = Distribution.discover(name="h11", path=[str(site)])
    with (site / "h11" / "_version.py").open("a") as file_:
        file_.write("# mine\n")
    with pytest.raises(ToolError, match=r"_version\.py was changed after it was installed"):
        wheels.remake(dist, tmp_path)


def test_all_that_pannier_needs_is_among_the_packages_and_nothing_that_only_its_tests_need() -> None:
    names = {dist.metadata["Name"].lower() for dist in wheels.packages()}
    assert {"pannier", "pyinstaller", "cmake", "ninja", "ziglang", "pydantic_core", "setuptools", "pip"} <= names
    assert not {"pytest", "mypy", "openai", "playwright"} & names


def test_its_own_wheel_has_what_the_project_says() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    expected = set()
    for place in wheel["only-include"]:
        path = ROOT / place
        for file in [path] if path.is_file() else path.rglob("*"):
            inside = file.relative_to(ROOT).as_posix()
            left_out = any(inside.startswith(f"{folder}/") for folder in wheel["exclude"])
            if file.is_file() and not left_out and "__pycache__" not in file.parts and "/." not in inside:
                top, _, rest = inside.partition("/")
                expected.add(f"{wheel['sources'].get(top, top)}/{rest}")
    assert {place for place, _ in resources.in_checkout()} == expected

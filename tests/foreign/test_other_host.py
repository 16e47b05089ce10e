"""The builder on another processor: the same spec and kits give the same bytes there."""

from __future__ import annotations

import hashlib
import platform
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bundler.foreign.debian import SITE
from bundler.foreign.enter import command
from bundler.foreign.packages import closure, install
from bundler.targets import TARGETS
from tests import handmade
from tests.dist.debians import debian_with

ROOT = Path(__file__).parents[2]
DEBIAN = ("coreutils", "dash", "libstdc++6", "python3")
PYTHON = ("cryptography", "filelock", "gguf", "httpx2", "huggingface-hub", "jinja2", "packaging", "platformdirs")
MORE = ("pydantic", "rich", "zstandard")
BUILD = """
import sys
from pathlib import Path
from bundler.__main__ import main
place = Path(sys.argv[1])
for kit in sorted(place.glob("*.kit")):
    code = main(["build", f"{place}/tiny.toml", "--kit", str(kit), "--target", kit.stem, "--output", sys.argv[2]])
    if code:
        sys.exit(code)
"""

pytestmark = pytest.mark.skipif(platform.machine() != "x86_64", reason="the other processor is 64-bit Arm")


def test_the_same_spec_and_kits_give_the_same_bytes_on_another_processor(tmp_path: Path) -> None:
    system = debian_with("aarch64", DEBIAN)
    given = tmp_path / "given"
    given.mkdir()
    for target in TARGETS:
        shutil.move(handmade.kit(tmp_path / "kits" / target, target).source.name, given / f"{target}.kit")
    handmade.gguf(given / "tiny.gguf")
    (given / "tiny.toml").write_text('[dist]\nname = "tiny"\n[model]\nsource = "tiny.gguf"\n')
    for name in ("here", "there", "site", "scratch"):
        (tmp_path / name).mkdir()
    subprocess.run([sys.executable, "-c", BUILD, str(given), str(tmp_path / "here")], cwd=ROOT, check=True)

    install(closure((*PYTHON, *MORE), "aarch64"), "aarch64", tmp_path / "site", tmp_path / "scratch")
    folders = {
        ROOT: "/own",
        given: "/given",
        tmp_path / "there": "/there",
        tmp_path / "site": SITE,
    }
    environment = {"PYTHONPATH": "/own", "PYTHONDONTWRITEBYTECODE": "1", "PANNIER_CACHE_DIR": "/there/.cache"}
    words = command(system, folders, ["/usr/bin/python3", "-c", BUILD, "/given", "/there"], environment)
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr

    def hashes(folder: Path) -> dict[str, str]:
        files = (path for path in folder.iterdir() if path.is_file())
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    assert len(hashes(tmp_path / "here")) == 2 * len(TARGETS), "a file and the text for its recipient"
    assert hashes(tmp_path / "there") == hashes(tmp_path / "here")

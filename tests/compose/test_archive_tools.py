"""Plain archive tools accept a dist, also one over 4 GiB: the third reading of the file."""

from __future__ import annotations

import hashlib
import subprocess
import zipfile
from pathlib import Path

import pytest

from bundler.compose.compose import compose
from bundler.model.local import LocalModel, open_model
from tests import handmade, requirements

GIB = 1 << 30


@pytest.fixture(scope="module", params=["small", "over 4 GiB"])
def packed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, LocalModel]:
    folder = tmp_path_factory.mktemp("tools")
    path = handmade.gguf(folder / "tiny.gguf")
    if request.param != "small":
        with path.open("r+b") as file:  # sparse: zeros behind the weights that take no room in the source
            file.truncate(4 * GIB + 12345)
    model = open_model(path, "tiny.gguf", {})
    dist = compose(handmade.kit(folder), model, handmade.spec(), folder / "out").written.path
    yield dist, model
    dist.unlink()


@pytest.mark.parametrize(
    "command", [["unzip", "-tq"], ["7z", "t"], ["bsdtar", "-tf"]], ids=["unzip", "7-Zip", "bsdtar"]
)
def test_the_tool_accepts_the_dist(packed: tuple[Path, LocalModel], command: list[str]) -> None:
    requirements.tool(command[0])
    done = subprocess.run([*command, packed[0]], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "warning" not in (done.stdout + done.stderr).lower()


def test_python_lists_and_checks_the_dist(packed: tuple[Path, LocalModel]) -> None:
    dist, model = packed
    with zipfile.ZipFile(dist) as archive:
        assert archive.getinfo("model.gguf").file_size == model.size
        assert archive.testzip() is None


def test_unzip_gives_the_model_back_byte_for_byte(packed: tuple[Path, LocalModel]) -> None:
    dist, model = packed
    unzip = requirements.tool("unzip")
    with model.path.open("rb") as file:
        wanted = hashlib.file_digest(file, "sha256").hexdigest()
    digest = hashlib.sha256()
    with subprocess.Popen([unzip, "-p", dist, "model.gguf"], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        while chunk := process.stdout.read(1 << 20):
            digest.update(chunk)
    assert process.returncode == 0
    assert digest.hexdigest() == wanted


def test_every_stored_frame_decodes_with_plain_zstd(packed: tuple[Path, LocalModel]) -> None:
    zstd = requirements.tool("zstd")
    with zipfile.ZipFile(packed[0]) as archive:
        frame = archive.read("engine/libllama.so.zst")
    done = subprocess.run([zstd, "-dc"], input=frame, capture_output=True, check=True)
    assert done.stdout == b"libllama.so" * 999

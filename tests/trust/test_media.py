"""A model beside the program, whole or in parts: found, checked, named when missing, and the same model."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bundler.compose.compose import compose
from bundler.compose.sidecar import write_beside
from bundler.errors import ModelError, SpecError, UsageError
from bundler.model import split
from bundler.model.gguf import read_tables
from bundler.model.local import open_model
from bundler.renew import changes as spec_changes
from bundler.renew.repack import repack
from bundler.sizes import FAT32, parse_size
from runtime.container.archive import DIST, open_dist
from runtime.container.beside import verify_beside
from runtime.container.extract import resolve
from runtime.container.source import Source
from runtime.container.verify import Report, verify
from runtime.engine.core import GenerationRequest
from runtime.engine.messages import Load
from runtime.errors import DamagedError
from runtime.launch.opening import open_model as find_model
from tests import handmade
from tests.engine.workers import GREEDY, Worker, backend, end_of, events, text_of
from tests.models import TinyModel


@pytest.fixture(scope="module")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return TinyModel().write(tmp_path_factory.mktemp("media") / "tiny.gguf")


def composed(model_file: Path, folder: Path, **media: object) -> Path:
    model = open_model(model_file, "tiny.gguf", {})
    return compose(handmade.kit(folder), model, handmade.spec(media=media), folder / "out").written.path


def checked(path: Path) -> Report:
    with Source.open(path) as source:
        return verify_beside(verify(source, DIST), path.parent)


@pytest.mark.parametrize("media", [{"sidecar": True}, {"split": "2MB"}], ids=["sidecar", "parts"])
def test_the_model_beside_the_program_is_found_and_verified(
    model_file: Path, tmp_path: Path, media: dict[str, object]
) -> None:
    path = composed(model_file, tmp_path, **media)
    report = checked(path)
    assert report.sound
    with open_dist(path) as dist:
        beside = dist.manifest.model.beside
        assert dist.manifest.model.entry == ""
        assert report.checked == path.stat().st_size + sum(file.size for file in beside)
        found = find_model(dist)
        assert found.size == sum((path.parent / file.file).stat().st_size for file in beside)
        with pytest.raises(UsageError, match=beside[0].file):
            resolve(dist, "model")


def test_a_flipped_bit_beside_the_program_is_named_with_its_file(model_file: Path, tmp_path: Path) -> None:
    path = composed(model_file, tmp_path, split="2MB")
    with open_dist(path) as dist:
        parts = dist.manifest.model.splits
    assert len(parts) > 2
    for part in parts:
        file = path.with_name(part.file)
        whole = file.read_bytes()
        file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        (damage,) = checked(path).damages
        assert damage.region == f"file {part.file}"
        file.write_bytes(whole + b"x")
        assert "instead of" in checked(path).damages[0].problem
        file.write_bytes(whole)
    assert checked(path).sound


def test_missing_parts_are_all_named_when_starting_and_when_verifying(model_file: Path, tmp_path: Path) -> None:
    path = composed(model_file, tmp_path, split="2MB")
    with open_dist(path) as dist:
        gone = [part.file for part in dist.manifest.model.splits[1:]]
        for name in gone:
            path.with_name(name).unlink()
        with pytest.raises(DamagedError) as caught:
            find_model(dist)
    assert all(name in caught.value.message for name in gone)
    assert [damage.region for damage in checked(path).damages] == [f"file {name}" for name in gone]


def test_parts_keep_their_limit_and_hold_the_same_model(model_file: Path, tmp_path: Path) -> None:
    model = open_model(model_file, "tiny.gguf", {})
    beside = write_beside(model, tmp_path, "m", 1_000_000, None)
    paths = [tmp_path / part.file for part in beside.parts]
    assert max(path.stat().st_size for path in paths) <= 1_000_000
    tables, content = split.join(paths)
    original = read_tables(model_file)
    assert [t.name for t in tables.tensors] == [t.name for t in original.tensors]
    with content.open() as stream:
        joined = stream.read()
    assert joined[tables.data_start :] == model_file.read_bytes()[original.data_start :]
    pairs = {key: raw for key, raw in tables.pairs if not key.startswith("split.")}
    assert pairs == dict(original.pairs)


def test_parts_of_parts_are_the_same_as_parts_of_the_whole(model_file: Path, tmp_path: Path) -> None:
    """A split model may come in, be joined while it is read, and go out in other parts, never whole on the disk."""
    first = write_beside(open_model(model_file, "t", {}), tmp_path, "m", 1_000_000, None)
    again = open_model(tmp_path / first.parts[1].file, "t", {})
    second = write_beside(again, tmp_path, "n", 1_000_000, None)
    assert [p.size for p in second.parts] == [p.size for p in first.parts]
    assert [p.sha256 for p in second.parts[1:]] == [p.sha256 for p in first.parts[1:]]


def test_the_engine_answers_from_parts_as_from_the_whole(engine_dir: Path, model_file: Path, tmp_path: Path) -> None:
    beside = write_beside(open_model(model_file, "t", {}), tmp_path, "m", 1_000_000, None)
    request = GenerationRequest(id="r", prompt="The teacher asks", sampling=GREEDY, max_tokens=16)

    def answer(**where: object) -> str:
        load = Load(str(engine_dir), (backend(engine_dir),), context_size=256, threads=1, **where)  # type: ignore[arg-type]
        found = Worker(load).use(lambda engine: events(engine, request))
        assert end_of(found).completion_tokens == 16
        return text_of(found)

    parts = tuple(str(tmp_path / part.file) for part in beside.parts)
    assert answer(model_splits=parts) == answer(model_path=str(model_file)) != ""


def test_the_dist_verifies_its_own_parts(model_file: Path, tmp_path: Path) -> None:
    path = composed(model_file, tmp_path, split="2MB")

    def own_verify() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "runtime", "verify"]
        environment = {**os.environ, "PANNIER_DIST": str(path)}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert own_verify().returncode == 0
    next(path.parent.glob("*-00002-of-*.gguf")).unlink()
    done = own_verify()
    assert done.returncode == DamagedError.exit_code
    assert "-00002-of-" in done.stdout


def test_what_fits_stays_inside(model_file: Path, tmp_path: Path) -> None:
    path = composed(model_file, tmp_path, split="fat32")
    with open_dist(path) as dist:
        assert dist.manifest.model.entry == "model.gguf"


def test_a_limit_that_cannot_be_kept_says_why(model_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="alone are"):
        write_beside(open_model(model_file, "t", {}), tmp_path, "m", 100_000, None)
    with pytest.raises(SpecError, match="larger than"):
        composed(model_file, tmp_path, split="5kB")


def test_a_promised_hash_is_that_of_the_whole_model(model_file: Path, tmp_path: Path) -> None:
    model = open_model(model_file, "t", {}, sha256="0f" * 32)
    for limit in (None, 1_000_000):
        with pytest.raises(ModelError, match="its SHA-256 is"):
            write_beside(model, tmp_path, "m", limit, None)
    assert list(tmp_path.iterdir()) == []


def test_repacking_brings_the_parts_along(model_file: Path, tmp_path: Path) -> None:
    path = composed(model_file, tmp_path, split="2MB")
    with open_dist(path) as dist:
        kit = handmade.kit(tmp_path / "new", commit="fffffffff")
        done = repack(dist, spec_changes.none(dist.manifest), tmp_path / "renewed", kit=kit)
        assert checked(done.path).sound
        assert done.manifest.model.splits == dist.manifest.model.splits
        path.with_name(done.manifest.model.splits[0].file).unlink()
        with pytest.raises(DamagedError, match="00001-of"):
            repack(dist, spec_changes.none(dist.manifest), tmp_path / "again", kit=kit)


@pytest.mark.parametrize(
    ("text", "size"),
    [("fat32", FAT32), ("4GB", 4 * 10**9), ("4GiB", 4 << 30), ("1.5 MiB", 3 << 19), ("700k", 700_000), ("12", 12)],
)
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "big", "-4GB", "0", "4 parsecs"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a size"):
        parse_size(text)


def test_parts_are_the_same_bytes_every_time(model_file: Path, tmp_path: Path) -> None:
    one = composed(model_file, tmp_path / "one", split="2MB")
    two = composed(model_file, tmp_path / "two", split="2MB")
    assert one.read_bytes() == two.read_bytes()
    shutil.copy(one, tmp_path / "elsewhere")
    assert json.dumps(str(tmp_path)).encode() not in one.read_bytes()

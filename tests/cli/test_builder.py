"""The builder's command line, as a person and as a script use it."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import handmade

SPEC = """
[dist]
name = "tiny"
targets = ["{target}"]
[model]
source = "m.gguf"
"""


def pannier(*arguments: str | Path, check: int | None = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "bundler", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert "Traceback" not in done.stderr, done.stderr
    if check is not None:
        assert done.returncode == check, done.stderr
    return done


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("builder")
    handmade.gguf(folder / "m.gguf")
    handmade.kit(folder)
    (folder / "tiny.toml").write_text(SPEC.format(target="linux-x86_64"))
    return folder


@pytest.fixture(scope="module")
def dist(workplace: Path) -> Path:
    done = pannier(
        "build", workplace / "tiny.toml", "--kit", workplace / "linux-x86_64.kit", "--output", workplace / "d", "--json"
    )
    (told,) = json.loads(done.stdout)["dists"]
    assert told["size"] == Path(told["path"]).stat().st_size
    return Path(told["path"])


def test_build_makes_an_executable_file(dist: Path) -> None:
    assert dist.name == "tiny-1.0-linux-x86_64"
    assert dist.stat().st_mode & 0o777 == 0o755


def test_flags_override_the_spec(workplace: Path) -> None:
    handmade.gguf(workplace / "other.gguf", elements=8192)
    done = pannier(
        *("build", workplace / "tiny.toml", "--kit", workplace / "linux-x86_64.kit", "--json"),
        *("--model", workplace / "other.gguf", "--backend", "vulkan", "--output", workplace / "flags"),
    )
    path = json.loads(done.stdout)["dists"][0]["path"]
    manifest = json.loads(pannier("inspect", path, "--json").stdout)["manifest"]
    assert manifest["spec"]["engine"]["backends"] == ["cpu", "vulkan"]
    assert manifest["model"]["origin"] == {"kind": "path", "file": "other.gguf"}
    assert str(workplace) not in json.dumps(manifest)


def test_inspect_tells_people_and_programs(dist: Path) -> None:
    text = pannier("inspect", dist).stdout
    for word in ("tiny 1.0 for linux-x86_64", "llama", "model.gguf", "runtime.tar.zst", "0c1e57098"):
        assert word in text
    told = json.loads(pannier("inspect", dist, "--json").stdout)
    assert told["manifest"]["entries"][0]["name"] == "model.gguf"
    assert told["manifest_sha256"] in text


def test_inspect_tells_of_kits(workplace: Path) -> None:
    assert "kit       for linux-x86_64" in pannier("inspect", workplace / "linux-x86_64.kit").stdout


def test_verify_says_sound(dist: Path) -> None:
    assert "sound: all" in pannier("verify", dist).stdout
    assert json.loads(pannier("verify", dist, "--json").stdout)["sound"] is True


def test_verify_names_the_damage_and_exits_3(dist: Path, tmp_path: Path) -> None:
    copy = tmp_path / "flipped"
    data = bytearray(dist.read_bytes())
    data[100] ^= 1
    copy.write_bytes(data)
    assert "damaged: stub" in pannier("verify", copy, check=3).stdout
    assert json.loads(pannier("verify", copy, "--json", check=3).stdout)["damages"][0]["region"] == "stub"


@pytest.mark.parametrize("verb", ["verify", "inspect"])
def test_a_cut_file_is_one_line_of_explanation(dist: Path, tmp_path: Path, verb: str) -> None:
    whole = dist.read_bytes()
    rng = random.Random(8)
    for length in [0, 3, *(rng.randrange(len(whole)) for _ in range(8))]:
        copy = tmp_path / "cut"
        copy.write_bytes(whole[:length])
        done = pannier(verb, copy, check=3)
        said = [line for line in (done.stderr + done.stdout).splitlines() if line.startswith(("error:", "damaged:"))]
        assert said, done
        assert verb == "verify" or len(said) == 1


def test_extract_gives_the_model_back(dist: Path, workplace: Path, tmp_path: Path) -> None:
    pannier("extract", dist, "model", "-o", tmp_path / "back.gguf")
    assert (tmp_path / "back.gguf").read_bytes() == (workplace / "m.gguf").read_bytes()


def test_extract_writes_to_stdout(dist: Path, workplace: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bundler", "extract", dist, "model", "-o", "-"], capture_output=True, check=True
    )
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256((workplace / "m.gguf").read_bytes()).digest()


def test_extract_decodes_libraries(dist: Path, tmp_path: Path) -> None:
    pannier("extract", dist, "engine/libllama.so.zst", "-o", tmp_path / "lib")
    assert (tmp_path / "lib").read_bytes() == b"libllama.so" * 999


def test_extract_names_the_entries_there_are(dist: Path) -> None:
    done = pannier("extract", dist, "nothing", check=2)
    assert "model.gguf" in done.stderr


def test_a_misspelt_key_names_the_right_one(workplace: Path, tmp_path: Path) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(SPEC.format(target="linux-x86_64") + "sha265 = ''\n")
    assert "Did you mean 'sha256'?" in pannier("build", path, check=7).stderr


def test_a_target_without_a_kit_says_how_to_get_one(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PANNIER_CACHE_DIR", str(workplace / "empty"))
    done = pannier("build", workplace / "tiny.toml", "--target", "macos-arm64", check=10)
    assert "pannier kit import" in done.stderr


def test_an_unknown_target_lists_those_there_are(workplace: Path) -> None:
    assert "windows-x86_64" in pannier("build", workplace / "tiny.toml", "--target", "amiga", check=2).stderr


@pytest.mark.parametrize("verb", ["inspect", "verify", "extract"])
def test_a_file_that_is_not_there_is_said_so(tmp_path: Path, verb: str) -> None:
    more = ["model"] if verb == "extract" else []
    assert "cannot be opened" in pannier(verb, tmp_path / "none", *more, check=2).stderr


def test_any_other_file_is_not_taken_for_a_dist(tmp_path: Path) -> None:
    other = tmp_path / "python"
    shutil.copy(sys.executable, other)
    assert "pannier-dist" in pannier("inspect", other, check=3).stderr


def test_all_targets_are_built_for_which_there_is_a_kit_and_the_others_say_how_to_get_one(
    workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PANNIER_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("CXX", "no-such-compiler")  # this machine's own kit is not compiled for it
    for target in ("windows-x86_64", "macos-arm64"):
        pannier("kit", "import", handmade.kit(tmp_path, target).source.name)
    arguments = ("build", workplace / "tiny.toml", "--target", "all", "--output", tmp_path / "out")
    told = json.loads(pannier(*arguments, "--json").stdout)
    assert [dist["target"] for dist in told["dists"]] == ["macos-arm64", "windows-x86_64"]
    lacking = {row["target"]: row for row in told["lacking"]}
    assert set(lacking) == {"linux-x86_64", "linux-aarch64", "macos-x86_64"}
    assert "pannier kit build --target linux-aarch64" in lacking["linux-aarch64"]["remedy"]
    assert "pannier kit import" in lacking["macos-x86_64"]["remedy"]
    lines = pannier(*arguments).stdout.splitlines()
    assert lines[0].startswith("linux-x86_64    not built: ")
    assert lines[2].startswith(f"macos-arm64     {tmp_path / 'out' / 'tiny-1.0-macos-arm64'}")


def test_the_same_spec_and_kits_give_the_same_bytes_for_every_target(
    workplace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PANNIER_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("CXX", "no-such-compiler")
    for target in ("linux-aarch64", "windows-x86_64", "macos-arm64", "macos-x86_64"):
        pannier("kit", "import", handmade.kit(tmp_path, target).source.name)
    hashes = []
    for name in ("one", "two with a blank"):
        output = tmp_path / name
        pannier("build", workplace / "tiny.toml", "--target", "all", "--output", output)
        hashes.append({path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in output.iterdir()})
    assert hashes[0] == hashes[1]
    assert len(hashes[0]) == 2 * 4, "a file and the text for its recipient"

"""Models that other programs keep: found by the names people know them by, packed from where they lie."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from bundler.cli.models import at_hand
from bundler.console import Console
from bundler.errors import ModelError
from bundler.model import stores
from bundler.model.hub import Hub
from bundler.model.resolve import resolve
from tests import handmade
from tests.model.splitting import split_set


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("OLLAMA_MODELS", "LLAMA_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("USERPROFILE", str(tmp_path / "home"))
    monkeypatch.setenv("PANNIER_CACHE_DIR", str(tmp_path / "pannier"))
    monkeypatch.setattr(stores, "_SYSTEM_OLLAMA", tmp_path / "no-service")
    return tmp_path / "home"


def ollama(home: Path, name: str, *, terms: bytes = b"", whole: bool = True) -> bytes:
    root = home / ".ollama" / "models"
    (root / "blobs").mkdir(parents=True, exist_ok=True)
    data = handmade.gguf(home / "made.gguf", elements=4096 + 32 * len(name)).read_bytes()
    layers = []
    for kind, content in [("model", data), ("license", terms), ("template", b"{{ .Prompt }}")]:
        digest = hashlib.sha256(content).hexdigest()
        layers.append({"mediaType": f"application/vnd.ollama.image.{kind}", "digest": f"sha256:{digest}"})
        if whole or kind != "model":
            (root / "blobs" / f"sha256-{digest}").write_bytes(content)
    manifest = root / "manifests" / name
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": layers}))
    (home / "made.gguf").unlink()
    return data


def test_an_ollama_model_is_found_by_its_short_name(home: Path) -> None:
    data = ollama(home, "registry.ollama.ai/library/tiny/latest", terms=b"Do as you like.")
    found = resolve("ollama:tiny", home)
    assert found.path.read_bytes() == data
    assert found.sha256 == hashlib.sha256(data).hexdigest()
    assert found.origin == {"kind": "ollama", "name": "tiny", "sha256": found.sha256}
    assert found.terms.text == b"Do as you like."


def test_an_ollama_model_is_found_by_tag_namespace_and_host(home: Path) -> None:
    one = ollama(home, "registry.ollama.ai/library/tiny/0.6b")
    two = ollama(home, "registry.ollama.ai/someone/tiny-two/latest")
    three = ollama(home, "hf.co/maker/tiny-three-GGUF/Q8_0")
    assert resolve("ollama:tiny:0.6b", home).path.read_bytes() == one
    assert resolve("ollama:someone/tiny-two", home).path.read_bytes() == two
    assert resolve("ollama:hf.co/maker/tiny-three-GGUF:Q8_0", home).path.read_bytes() == three
    assert {stored.reference for stored in stores.listing()} == {
        "ollama:tiny:0.6b",
        "ollama:someone/tiny-two:latest",
        "ollama:hf.co/maker/tiny-three-GGUF:Q8_0",
    }


def test_an_ollama_model_that_is_not_there_lists_those_that_are(home: Path) -> None:
    ollama(home, "registry.ollama.ai/library/tiny/latest")
    with pytest.raises(ModelError, match="no model 'huge'") as caught:
        resolve("ollama:huge", home)
    assert "ollama:tiny:latest" in caught.value.remedy


def test_an_ollama_model_that_is_not_whole_is_told(home: Path) -> None:
    ollama(home, "registry.ollama.ai/library/tiny/latest", whole=False)
    with pytest.raises(ModelError, match="is not whole"):
        resolve("ollama:tiny", home)


@pytest.mark.parametrize("text", ["{", "{}", '{"layers": []}', '{"layers": 3}'])
def test_a_damaged_ollama_manifest_is_a_sentence(home: Path, text: str) -> None:
    manifest = home / ".ollama/models/manifests/registry.ollama.ai/library/tiny/latest"
    manifest.parent.mkdir(parents=True)
    manifest.write_text(text)
    with pytest.raises(ModelError, match="Ollama's"):
        resolve("ollama:tiny", home)
    assert list(stores.listing()) == []


def test_an_lm_studio_model_is_found_by_file_folder_or_both(home: Path) -> None:
    folder = home / ".lmstudio" / "models" / "maker" / "tiny-GGUF"
    folder.mkdir(parents=True)
    path = handmade.gguf(folder / "tiny-Q8_0.gguf")
    handmade.gguf(folder / "mmproj-tiny.gguf")
    for name in ("maker/tiny-GGUF", "maker/tiny-GGUF/tiny-Q8_0.gguf", "tiny-Q8_0", "Tiny-Q8_0.gguf"):
        found = resolve(f"lmstudio:{name}", home)
        assert found.path == path
        assert found.origin == {"kind": "lmstudio", "file": "maker/tiny-GGUF/tiny-Q8_0.gguf"}


def test_an_lm_studio_elsewhere_is_found_by_its_pointer(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere" / "models" / "maker" / "repo"
    folder.mkdir(parents=True)
    path = handmade.gguf(folder / "m.gguf")
    home.mkdir(exist_ok=True)
    (home / ".lmstudio-home-pointer").write_text(str(tmp_path / "elsewhere"))
    assert resolve("lmstudio:m", home).path == path


def test_two_models_of_one_name_are_listed(home: Path) -> None:
    for owner in ("one", "two"):
        folder = home / ".lmstudio" / "models" / owner / "repo"
        folder.mkdir(parents=True)
        handmade.gguf(folder / "m.gguf")
    with pytest.raises(ModelError, match="means 2 models") as caught:
        resolve("lmstudio:m", home)
    assert "lmstudio:one/repo/m.gguf" in caught.value.remedy


def test_llama_cpps_cache_is_found_where_it_says(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLAMA_CACHE", str(tmp_path / "llama"))
    (tmp_path / "llama").mkdir()
    path = handmade.gguf(tmp_path / "llama" / "maker_repo_m.gguf")
    assert resolve("llamacpp:maker_repo_m", home).path == path


def test_everything_at_hand_is_listed_with_what_to_write(home: Path, tmp_path: Path) -> None:
    ollama(home, "registry.ollama.ai/library/tiny/latest")
    folder = home / ".lmstudio" / "models" / "maker" / "repo"
    folder.mkdir(parents=True)
    handmade.gguf(folder / "m.gguf")
    (folder / "broken.gguf").write_bytes(b"GGUF")
    commit = "ab" * 20
    split_set(tmp_path / "hf" / "models--maker--big-GGUF" / "snapshots" / commit / "Q8_0")
    listed = list(at_hand(Console(quiet=True), Hub("http://127.0.0.1:9", tmp_path / "hf")))
    assert [model.reference for model in listed] == [
        f"hf:maker/big-GGUF:Q8_0/tiny-Q8_0-00001-of-00003.gguf@{commit}",
        "ollama:tiny:latest",
        "lmstudio:maker/repo/m.gguf",
    ]
    for model in listed:
        assert model.name == "Tiny"
        assert model.file_type == "F32"
        found = resolve(model.reference, home, hub=Hub("http://127.0.0.1:9", tmp_path / "hf"))
        assert found.size == model.size

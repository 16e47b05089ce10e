"""The dist-spec: strict, helpful, and documented from the one schema."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundler import spec
from bundler.errors import SpecError

ROOT = Path(__file__).parent.parent.parent
MINIMAL = {"dist": {"name": "d"}, "model": {"source": "demo"}}


@pytest.mark.parametrize("path", sorted((ROOT / "dist-specs").glob("*.toml")), ids=lambda path: path.name)
def test_every_ready_spec_is_valid(path: Path) -> None:
    assert spec.load(path).engine.backends[0] == "cpu"


def test_the_reference_is_the_schema() -> None:
    text = (ROOT / "docs" / "dist-spec.md").read_text(encoding="utf-8")
    assert text == spec.reference(), "run: python -m bundler.spec"


def test_every_key_is_described() -> None:
    for table in spec.DistSpec.model_fields.values():
        for key, field in table.annotation.model_fields.items():  # type: ignore[union-attr]
            assert field.description, key


def test_an_unknown_key_is_refused_with_the_nearest() -> None:
    with pytest.raises(SpecError, match=r"Unknown key 'serve\.ctx_sise'. Did you mean 'ctx_size'\?"):
        spec.parse({**MINIMAL, "serve": {"ctx_sise": 1}}, "s")


def test_an_unknown_table_is_refused_with_the_nearest() -> None:
    with pytest.raises(SpecError, match=r"Unknown key 'serv'. Did you mean 'serve'\?"):
        spec.parse({**MINIMAL, "serv": {}}, "s")


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"dist": {"name": "a/b"}}, "letters, digits"),
        ({"dist": {"name": "d", "targets": ["amiga"]}}, "no target 'amiga'"),
        ({"dist": {}}, "'dist.name' is missing"),
        ({"model": {"source": "demo", "sha256": "12"}}, "64 hexadecimal"),
        ({"engine": {"backends": ["vulkan"]}}, "`cpu` must be among them"),
        ({"engine": {"backends": []}}, "engine.backends"),
        ({"serve": {"port": 70000}}, "serve.port"),
        ({"serve": {"parallel": "4"}}, "serve.parallel"),
    ],
)
def test_a_wrong_value_is_named_with_what_it_may_be(table: dict[str, object], words: str) -> None:
    with pytest.raises(SpecError) as caught:
        spec.parse({**MINIMAL, **table}, "s.toml")
    assert words in caught.value.message
    assert "s.toml" in caught.value.message
    assert "docs/dist-spec.md" in caught.value.remedy


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(SpecError) as caught:
        spec.parse({"dist": {"name": "?"}, "model": {}, "extra": 1}, "s")
    for word in ("dist.name", "model.source", "extra"):
        assert word in caught.value.message


@pytest.mark.parametrize(("text", "word"), [(b"dist = [", "TOML"), (b"\xff\xfe", "UTF-8")])
def test_a_file_that_is_no_spec_is_said_to_be_none(tmp_path: Path, text: bytes, word: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_bytes(text)
    with pytest.raises(SpecError, match=word):
        spec.load(path)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="No such file"):
        spec.load(tmp_path / "none.toml")

"""What goes with a model: each part an entry with a role, aligned where an engine would map it, checked before."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from gguf import GGUFWriter

from bundler.compose.compose import compose
from bundler.console import Console
from bundler.errors import ModelError, SpecError
from bundler.model.gguf import read_tables
from bundler.model.obtain import Obtained, obtain
from bundler.model.shape import shape_of
from bundler.spec import DistSpec, parse
from runtime.container.archive import DIST, open_dist
from runtime.container.source import Source
from runtime.container.verify import verify
from runtime.launch.opening import VARIABLE, chat_template, open_draft
from runtime.manifest import Role
from tests import handmade

TEMPLATE = "{% for m in messages %}{{ m.content }}{% endfor %}"


OURS = ("a", "b", "ö")
"""The vocabulary of the model."""


def small(
    path: Path, architecture: str, kind: str = "", adapter: str = "", tokens: Sequence[str] = OURS, window: int = 0
) -> Path:
    writer = GGUFWriter(path, architecture)
    if kind:
        writer.add_type(kind)
    if adapter:
        writer.add_string("adapter.type", adapter)
    writer.add_array("tokenizer.ggml.tokens", [*tokens])
    if window:
        writer.add_sliding_window(window)
        writer.add_tensor("blk.0.attn_k.weight", np.zeros((2, 32), dtype=np.float32))
    writer.add_tensor("a.weight", np.arange(64, dtype=np.float32).reshape(2, 32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    handmade.gguf(tmp_path / "tiny.gguf")
    small(tmp_path / "mmproj.gguf", "clip", "mmproj")
    small(tmp_path / "lora.gguf", "llama", "adapter", "lora")
    small(tmp_path / "draft.gguf", "llama")
    (tmp_path / "chat.jinja").write_text(TEMPLATE)
    return tmp_path


def spec_with(chat: dict[str, object] | None = None, **model: object) -> DistSpec:
    tables = {"dist": {"name": "tiny"}, "model": {"source": "tiny.gguf", **model}, "chat": chat or {}}
    return parse(tables, "test spec")


def got(spec: DistSpec, folder: Path) -> Obtained:
    return obtain(
        spec, base=folder, spec_folder=folder, accepted=(), engine_dir=lambda: folder, console=Console(quiet=True)
    )


def test_every_part_is_packed_with_its_role(folder: Path) -> None:
    spec = spec_with(
        {"template": "chat.jinja"}, projector="mmproj.gguf", adapters=["lora.gguf", "lora.gguf"], draft="draft.gguf"
    )
    obtained = got(spec, folder)
    done = compose(handmade.kit(folder), obtained.model, spec, folder / "out", parts=obtained.parts)
    wanted = {
        "model.gguf": (Role.MODEL, "tiny.gguf"),
        "projector.gguf": (Role.PROJECTOR, "mmproj.gguf"),
        "adapters/0.gguf": (Role.ADAPTER, "lora.gguf"),
        "adapters/1.gguf": (Role.ADAPTER, "lora.gguf"),
        "draft.gguf": (Role.DRAFT, "draft.gguf"),
        "chat-template.jinja": (Role.TEMPLATE, "chat.jinja"),
    }
    with open_dist(done.written.path) as dist, Source.open(done.written.path) as source:
        for entry, (role, file) in wanted.items():
            assert dist.entry(entry).role is role
            assert dist.read(entry) == (folder / file).read_bytes()
            if entry.endswith(".gguf"):
                assert dist.data_range(entry)[0] % 65536 == 0
        assert [part.entry for part in dist.manifest.model.parts] == list(wanted)[1:]
        assert dist.manifest.model.parts[0].origin == {"kind": "path", "file": "mmproj.gguf"}
        assert chat_template(dist) == TEMPLATE
        assert str(folder) not in str(dist.manifest.spec)
        assert verify(source, DIST).sound


def test_a_draft_may_have_a_few_tokens_more_and_its_shape_is_told(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(folder / "draft.gguf", "llama", tokens=[*OURS, "[PAD3]"])
    spec = spec_with(draft="draft.gguf")
    obtained = got(spec, folder)
    done = compose(handmade.kit(folder), obtained.model, spec, folder / "out", parts=obtained.parts)
    with open_dist(done.written.path) as dist:
        draft = dist.manifest.draft
        assert draft is not None
        assert draft.shape == shape_of(read_tables(folder / "draft.gguf"))
        monkeypatch.setenv(VARIABLE, str(done.written.path))
        found = open_draft(dist)
        assert found is not None
        assert (found.offset, found.size) == dist.data_range("draft.gguf")


def test_a_dist_without_parts_has_none(folder: Path) -> None:
    done = compose(handmade.kit(folder), got(spec_with(), folder).model, spec_with(), folder / "out")
    with open_dist(done.written.path) as dist:
        assert dist.manifest.model.parts == ()
        assert chat_template(dist) is None
        assert dist.manifest.draft is None


def test_what_is_only_packed_is_said(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spec = spec_with(adapters=["lora.gguf"], draft="draft.gguf")
    obtain(spec, base=folder, spec_folder=folder, accepted=(), engine_dir=lambda: folder, console=Console())
    said = capsys.readouterr().err
    assert "lora.gguf is packed as adapters/0.gguf; this version's runtime does not use it yet" in said
    assert "draft.gguf" not in said


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"projector": "tiny.gguf"}, "is no projector but a 'llama' model"),
        ({"projector": "none.gguf"}, "no model at"),
        ({"adapters": ["draft.gguf"]}, "no LoRA adapter"),
        ({"adapters": ["other-lora.gguf"]}, "is for 'qwen2' models"),
        ({"draft": "other-vocabulary.gguf"}, "their vocabularies differ (None, 900 tokens; None, 3 tokens)"),
        ({"draft": "other-texts.gguf"}, "their tokens stand for different texts"),
        ({"draft": "window.gguf"}, "window.gguf does not attend to all of a text alike"),
        ({"imatrix": "i.gguf"}, "does nothing without model.quantize"),
    ],
)
def test_a_part_that_does_not_fit_is_refused(folder: Path, keys: dict[str, object], words: str) -> None:
    small(folder / "other-lora.gguf", "qwen2", "adapter", "lora")
    small(folder / "other-vocabulary.gguf", "llama", tokens=[str(number) for number in range(900)])
    small(folder / "other-texts.gguf", "llama", tokens=["a", "b", "o", "c"])
    small(folder / "window.gguf", "gemma3", window=8)
    with pytest.raises(ModelError) as caught:
        got(spec_with(**keys), folder)
    assert words in caught.value.message
    assert caught.value.remedy


@pytest.mark.parametrize("text", [b"{% for %}", b"{{ x", b"\xff\xfe\xfd"])
def test_a_template_that_does_not_parse_fails_the_build_and_not_the_chat(folder: Path, text: bytes) -> None:
    (folder / "chat.jinja").write_bytes(text)
    with pytest.raises(SpecError, match="not valid"):
        got(spec_with({"template": "chat.jinja"}), folder)


def test_a_template_that_is_not_there_is_said_so(folder: Path) -> None:
    with pytest.raises(SpecError, match="cannot be read"):
        got(spec_with({"template": "none.jinja"}), folder)


def test_a_type_that_does_not_exist_is_refused_with_the_nearest() -> None:
    with pytest.raises(SpecError, match=r"there is no type 'Q4_KM'; did you mean 'Q4_K_M'\?"):
        spec_with(quantize="Q4_KM")
    assert spec_with(quantize="q4_k").model.quantize == "Q4_K_M"

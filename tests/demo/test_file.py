import hashlib

import gguf
import pytest

from bundler.demo import MODEL_PATH, MODEL_SHA256
from bundler.demo.template import TEMPLATE


@pytest.fixture(scope="module")
def reader() -> gguf.GGUFReader:
    return gguf.GGUFReader(MODEL_PATH)


def _value(reader: gguf.GGUFReader, key: str) -> object:
    field = reader.get_field(key)
    assert field is not None, key
    return field.contents()


def test_the_committed_file_is_the_one_the_code_names() -> None:
    assert hashlib.sha256(MODEL_PATH.read_bytes()).hexdigest() == MODEL_SHA256


def test_it_is_at_most_four_megabytes() -> None:
    assert MODEL_PATH.stat().st_size <= 4_000_000


def test_its_weights_are_quantised(reader: gguf.GGUFReader) -> None:
    matrices = {tensor.tensor_type for tensor in reader.tensors if len(tensor.shape) == 2}
    assert matrices == {gguf.GGMLQuantizationType.Q8_0}


def test_it_says_what_it_is(reader: gguf.GGUFReader) -> None:
    assert _value(reader, "general.name") == "Pannier Demo"
    assert _value(reader, "general.license") == "apache-2.0"
    assert _value(reader, "general.author") == "The Pannier project"
    assert "Pannier" in str(_value(reader, "general.description"))


def test_it_carries_the_template_in_the_repository(reader: gguf.GGUFReader) -> None:
    assert _value(reader, "tokenizer.chat_template") == TEMPLATE


def test_it_has_room_for_a_conversation(reader: gguf.GGUFReader) -> None:
    context = _value(reader, "qwen3.context_length")
    assert isinstance(context, int)
    assert context >= 1024


def test_its_turns_end_with_a_control_token(reader: gguf.GGUFReader) -> None:
    tokens = _value(reader, "tokenizer.ggml.tokens")
    assert isinstance(tokens, list)
    end = _value(reader, "tokenizer.ggml.eos_token_id")
    assert tokens[end] == "<|im_end|>"
    assert _value(reader, "tokenizer.ggml.eot_token_id") == end

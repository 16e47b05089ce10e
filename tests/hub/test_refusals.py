"""Every way a hub can refuse is told in words, with the way out."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import constants

from bundler.console import Console
from bundler.errors import ModelError
from bundler.model.hub import Hub
from bundler.model.resolve import resolve
from tests.hub.conftest import CARD, FILE, REPOSITORY
from tests.hub.loopback import Loopback

HERE = Path("/nowhere")


def refusal(hub: Hub, reference: str = f"hf:{REPOSITORY}") -> ModelError:
    with pytest.raises(ModelError) as caught:
        resolve(reference, HERE, console=Console(quiet=True), hub=hub)
    return caught.value


def test_a_gated_repository_says_where_to_accept_its_terms(server: Loopback, hub: Hub, model: bytes) -> None:
    server.repos[REPOSITORY].gated = 401
    error = refusal(hub)
    assert "gated" in error.message
    assert f"{hub.endpoint}/{REPOSITORY}" in error.remedy
    assert "hf auth login" in error.remedy
    assert server.transfers == []


def test_a_token_that_is_not_admitted_is_told_so(
    server: Loopback, hub: Hub, model: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", False)
    monkeypatch.setenv("HF_TOKEN", "hf_known")
    server.tokens = ("hf_known",)
    server.repos[REPOSITORY].gated = 403
    error = refusal(hub)
    assert "gated" in error.message
    assert "same account" in error.remedy


def test_a_token_that_is_not_valid_is_told_so(
    server: Loopback, hub: Hub, model: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", False)
    monkeypatch.setenv("HF_TOKEN", "hf_old")
    error = refusal(hub)
    assert "does not accept your token" in error.message
    assert "HF_TOKEN" in error.remedy


def test_a_missing_or_private_repository_is_told_so(server: Loopback, hub: Hub, model: bytes) -> None:
    error = refusal(hub, "hf:maker/none")
    assert "no repository maker/none" in error.message
    assert "or it is private" in error.message
    server.repos[REPOSITORY].private = True
    assert "or it is private" in refusal(hub).message


def test_a_renamed_repository_is_followed_and_its_new_name_recorded(
    server: Loopback, hub: Hub, model: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    server.repo("maker/old-name").moved = REPOSITORY
    found = resolve("hf:maker/old-name", HERE, console=Console(), hub=hub)
    assert found.path.read_bytes() == model
    assert found.origin["repository"] == REPOSITORY
    assert f"is now called {REPOSITORY}" in capsys.readouterr().err


def test_a_disabled_repository_is_told_so(server: Loopback, hub: Hub, model: bytes) -> None:
    server.repos[REPOSITORY].disabled = True
    assert "disabled" in refusal(hub).message


def test_an_unknown_revision_is_told_so(server: Loopback, hub: Hub, model: bytes) -> None:
    assert "no such revision" in refusal(hub, f"hf:{REPOSITORY}@v9").message


def test_a_quantisation_it_does_not_have_lists_those_it_has(server: Loopback, hub: Hub, model: bytes) -> None:
    server.repos[REPOSITORY].commit({"a-Q4_K_M.gguf": model, "a-F16.gguf": model, "README.md": CARD})
    error = refusal(hub, f"hf:{REPOSITORY}:Q2_K")
    assert "no 'Q2_K'" in error.message
    assert "Q4_K_M (131 kB)" in error.remedy
    assert "F16 (131 kB)" in error.remedy


def test_a_file_it_does_not_have_lists_those_it_has(server: Loopback, hub: Hub, model: bytes) -> None:
    error = refusal(hub, f"hf:{REPOSITORY}:other.gguf")
    assert "other.gguf" in error.message
    assert "Q8_0" in error.remedy


def test_a_repository_without_ggufs_is_told_so(server: Loopback, hub: Hub) -> None:
    server.repo(REPOSITORY).commit({"model.safetensors": b"x", "README.md": CARD})
    error = refusal(hub)
    assert "no GGUF" in error.message
    assert "convert_hf_to_gguf" in error.remedy


def test_a_split_set_that_is_not_whole_names_what_is_missing(server: Loopback, hub: Hub, model: bytes) -> None:
    server.repo(REPOSITORY).commit({"a-Q8_0-00001-of-00002.gguf": model})
    assert "a-Q8_0-00002-of-00002.gguf" in refusal(hub).message


@pytest.mark.parametrize(("status", "words"), [(500, "answered 500"), (429, "too many requests"), (404, "")])
def test_a_hub_in_trouble_is_told_so(
    server: Loopback, hub: Hub, model: bytes, status: int, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.status = status
    assert words in refusal(hub).message


def test_a_network_that_is_not_there_is_told_so(hub: Hub) -> None:
    error = refusal(Hub("http://127.0.0.1:9", hub.folder))
    assert "http://127.0.0.1:9 cannot be reached" in error.message
    assert "HF_ENDPOINT" in error.remedy
    assert "pannier models" in error.remedy


def test_offline_takes_what_is_on_this_disk_and_else_says_so(
    server: Loopback, hub: Hub, model: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = f"hf:{REPOSITORY}:Q8_0"
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE" in refusal(hub, reference).message
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    online = resolve(reference, HERE, console=Console(quiet=True), hub=hub)
    asked = len(server.asked)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    offline = resolve(reference, HERE, console=Console(quiet=True), hub=hub)
    assert len(server.asked) == asked
    assert offline == online


def test_a_hub_that_does_not_answer_is_done_without(server: Loopback, hub: Hub, model: bytes) -> None:
    online = resolve(f"hf:{REPOSITORY}", HERE, console=Console(quiet=True), hub=hub)
    server.dead = True
    assert resolve(f"hf:{REPOSITORY}", HERE, console=Console(quiet=True), hub=hub) == online


def test_a_hash_that_differs_from_the_hubs_is_said_before_the_download(
    server: Loopback, hub: Hub, model: bytes
) -> None:
    with pytest.raises(ModelError, match="has SHA-256"):
        resolve(f"hf:{REPOSITORY}:{FILE}", HERE, "0f" * 32, Console(quiet=True), hub)
    assert server.transfers == []


@pytest.mark.parametrize(
    "reference",
    ["hf:", "hf:only", "hf:a/b:", "hf:a/b@", "hf:a b/c", "hf:a/b/c", "ollama:", "https://", "https://h/f#x"],
)
def test_a_malformed_reference_is_told_how_to_write_it(hub: Hub, reference: str) -> None:
    assert refusal(hub, reference).remedy

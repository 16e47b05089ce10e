"""Models from a plain web server: never without a hash, resumed by range, kept under their hash."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from bundler.console import Console
from bundler.errors import ModelError
from bundler.model.hub import Hub
from bundler.model.local import LocalModel
from bundler.model.resolve import find, resolve
from tests import handmade
from tests.hub.loopback import Loopback

HERE = Path("/nowhere")


@pytest.fixture
def data(server: Loopback, hub: Hub, tmp_path: Path) -> bytes:
    """A model on the web server; `hub` only for its surroundings."""
    made = handmade.gguf(tmp_path / "original.gguf", elements=32768).read_bytes()
    server.files["models/tiny.gguf"] = made
    return made


def get(server: Loopback, data: bytes, *, query: str = "", sha256: str | None = None) -> LocalModel:
    digest = hashlib.sha256(data).hexdigest() if sha256 is None else sha256
    reference = f"{server.storage}/models/tiny.gguf{query}#sha256={digest}"
    return resolve(reference, HERE, console=Console(quiet=True))


def test_it_is_fetched_once_and_kept_under_its_hash(server: Loopback, data: bytes) -> None:
    first = get(server, data)
    assert first.path.read_bytes() == data
    assert first.path.name == f"{hashlib.sha256(data).hexdigest()}.gguf"
    server.dead = True
    assert get(server, data) == first
    assert len(server.transfers) == 1


def test_secrets_in_the_address_stay_out_of_the_manifest(server: Loopback, data: bytes) -> None:
    address = f"{server.storage}/models/tiny.gguf"
    server.signatures.add("topsecret")
    model = get(server, data, query="?signature=topsecret")
    assert model.source == address
    assert model.origin == {"kind": "https", "url": address, "sha256": hashlib.sha256(data).hexdigest()}


def test_the_size_is_known_before_the_download(server: Loopback, data: bytes) -> None:
    found = find(f"{server.storage}/models/tiny.gguf", HERE, hashlib.sha256(data).hexdigest(), Console(quiet=True))
    assert (found.size, found.missing) == (len(data), len(data))
    assert "131 kB" in found.announcement
    assert server.transfers == []


def test_without_a_hash_nothing_is_fetched(server: Loopback, data: bytes) -> None:
    with pytest.raises(ModelError, match="without a SHA-256") as caught:
        resolve(f"{server.storage}/models/tiny.gguf", HERE)
    assert "model.sha256" in caught.value.remedy
    assert server.transfers == []


def test_a_wrong_hash_is_refused_and_nothing_kept(server: Loopback, data: bytes, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="SHA-256 differs"):
        get(server, data, sha256="0f" * 32)
    assert list((tmp_path / "pannier-cache").glob("models/*")) == []


@pytest.mark.parametrize("lengths", [True, False], ids=["with a length", "without"])
def test_a_connection_cut_at_twenty_points_is_taken_up(server: Loopback, data: bytes, lengths: bool) -> None:
    server.cuts = [len(data) * number // 21 for number in range(1, 21)]
    server.lengths = lengths
    assert get(server, data).path.read_bytes() == data
    assert server.sent == len(data)


def test_a_later_attempt_goes_on_where_the_first_stopped(server: Loopback, data: bytes) -> None:
    server.cuts, server.die_after_cut = [77_777], True
    with pytest.raises(ModelError, match=r"broke off after 77\.8 kB"):
        get(server, data)
    server.dead = False
    assert get(server, data).path.read_bytes() == data
    assert server.transfers[-1].start == 77_777


def test_a_server_without_ranges_sends_it_all_again(server: Loopback, data: bytes) -> None:
    server.ranges, server.cuts = False, [50_000]
    assert get(server, data).path.read_bytes() == data


def test_what_is_not_there_is_told_with_the_servers_answer(server: Loopback, hub: Hub) -> None:
    with pytest.raises(ModelError, match="answered 404"):
        resolve(f"{server.storage}/none.gguf#sha256={'0' * 64}", HERE)


def test_a_server_that_is_not_there_is_told(hub: Hub) -> None:
    with pytest.raises(ModelError, match="cannot be reached"):
        resolve(f"https://127.0.0.1:9/m.gguf#sha256={'0' * 64}", HERE)


def test_an_address_that_is_not_encrypted_is_refused(hub: Hub) -> None:
    with pytest.raises(ModelError, match="not encrypted"):
        resolve(f"http://example.invalid/m.gguf#sha256={'0' * 64}", HERE)

"""A signature says who vouches for a dist: made with one half of a key, checked with the other, by anybody."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from bundler.compose.compose import compose
from bundler.errors import UsageError
from bundler.trust import keys
from bundler.trust.signing import judge, write_detached
from runtime.container.archive import DIST, open_dist
from runtime.container.source import Source
from runtime.container.verify import verify
from tests import handmade
from tests.requirements import tool

VERIFIER = Path(__file__).parents[2] / "docs" / "verify_dist.py"


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("key") / "mine"
    keys.generate(path)
    return path


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory, key: Path) -> Path:
    folder = tmp_path_factory.mktemp("signed")
    sign = keys.load_private(key).sign
    return compose(handmade.kit(folder), handmade.model(folder), handmade.spec(), folder, sign=sign).written.path


def public(key: Path) -> Path:
    return key.with_name(key.name + ".pub")


def stdlib_verifier(*arguments: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-I", VERIFIER, *arguments], capture_output=True, text=True, check=False)


def test_signing_changes_no_hash_and_moves_nothing(signed: Path, tmp_path: Path) -> None:
    plain = compose(handmade.kit(tmp_path), handmade.model(tmp_path), handmade.spec(), tmp_path).written
    with open_dist(signed) as dist:
        assert dist.manifest_sha256 == plain.manifest_sha256
        assert dist.layout.placements[-1].member.name == "manifest.json.sig"
        assert dist.layout.placements[-2].member.name == "runtime.tar.zst"
        end = dist.layout.placements[-2].end
    assert signed.read_bytes()[:end] == plain.path.read_bytes()[:end]


def test_a_signed_dist_is_a_sound_dist_and_a_sound_zip(signed: Path) -> None:
    with Source.open(signed) as source:
        report = verify(source, DIST)
    assert report.sound
    assert report.checked == report.file_size
    with zipfile.ZipFile(signed) as archive:
        assert archive.testzip() is None
        assert len(archive.read("manifest.json.sig")) == 64


def test_signing_twice_gives_the_same_bytes(signed: Path, key: Path, tmp_path: Path) -> None:
    sign = keys.load_private(key).sign
    again = compose(handmade.kit(tmp_path), handmade.model(tmp_path), handmade.spec(), tmp_path, sign=sign)
    assert again.written.path.read_bytes() == signed.read_bytes()


def test_the_right_key_says_yes_and_another_says_no(signed: Path, key: Path, tmp_path: Path) -> None:
    other, _ = keys.generate(tmp_path / "other")
    with open_dist(signed) as dist:
        assert judge(dist, keys.load_public(public(key))).good
        assert not judge(dist, other.public).good


def test_a_detached_signature_vouches_for_an_unsigned_dist(key: Path, tmp_path: Path) -> None:
    path = compose(handmade.kit(tmp_path), handmade.model(tmp_path), handmade.spec(), tmp_path).written.path
    with open_dist(path) as dist:
        assert judge(dist, keys.load_public(public(key))).words == "it is not signed"
        detached = write_detached(path, keys.load_private(key).sign(dist.raw_manifest))
        assert judge(dist, keys.load_public(public(key)), detached).good
    assert detached.name == path.name + ".sig"
    assert stdlib_verifier(path, public(key), detached).returncode == 0
    assert "did not sign" in stdlib_verifier(path, public(key)).stderr


def test_openssl_agrees_with_nothing_but_unzip_beside_it(signed: Path, key: Path, tmp_path: Path) -> None:
    openssl, unzip = tool("openssl"), tool("unzip")
    for name in ("manifest.json", "manifest.json.sig"):
        data = subprocess.run([unzip, "-p", signed, name], capture_output=True, check=True).stdout
        (tmp_path / name).write_bytes(data)
    command = [openssl, "pkeyutl", "-verify", "-pubin", "-inkey", public(key), "-rawin"]
    command += ["-in", tmp_path / "manifest.json", "-sigfile", tmp_path / "manifest.json.sig"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "Verified Successfully" in done.stdout, done


def test_the_private_key_is_its_owners_alone_and_never_overwritten(key: Path) -> None:
    if os.name == "posix":
        assert key.stat().st_mode & 0o777 == 0o600
    with pytest.raises(UsageError, match="never overwritten"):
        keys.generate(key)


def test_a_key_may_have_a_passphrase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(keys.PASSPHRASE, "open sesame")
    made, _ = keys.generate(tmp_path / "k")
    assert keys.load_private(tmp_path / "k").public.fingerprint == made.public.fingerprint
    monkeypatch.setenv(keys.PASSPHRASE, "close sesame")
    with pytest.raises(UsageError, match="with this passphrase"):
        keys.load_private(tmp_path / "k")
    monkeypatch.delenv(keys.PASSPHRASE)
    with pytest.raises(UsageError, match="has a passphrase"):
        keys.load_private(tmp_path / "k")


@pytest.mark.parametrize(
    "content", [b"", b"not a key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_what_is_no_key_is_said_so_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "k"
    path.write_bytes(content)
    for load in (keys.load_private, keys.load_public):
        with pytest.raises(UsageError, match="is no"):
            load(path)


# The verifier that is kept elsewhere


def test_the_verifier_is_short_and_uses_the_standard_library_alone() -> None:
    text = VERIFIER.read_text()
    assert len(text.splitlines()) < 100
    imports = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom)]
    imported = {name.name for node in imports if isinstance(node, ast.Import) for name in node.names}
    imported |= {str(node.module) for node in imports if isinstance(node, ast.ImportFrom)}
    assert {"hashlib", "struct", "zipfile"} <= imported <= sys.stdlib_module_names


def test_the_verifier_accepts_a_good_dist(signed: Path, key: Path) -> None:
    done = stdlib_verifier(signed, public(key))
    assert done.returncode == 0, done.stderr
    with open_dist(signed) as dist:
        assert dist.manifest_sha256 in done.stdout


def test_the_verifier_accepts_every_kind_of_padding(key: Path, tmp_path: Path) -> None:
    sign = keys.load_private(key).sign
    model = handmade.model(tmp_path)
    with open_dist(compose(handmade.kit(tmp_path), model, handmade.spec(), tmp_path).written.path) as dist:
        residue = dist.layout.placement("model.gguf").header_offset + 40 - len(handmade.elf())
    for short in (0, 3, 6, 20):
        kit = handmade.kit(tmp_path, stub=handmade.elf(size=100_000 + (-short - residue - 100_000) % 65536))
        path = compose(kit, model, handmade.spec(), tmp_path / str(short), sign=sign).written.path
        assert stdlib_verifier(path, public(key)).returncode == 0, short


def test_the_verifier_refuses_another_key(signed: Path, tmp_path: Path) -> None:
    _, other = keys.generate(tmp_path / "other")
    done = stdlib_verifier(signed, other)
    assert done.returncode != 0
    assert "did not sign" in done.stderr


def test_the_verifier_refuses_a_flipped_bit_in_every_region_and_anything_behind_the_end(
    signed: Path, key: Path, tmp_path: Path
) -> None:
    with open_dist(signed) as dist:
        places = [100, dist.layout.directory_offset + 30, dist.layout.file_size - 3]
        for placement in dist.layout.placements:
            places += [placement.header_offset + 12, placement.data_offset + placement.member.size // 2]
    whole = signed.read_bytes()
    copy = tmp_path / "flipped"
    for place in places:
        data = bytearray(whole)
        data[place] ^= 4
        copy.write_bytes(data)
        assert stdlib_verifier(copy, public(key)).returncode != 0, place
    copy.write_bytes(whole + b"x")
    assert stdlib_verifier(copy, public(key)).returncode != 0


def test_the_verifier_refuses_a_signature_that_is_not_reduced(signed: Path, key: Path, tmp_path: Path) -> None:
    """s and s + the group's order satisfy the same equation; accepting both would make signatures malleable."""
    with open_dist(signed) as dist:
        signature = dist.signature
    order = 2**252 + 27742317777372353535851937790883648493
    s = int.from_bytes(signature[32:], "little") + order
    forged = tmp_path / "forged.sig"
    forged.write_bytes(signature[:32] + s.to_bytes(32, "little"))
    good = tmp_path / "good.sig"
    good.write_bytes(signature)
    assert stdlib_verifier(signed, public(key), good).returncode == 0
    assert stdlib_verifier(signed, public(key), forged).returncode != 0


def test_the_verifier_checks_the_files_beside_the_dist(key: Path, tmp_path: Path) -> None:
    sign = keys.load_private(key).sign
    spec = handmade.spec(media={"sidecar": True})
    done = compose(handmade.kit(tmp_path), handmade.model(tmp_path), spec, tmp_path / "out", sign=sign)
    assert stdlib_verifier(done.written.path, public(key)).returncode == 0
    (beside,) = done.beside
    whole = beside.read_bytes()
    for changed in (whole + b"x", whole[:-1], whole[:-1] + bytes([whole[-1] ^ 1])):
        beside.write_bytes(changed)
        assert beside.name in stdlib_verifier(done.written.path, public(key)).stderr


def test_a_stripped_signature_is_noticed(signed: Path, key: Path, tmp_path: Path) -> None:
    """Whoever takes a signature off leaves a sound file: that it ought to be signed is for the verifier to know."""
    plain = compose(handmade.kit(tmp_path), handmade.model(tmp_path), handmade.spec(), tmp_path).written.path
    assert "did not sign" in stdlib_verifier(plain, public(key)).stderr

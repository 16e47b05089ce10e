"""A dist for a Mac is a Mach-O program in good order, and its code signature is right; LIEF and macholib agree."""

from __future__ import annotations

import hashlib
import io
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import lief
import pytest
from macholib.MachO import MachO

from bundler.compose import macho
from bundler.compose.compose import compose
from bundler.errors import KitError
from bundler.renew.changes import Changes
from bundler.renew.repack import repack
from runtime.container import codesign
from runtime.container.archive import DIST, open_dist
from runtime.container.source import Source
from runtime.container.verify import verify
from tests import handmade
from tests.zig import compile_program

VERIFIER = Path(__file__).parents[2] / "docs" / "verify_dist.py"
TARGETS = {"macos-arm64": "aarch64-macos", "macos-x86_64": "x86_64-macos"}


@pytest.fixture(scope="module", params=TARGETS)
def real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, bytes]:
    """A target, and a real program for it from zig's compiler; the one for arm64 comes signed by its linker."""
    pytest.importorskip("ziglang")
    folder = tmp_path_factory.mktemp("macho")
    (folder / "hello.c").write_text('#include <stdio.h>\nint main(void) { return puts("hello") < 0; }\n')
    compile_program(TARGETS[request.param], "-Os", "hello.c", "-o", "hello", cwd=folder)
    return request.param, (folder / "hello").read_bytes()


@pytest.fixture
def dist(real: tuple[str, bytes], tmp_path: Path) -> Path:
    target, stub = real
    kit = handmade.kit(tmp_path, target, stub)
    return compose(kit, handmade.model(tmp_path), handmade.spec(), tmp_path / "out").written.path


def program(path: Path) -> lief.MachO.Binary:
    parsed = lief.MachO.parse(str(path))
    assert parsed is not None
    found = parsed.at(0)
    assert found is not None
    return found


def signature_place(path: Path) -> tuple[int, int]:
    found = program(path).code_signature
    assert found is not None
    return found.data_offset, found.data_size


def test_nothing_lies_outside_of_the_segments(dist: Path) -> None:
    found = program(dist)
    last = max(found.segments, key=lambda segment: segment.file_offset)
    assert last.name == "__LINKEDIT"
    assert last.file_offset + last.file_size == dist.stat().st_size
    assert last.virtual_size >= last.file_size
    assert last.virtual_size % 0x4000 == 0


def test_payload_is_part_of_the_strings_and_the_signature_comes_last(dist: Path) -> None:
    offset, size = signature_place(dist)
    symtab = program(dist)[lief.MachO.LoadCommand.TYPE.SYMTAB]
    assert isinstance(symtab, lief.MachO.SymbolCommand)
    assert symtab.strings_offset + symtab.strings_size == offset
    assert offset % 16 == 0
    assert offset + size == dist.stat().st_size


def test_macholib_reads_the_same_load_commands_as_lief(dist: Path) -> None:
    (header,) = MachO(str(dist)).headers
    commands = {command.get_cmd_name(): data for command, data, _ in header.commands}
    signature = commands["LC_CODE_SIGNATURE"]
    assert (signature.dataoff, signature.datasize) == signature_place(dist)


def code_directory(path: Path) -> tuple[bytes, bytes]:
    """The CodeDirectory, and the requirements, taken out of the SuperBlob by Apple's published structures."""
    offset, _ = signature_place(path)
    data = path.read_bytes()[offset:]
    magic, length, count = struct.unpack_from(">III", data)
    assert magic == 0xFADE0CC0
    blobs = {}
    for index in range(count):
        kind, at = struct.unpack_from(">II", data, 12 + 8 * index)
        _, size = struct.unpack_from(">II", data, at)
        assert at + size <= length
        blobs[kind] = data[at : at + size]
    assert blobs[0x10000] == struct.pack(">II", 0xFADE0B01, 8)
    return blobs[0], blobs[2]


def wrong_pages(path: Path) -> list[int]:
    """The numbers of the pages whose hash is not the one in the signature: what a Mac's kernel would refuse to run."""
    directory, _ = code_directory(path)
    magic, _, version, flags, hashes, _, _, count, limit = struct.unpack_from(">9I", directory)
    hash_size, hash_type, _, page_bits = struct.unpack_from("4B", directory, 36)
    assert (magic, version, flags, hash_size, hash_type) == (0xFADE0C02, 0x20400, 2, 32, 2)
    assert limit == signature_place(path)[0]
    page = 1 << page_bits
    assert count == -(-limit // page)
    data = path.read_bytes()[:limit]
    return [
        n
        for n in range(count)
        if hashlib.sha256(data[n * page : (n + 1) * page]).digest() != directory[hashes + 32 * n : hashes + 32 * n + 32]
    ]


def test_every_page_has_the_hash_the_signature_says(dist: Path) -> None:
    assert wrong_pages(dist) == []


def test_a_flipped_bit_in_any_part_makes_its_page_wrong(dist: Path) -> None:
    data = bytearray(dist.read_bytes())
    with open_dist(dist) as archive:
        model = archive.data_range("model.gguf")[0]
        runtime = archive.data_range("runtime.pkg")[0]
    for at in (40, model + 5000, runtime):
        flipped = dist.with_name("flipped")
        data[at] ^= 1
        flipped.write_bytes(data)
        data[at] ^= 1
        if at > 4096:  # a Mach-O header with other numbers may not parse at all
            assert wrong_pages(flipped) == [at // 4096]
        with Source.open(flipped) as source:
            assert not verify(source, DIST).sound


def test_the_signature_names_the_program_its_code_and_its_requirements(dist: Path) -> None:
    directory, requirements = code_directory(dist)
    (name_at,) = struct.unpack_from(">I", directory, 20)
    assert directory[name_at : directory.index(0, name_at)].decode() == dist.name
    base, limit, flags = struct.unpack_from(">3Q", directory, 64)
    text = program(dist).get_segment("__TEXT")
    assert text is not None
    assert (base, limit, flags) == (0, text.file_size, 1)
    (hashes,) = struct.unpack_from(">I", directory, 16)
    assert directory[hashes - 64 : hashes - 32] == hashlib.sha256(requirements).digest()
    assert requirements == struct.pack(">III", 0xFADE0C01, 12, 0)


def test_zip_tools_still_find_everything(dist: Path) -> None:
    with zipfile.ZipFile(dist) as archive:
        assert archive.testzip() is None
        assert archive.namelist()[-2:] == ["runtime.pkg", "code.signature"]
        assert archive.getinfo("code.signature").CRC == 0


def test_verify_accounts_for_the_signature_too(dist: Path) -> None:
    with Source.open(dist) as source:
        report = verify(source, DIST)
    assert report.sound
    assert report.checked == report.file_size
    offset, _ = signature_place(dist)
    data = bytearray(dist.read_bytes())
    data[offset + 200] ^= 4
    with Source.open(dist.with_name("broken").write_bytes(data) and dist.with_name("broken")) as source:
        assert [damage.region for damage in verify(source, DIST).damages] == ["entry code.signature"]


def test_a_signature_that_fits_its_headers_but_not_the_file_is_noticed(dist: Path) -> None:
    """Its CRC-32 is zero again, as the headers say; only making the signature anew shows that it is another one."""
    with open_dist(dist) as archive:
        offset, size = archive.data_range("code.signature")
    forged = bytearray(dist.read_bytes())
    member = codesign.member(iter([bytes(offset)]), offset, dist.name, 0)
    assert len(member) == size
    forged[offset : offset + size] = member
    path = dist.with_name("forged")
    path.write_bytes(forged)
    with Source.open(path) as source:
        (damage,) = verify(source, DIST).damages
    assert damage.problem == "it is not the code signature of this file"


def test_the_same_inputs_give_the_same_signed_bytes(real: tuple[str, bytes], tmp_path: Path) -> None:
    target, stub = real
    results = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        kit = handmade.kit(folder, target, stub)
        results.append(compose(kit, handmade.model(folder), handmade.spec(), folder).written.path.read_bytes())
    assert results[0] == results[1]


def test_a_manifest_signed_by_the_builder_is_signed_code_as_well(real: tuple[str, bytes], tmp_path: Path) -> None:
    target, stub = real
    kit = handmade.kit(tmp_path, target, stub)
    done = compose(kit, handmade.model(tmp_path), handmade.spec(), tmp_path / "out", sign=lambda _: bytes(range(64)))
    assert wrong_pages(done.written.path) == []
    with open_dist(done.written.path) as dist, Source.open(done.written.path) as source:
        assert dist.signature == bytes(range(64))
        assert verify(source, DIST).sound


def test_a_renewed_dist_is_signed_anew(dist: Path, tmp_path: Path) -> None:
    with open_dist(dist) as old:
        spec = handmade.spec(dist={"name": "renewed"})
        renewed = repack(old, Changes(spec, told=frozenset({"dist.name"})), tmp_path / "new").path
    assert wrong_pages(renewed) == []
    with Source.open(renewed) as source:
        assert verify(source, DIST).sound


def test_taking_the_linkers_signature_off_leaves_a_program_that_ends_in_its_strings(real: tuple[str, bytes]) -> None:
    target, stub = real
    assert (lief.MachO.parse(io.BytesIO(stub)).at(0).has_code_signature) == (target == "macos-arm64")
    found = lief.MachO.parse(io.BytesIO(macho.bare(stub))).at(0)
    symtab = found[lief.MachO.LoadCommand.TYPE.SYMTAB]
    assert 0 <= len(macho.bare(stub)) - symtab.strings_offset - symtab.strings_size < 16


@pytest.mark.parametrize(
    ("stub", "words"),
    [
        (handmade.macho() + bytes(100), "does not end in its symbol strings"),
        (handmade.macho(signed=True) + b"more", "behind its code signature"),
        (handmade.macho().replace(b"__LINKEDIT", b"__OTHER\0\0\0"), "does not end in the segment __LINKEDIT"),
        (handmade.macho()[:40], "no whole Mach-O"),
    ],
    ids=["trailing bytes", "trailing bytes behind the signature", "another last segment", "cut"],
)
def test_a_stub_no_payload_can_be_put_behind_is_refused(stub: bytes, words: str) -> None:
    with pytest.raises(KitError, match=words):
        macho.bare(stub)


def test_the_verifier_without_pannier_checks_the_code_signature_too(real: tuple[str, bytes], tmp_path: Path) -> None:
    """Written anew from docs/format.md in a file of its own: it must come to the same bytes."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "key.pub").write_bytes(public)
    target, stub = real
    kit = handmade.kit(tmp_path, target, stub)
    dist = compose(kit, handmade.model(tmp_path), handmade.spec(), tmp_path / "out", sign=key.sign).written.path

    def check() -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(VERIFIER), str(dist), str(tmp_path / "key.pub")]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert check().stdout.startswith("sound")
    offset, _ = signature_place(dist)
    data = bytearray(dist.read_bytes())
    data[offset + 100] ^= 1
    dist.write_bytes(data)
    assert "code signature" in check().stderr


def test_the_builder_is_told_of_quarantine(tmp_path: Path) -> None:
    done = compose(handmade.kit(tmp_path, "macos-arm64"), handmade.model(tmp_path), handmade.spec(), tmp_path / "out")
    assert any("com.apple.quarantine" in note for note in done.notes)

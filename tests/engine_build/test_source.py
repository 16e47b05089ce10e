"""The source archive: only the pinned one, and nothing leaves the directory it is unpacked into."""

from __future__ import annotations

import hashlib
import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.console import Console
from bundler.engine.source import RELEASE, SourceRelease, source_archive, source_tree, unpack
from bundler.errors import ToolError

TREE = str(RELEASE.tree)
QUIET = Console(quiet=True)


def archive_of(path: Path, members: dict[str, str], extra: list[tarfile.TarInfo] | None = None) -> SourceRelease:
    """An archive with these members; returns a release that pins it."""
    with tarfile.open(path, "w:gz") as tar:
        for name, text in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
        for info in extra or []:
            tar.addfile(info)
    return replace(RELEASE, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def test_an_archive_put_there_by_hand_is_used_without_a_network(tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    by_hand = tmp_path / "sources" / RELEASE.archive
    release = archive_of(by_hand, {f"{TREE}/CMakeLists.txt": "x", f"{TREE}/src/a.cpp": "y"})
    tree = source_tree(tmp_path, QUIET, release)
    assert (tree / "src" / "a.cpp").read_text() == "y"


def test_an_archive_with_another_hash_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / RELEASE.archive).write_bytes(b"something else")
    with pytest.raises(ToolError, match="not the pinned source archive"):
        source_archive(tmp_path, QUIET)


def test_without_a_network_it_says_where_to_put_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(ToolError, match="could not be downloaded") as caught:
        source_archive(tmp_path, QUIET)
    assert str(tmp_path / "sources" / RELEASE.archive) in caught.value.remedy
    assert list((tmp_path / "sources").iterdir()) == []


def test_only_what_the_build_reads_is_unpacked(tmp_path: Path) -> None:
    members = {f"{TREE}/{name}": "" for name in ("CMakeLists.txt", "ggml/a.c", "models/big.gguf", "docs/b.md")}
    release = archive_of(tmp_path / "a.tar.gz", {**members, "llama_cpp_python-0.3.36/llama_cpp/llama.py": ""})
    out = tmp_path / "out"
    out.mkdir()
    unpack(tmp_path / "a.tar.gz", out, release)
    assert sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()) == [
        "CMakeLists.txt",
        "ggml/a.c",
    ]


def link(name: str, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = tarfile.SYMTYPE
    info.linkname = target
    return info


@pytest.mark.parametrize(
    "evil",
    [
        tarfile.TarInfo(f"{TREE}/ggml/../../escaped"),
        link(f"{TREE}/ggml/outward", "../../escaped"),
        link(f"{TREE}/ggml/absolute", "/etc/passwd"),
    ],
    ids=lambda info: info.name.rsplit("/", 1)[-1],
)
def test_a_member_that_would_leave_the_directory_is_refused(tmp_path: Path, evil: tarfile.TarInfo) -> None:
    release = archive_of(tmp_path / "a.tar.gz", {f"{TREE}/CMakeLists.txt": ""}, [evil])
    out = tmp_path / "out" / "deep"
    out.mkdir(parents=True)
    with pytest.raises(ToolError, match="cannot be unpacked"):
        unpack(tmp_path / "a.tar.gz", out, release)
    assert not (tmp_path / "out" / "escaped").exists()
    assert not (tmp_path / "escaped").exists()


def test_an_archive_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tar.gz"
    release = archive_of(path, {f"{TREE}/CMakeLists.txt": "", f"{TREE}/src/a.cpp": "int a;\n" * 5000})
    path.write_bytes(path.read_bytes()[:-20])
    (tmp_path / "out").mkdir()
    with pytest.raises(ToolError, match="cannot be unpacked"):
        unpack(path, tmp_path / "out", release)

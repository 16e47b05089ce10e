"""The engine build on a project of a few lines: what it yields, what it refuses, how it fails."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bundler.console import Console
from bundler.engine import part
from bundler.engine.build import build_engine
from bundler.engine.elf import read_elf
from bundler.engine.product import Engine
from bundler.errors import ToolError, UsageError
from bundler.targets import TARGETS, host
from runtime.manifest import EngineInfo
from tests.engine_build.conftest import Build, named
from tests.requirements import tool

CORE = ["libggml-base.so", "libggml.so", "libllama.so"]

pytestmark = pytest.mark.skipif(host().system != "linux", reason="the miniature project is checked as ELF")


def forbid_compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    def compile_goals(*_: object) -> None:
        raise AssertionError("it compiled again")

    monkeypatch.setattr(part, "compile_goals", compile_goals)


def hashes(engine: Engine) -> dict[str, str]:
    return {file.file: file.sha256 for file in engine.files}


def test_core_comes_first_then_the_variants_best_first(built: Engine) -> None:
    assert [lib.file for lib in built.libraries] == [*CORE, "libggml-cpu-haswell.so", "libggml-cpu-x64.so"]
    assert [(lib.backend, lib.variant, lib.rank) for lib in built.libraries[3:]] == [
        ("cpu", "haswell", 64),
        ("cpu", "x64", 1),
    ]
    assert built.architectures == ("llama", "qwen3")
    assert "does nothing" in built.license.read_text()


def test_the_manifest_tells_source_recipe_and_libraries(built: Engine) -> None:
    info = built.info(lambda lib: f"engine/{lib.file}.zst")
    assert isinstance(info, EngineInfo)
    assert info.commit == "0c1e57098"
    assert info.backends == ("cpu",)
    assert info.libraries[0].entry == "engine/libggml-base.so.zst"
    assert info.recipe["options"]["GGML_CPU_ALL_VARIANTS"] == "ON"
    assert "/" not in "".join(info.recipe["compile_flags"])


def test_libraries_are_found_by_the_names_their_siblings_ask_for(built: Engine) -> None:
    assert read_elf(built.path / "libggml-base.so").soname == "libggml-base.so"
    assert "libggml-base.so" in read_elf(built.path / "libggml.so").needed
    # In a process of its own: this one may hold the real libggml-base.so, and the loader goes by that name.
    asked = f"import ctypes; print(ctypes.CDLL({str(built.path / 'libggml.so')!r}).ggml_fake())"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=False)
    assert done.stdout.strip() == "12", done.stderr


def test_libraries_bring_their_cxx_library_along(built: Engine) -> None:
    for lib in built.libraries:
        assert not {"libstdc++.so.6", "libgcc_s.so.1"} & set(read_elf(built.path / lib.file).needed)


def test_libraries_show_each_other_the_c_interface_only(built: Engine) -> None:
    listed = subprocess.run(
        [tool("nm"), "-D", "--defined-only", str(built.path / "libggml-base.so")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert sorted(line.split()[-1] for line in listed.stdout.splitlines()) == ["ggml_fake_place", "ggml_fake_sum"]


def test_a_random_device_does_not_ask_for_a_new_glibc(built: Engine) -> None:
    versions = {version for names in read_elf(built.path / "libllama.so").versions.values() for version in names}
    assert "GLIBC_2.36" not in versions
    library = ctypes.CDLL(str(built.path / "libllama.so"))
    assert len({library.llama_fake() for _ in range(8)}) > 1


def test_the_second_build_compiles_nothing_and_takes_less_than_a_second(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build()
    forbid_compiling(monkeypatch)
    start = time.monotonic()
    assert build() == first
    assert time.monotonic() - start < 1


def test_another_directory_and_umask_and_the_users_own_flags_change_no_byte(
    build: Build, built: Engine, fake_source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = built
    elsewhere = tmp_path / "quite" / "another place with blanks"
    elsewhere.mkdir(parents=True)
    other_source = elsewhere / "src"
    shutil.copytree(fake_source, other_source)
    monkeypatch.setenv("CFLAGS", "-O0 -g")
    monkeypatch.setenv("CXXFLAGS", "-O0 -g")
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    before = os.umask(0o077)
    try:
        second = build(source=other_source, root=elsewhere / "cache")
    finally:
        os.umask(before)
    assert hashes(first) == hashes(second)
    assert first.key == second.key
    assert first.path != second.path


def test_peers_are_built_in_the_same_place_and_never_packed(build: Build, built: Engine) -> None:
    plain = built
    with_peers = build(peers=True)
    assert hashes(plain).items() <= hashes(with_peers).items()
    assert [lib.file for lib in with_peers.libraries] == [lib.file for lib in plain.libraries]
    assert with_peers.program("llama-server").is_file()
    assert len(named(with_peers.path.parent.parent / "work")) == 1
    with pytest.raises(ToolError, match="no llama-server"):
        plain.program("llama-server")


def test_a_failing_compiler_is_quoted_and_its_objects_are_used_again(
    build: Build, fake_source: Path, tmp_path: Path
) -> None:
    broken = fake_source / "src" / "ggml.cpp"
    sound = broken.read_text()
    broken.write_text("this is no C++\n")
    with pytest.raises(ToolError) as caught:
        build()
    assert "ggml.cpp:1:1: error:" in caught.value.message
    log = Path(caught.value.remedy.removeprefix("The whole log is in ").removesuffix("."))
    assert "this is no C++" in log.read_text()
    cache = tmp_path / "cache"
    assert named(cache / "engines") == named(cache / "parts") == []

    objects = {path: path.stat().st_mtime_ns for path in (cache / "work").rglob("base.cpp.o")}
    assert objects
    broken.write_text(sound)
    assert len(build().libraries) == 5
    assert {path: path.stat().st_mtime_ns for path in objects} == objects, "what was compiled was not used again"


def test_a_library_that_needs_a_stranger_is_refused(build: Build, fake_source: Path) -> None:
    script = fake_source / "CMakeLists.txt"
    stranger = "add_library(stranger SHARED src/stranger.c)\ntarget_link_libraries(llama PRIVATE stranger)\n"
    script.write_text(script.read_text() + stranger)
    (fake_source / "src" / "stranger.c").write_text("int ggml_stranger(void) { return 1; }\n")
    source = fake_source / "src" / "llama-arch.cpp"
    using = 'extern "C" int ggml_stranger(void);\nextern "C" int llama_use(void) { return ggml_stranger(); }\n'
    source.write_text(source.read_text() + using)
    with pytest.raises(ToolError, match=r"libllama\.so needs libstranger\.so"):
        build()


def test_a_library_that_was_promised_and_not_made_is_missed(build: Build, fake_source: Path) -> None:
    script = fake_source / "CMakeLists.txt"
    script.write_text(script.read_text().replace("foreach (variant x64 haswell)", "foreach (variant)"))
    with pytest.raises(ToolError, match=r"made no ggml-cpu-\*"):
        build()


def test_a_variant_without_a_rank_is_refused(build: Build, fake_source: Path) -> None:
    script = fake_source / "CMakeLists.txt"
    script.write_text(script.read_text().replace("x64 haswell", "x64 lakeoflakes"))
    with pytest.raises(ToolError, match="lakeoflakes"):
        build()


def test_a_damaged_engine_is_noticed_and_built_again(build: Build) -> None:
    first = build()
    library = first.path / "libllama.so"
    data = bytearray(library.read_bytes())
    data[len(data) // 2] ^= 1
    library.write_bytes(data)
    again = build()
    assert hashes(again) == hashes(first)
    assert library.read_bytes() != data


def test_an_engine_for_a_mac_is_only_compiled_on_one(tmp_path: Path) -> None:
    other = TARGETS["macos-arm64"]
    with pytest.raises(ToolError, match=other.name):
        build_engine(other, ["cpu"], tmp_path, Console(quiet=True))


def test_an_unknown_backend_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="abacus"):
        build_engine(host(), ["abacus"], tmp_path, Console(quiet=True))


def test_a_missing_compiler_is_named_with_the_way_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(ToolError, match="no-such-compiler not found") as caught:
        build_engine(host(), ["cpu"], tmp_path, Console(quiet=True))
    assert "apt install" in caught.value.remedy

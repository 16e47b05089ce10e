"""Engines for other systems, compiled here from the miniature llama.cpp, and run by QEMU and Wine."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pefile
import pytest

from bundler.console import Console
from bundler.engine import cross, part
from bundler.engine.build import build_engine
from bundler.engine.dll import read_dll
from bundler.engine.elf import read_elf
from bundler.engine.product import Engine
from bundler.engine.zigcc import translated
from bundler.errors import ToolError
from bundler.targets import find, host
from tests.engine_build.conftest import FAKE
from tests.engine_build.foreign import run_foreign
from tests.zig import compile_program

pytestmark = pytest.mark.skipif(host().system == "windows", reason="the compiler's launchers are shell scripts")

ASKING = '#include <stdio.h>\nint ggml_fake(void);\nint main(void) { return printf("%d\\n", ggml_fake()) < 0; }\n'
LOADING = """#include <stdio.h>
#include <windows.h>
int main(void) {
    int (*fake)(void) = (int (*)(void)) GetProcAddress(LoadLibraryA("ggml.dll"), "ggml_fake");
    return !fake || printf("%d\\n", fake()) < 0;
}
"""
FOREIGN = [name for name in cross.CROSS if name != host().name]


def compiled(target: str, root: Path) -> Engine:
    pytest.importorskip("ziglang")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(part, "source_tree", lambda _root, _console: FAKE)
        return build_engine(find(target), ["cpu"], root, Console(quiet=True))


@pytest.fixture(scope="module", params=FOREIGN)
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return compiled(request.param, tmp_path_factory.mktemp("cross"))


@pytest.fixture(scope="module")
def for_windows(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return compiled("windows-x86_64", tmp_path_factory.mktemp("windows"))


def test_it_runs_on_its_own_system(built: Engine, tmp_path: Path) -> None:
    for library in built.libraries:
        shutil.copy(built.path / library.file, tmp_path)
    triple = cross.CROSS[built.target].triple
    windows = find(built.target).system == "windows"
    (tmp_path / "ask.c").write_text(LOADING if windows else ASKING)
    linking = [] if windows else ["libggml.so", "-Wl,-rpath,$ORIGIN"]
    program = "ask.exe" if windows else "ask"
    compile_program(triple, "ask.c", *linking, "-o", program, cwd=tmp_path)
    assert run_foreign(built.target, tmp_path / program, [], tmp_path).split()[-1] == "12"


def test_it_is_for_its_own_machine_and_names_its_compiler(built: Engine) -> None:
    for library in built.libraries:
        path = built.path / library.file
        if find(built.target).system == "windows":
            assert read_dll(path).machine == 0x8664
        else:
            assert struct.unpack_from("<H", path.read_bytes(), 18) == (183,)
    assert built.compiler.startswith("zig ")


def test_it_needs_no_newer_system_than_the_oldest_it_is_made_for(built: Engine) -> None:
    if find(built.target).system == "windows":
        assert built.glibc == ""
        assert tuple(map(int, built.oldest.split("."))) <= (10, 0)
        return
    assert tuple(map(int, built.glibc.split("."))) <= (2, 28)
    for library in built.libraries:
        assert not {"libstdc++.so.6", "libgcc_s.so.1"} & set(read_elf(built.path / library.file).needed)


def test_it_holds_no_path_of_this_machine(built: Engine) -> None:
    for library in built.libraries:
        data = (built.path / library.file).read_bytes()
        assert str(FAKE).encode() not in data
        assert str(Path(sys.prefix)).encode() not in data
        assert str(built.path.parent.parent).encode() not in data


def test_compiled_again_elsewhere_it_is_the_same(built: Engine, tmp_path: Path) -> None:
    again = compiled(built.target, tmp_path / "another place")
    assert {file.file: file.sha256 for file in again.files} == {file.file: file.sha256 for file in built.files}


def test_a_library_for_windows_shows_the_marked_interface_only(for_windows: Engine) -> None:
    exports = read_dll(for_windows.path / "ggml-base.dll").exports
    assert sorted(exports) == ["ggml_fake_place", "ggml_fake_sum"]


def test_another_reader_finds_the_same_in_a_library_for_windows(for_windows: Engine) -> None:
    for library in for_windows.libraries:
        facts, other = read_dll(for_windows.path / library.file), pefile.PE(str(for_windows.path / library.file))
        assert facts.needed == tuple(sorted({row.dll.decode().lower() for row in other.DIRECTORY_ENTRY_IMPORT}))
        assert facts.exports == tuple(row.name.decode() for row in other.DIRECTORY_ENTRY_EXPORT.symbols)
        header = other.OPTIONAL_HEADER
        assert facts.oldest == (header.MajorSubsystemVersion, header.MinorSubsystemVersion)


def test_what_is_no_library_for_windows_is_refused(for_windows: Engine, tmp_path: Path) -> None:
    whole = (for_windows.path / "llama.dll").read_bytes()
    for name, data in {"empty.dll": b"", "text.dll": b"MZ" * 99, "cut.dll": whole[:700]}.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ToolError, match=f"{name} is not a whole Windows library"):
            read_dll(tmp_path / name)


def test_the_launchers_speak_gccs_language_to_zig() -> None:
    assert translated(["-march=armv8-a", "-O3"]) == ["-mcpu=generic+v8a", "-O3"]
    assert translated(["-march=armv8.6-a+dotprod+fp16+sve"]) == ["-mcpu=generic+v8_6a+dotprod+fullfp16+sve"]
    assert translated(["-msse4.2", "-c", "-mavx", "a.c"]) == ["-mcpu=x86_64+sse4_2+crc32+popcnt+avx", "-c", "a.c"]
    assert translated(["-mwindows", "-Wall"]) == ["-mwindows", "-Wall"]


def test_the_features_of_a_variant_are_really_compiled_for(for_windows: Engine, tmp_path: Path) -> None:
    """zig alone takes GCC's flags and compiles without them."""
    compiler = for_windows.path.parent.parent / "tools" / "windows-x86_64" / "cc"
    (tmp_path / "asks.c").write_text("__AVX512F__ __AVX512VNNI__ __AVX512BF16__ __AMX_INT8__ __FMA__ __AVX2__\n")
    flags = ["-mavx512f", "-mavx512vnni", "-mavx512bf16", "-mamx-tile", "-mamx-int8", "-mfma", "-mavx2"]
    for given, defined in ((flags, ["1"] * 6), (["-mavx2"], 5 * [""] + ["1"])):
        done = subprocess.run(
            [compiler, *given, "-E", "-P", "asks.c"], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        last = done.stdout.strip().splitlines()[-1].split()
        assert ["1" if word == "1" else "" for word in last] == defined

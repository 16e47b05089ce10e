"""Engines for other systems, compiled here from the miniature llama.cpp, and run under QEMU."""

from __future__ import annotations

import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from bundler.console import Console
from bundler.engine import cross, part
from bundler.engine.build import build_engine
from bundler.engine.elf import read_elf
from bundler.engine.product import Engine
from bundler.engine.zigcc import translated
from bundler.targets import find, host
from tests.engine_build.conftest import FAKE
from tests.requirements import missing, tool
from tests.zig import compile_program

pytestmark = pytest.mark.skipif(host().system == "windows", reason="the compiler's launchers are shell scripts")

SYSROOT = Path("/usr/aarch64-linux-gnu")
ASKING = '#include <stdio.h>\nint ggml_fake(void);\nint main(void) { return printf("%d\\n", ggml_fake()) < 0; }\n'


@pytest.fixture(scope="module", params=[name for name in cross.CROSS if name != host().name])
def built(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Engine:
    pytest.importorskip("ziglang")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(part, "source_tree", lambda _root, _console: FAKE)
        return build_engine(find(request.param), ["cpu"], tmp_path_factory.mktemp("cross"), Console(quiet=True))


def ask(engine: Engine, folder: Path) -> str:
    """What a program of that system, linked with the engine, gets from it."""
    if not SYSROOT.is_dir():
        missing("there is no arm64 C library (libc6-arm64-cross)")
    emulator = [tool("qemu-aarch64-static"), "-L", str(SYSROOT)]
    for library in engine.libraries:
        shutil.copy(engine.path / library.file, folder)
    (folder / "ask.c").write_text(ASKING)
    triple = cross.CROSS[engine.target].triple
    compile_program(triple, "ask.c", "libggml.so", "-Wl,-rpath,$ORIGIN", "-o", "ask", cwd=folder)
    done = subprocess.run([*emulator, folder / "ask"], capture_output=True, text=True, check=True, timeout=300)
    return done.stdout.strip()


def test_it_runs_on_its_own_system(built: Engine, tmp_path: Path) -> None:
    assert ask(built, tmp_path) == "12"


def test_it_is_for_its_own_machine_and_names_its_compiler(built: Engine) -> None:
    for library in built.libraries:
        assert struct.unpack_from("<H", (built.path / library.file).read_bytes(), 18) == (183,)
    assert built.compiler.startswith("zig ")


def test_it_needs_no_newer_system_than_the_oldest_it_is_made_for(built: Engine) -> None:
    assert tuple(map(int, built.glibc.split("."))) <= (2, 28)
    for library in built.libraries:
        assert not {"libstdc++.so.6", "libgcc_s.so.1"} & set(read_elf(built.path / library.file).needed)


def test_it_holds_no_path_of_this_machine(built: Engine) -> None:
    for library in built.libraries:
        data = (built.path / library.file).read_bytes()
        assert str(FAKE).encode() not in data
        assert str(Path(sys.prefix)).encode() not in data


def test_the_launchers_speak_gccs_language_to_zig() -> None:
    assert translated(["-march=armv8-a", "-O3"]) == ["-mcpu=generic+v8a", "-O3"]
    assert translated(["-march=armv8.6-a+dotprod+fp16+sve"]) == ["-mcpu=generic+v8_6a+dotprod+fullfp16+sve"]

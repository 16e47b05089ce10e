"""A build inside the build, as llama.cpp's for Vulkan is: it goes on where it was, also with other tools."""

from __future__ import annotations

from pathlib import Path

from bundler.console import Console
from bundler.engine.compile import Compilation, compile_goals
from bundler.engine.toolchain import survey

OUTSIDE = """
cmake_minimum_required(VERSION 3.19)
project(outside C)
include(ExternalProject)
ExternalProject_Add(inside SOURCE_DIR ${CMAKE_SOURCE_DIR}/inside BUILD_ALWAYS TRUE
                    CMAKE_ARGS -DCMAKE_INSTALL_PREFIX=${CMAKE_BINARY_DIR} -DNUMBER=${NUMBER})
"""
INSIDE = """
cmake_minimum_required(VERSION 3.19)
project(inside C)
add_executable(number number.c)
target_compile_definitions(number PRIVATE NUMBER=${NUMBER})
install(TARGETS number RUNTIME DESTINATION .)
"""


def test_a_build_inside_is_configured_again_and_not_compiled_again(tmp_path: Path) -> None:
    (tmp_path / "source" / "inside").mkdir(parents=True)
    (tmp_path / "source" / "CMakeLists.txt").write_text(OUTSIDE)
    (tmp_path / "source" / "inside" / "CMakeLists.txt").write_text(INSIDE)
    (tmp_path / "source" / "inside" / "number.c").write_text("int main(void) { return NUMBER; }\n")
    tools = survey(["c-compiler", "cmake", "ninja"])

    def compiled(number: int) -> int:
        work = Compilation(
            label="Compiling",
            source=tmp_path / "source",
            build=tmp_path / "build",
            options={"NUMBER": str(number)},
            goals=("inside",),
            log=tmp_path / "log.txt",
        )
        compile_goals(work, tools, Console(quiet=True))
        (program,) = (tmp_path / "build").glob("inside-prefix/src/inside-build/number*")
        return program.stat().st_mtime_ns

    first = compiled(1)
    (inner,) = (tmp_path / "build").glob("inside-prefix/src/inside-build/CMakeCache.txt")
    assert "CMAKE_GENERATOR:INTERNAL=Ninja" in inner.read_text()
    inner.unlink()  # as an interrupted attempt may leave it
    assert compiled(1) == first
    assert "CMAKE_GENERATOR:INTERNAL=Ninja" in inner.read_text()
    assert compiled(2) > first

"""The real engine for other systems: it loads the model out of a dist, and answers as the one for this system does."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from bundler import cache
from bundler.compose.compose import compose
from bundler.console import Console
from bundler.demo import MODEL_PATH
from bundler.demo.engine import Engine as NativeEngine
from bundler.demo.template import render
from bundler.engine import cross
from bundler.engine.build import finished_engine
from bundler.engine.product import Engine
from bundler.engine.source import source_tree
from bundler.engine.toolchain import CHECKS
from bundler.engine.variants import RANKS
from bundler.kit.assemble import KitParts, assemble
from bundler.model.local import open_model
from bundler.targets import find, host
from runtime.container.archive import open_dist, open_kit
from runtime.manifest import RuntimeInfo
from tests import handmade
from tests.engine_build import foreign as foreign_programs
from tests.engine_build.foreign import run_foreign, small_engine
from tests.requirements import missing
from tests.wine import run_under_wine
from tests.zig import compile_program

FOREIGN = [name for name in cross.CROSS if name != host().name]
PROGRAM = Path(__file__).with_name("greedy.c")
QUESTIONS = ("Hello! Who are you?", "What is 7 plus 5?", "안녕하세요")
PLAINEST = {"windows-x86_64": "x64", "linux-aarch64": "armv8.0_1"}


@dataclass(frozen=True)
class Foreign:
    """A dist for another system, with our program in place of the runtime, and its engine unpacked.

    offset: where the model lies in the dist.
    """

    engine: Engine
    dist: Path
    unpacked: Path
    offset: int

    @property
    def small(self) -> bool:
        """Whether it has one CPU variant only."""
        return not any(library.variant for library in self.engine.libraries)

    def library(self, variant: str) -> str:
        wanted = "" if self.small else variant
        libraries = (library for library in self.engine.libraries if library.backend == "cpu")
        return next(library.file for library in libraries if library.variant == wanted)

    def run(self, *arguments: str, processor: str = "") -> str:
        said = run_foreign(self.engine.target, self.dist, arguments, self.dist.parent, processor)
        return said.replace("\r\n", "\n")

    def answer(self, question: str, variant: str, processor: str = "", *more: str) -> str:
        """What it says, computed by this CPU variant or by one of the libraries `more`."""
        prompt = self.dist.parent / "prompt.txt"
        prompt.write_text(render([{"role": "user", "content": question}], prompt=True), encoding="utf-8", newline="")
        folder = self.unpacked.relative_to(self.dist.parent).as_posix()
        libraries = ",".join([self.library(variant), *more])
        return self.run("answer", folder, libraries, str(self.offset), prompt.name, processor=processor)

    def scores(self, processor: str = "") -> dict[str, int]:
        """What each variant says of the processor."""
        folder = self.unpacked.relative_to(self.dist.parent).as_posix()
        variants = {library.file: library.variant for library in self.engine.libraries if library.variant}
        said = self.run("score", folder, *variants, processor=processor)
        return {variants[line.split()[0]]: int(line.split()[1]) for line in said.splitlines()}


@pytest.fixture(scope="module", params=FOREIGN)
def foreign(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Foreign:
    pytest.importorskip("ziglang")
    target = find(request.param)
    engine = finished_engine(target, ["cpu"], None, Console(quiet=True))
    if engine is None and not os.environ.get("PANNIER_TEST_FOREIGN"):
        pytest.skip(f"it is not compiled here: pannier engine build --target {target.name}")
    engine = engine or small_engine(target)
    return unpacked(engine, tmp_path_factory.mktemp("foreign"))


@pytest.fixture(scope="module")
def with_vulkan(tmp_path_factory: pytest.TempPathFactory) -> Foreign:
    """Windows' engine with Vulkan, which Wine hands on to this system's driver."""
    pytest.importorskip("ziglang")
    if not all(CHECKS[name]().found for name in ("glslc", "vulkan-headers", "spirv-headers")):
        pytest.skip("Vulkan cannot be compiled here: pannier doctor")
    engine = finished_engine(find("windows-x86_64"), ["cpu", "vulkan"], None, Console(quiet=True))
    if engine is None:
        pytest.skip("it is not compiled here: pannier engine build --target windows-x86_64 --backend vulkan")
    return unpacked(engine, tmp_path_factory.mktemp("vulkan"))


def unpacked(engine: Engine, place: Path) -> Foreign:
    """A dist with this engine, in a folder of a name as people give them, in a path as long as they make them."""
    folder = place / "Übungen 日本 with blanks"
    dist = dist_with(engine, folder)
    (folder / "engine").mkdir()
    with open_dist(dist) as archive:
        for library in archive.manifest.engine.libraries:
            (folder / "engine" / library.file).write_bytes(archive.read(library.entry))
        offset, _ = archive.data_range(archive.manifest.model.entry)
    return Foreign(engine, dist, folder / "engine", offset)


def dist_with(engine: Engine, folder: Path) -> Path:
    """The demo model in a dist with this engine, and our program in front."""
    folder.mkdir()
    source = source_tree(cache.root(), Console(quiet=True))
    program = folder / f"greedy{find(engine.target).suffix}"
    headers = [f"-I{source / place}" for place in ("include", "ggml/include")]
    triple = cross.CROSS[engine.target].triple
    compile_program(triple, "-Os", "-s", *headers, str(PROGRAM), "-o", program.name, cwd=folder)
    parts = KitParts(
        target=engine.target,
        stub=program.read_bytes(),
        runtime_files=handmade.runtime_files(engine.target),
        runtime=RuntimeInfo("0.1.0", "3.11.7", "6.22.3"),
        engine=engine.info(lambda library: f"engine/{library.file}.zst"),
        engine_folder=engine.path,
        licenses={"licenses/llama.cpp.txt": engine.license.read_bytes()},
    )
    assemble(parts, folder / "foreign.kit")
    with open_kit(folder / "foreign.kit") as kit:
        model = open_model(MODEL_PATH, MODEL_PATH.name, {"kind": "path", "file": MODEL_PATH.name})
        spec = handmade.spec(dist={"name": "greedy"}, engine={"backends": [*kit.manifest.engine.backends]})
        return compose(kit, model, spec, folder).written.path


@pytest.fixture(scope="module")
def native(engine_dir: Path) -> Iterator[NativeEngine]:
    engine = NativeEngine(engine_dir, MODEL_PATH)
    yield engine
    engine.close()


@pytest.mark.parametrize("question", QUESTIONS)
def test_it_answers_from_the_middle_of_its_own_file_as_here(
    foreign: Foreign, native: NativeEngine, question: str
) -> None:
    expected, ended = native.complete(render([{"role": "user", "content": question}], prompt=True))
    assert ended
    assert foreign.offset > 0
    said = foreign.answer(question, PLAINEST[foreign.engine.target])
    assert said.endswith(f"backend CPU\n{expected}")  # Wine has something to say of itself before


def test_every_variant_of_the_list_is_there(foreign: Foreign) -> None:
    if foreign.small:
        pytest.skip("only one variant was compiled")
    variants = [library.variant for library in foreign.engine.libraries if library.backend == "cpu"]
    assert len(variants) >= 8
    assert all(library.rank == RANKS[library.variant] for library in foreign.engine.libraries if library.variant)


def test_variants_say_how_well_they_suit_the_processor(foreign: Foreign) -> None:
    if foreign.small:
        pytest.skip("only one variant was compiled")
    scores = foreign.scores()
    assert scores[PLAINEST[foreign.engine.target]] == 1
    for variant, score in scores.items():
        assert score in (0, RANKS[variant]), variant


def test_instructions_the_processor_lacks_are_refused_and_the_plainest_go_on(
    foreign: Foreign, native: NativeEngine
) -> None:
    if foreign.engine.target != "linux-aarch64" or foreign.small:
        pytest.skip("Wine has this machine's processor and no other; and one variant has no other to go on with")
    old = "cortex-a53"
    assert {variant for variant, score in foreign.scores(old).items() if score} == {"armv8.0_1"}
    question = QUESTIONS[1]
    assert "refused: libggml-cpu-armv8.2_1.so" in foreign.answer(question, "armv8.2_1", old)
    expected, _ = native.complete(render([{"role": "user", "content": question}], prompt=True))
    assert foreign.answer(question, "armv8.0_1", old).endswith(f"\n{expected}")


def test_windows_computes_with_vulkan(
    with_vulkan: Foreign, native: NativeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The text may part from the processor's at a tie, so the question is one with a sure answer."""
    monkeypatch.setenv("GGML_VK_VISIBLE_DEVICES", "0")  # llama.cpp passes over devices of software by itself
    monkeypatch.setattr(foreign_programs, "run_under_wine", partial(run_under_wine, screen=True))
    question = QUESTIONS[1]
    expected, _ = native.complete(render([{"role": "user", "content": question}], prompt=True))
    said = with_vulkan.answer(question, PLAINEST["windows-x86_64"], "", "ggml-vulkan.dll")
    if "backend Vulkan" not in said and "Vulkan 1.2 required" in said:
        missing("this system has no Vulkan device (mesa-vulkan-drivers)")
    layers = re.search(r"offloaded (\d+)/(\d+) layers", said)
    assert layers, said
    assert layers[1] == layers[2]
    assert f"\n{expected}" in said

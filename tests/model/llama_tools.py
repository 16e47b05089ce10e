"""llama.cpp's own programs, to compare with: those at hand, else compiled from the engine's own source.

`pannier engine build --peers` makes them too, but with all of llama.cpp's server: minutes. What these two programs
really use is a handful of files, linked to the very libraries that are packed: half a minute of one core, once.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import mkdtemp

from bundler import cache
from bundler.console import Console
from bundler.engine.source import RELEASE, source_tree
from tests.requirements import tool

VARIABLE = "PANNIER_LLAMA_TOOLS"
ROOT = cache.root()  # the user's own, whatever a test sets later

SHARED = ("common/common.cpp", "common/imatrix-loader.cpp", "common/json.cpp", "common/log.cpp", "common/unicode.cpp")
PROGRAMS = {
    "llama-quantize": ("tools/quantize/quantize.cpp", "tools/quantize/main.cpp"),
    "llama-gguf-split": ("tools/gguf-split/gguf-split.cpp",),
}
INCLUDES = ("include", "ggml/include", "common", "vendor")
BUILD_INFO = {"LLAMA_BUILD_NUMBER": "0", "LLAMA_BUILD_COMMIT": RELEASE.commit, "BUILD_COMPILER": "", "BUILD_TARGET": ""}
LIBRARIES = ("-lllama", "-lggml", "-lggml-base", "-lpthread")


def llama_tool(name: str, engine_dir: Path) -> Path:
    """The program `name`: from $PANNIER_LLAMA_TOOLS, the search path, an engine built with --peers, or compiled now."""
    places = [os.environ.get(VARIABLE), os.environ.get("PATH")]
    if found := shutil.which(name, path=os.pathsep.join(place for place in places if place)):
        return Path(found)
    for built in sorted((ROOT / "engines").glob(f"*/{name}")):
        return built
    return compiled(name, engine_dir)


def compiled(name: str, engine_dir: Path) -> Path:
    """The program, compiled from the engine's source and linked to its libraries; kept beside the engines."""
    place = ROOT / "tools" / f"{engine_dir.name}-{RELEASE.commit}" / name
    if not place.is_file():
        place.parent.mkdir(parents=True, exist_ok=True)
        work = Path(mkdtemp(dir=place.parent))
        try:
            _link(_objects(name, work), engine_dir, work / name)
            (work / name).replace(place)
        finally:
            shutil.rmtree(work)
    return place


def _objects(name: str, work: Path) -> list[Path]:
    source = source_tree(ROOT, Console(quiet=True))
    info = (source / "common" / "build-info.cpp.in").read_text(encoding="utf-8")
    for key, value in BUILD_INFO.items():
        info = info.replace(f"@{key}@", value)
    (work / "build-info.cpp").write_text(info, encoding="utf-8")
    files = [*(source / file for file in (*SHARED, *PROGRAMS[name])), work / "build-info.cpp"]
    flags = ["-std=c++17", "-O1", "-ffunction-sections", "-fdata-sections", "-w"]
    flags += [f"-I{source / folder}" for folder in INCLUDES]
    compiler = tool("c++")

    def compile_one(file: Path) -> Path:
        result = work / f"{file.parent.name}-{file.stem}.o"
        subprocess.run([compiler, *flags, "-c", file, "-o", result], check=True)
        return result

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(compile_one, files))


def _link(objects: list[Path], engine_dir: Path, program: Path) -> None:
    """What these programs do not reach (downloads, templates) is dropped, and with it what that would need."""
    linking = ["-Wl,--gc-sections", f"-Wl,-rpath,{engine_dir}", f"-L{engine_dir}"]
    subprocess.run([tool("c++"), *linking, "-o", program, *objects, *LIBRARIES], check=True)

"""Compiles the launcher, or finds it in the cache.

With zig's C compiler, which comes as a package: it brings its own C library (musl) and linker, so that the launcher is
static, needs nothing of the system it starts on, and can be compiled for any Linux target on any machine, always with
the same bytes.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from bundler import cache, resources
from bundler.console import Console
from bundler.engine.toolchain import survey
from bundler.engine.zig import compile_with_zig
from bundler.launcher import decoder
from bundler.publish import digest_of, discard, file_sha256, one_at_a_time, publishing, scratch
from bundler.targets import Target
from runtime.manifest import Package

PROGRAM, SUM = "launcher", "launcher.sha256"
_KEY_LENGTH = 24

FLAGS = (
    *("-std=gnu11", "-O2", "-g0", "-ffunction-sections", "-fdata-sections"),
    # One decoder for every processor: the faster one is only for those with BMI2, and this runs once.
    *("-DDYNAMIC_BMI2=0", "-DZSTD_STRIP_ERROR_STRINGS=1"),
)
LINKING = ("-static", "-s", "-Wl,--gc-sections", "-Wl,--build-id=none")
WARNINGS = ("-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wno-sign-conversion", "-Werror")
"""For our own files."""


@dataclass(frozen=True, slots=True)
class Launcher:
    """A compiled launcher in the cache. licenses: texts of what was compiled in, by file name ("zstd.txt").

    key: hash of everything that decides its bytes.
    """

    program: Path
    key: str
    packages: tuple[Package, ...]
    licenses: dict[str, bytes]


def build_launcher(target: Target, root: Path | None, console: Console) -> Launcher:
    """The launcher for a Linux target, compiled now if the cache does not have it. root: None means the usual cache.

    Raises `ToolError` where it cannot be compiled.
    """
    root = root or cache.root()
    key = launcher_key(target)
    place = root / "launchers" / f"{target.name}-{key[:_KEY_LENGTH]}"
    if not is_whole(place, PROGRAM, SUM):
        with one_at_a_time(place, console):
            if not is_whole(place, PROGRAM, SUM):
                _compile(place, target, root, console)
    return Launcher(
        place / PROGRAM,
        key,
        (Package("musl", _musl_version(), "MIT"), Package("zstd", decoder.ZSTD_VERSION, "BSD-3-Clause")),
        {path.name: path.read_bytes() for path in sorted(place.glob("*.txt"))},
    )


def launcher_key(target: Target) -> str:
    """Hash of everything that decides the launcher's bytes."""
    return digest_of(
        {
            "target": target.name,
            "sources": {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in _sources("*.[ch]")},
            "zstd": decoder.RELEASE.sha256,
            "building": [path.read_text(encoding="utf-8") for path in sorted(Path(__file__).parent.glob("*.py"))],
            "compiler": survey(("zig",)).findings["zig"].identity,
        }
    )


def _sources(pattern: str) -> list[Path]:
    return sorted((resources.runtime_package() / "launcher").glob(pattern))


def is_whole(place: Path, product: str, record: str) -> bool:
    """Whether the cache has this product as it was recorded; a damaged one goes."""
    try:
        if (place / record).read_text() == file_sha256(place / product):
            return True
    except OSError:
        pass
    discard(place)
    return False


def _compile(place: Path, target: Target, root: Path, console: Console) -> None:
    """In a folder with all sources under short names, so that no path of this machine gets into the program."""
    zig = survey(("zig",)).path("zig")
    with scratch(root / "work", "launcher") as folder, publishing(place) as partial:
        with console.progress("Compiling the launcher", None):
            decoder.place_decoder(folder, root, console)
            for path in _sources("*.[ch]"):
                (folder / path.name).write_bytes(path.read_bytes())
            ours = [path.name for path in _sources("*.c")]
            common = [zig, "cc", "-target", f"{target.machine}-linux-musl", *FLAGS]
            for name in ours:
                compile_with_zig([*common, *WARNINGS, "-c", name, "-o", f"{name}.o"], folder)
            compile_with_zig([*common, "-c", decoder.SOURCE, "-o", "zstd.o"], folder)
            compile_with_zig([*common, *LINKING, *(f"{name}.o" for name in ours), "zstd.o", "-o", PROGRAM], folder)
        (partial / PROGRAM).write_bytes((folder / PROGRAM).read_bytes())
        (partial / PROGRAM).chmod(0o755)
        (partial / "zstd.txt").write_text(f"zstd\n\n{(folder / decoder.LICENSE).read_text()}", encoding="utf-8")
        (partial / "musl.txt").write_text(f"musl\n\n{_musl_license()}", encoding="utf-8")
        (partial / SUM).write_text(file_sha256(partial / PROGRAM))


def _zig_folder() -> Path:
    return Path(survey(("zig",)).path("zig")).parent


def _musl_license() -> str:
    return (_zig_folder() / "lib" / "libc" / "musl" / "COPYRIGHT").read_text(encoding="utf-8")


def _musl_version() -> str:
    header = (_zig_folder() / "lib" / "libc" / "musl" / "src" / "internal" / "version.h").read_text(encoding="utf-8")
    return header.split('"')[1]

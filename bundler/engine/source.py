"""The engine's source: the llama.cpp inside the pinned llama-cpp-python source archive, checked by its hash.

The bindings in the runtime come from the same release, so that struct layouts and function signatures agree with the
libraries. The archive is the only thing an engine build takes from the network.
"""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory

from bundler.console import Console
from bundler.errors import ToolError
from bundler.publish import file_sha256, publishing


@dataclass(frozen=True, slots=True)
class SourceRelease:
    """One release of the source. sha256: of the archive. commit: llama.cpp's, which the archive itself cannot tell."""

    package: str
    version: str
    sha256: str
    commit: str

    @property
    def name(self) -> str:
        """How the manifest names it."""
        return f"{self.package} {self.version}"

    @property
    def archive(self) -> str:
        """File name of the source archive."""
        return f"{self.package.replace('-', '_')}-{self.version}.tar.gz"

    @property
    def tree(self) -> PurePosixPath:
        """Where llama.cpp lies inside the archive."""
        return PurePosixPath(f"{self.package.replace('-', '_')}-{self.version}/vendor/llama.cpp")


RELEASE = SourceRelease(
    package="llama-cpp-python",
    version="0.3.36",
    sha256="832db0699007f1be95a7e41ef12e88926b02ba836461e36a36372db2760c1a2e",
    commit="0c1e57098",
)

# What the build reads; the rest (models, tests, documentation, converters: 110 of 176 MB) stays packed.
NEEDED = frozenset({"cmake", "common", "ggml", "include", "licenses", "scripts", "src", "tools", "vendor"})
NEEDED_FILES = frozenset({"CMakeLists.txt", "LICENSE", "AUTHORS"})


def source_tree(cache: Path, console: Console, release: SourceRelease = RELEASE) -> Path:
    """llama.cpp's source directory, fetched and unpacked if the cache does not have it.

    Raises `ToolError` where the archive cannot be had or is not the pinned one.
    """
    tree = cache / "sources" / f"llama.cpp-{release.sha256[:16]}"
    if not tree.is_dir():
        archive = source_archive(cache, console, release)
        console.say(f"Unpacking {archive.name}")
        with publishing(tree) as partial:
            unpack(archive, partial, release)
    return tree


def source_archive(cache: Path, console: Console, release: SourceRelease = RELEASE) -> Path:
    """The source archive in the cache, downloaded if it is not there yet; its hash is right.

    An archive somebody put there by hand (a machine without a network) is used if its hash is right.
    """
    folder = cache / "sources" / release.sha256[:16]
    by_hand = cache / "sources" / release.archive
    for candidate in (folder / release.archive, by_hand):
        if candidate.is_file():
            if file_sha256(candidate) == release.sha256:
                return candidate
            raise ToolError(f"{candidate} is not the pinned source archive.", "Delete it and try again.")
    with publishing(folder) as partial, console.progress(f"Downloading {release.archive}", None):
        _download(release, partial, by_hand)
    return folder / release.archive


def unpack(archive: Path, into: Path, release: SourceRelease = RELEASE) -> None:
    """Unpack what the build needs of llama.cpp into the directory `into`.

    Members cannot leave it: tarfile's "data" filter refuses absolute names, `..`, devices and outward links.
    """
    if not hasattr(tarfile, "data_filter"):
        raise ToolError("This Python cannot unpack archives safely.", "Use Python 3.11.4 or newer.")
    try:
        with tarfile.open(archive) as tar:
            for member in tar:
                path = PurePosixPath(member.name)
                if not path.is_relative_to(release.tree):
                    continue
                inside = path.relative_to(release.tree)
                if inside.parts and (inside.parts[0] in NEEDED or str(inside) in NEEDED_FILES):
                    tar.extract(member.replace(name=str(inside), deep=False), into, filter="data")
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise ToolError(f"{archive.name} cannot be unpacked ({error}).", "Delete it and try again.") from None
    if not (into / "CMakeLists.txt").is_file():
        raise ToolError(f"{archive.name} has no llama.cpp inside.", "Delete it and try again.")


def _download(release: SourceRelease, into: Path, by_hand: Path) -> None:
    """Let pip fetch the archive: it knows the person's index, proxy and credentials.

    pip runs the archive's build backend for its metadata, so the hash is pip's business too: it checks before.
    """
    with TemporaryDirectory() as scratch:
        pin = Path(scratch) / "pin.txt"
        pin.write_text(f"{release.package}=={release.version} --hash=sha256:{release.sha256}\n")
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        command += ["--require-hashes", "--no-binary", release.package, "--dest", str(into), "--requirement", str(pin)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    fetched = into / release.archive
    if done.returncode or not fetched.is_file():
        said = "\n".join(done.stderr.strip().splitlines()[-8:])
        raise ToolError(
            f"{release.archive} could not be downloaded:\n{said}",
            f"Check the network, or put the file at {by_hand} yourself.",
        )
    if file_sha256(fetched) != release.sha256:
        raise ToolError(
            f"{release.archive} is not what was pinned.", "Look at your package index; it altered the file."
        )

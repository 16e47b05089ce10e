"""Make a smaller model of one in floats, with llama.cpp's quantiser; done once, then found in the cache."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from bundler import cache
from bundler.console import Console
from bundler.errors import ModelError, SurroundingsError, ToolError
from bundler.model import known, split
from bundler.model.gguf import read_tables, tensor_bytes
from bundler.model.local import LocalModel, open_model
from bundler.model.quants import FLOATS
from bundler.publish import digest_of, one_at_a_time

_LINE = re.compile(r"\[\s*\d+/\s*\d+\]\s+(\S+) ")
_NEEDS_MATRIX = ("requires an imatrix", "Missing importance matrix")
_NO_ROOM = "basic_ios::clear"
"""What a C++ stream says of a failed write."""

_LAST_LINES = 5


def quantize(
    model: LocalModel, type_name: str, engine_dir: Path, console: Console, imatrix: Path | None = None
) -> LocalModel:
    """`model` as `type_name` ("Q4_K_M"). engine_dir: holds libllama. imatrix: an importance matrix, if there is one.

    Raises `ModelError` where this model cannot be quantised so, `ToolError` where the quantiser fails.
    """
    if model.header.file_type not in FLOATS:
        raise ModelError(
            f"{model.path.name} is quantised already (mostly {model.header.file_type}); doing it again would spoil it.",
            f"Choose the model in {', '.join(FLOATS)}, or leave model.quantize out.",
        )
    paths = split.parts_of(model.path)
    hashes = [known.sha256_of(path, console) for path in paths]
    if model.sha256 and len(paths) == 1 and hashes[0] != model.sha256:
        raise model.mismatch(f"its SHA-256 is {hashes[0]}, not {model.sha256}")
    matrix = {"imatrix": imatrix.name, "imatrix_sha256": known.sha256_of(imatrix, console)} if imatrix else {}
    done = {"type": type_name, **matrix}
    place = cache.root() / "quantized" / digest_of({"source": hashes, "engine": str(engine_dir.name), **done})[:32]
    target = place / f"{model.name}-{type_name}.gguf"
    with one_at_a_time(place, console):
        if not target.is_file():
            _run(paths, target, type_name, engine_dir, imatrix, console)
    origin = {**model.origin, "quantized": done}
    if len(paths) == 1:
        origin.setdefault("sha256", hashes[0])
    finished = open_model(target, model.source, origin, known.sha256_of(target, console), model.terms)
    return replace(finished, terms=model.terms)


def _run(
    paths: Sequence[Path], target: Path, type_name: str, engine_dir: Path, imatrix: Path | None, console: Console
) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    command = [sys.executable, "-m", "bundler.model.quantizer", str(engine_dir), str(paths[0]), str(partial), type_name]
    command.append("0")  # threads: as many as the machine has
    folder = imatrix.parent if imatrix else Path.cwd()
    command += [imatrix.name] if imatrix else []  # relative: its name goes into the file's metadata
    sizes = {t.name: tensor_bytes(t.kind, t.shape) or 0 for path in paths for t in read_tables(path).tensors}
    try:
        lines: list[str] = []
        # The package may be importable from the working directory alone, and that is another one for the child.
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path or str(Path.cwd()) for path in sys.path)}
        with (
            console.progress(f"Quantising to {type_name}", sum(sizes.values()), in_bytes=True) as advance,
            subprocess.Popen(command, cwd=folder, stderr=subprocess.PIPE, env=environment) as process,
        ):
            try:
                for raw in process.stderr or ():
                    line = raw.decode("utf-8", "replace").rstrip()
                    lines += [line] if line else []
                    if found := _LINE.match(line):
                        advance(sizes.get(found[1], 0))
            except BaseException:
                process.kill()  # the quantiser does not hear Ctrl-C
                raise
        if process.returncode:
            raise _failed(process.returncode, lines, target)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _failed(code: int, lines: Sequence[str], target: Path) -> Exception:
    said = " ".join(lines[-_LAST_LINES:])
    if any(word in line for line in lines for word in _NEEDS_MATRIX):
        return ModelError(
            "This type needs an importance matrix; without one the model would be useless.",
            "Name one in model.imatrix, or choose a larger type (Q4_K_M).",
        )
    if any(_NO_ROOM in line for line in lines):
        return SurroundingsError(
            f"The quantised model could not be written to {target.parent}.",
            "Free some space, or put the cache elsewhere: PANNIER_CACHE_DIR.",
        )
    return ToolError(f"The quantiser failed (exit code {code}): {said}", "Is this a model llama.cpp knows?")

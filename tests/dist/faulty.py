"""Dists with deliberately broken backends in front of a sound one."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from bundler import resources, targets
from bundler.compose.compose import compose
from bundler.console import Console
from bundler.engine.build import build_engine
from bundler.engine.product import LICENSE, BuiltFile
from bundler.freeze.freeze import freeze_runtime
from bundler.kit import build, store
from bundler.kit.assemble import assemble
from bundler.launcher.build import build_launcher
from bundler.model.resolve import resolve
from bundler.publish import file_sha256
from bundler.spec import load

SOUND = "libggml-cpu-x64.so"


def dist_with(broken: Mapping[str, Path], folder: Path, *, shape: bool = True) -> Path:
    """The demo with only the plainest processor variant, and these libraries in front of it, the first one first.

    Names are as candidates are called: "cpu-illegal" is a variant, "cuda" a backend of its own. shape: whether the
    manifest tells the model's shape; without, the first device that works is taken, however slow.
    """
    engine = build_engine(targets.host(), ["cpu"], None, Console())
    kept = [one for one in engine.files if one.kind == "core" or one.file == SOUND]
    engine_folder = folder / "engine"
    engine_folder.mkdir(parents=True)
    for name in (LICENSE, *(one.file for one in kept)):
        shutil.copyfile(engine.path / name, engine_folder / name)
    added = []
    for number, (name, path) in enumerate(broken.items()):
        backend, _, variant = name.partition("-")
        file = f"libggml-{name}.so"
        shutil.copyfile(path, engine_folder / file)
        added.append(
            BuiltFile(file, "backend", path.stat().st_size, file_sha256(path), backend, variant, 9000 - number)
        )
    faulty = replace(engine, path=engine_folder, files=(*kept, *added))
    frozen = freeze_runtime(targets.host(), None, Console())
    launcher = build_launcher(targets.host(), None, Console())
    assemble(build._parts(targets.host(), faulty, frozen, launcher), folder / "broken.kit")
    spec, model = load(resources.dist_spec("demo")), resolve("demo", Path())
    backends = list(dict.fromkeys(["cpu", *(name.partition("-")[0] for name in broken)]))
    spec = spec.model_copy(update={"engine": spec.engine.model_copy(update={"backends": backends})})
    with store.opened(folder / "broken.kit") as kit:
        return compose(kit, model if shape else replace(model, shape=None), spec, folder).written.path

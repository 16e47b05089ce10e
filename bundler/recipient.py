"""The text beside a dist for the person who receives it: how to start it, what the system will say, how to remove it.

Made from the manifest alone, so that equal dists have equal texts.
"""

from __future__ import annotations

from pathlib import Path

import jinja2

from bundler import resources, targets
from runtime.container.atomic import replacing
from runtime.hosts import is_loopback
from runtime.manifest import DistManifest
from runtime.oldest import oldest_system

SUFFIX = ".README.txt"
TEMPLATE = "recipient.txt"

CACHES = {
    "linux": "~/.cache/pannier/runtime",
    "macos": "~/Library/Caches/pannier/runtime",
    "windows": r"%LOCALAPPDATA%\pannier\Cache\runtime",
}
"""Where `runtime/launch/osdep` puts things, as a person of that system writes it."""


def write_text(manifest: DistManifest, manifest_sha256: str, dist: Path, *, signed: bool) -> Path:
    """Write the text beside `dist`, atomically; where it is."""
    target = targets.find(manifest.target)
    text = render(manifest, manifest_sha256, dist.name, signed=signed)
    data = text.replace("\n", "\r\n" if target.system == "windows" else "\n").encode()
    path = path_for(dist, target.name)
    with replacing(path, len(data), mode=0o644) as out:
        out.write(data)
    return path


def path_for(dist: Path, target: str) -> Path:
    """Where the text for `dist` is."""
    return dist.with_name(dist.name.removesuffix(targets.find(target).suffix) + SUFFIX)


def render(manifest: DistManifest, manifest_sha256: str, file: str, *, signed: bool) -> str:
    """The text for a dist in the file called `file`."""
    system = targets.find(manifest.target).system
    model, dist, serve = manifest.model, manifest.spec["dist"], manifest.spec["serve"]
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, undefined=jinja2.StrictUndefined)
    template = environment.from_string(resources.template(TEMPLATE).read_text(encoding="utf-8"))
    return template.render(
        system=system,
        title=manifest.spec["ui"]["title"] or manifest.name,
        description=dist["description"],
        file=file,
        call=(".\\" if system == "windows" else "./") + file,
        model=model.name,
        license=model.license or "not stated by its file",
        beside=[one.file for one in model.beside],
        starts_on=oldest_system(manifest.target, manifest.engine, manifest.runtime),
        port=serve["port"],
        shared=not is_loopback(serve["host"]),
        manifest_sha256=manifest_sha256,
        signed=signed,
        cache=CACHES[system],
    )

"""What the page shows, out of the dist's manifest."""

from __future__ import annotations

from runtime.api.about import About, DistFacts, EngineFacts, ModelFacts, RuntimeFacts
from runtime.api.settings import UiConfig
from runtime.backends.choose import Choice
from runtime.container.archive import Archive
from runtime.launch.options import section
from runtime.manifest import DistManifest

MODEL_LICENSE_ENTRY = "licenses/model.txt"


def look_of(manifest: DistManifest, addresses: tuple[str, ...]) -> UiConfig:
    """The page's look and rules. addresses: where others in the network find it."""
    ui, chat = section(manifest, "ui"), section(manifest, "chat")
    settings = ui.get("settings")
    return UiConfig(
        title=str(ui.get("title") or manifest.model.name),
        welcome=str(ui.get("welcome") or ""),
        starters=tuple(chat.get("starters") or ()),
        system_prompt=str(chat.get("system_prompt") or ""),
        system_prompt_locked=bool(chat.get("lock_system_prompt")),
        icon=str(ui.get("icon") or ""),
        accent=str(ui.get("accent") or ""),
        language=str(ui.get("language") or ""),
        settings=None if settings is None else tuple(settings),
        author=manifest.model.author,
        license=manifest.model.license,
        addresses=addresses,
    )


def about_of(archive: Archive[DistManifest], choice: Choice) -> About:
    """What the file is, and what it computes on here."""
    manifest = archive.manifest
    model, engine = manifest.model, manifest.engine
    names = {entry.name for entry in manifest.entries}
    if model.beside:
        size = sum(file.size for file in model.beside)
        sha256 = model.sidecar.sha256 if model.sidecar else ""
    else:
        digest = manifest.entry(model.entry).decoded
        size, sha256 = digest.size, digest.sha256

    def license_text() -> str:
        return (
            archive.read(MODEL_LICENSE_ENTRY).decode("utf-8", "replace") if MODEL_LICENSE_ENTRY in names else ""
        ).strip()

    return About(
        dist=DistFacts(
            manifest.name,
            manifest.version,
            str(section(manifest, "dist").get("description") or ""),
            manifest.target,
            archive.manifest_sha256,
        ),
        model=ModelFacts(
            name=model.name,
            author=model.author,
            license=model.license,
            sha256=sha256,
            size=size,
            parameters=model.parameters,
            architecture=model.architecture,
            file_type=model.file_type,
            source=model.source,
            origin=model.origin,
        ),
        engine=EngineFacts(commit=engine.commit, backend=choice.name, why=tuple(choice.describe())),
        runtime=RuntimeFacts(manifest.runtime.version, manifest.runtime.python),
        license_text=license_text,
    )

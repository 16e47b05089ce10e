"""From a repository to a dist: what it says before, what it asks, and what the manifest tells afterwards."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bundler.compose.compose import compose
from bundler.console import Console
from bundler.errors import ModelError
from bundler.model.hub import Hub
from bundler.model.obtain import Obtained, obtain
from bundler.spec import DistSpec
from runtime.container.archive import Archive, open_dist
from runtime.manifest import DistManifest
from tests import handmade
from tests.hub.conftest import CARD, FILE, REPOSITORY
from tests.hub.loopback import Loopback
from tests.model.splitting import split_set


def spec_of(source: str, **more: object) -> DistSpec:
    return handmade.spec(model={"source": source, **more})


def got(spec: DistSpec, hub: Hub, folder: Path, *accepted: str, console: Console | None = None) -> Obtained:
    def no_engine() -> Path:
        raise AssertionError("nothing is quantised here")

    return obtain(
        spec,
        base=folder,
        spec_folder=folder,
        accepted=accepted,
        engine_dir=no_engine,
        console=console or Console(quiet=True),
        hub=hub,
    )


def built(obtained: Obtained, spec: DistSpec, folder: Path) -> Archive[DistManifest]:
    done = compose(
        handmade.kit(folder),
        obtained.model,
        spec,
        folder / "out",
        parts=obtained.parts,
        license_text=obtained.license_text,
    )
    return open_dist(done.written.path)


def without_provenance(manifest: DistManifest) -> DistManifest:
    spec = {**manifest.spec, "model": {**manifest.spec["model"], "source": ""}}
    return replace(manifest, model=replace(manifest.model, source="", origin={}), spec=spec)


def test_from_a_hub_and_from_a_path_comes_the_same_dist_but_for_its_provenance(
    server: Loopback, hub: Hub, model: bytes, tmp_path: Path
) -> None:
    (tmp_path / "plain").mkdir()
    (tmp_path / "plain" / FILE).write_bytes(model)
    from_hub, from_path = spec_of(f"hf:{REPOSITORY}:Q8_0", license="mit"), spec_of(FILE, license="mit")
    with (
        built(got(from_hub, hub, tmp_path), from_hub, tmp_path / "a") as one,
        built(got(from_path, hub, tmp_path / "plain"), from_path, tmp_path / "b") as two,
    ):
        assert one.manifest != two.manifest
        assert without_provenance(one.manifest) == without_provenance(two.manifest)
        commit = server.repos[REPOSITORY].branches["main"]
        assert one.manifest.model.origin == {
            "kind": "hf",
            "repository": REPOSITORY,
            "commit": commit,
            "file": FILE,
            "size": len(model),
            "sha256": hashlib.sha256(model).hexdigest(),
        }
        assert str(tmp_path) not in json.dumps(one.manifest.model.origin) + json.dumps(one.manifest.spec)


def test_a_split_set_from_a_hub_is_joined_and_each_part_accounted_for(
    server: Loopback, hub: Hub, tmp_path: Path
) -> None:
    parts = split_set(tmp_path / "parts")
    server.repo(REPOSITORY).commit({f"Q8_0/{path.name}": path.read_bytes() for path in parts})
    spec = spec_of(f"hf:{REPOSITORY}:Q8_0")
    with (
        built(got(spec, hub, tmp_path), spec, tmp_path / "a") as one,
        built(got(spec_of(str(parts[2])), hub, tmp_path), spec, tmp_path / "b") as two,
    ):
        assert one.read("model.gguf") == two.read("model.gguf")
        listed = one.manifest.model.origin["parts"]
        assert [part["file"] for part in listed] == [f"Q8_0/{path.name}" for path in parts]
        assert [part["sha256"] for part in listed] == [hashlib.sha256(path.read_bytes()).hexdigest() for path in parts]


def test_a_damaged_part_in_the_cache_is_found(server: Loopback, hub: Hub, tmp_path: Path) -> None:
    parts = split_set(tmp_path / "parts")
    server.repo(REPOSITORY).commit({path.name: path.read_bytes() for path in parts})
    got(spec_of(f"hf:{REPOSITORY}"), hub, tmp_path)
    second = hub.folder / "models--maker--tiny-GGUF" / "blobs" / hashlib.sha256(parts[1].read_bytes()).hexdigest()
    data = bytearray(second.read_bytes())
    data[-5] ^= 4
    second.write_bytes(data)
    with pytest.raises(ModelError, match="is damaged"):
        got(spec_of(f"hf:{REPOSITORY}"), hub, tmp_path)


def test_before_a_download_it_says_size_licence_and_what_it_will_need(
    server: Loopback, hub: Hub, model: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said: list[str] = []
    server.at = lambda _: said.append(capsys.readouterr().err)
    spec = handmade.spec(dist={"name": "tiny", "targets": ["linux-x86_64"]}, model={"source": f"hf:{REPOSITORY}"})
    got(spec, hub, tmp_path, console=Console())
    for words in (FILE, REPOSITORY, "131 kB", "licence mit", "of memory", "run on linux-x86_64"):
        assert words in "".join(said)


def test_a_licence_with_conditions_is_agreed_to_before_the_download(
    server: Loopback, hub: Hub, model: bytes, tmp_path: Path
) -> None:
    server.repo(REPOSITORY).commit(
        {FILE: model, "README.md": b"---\nlicense: llama3.1\n---\n", "LICENSE": b"LLAMA 3.1"}
    )
    spec = spec_of(f"hf:{REPOSITORY}")
    with pytest.raises(ModelError, match=r"llama3\.1, puts conditions") as caught:
        got(spec, hub, tmp_path)
    assert "--accept-license llama3.1" in caught.value.remedy
    with pytest.raises(ModelError):
        got(spec, hub, tmp_path, "gemma")
    assert server.transfers == []
    obtained = got(spec, hub, tmp_path, "Llama3.1")
    assert obtained.license_text == b"LLAMA 3.1"
    assert "LICENSE" in obtained.model.origin["license_text"]


def test_a_licence_that_only_the_file_states_counts_too(hub: Hub, tmp_path: Path) -> None:
    from gguf import GGUFWriter

    writer = GGUFWriter(tmp_path / "m.gguf", "llama")
    writer.add_license("cc-by-nc-4.0")
    handmade_weights(writer)
    with pytest.raises(ModelError, match="no commercial use"):
        got(spec_of("m.gguf", license="mit"), hub, tmp_path)
    obtained = got(spec_of("m.gguf"), hub, tmp_path, "cc-by-nc-4.0")
    assert b"cc-by-nc-4.0" in obtained.license_text


def handmade_weights(writer: object) -> None:
    import numpy as np
    from gguf import GGUFWriter

    assert isinstance(writer, GGUFWriter)
    writer.add_tensor("token_embd.weight", np.zeros((4, 32), dtype=np.float32))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def test_several_licence_texts_are_packed_one_after_the_other(
    server: Loopback, hub: Hub, model: bytes, tmp_path: Path
) -> None:
    server.repo(REPOSITORY).commit({FILE: model, "LICENSE.txt": b"terms", "NOTICE": b"credits", "README.md": CARD})
    text = got(spec_of(f"hf:{REPOSITORY}"), hub, tmp_path).license_text
    assert text == b"=== LICENSE.txt ===\n\nterms\n=== NOTICE ===\n\ncredits"


def test_the_licence_of_the_base_model_stands_in_for_a_copy_that_brings_none(
    server: Loopback, hub: Hub, model: bytes, tmp_path: Path
) -> None:
    server.repo("maker/tiny").commit({"LICENSE": b"the original's", "README.md": b"---\nlicense: gemma\n---\n"})
    server.repo(REPOSITORY).commit({FILE: model, "README.md": b"---\nbase_model:\n- maker/tiny\n---\n"})
    with pytest.raises(ModelError, match="gemma"):
        got(spec_of(f"hf:{REPOSITORY}"), hub, tmp_path)
    obtained = got(spec_of(f"hf:{REPOSITORY}"), hub, tmp_path, "gemma")
    assert obtained.license_text == b"the original's"
    assert obtained.model.license == "gemma"
    assert "maker/tiny " in obtained.model.origin["license_text"]


def test_a_well_known_licence_gets_its_standard_text(server: Loopback, hub: Hub, model: bytes, tmp_path: Path) -> None:
    server.repo(REPOSITORY).commit({FILE: model, "README.md": b"---\nlicense: apache-2.0\n---\n"})
    assert b"Apache License" in got(spec_of(f"hf:{REPOSITORY}"), hub, tmp_path).license_text


@pytest.mark.parametrize(
    "card", [b"", b"---\nlicense: [\n---\n", b"---\n- a\n---\n", b"\xff\xfe", b"---\nlicense: 3\n---"]
)
def test_a_card_that_says_nothing_is_no_obstacle(
    server: Loopback, hub: Hub, model: bytes, tmp_path: Path, card: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    server.repo(REPOSITORY).commit({FILE: model, "README.md": card})
    obtained = got(spec_of(f"hf:{REPOSITORY}"), hub, tmp_path, console=Console())
    assert obtained.model.license == ""
    assert "No licence is stated" in capsys.readouterr().err


def test_the_usual_one_of_several_is_taken_and_said(
    server: Loopback, hub: Hub, model: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = {f"tiny-{quant}.gguf": model + quant.encode() for quant in ("F16", "Q4_K_M", "Q8_0")}
    server.repo(REPOSITORY).commit({**files, "mmproj-tiny-Q4_K_M.gguf": model})
    obtained = got(spec_of(f"hf:{REPOSITORY}"), hub, tmp_path, console=Console())
    assert obtained.model.origin["file"] == "tiny-Q4_K_M.gguf"
    assert "taking Q4_K_M" in capsys.readouterr().err


def test_the_command_line_builds_through_a_mirror(server: Loopback, hub: Hub, model: bytes, tmp_path: Path) -> None:
    server.repo(REPOSITORY).commit({FILE: model, "README.md": b"---\nlicense: gemma\n---\n"})
    handmade.kit(tmp_path)
    (tmp_path / "d.toml").write_text(
        f'[dist]\nname = "tiny"\ntargets = ["linux-x86_64"]\n[model]\nsource = "hf:{REPOSITORY}:Q8_0"\n'
    )
    environment = {
        **os.environ,
        "HF_ENDPOINT": server.endpoint,
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    }
    command = [sys.executable, "-m", "bundler", "build", str(tmp_path / "d.toml"), "--json"]
    command += ["--kit", str(tmp_path / "linux-x86_64.kit"), "--output", str(tmp_path / "out")]

    def run(*more: str, **variables: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*command, *more], capture_output=True, text=True, env={**environment, **variables}, check=False
        )
        assert "Traceback" not in done.stderr, done.stderr
        return done

    refused = run()
    assert refused.returncode == 8
    assert "--accept-license gemma" in refused.stderr
    done = run("--accept-license", "gemma")
    assert done.returncode == 0, done.stderr
    assert "Downloading" in done.stderr
    first = Path(json.loads(done.stdout)["dists"][0]["path"]).read_bytes()
    server.dead = True
    again = run("--accept-license", "gemma", HF_HUB_OFFLINE="1")
    assert again.returncode == 0, again.stderr
    assert Path(json.loads(again.stdout)["dists"][0]["path"]).read_bytes() == first
    listed = subprocess.run(
        [sys.executable, "-m", "bundler", "models", "--json"],
        capture_output=True,
        text=True,
        env=environment,
        check=True,
    )
    assert any(FILE in found["reference"] for found in json.loads(listed.stdout)["models"])

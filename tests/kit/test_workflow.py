"""The workflow that makes the five kits: one for each target, by the commands there really are."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from bundler.__main__ import main, parser
from bundler.targets import TARGETS, host

ROOT = Path(__file__).parents[2]
TEMPLATE = ROOT / "templates" / "kits.yml"


def workflow() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load(TEMPLATE.read_text(encoding="utf-8"))
    return loaded


def commands() -> list[str]:
    """Every `pannier …` of the workflow, with words in place of what the runner fills in."""
    lines = [line for step in workflow()["jobs"]["kit"]["steps"] for line in step.get("run", "").splitlines()]
    filled = [re.sub(r"\$\{\{.*?\}\}|\$\w+", "word", line.replace(' "${sign[@]}"', "")) for line in lines]
    return [line.strip() for line in filled if line.strip().startswith("pannier ")]


def test_this_repository_runs_what_others_are_given() -> None:
    assert (ROOT / ".github" / "workflows" / "kits.yml").read_text() == TEMPLATE.read_text()


def test_every_target_has_its_machine() -> None:
    rows = workflow()["jobs"]["kit"]["strategy"]["matrix"]["include"]
    assert [row["target"] for row in rows] == list(TARGETS)


def test_it_builds_exports_and_tries_each_kit() -> None:
    said = " ".join(commands())
    for verb in ("pannier doctor", "pannier kit build", "pannier kit export", "pannier build"):
        assert verb in said


@pytest.mark.parametrize("command", commands())
def test_its_commands_are_ones_pannier_understands(command: str) -> None:
    arguments = shlex.split(command.partition(">")[0])[1:]
    parser().parse_args(arguments)


@pytest.mark.parametrize("signed", [False, True])
def test_its_steps_make_a_kit_that_can_be_imported(signed: bool, tmp_path: Path) -> None:
    """What a runner's shell would do on a machine for this target, but for installing Pannier and what GitHub does."""
    target, kit = host().name, f"pannier-{host().name}.kit"
    shutil.copytree(ROOT / "dist-specs", tmp_path / "dist-specs")
    (tmp_path / "temp").mkdir()
    assert main(["keygen", str(tmp_path / "builder")]) == 0
    secret = (tmp_path / "builder").read_text() if signed else ""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "RUNNER_TEMP": str(tmp_path / "temp"),
        "KIT": kit,
        "SIGNING_KEY": secret,
    }
    jobs = workflow()["jobs"]
    steps = [step for step in jobs["kit"]["steps"] if step.get("name") != "Install Pannier"]
    steps.append(jobs["publish"]["steps"][1])
    for script in (step["run"].replace("${{ matrix.target }}", target) for step in steps if "run" in step):
        assert "${{" not in script
        command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{script}\n{done.stdout}\n{done.stderr}"
    assert list((tmp_path / "temp").iterdir()) == [], "no key is left behind"
    said = (tmp_path / f"{kit}.sha256").read_text().split()[0]
    key = ["--key", str(tmp_path / "builder.pub")] if signed else []
    assert (tmp_path / f"{kit}.sig").exists() == signed
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PANNIER_CACHE_DIR", str(tmp_path / "importing"))
        assert main(["kit", "import", str(tmp_path / kit), "--sha256", said, *key]) == 0


def test_who_built_a_kit_is_attested_and_hashes_are_published() -> None:
    steps = workflow()["jobs"]["kit"]["steps"]
    assert any("attest-build-provenance" in step.get("uses", "") for step in steps)
    assert any("sha256" in step.get("run", "") for step in steps)

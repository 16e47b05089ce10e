"""On a file system that shares blocks, composing and renewing take no room; on a real one, where it can be had."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import requirements
from tests.renew.sharing import SIZE


@pytest.mark.parametrize(("program", "image"), [("mkfs.btrfs", "400M"), ("mkfs.xfs", "600M")])
def test_composing_and_repacking_share_the_model(tmp_path: Path, program: str, image: str) -> None:
    if sys.platform != "linux":
        pytest.skip("Linux alone mounts a file")
    make, unshare = requirements.tool(program), requirements.tool("unshare")
    (tmp_path / "mount").mkdir()
    subprocess.run(["truncate", "-s", image, tmp_path / "image"], check=True)
    subprocess.run([make, "-q", tmp_path / "image"], check=True, capture_output=True)
    mount = f"mount -o loop {tmp_path}/image {tmp_path}/mount"
    if subprocess.run([unshare, "-m", "sh", "-c", mount], capture_output=True, check=False).returncode:
        pytest.skip("this machine has no loop devices to mount, or no rights to")
    command = f"{mount} && exec {sys.executable} -m tests.renew.sharing {tmp_path}/mount"
    done = subprocess.run([unshare, "-m", "sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["sound"] == [True, True]
    assert max(told["taken"]) < SIZE // 4, told

"""A build that is killed leaves no half file under the final name, and nothing that hurts the next build."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from pathlib import Path

from bundler.compose.compose import compose
from bundler.model.local import open_model
from runtime.container.archive import DIST
from runtime.container.source import Source
from runtime.container.verify import verify
from tests import handmade

KILLS = 20

BUILD = """
import sys
from pathlib import Path
from bundler.compose.compose import compose
from bundler.kit.store import opened
from bundler.model.local import open_model
from tests import handmade
kit, model, out = map(Path, sys.argv[1:])
print("ready", flush=True)
tell = lambda count: print(count, flush=True)
compose(opened(kit), open_model(model, "m.gguf", {}), handmade.spec(), out, advance=tell)
print("done", flush=True)
"""


def test_killed_at_any_moment(tmp_path: Path) -> None:
    kit = handmade.kit(tmp_path)
    path = handmade.gguf(tmp_path / "m.gguf")
    with path.open("r+b") as file:
        file.truncate(100 << 20)
    out = tmp_path / "out"
    command = [sys.executable, "-c", BUILD, kit.source.name, str(path), str(out)]
    final = out / "tiny-1.0-linux-x86_64"
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert (lines[0], lines[-1]) == ("ready", "done")
    whole = final.read_bytes()
    final.unlink()
    rng = random.Random(3)
    killed = 0
    for _ in range(KILLS):
        moment = rng.randrange(len(lines))
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for _ in range(moment):
                process.stdout.readline()
            time.sleep(rng.uniform(0, 0.01))
            process.kill()
        killed += process.returncode != 0
        if final.exists():
            assert final.read_bytes() == whole
            final.unlink()
    assert killed > KILLS // 2
    done = compose(kit, open_model(path, "m.gguf", {}), handmade.spec(), out)
    assert [p.name for p in out.iterdir()] == [final.name]
    with Source.open(done.written.path) as source:
        assert verify(source, DIST).sound


def test_a_living_build_is_not_swept_by_another(tmp_path: Path) -> None:
    from runtime.container.atomic import replacing, sweep

    with replacing(tmp_path / "a", 10) as out:
        out.write(b"0123456789")
        sweep(tmp_path)
        assert len(list(tmp_path.iterdir())) == 1
    assert (tmp_path / "a").read_bytes() == b"0123456789"


def test_many_builds_of_one_file_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    kit, model = handmade.kit(tmp_path), handmade.model(tmp_path)
    errors: list[Exception] = []

    def build() -> None:
        try:
            compose(kit, model, handmade.spec(), tmp_path / "out")
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=build) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    (only,) = (tmp_path / "out").iterdir()
    with Source.open(only) as source:
        assert verify(source, DIST).sound

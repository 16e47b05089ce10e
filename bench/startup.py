"""From the start of the process to `/health` 200 and to a first word, against llama-server from the same engine build.

usage: python -m bench.startup [--model demo|small|medium|large]... [--rounds 5] [--folder DIR] [--behind MIB]
                               [--first] [--forced]

The peer has the same libraries (only the CPU variant that proved itself here), the same model as a loose file, the same
context, slots and threads; once with its defaults, once with `--no-warmup -fit off`. For the demo model, which
llama-server loads in some hundredths of a second, the bar is a plain Python that imports fastapi and uvicorn.
Everyone is started in turn, in alternating order, and asked every 2 ms; medians and ratios are printed as JSON lines.
The model lies in the page cache and the verdict on the backend is known; `--first` adds what a first start takes
(cache emptied each time), and a start with a cold page cache where dropping it is allowed. `--behind MIB`: also a dist
with an entry of that size behind the model. `--forced`: also a start with the backend named on the command line, which
must not be noticeably quicker: a second start proves nothing again.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench import models
from bundler import resources, targets
from bundler.compose.compose import compose
from bundler.console import Console
from bundler.engine.build import build_engine
from bundler.kit import build, store
from bundler.model.local import open_model
from bundler.model.resolve import resolve
from bundler.spec import load, parse

CONTEXT, SLOTS = 2048, 4
POLL_SECONDS = 0.002
GIVE_UP_SECONDS = 120.0
SHAPES = {"small": models.SMALL, "medium": models.MEDIUM, "large": models.LARGE}
IMPORTS = "import fastapi, uvicorn"


@dataclass
class Contender:
    """One program to start. argv gets the port appended by `{port}`. before: run before each start."""

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    before: Callable[[], None] = lambda: None
    ready: list[float] = field(default_factory=list)
    first_word: list[float] = field(default_factory=list)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", action="append", choices=["demo", *SHAPES])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "pannier-bench")
    parser.add_argument("--behind", type=int, default=0, metavar="MIB")
    parser.add_argument("--first", action="store_true")
    parser.add_argument("--forced", action="store_true")
    args = parser.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    for name in args.model or ["demo", "small"]:
        measure(name, args)


def measure(name: str, args: argparse.Namespace) -> None:
    """One model, all contenders."""
    console = Console()
    model_path, dist = built(name, args.folder, console, behind=0)
    home = args.folder / "home"
    threads = str(len(os.sched_getaffinity(0)))
    flags = ["serve", "--no-browser", "--port", "{port}", "--ctx-size", str(CONTEXT), "--parallel", str(SLOTS)]
    flags += ["--threads", threads]
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin"}
    ours = [str(dist), *flags]
    contenders = [Contender("pannier", ours, environment)]
    home.mkdir(exist_ok=True)
    if args.forced:
        start(contenders[0])  # decides, so that the forced one is the same
        forced = [*ours, "--backend", chosen_backend(dist, environment)]
        contenders.append(Contender("pannier, forced", forced, environment))
    if args.behind:
        _, longer = built(name, args.folder, console, behind=args.behind)
        contenders.append(Contender(f"pannier+{args.behind}MiB", [str(longer), *flags], environment))
    if args.first:
        contenders.append(Contender("pannier, first", ours, environment, lambda: shutil.rmtree(home / ".cache")))
        if cold():
            contenders.append(Contender("pannier, cold", ours, environment, lambda: cold() and None))
    contenders += peers(dist, model_path, args.folder, threads, environment, console)
    for contender in contenders:
        start(contender)  # warms page cache and verdict; not counted
    for round_number in range(args.rounds):
        for contender in contenders if round_number % 2 == 0 else reversed(contenders):
            contender.before()
            ready, first_word = start(contender)
            contender.ready.append(ready)
            contender.first_word.append(first_word)
            if contender.before is not contenders[0].before:
                start(contenders[0])  # whatever was emptied is warm again for the next
    python = [imports() for _ in range(args.rounds)]
    report(name, contenders, python)


def report(name: str, contenders: Sequence[Contender], python: Sequence[float]) -> None:
    """Two JSON lines: medians in seconds, and our median over each peer's."""
    ready = {c.name: statistics.median(c.ready) for c in contenders} | {"python imports": statistics.median(python)}
    first_word = {c.name: statistics.median(c.first_word) for c in contenders}
    for what, medians in (("ready", ready), ("first word", first_word)):
        ratios = {f"pannier / {other}": round(medians["pannier"] / value, 3) for other, value in medians.items()}
        del ratios["pannier / pannier"]
        rounded = {key: round(value, 3) for key, value in medians.items()}
        line = {"model": name, "until": what, "rounds": len(python), "median_s": rounded, "ratios": ratios}
        print(json.dumps(line), flush=True)


def built(
    name: str,
    folder: Path,
    console: Console,
    behind: int,
    *,
    backends: Sequence[str] = ("cpu",),
    kit_file: Path | None = None,
) -> tuple[Path, Path]:
    """The loose model and the dist that holds it. behind: MiB of noise packed behind the model, as a licence text.

    kit_file: packed instead of a kit with these backends.
    """
    if name == "demo":
        spec, model = load(resources.dist_spec("demo")), resolve("demo", Path())
    else:
        path = models.write(folder / f"{name}.gguf", SHAPES[name])
        told = {"dist": {"name": name}, "model": {"source": path.name}, "engine": {"backends": [*backends]}}
        spec = parse(told, "bench")
        model = open_model(path, path.name, {})
    with store.opened(kit_file or build.build(targets.host(), backends, console).path) as kit:
        done = compose(kit, model, spec, folder / f"behind-{behind}", license_text=os.urandom(behind << 20))
    return model.path, done.written.path


def peers(
    dist: Path,
    model: Path,
    folder: Path,
    threads: str,
    environment: Mapping[str, str],
    console: Console,
    *,
    backends: Sequence[str] = ("cpu",),
    ready: Path | None = None,
) -> list[Contender]:
    """llama-server beside copies of the core libraries and of the one CPU variant that the dist chose here; with GPUs'
    backends, of all libraries.

    ready: a folder that has all of it already.
    """
    place = ready or _peer_folder(folder / "peer", backends, chosen_backend(dist, environment), console)
    server = [str(place / "llama-server"), "-m", str(model), "--port", "{port}", "-c", str(CONTEXT)]
    server += ["-np", str(SLOTS), "-t", threads, "--no-webui"]
    return [
        Contender("llama-server", server, environment),
        Contender("llama-server lean", [*server, "--no-warmup", "-fit", "off"], environment),
    ]


def _peer_folder(place: Path, backends: Sequence[str], chosen: str, console: Console) -> Path:
    engine = build_engine(targets.host(), backends, None, console, peers=True)
    has_gpus = {*backends} != {"cpu"}
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    for file in engine.files:
        if has_gpus or file.kind in ("core", "peer") or f"{file.backend}-{file.variant}" == chosen:
            shutil.copy2(engine.path / file.file, place / file.file)
    return place


def chosen_backend(dist: Path, environment: Mapping[str, str]) -> str:
    """The candidate the dist takes here."""
    told = subprocess.run([dist, "info", "--json"], env=environment, capture_output=True, check=True).stdout
    return str(json.loads(told)["decision"]["backend"])


def start(contender: Contender) -> tuple[float, float]:
    """Seconds from exec to the first `/health` 200, and to the first word of an answer; then the program is ended."""
    port = free_port()
    argv = [part.format(port=port) for part in contender.argv]
    with tempfile.TemporaryFile() as log:
        began = time.perf_counter()
        process = subprocess.Popen(argv, env=dict(contender.environment), stdout=log, stderr=log)
        try:
            while not healthy(port):
                if process.poll() is not None or time.perf_counter() - began > GIVE_UP_SECONDS:
                    log.seek(0)
                    raise SystemExit(f"{contender.name} did not start:\n{log.read().decode(errors='replace')}")
                time.sleep(POLL_SECONDS)
            ready = time.perf_counter() - began
            ask(port)
            return ready, time.perf_counter() - began
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()


def healthy(port: int) -> bool:
    """One request, spoken by hand: an HTTP client would cost more than what is measured."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0) as connection:
        connection.sendall(f"GET /health HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
        return connection.recv(64).startswith(b"HTTP/1.1 200")
    return False


def ask(port: int) -> None:
    """One question, answered with one word."""
    body = json.dumps({"messages": [{"role": "user", "content": "Hello"}], "max_tokens": 1, "temperature": 0})
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=GIVE_UP_SECONDS)
    connection.request("POST", "/v1/chat/completions", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    said = answer.read()
    connection.close()
    if answer.status != 200:
        raise SystemExit(f"port {port} answered {answer.status}: {said.decode(errors='replace')}")


def imports() -> float:
    """Seconds a plain Python takes to import the web framework, from exec to exit."""
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", IMPORTS], check=True)
    return time.perf_counter() - began


def free_port() -> int:
    """A port nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def cold() -> bool:
    """Drop the page cache; False where that is not allowed."""
    os.sync()
    with suppress(OSError):
        Path("/proc/sys/vm/drop_caches").write_text("1\n")
        return True
    return False


if __name__ == "__main__":
    main()

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runtime.backends.prober import Prober, Trial
from runtime.backends.verdicts import Status
from runtime.launch.osdep import Command, system
from tests.backends.engines import probe_command

Broken = Callable[..., Path]


@pytest.fixture
def prober() -> Iterator[Prober]:
    with Prober(probe_command()) as made:
        yield made


@pytest.mark.parametrize("variant", ["x64", "sse42", "haswell"])
def test_a_healthy_variant_passes_or_says_it_is_not_for_this_machine(
    prober: Prober, engine_dir: Path, variant: str
) -> None:
    verdict = prober.prove(Trial(f"cpu-{variant}"), engine_dir / f"libggml-cpu-{variant}.so", engine_dir)
    assert verdict.status in ({Status.OK} if variant == "x64" else {Status.OK, Status.UNSUPPORTED})
    assert verdict.seconds < 5


def test_the_shim_without_a_fault_passes_although_it_writes_to_stdout(
    prober: Prober, engine_dir: Path, break_library: Broken
) -> None:
    verdict = prober.prove(Trial("shim"), break_library(), engine_dir)
    assert verdict.status is Status.OK, verdict


@pytest.mark.parametrize(
    ("faults", "status", "detail"),
    [
        (
            ["FAULT_LOAD", f"FAULT_SIGNAL={int(signal.SIGILL)}"],
            Status.CRASHED,
            "This processor says it can run shim but fails while loading (illegal instruction).",
        ),
        (
            ["FAULT_INIT", f"FAULT_SIGNAL={int(signal.SIGSEGV)}"],
            Status.CRASHED,
            "shim crashed while starting the device (invalid memory access).",
        ),
        (
            ["FAULT_COMPUTE", f"FAULT_SIGNAL={int(signal.SIGILL)}"],
            Status.CRASHED,
            "This processor says it can run shim but fails while multiplying Q8_0 matrices (illegal instruction).",
        ),
        (
            ["FAULT_COMPUTE", f"FAULT_SIGNAL={int(signal.SIGBUS)}"],
            Status.CRASHED,
            "shim crashed while multiplying Q8_0 matrices (invalid memory access).",
        ),
        (
            ["FAULT_COMPUTE", f"FAULT_SIGNAL={int(signal.SIGABRT)}"],
            Status.CRASHED,
            "shim crashed while multiplying Q8_0 matrices (it gave up by itself).",
        ),
        (["FAULT_STATUS"], Status.CRASHED, "shim reported a failure while multiplying Q8_0 matrices."),
        (["FAULT_WRONG"], Status.WRONG, "shim computes wrong numbers on this machine."),
        (["FAULT_NAN"], Status.WRONG, "shim computes wrong numbers on this machine."),
        (["FAULT_SCORE"], Status.UNSUPPORTED, "This machine lacks what shim is made for."),
        (["FAULT_NO_MEMORY"], Status.NO_MEMORY, "The device of shim could not be started; it may lack memory."),
        (["FAULT_VERSION"], Status.MISSING, "shim was made for another version of the engine."),
        (
            ["FAULT_SYMBOL"],
            Status.MISSING,
            "shim needs a function (a_function_no_driver_has) that this system's libraries do not have.",
        ),
    ],
    ids=lambda value: "-".join(value).replace("FAULT_", "") if isinstance(value, list) else "",
)
def test_each_fault_is_recognised_and_put_into_words(
    prober: Prober, engine_dir: Path, break_library: Broken, faults: list[str], status: Status, detail: str
) -> None:
    verdict = prober.prove(Trial("shim"), break_library(*faults), engine_dir)
    assert (verdict.status, verdict.detail) == (status, detail), verdict
    assert verdict.technical


def test_two_results_that_changed_places_are_noticed(prober: Prober, engine_dir: Path, break_library: Broken) -> None:
    verdict = prober.prove(Trial("shim"), break_library("FAULT_WRONG"), engine_dir)
    assert "Q8_0" in verdict.technical
    assert "element 1000" in verdict.technical


def test_a_hang_ends_after_the_time_limit(engine_dir: Path, break_library: Broken) -> None:
    with Prober(probe_command(), limit=2.0) as prober:
        began = time.monotonic()
        verdict = prober.prove(Trial("shim"), break_library("FAULT_HANG"), engine_dir)
        assert verdict.status is Status.HUNG
        assert verdict.detail == "shim did not finish multiplying Q8_0 matrices within 2 seconds."
        assert time.monotonic() - began < 4


def test_a_missing_system_library_is_named(
    prober: Prober, engine_dir: Path, break_library: Broken, tmp_path: Path
) -> None:
    driver = tmp_path / "libdriver-of-nobody.so.1"
    subprocess.run(["cc", "-shared", "-o", str(driver), "-xc", "/dev/null"], check=True)
    library = break_library("NEEDS_DRIVER", arguments=("-Wl,--no-as-needed", f"-L{tmp_path}", f"-l:{driver.name}"))
    driver.unlink()
    verdict = prober.prove(Trial("shim"), library, engine_dir)
    assert verdict.status is Status.MISSING
    assert verdict.detail == "shim needs libdriver-of-nobody.so.1, which this system does not have."


def test_a_library_for_a_newer_glibc_is_recognised(
    prober: Prober, engine_dir: Path, break_library: Broken, tmp_path: Path
) -> None:
    (tmp_path / "new.c").write_text("void a_function_no_driver_has(void) {}\n")
    (tmp_path / "new.map").write_text("GLIBC_9.99 { global: a_function_no_driver_has; };\n")
    stub = tmp_path / "libc-of-tomorrow.so"
    subprocess.run(
        [
            *("cc", "-shared", "-fPIC", "-nostdlib", "-o", str(stub), str(tmp_path / "new.c")),
            *("-Wl,-soname,libc.so.6", f"-Wl,--version-script={tmp_path / 'new.map'}"),
        ],
        check=True,
    )
    library = break_library("FAULT_SYMBOL", "NEW_GLIBC", arguments=(str(stub),))
    verdict = prober.prove(Trial("shim"), library, engine_dir)
    assert verdict.status is Status.MISSING
    assert verdict.detail == "shim needs a newer C library (glibc 9.99) than this system has."


def test_one_child_serves_until_a_library_is_for_this_machine(
    prober: Prober, engine_dir: Path, break_library: Broken
) -> None:
    unsupported = break_library("FAULT_SCORE")
    first = prober.start().process.pid
    assert prober.prove(Trial("a"), unsupported, engine_dir).status is Status.UNSUPPORTED
    assert prober.prove(Trial("b"), unsupported, engine_dir).status is Status.UNSUPPORTED
    assert prober.start().process.pid == first
    assert prober.prove(Trial("c"), break_library(), engine_dir).status is Status.OK
    assert prober.start().process.pid != first


def test_no_core_is_left_by_a_crash(
    prober: Prober, engine_dir: Path, break_library: Broken, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_CORE)
    monkeypatch.chdir(tmp_path)
    library = break_library("FAULT_COMPUTE", f"FAULT_SIGNAL={int(signal.SIGSEGV)}")
    environment = {**system.outside_environment(), "PYTHONPATH": str(Path(__file__).parents[2])}
    command = probe_command()
    with Prober(Command(command.argv, command.executable, environment)) as here:
        resource.setrlimit(resource.RLIMIT_CORE, (before[1], before[1]))
        try:
            verdict = here.prove(Trial("shim"), library, engine_dir)
        finally:
            resource.setrlimit(resource.RLIMIT_CORE, before)
    assert verdict.status is Status.CRASHED
    assert list(tmp_path.iterdir()) == []


def test_a_program_that_is_no_prober_is_a_crash_not_an_exception(engine_dir: Path) -> None:
    for program in (["false"], ["echo", "hello"], ["/nonexistent/program"]):
        with Prober(Command(tuple(program), program[0], {"PATH": "/usr/bin:/bin"})) as prober:
            verdict = prober.prove(Trial("x"), engine_dir / "libggml-cpu-x64.so", engine_dir)
            assert verdict.status is Status.CRASHED, program


def test_the_child_ends_when_its_parent_is_killed(engine_dir: Path, break_library: Broken) -> None:
    script = (
        "import sys; from pathlib import Path\n"
        "from runtime.backends.prober import Prober, Trial\n"
        "from tests.backends.engines import probe_command\n"
        "p = Prober(probe_command()); print(p.start().process.pid, flush=True)\n"
        "p.prove(Trial('shim'), Path(sys.argv[1]), Path(sys.argv[2]))\n"
    )
    import sys

    parent = subprocess.Popen(
        [sys.executable, "-c", script, str(break_library("FAULT_HANG")), str(engine_dir)],
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    time.sleep(0.5)
    assert _alive(child)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 2
    while _alive(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not _alive(child)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False

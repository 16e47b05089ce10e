from __future__ import annotations

import ntpath
import os
import struct
import subprocess
import sys
import time
from pathlib import Path, PurePosixPath

import platformdirs.macos
import platformdirs.unix
import pytest

from runtime.launch.osdep import system
from runtime.launch.osdep.api import APP, System
from runtime.launch.osdep.linux import Linux
from runtime.launch.osdep.macos import MacOS
from runtime.launch.osdep.windows import Windows

URL = "http://127.0.0.1:8080/"
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="Linux' own ways")


@pytest.mark.parametrize("kind", [Linux, MacOS, Windows])
def test_every_system_can_be_made_and_asked_on_every_system(kind: type[System], tmp_path: Path) -> None:
    made = kind()
    assert made.cpu_identity()
    assert made.is_mine(tmp_path)
    assert not made.is_mine(tmp_path / "missing")
    assert isinstance(made.shared_dirs({"TEMP": "x", "TMPDIR": "/x"})[0][0], Path)


@pytest.mark.parametrize(
    "environ", [{"HOME": "/home/ada"}, {"HOME": "/home/ada", "XDG_CACHE_HOME": "/big/cache"}, {"XDG_CACHE_HOME": "rel"}]
)
def test_the_cache_folder_is_where_platformdirs_would_put_it(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert str(Linux().user_cache_dir(os.environ)) == platformdirs.unix.Unix(APP, appauthor=False).user_cache_dir
    assert str(MacOS().user_cache_dir(os.environ)) == platformdirs.macos.MacOS(APP, appauthor=False).user_cache_dir


def test_windows_keeps_its_cache_in_local_application_data() -> None:
    assert (
        ntpath.normpath(str(Windows().user_cache_dir({"LOCALAPPDATA": r"C:\Users\ada\AppData\Local"}))).replace(
            "/", "\\"
        )
        == rf"C:\Users\ada\AppData\Local\{APP}\Cache"
    )
    assert Windows().user_cache_dir({}) is None


def test_a_user_without_home_has_no_cache_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    if sys.platform == "win32":
        pytest.skip("there is no user database")
    import pwd

    def nobody(_: int) -> None:
        raise KeyError

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    assert Linux().user_cache_dir({}) is None


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, False),
        ({"DISPLAY": ":0"}, True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, True),
        ({"DISPLAY": "localhost:10.0", "SSH_CONNECTION": "a 1 b 22"}, False),
        ({"DISPLAY": ":0", "SSH_TTY": "/dev/pts/1"}, False),
    ],
)
def test_a_browser_opens_only_where_somebody_sits(environ: dict[str, str], expected: bool, tmp_path: Path) -> None:
    opener = tmp_path / "xdg-open"
    opener.write_text("#!/bin/sh\n")
    opener.chmod(0o755)
    command = Linux().browser_command(URL, {**environ, "PATH": str(tmp_path)})
    assert command == ([str(opener), URL] if expected else None)


def test_without_any_opener_there_is_no_browser(tmp_path: Path) -> None:
    assert Linux().browser_command(URL, {"DISPLAY": ":0", "PATH": str(tmp_path)}) is None


@linux_only
def test_the_browser_gets_the_address_and_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opener = tmp_path / "xdg-open"
    opener.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\nsleep 1\n')
    opener.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.delenv("SSH_CONNECTION", raising=False)
    monkeypatch.delenv("SSH_TTY", raising=False)
    began = time.monotonic()
    assert system.open_browser(URL)
    assert time.monotonic() - began < 0.5
    deadline = time.monotonic() + 5
    while not (tmp_path / "opened").exists() or not (tmp_path / "opened").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert (tmp_path / "opened").read_text().strip() == URL


@linux_only
def test_an_opener_that_cannot_run_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opener = tmp_path / "xdg-open"
    opener.write_bytes(b"\x7fELF nonsense")
    opener.chmod(0o755)
    for name in ("SSH_CONNECTION", "SSH_TTY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("DISPLAY", ":0")
    assert system.open_browser(URL) is False


def test_the_library_path_is_given_back_only_by_a_frozen_program(monkeypatch: pytest.MonkeyPatch) -> None:
    environ = {"LD_LIBRARY_PATH": "/bundle", "LD_LIBRARY_PATH_ORIG": "/mine", "_PYI_ARCHIVE_FILE": "x", "A": "b"}
    assert Linux().outside_environment(environ) == {
        "LD_LIBRARY_PATH": "/bundle",
        "LD_LIBRARY_PATH_ORIG": "/mine",
        "A": "b",
    }
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert Linux().outside_environment(environ) == {"LD_LIBRARY_PATH": "/mine", "A": "b"}
    assert Linux().outside_environment({"LD_LIBRARY_PATH": "/bundle"}) == {}
    assert MacOS().outside_environment({"DYLD_LIBRARY_PATH": "/bundle"}) == {}


def test_not_frozen_it_starts_again_as_a_module() -> None:
    command = system.self_command()
    assert command.argv == (sys.executable, "-m", "runtime")
    assert PurePosixPath(command.executable).name.startswith("python") or sys.platform == "win32"


@pytest.mark.parametrize(
    ("cpuinfo", "changed", "same"),
    [
        (
            "processor\t: 0\nvendor_id\t: A\nmodel\t: 2\ncpu MHz\t: 2596.1\nflags\t: sse avx2\n\nprocessor\t: 1\n",
            ("avx2", "avx512f"),
            ("2596.1", "800.0"),
        ),
        (
            "processor\t: 0\nBogoMIPS\t: 50\nFeatures\t: fp asimd sve\nCPU part\t: 0xd40\n",
            ("sve", "sve2"),
            ("50", "60"),
        ),
    ],
    ids=["x86", "arm"],
)
def test_a_processor_is_known_by_what_lasts(
    tmp_path: Path, cpuinfo: str, changed: tuple[str, str], same: tuple[str, str]
) -> None:
    def identity(text: str) -> str:
        (tmp_path / "cpuinfo").write_text(text)
        return Linux(tmp_path).cpu_identity()

    first = identity(cpuinfo)
    assert identity(cpuinfo.replace(*same)) == first
    assert identity(cpuinfo.replace(*changed)) != first


def test_a_processor_is_known_by_what_a_program_may_use(tmp_path: Path) -> None:
    (tmp_path / "self").mkdir()

    def identity(*pairs: tuple[int, int]) -> str:
        words = b"".join(struct.pack("@LL", *pair) for pair in pairs)
        (tmp_path / "self" / "auxv").write_bytes(words)
        return Linux(tmp_path).cpu_identity()

    page_size, capabilities, more, random_bytes = 6, 16, 26, 25
    first = identity((page_size, 4096), (capabilities, 0x1F), (more, 2), (random_bytes, 0x7000), (0, 0))
    assert identity((page_size, 4096), (capabilities, 0x1F), (more, 2), (random_bytes, 0x9000), (0, 0)) == first
    assert identity((page_size, 4096), (capabilities, 0x0F), (more, 2), (random_bytes, 0x7000), (0, 0)) != first
    assert identity((page_size, 4096), (capabilities, 0x1F), (more, 3), (random_bytes, 0x7000), (0, 0)) != first


@linux_only
@pytest.mark.parametrize(("gently", "status"), [(True, "handled"), (False, "")])
def test_a_child_ends_with_its_parent(gently: bool, status: str, tmp_path: Path) -> None:
    child = (
        "import os, signal, sys, time\n"
        "from runtime.launch.osdep import system\n"
        f"def end(*_): open({str(tmp_path / 'how')!r}, 'w').write('handled'); os._exit(0)\n"
        "signal.signal(signal.SIGTERM, end)\n"
        f"system.die_with_parent(int(sys.argv[1]), gently={gently})\n"
        "print(os.getpid(), flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = f"import os, subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}, str(os.getpid())])"
    process = subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    process.kill()
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 2
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not Path(f"/proc/{pid}/exe").exists()
    assert ((tmp_path / "how").read_text() if (tmp_path / "how").exists() else "") == status


@linux_only
def test_a_child_whose_parent_died_before_it_could_ask_ends_at_once() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    script = f"from runtime.launch.osdep import system; system.die_with_parent({gone.pid}); print('still here')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout == ""
    assert done.returncode == -9


@linux_only
def test_a_marker_is_locked_until_its_process_ends_and_by_nobody_it_started(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    script = (
        "import subprocess, sys; from pathlib import Path; from runtime.launch.osdep import system\n"
        f"assert system.mark_alive(Path({str(marker)!r}))\n"
        "subprocess.Popen(['sleep', '5'], stdout=subprocess.DEVNULL)\n"
        "print('marked', flush=True); sys.stdin.read()\n"
    )
    owner = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    assert owner.stdin is not None
    assert owner.stdout.readline() == "marked\n"
    with system.marker_of_the_dead(marker) as dead:
        assert not dead
    owner.kill()
    owner.wait()
    owner.stdin.close()
    owner.stdout.close()
    with system.marker_of_the_dead(marker) as dead:
        assert dead
        with system.marker_of_the_dead(marker) as second:
            assert not second
    with system.marker_of_the_dead(marker) as dead:
        assert dead
        marker.unlink()
    with system.marker_of_the_dead(marker) as dead:
        assert not dead
    assert not system.mark_alive(tmp_path / "missing" / "marker")

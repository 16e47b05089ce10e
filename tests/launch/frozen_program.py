"""A program to freeze: the ways of `runtime.launch` that only mean something inside PyInstaller's bootloader."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from runtime.launch import tempdirs
from runtime.launch.osdep import system


def say(**answer: object) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def main() -> int:
    own = str(tempdirs.unpacked_dir())
    if sys.argv[1] == "child":
        say(unpacked=own, parent=os.getppid(), executable=sys.executable)
        return 0
    system.die_with_parent(tempdirs.bootloader_pid(), gently=True)
    if sys.argv[1] != "unclaimed":
        tempdirs.claim_and_sweep()
    say(unpacked=own, pid=os.getpid(), bootloader=tempdirs.bootloader_pid(), outside=system.outside_environment())
    for line in sys.stdin:
        if line.strip() == "again":
            command = system.self_command()
            child = subprocess.run(
                [*command.argv, "child"], executable=command.executable, env=command.environment, capture_output=True
            )
            say(returncode=child.returncode, child=child.stdout.decode(), errors=child.stderr.decode()[-500:])
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""A stand-in for the program's file, for when the file itself was deleted while it runs.

PyInstaller's bootloader reads itself by name. The running process goes on without a name, but a worker could not be
started again. All the bootloader needs are the stub and the runtime, which are still readable through our descriptor:
together they are a complete one-file program of a few megabytes, without the model.
"""

from __future__ import annotations

from pathlib import Path

from runtime.container.archive import Archive
from runtime.container.unpack import write_whole
from runtime.errors import SurroundingsError
from runtime.launch.tempdirs import unpacked_dir
from runtime.manifest import DistManifest, Role


def spare_program(archive: Archive[DistManifest]) -> Path:
    """Write the stand-in into our own temporary folder, which goes when we do. Raises `SurroundingsError`."""
    folder = unpacked_dir()
    if folder is None:
        raise SurroundingsError("This runtime is not frozen, so nothing can stand in for its file.")
    program = folder / "spare-program"
    if not program.exists():
        (runtime,) = (entry.name for entry in archive.manifest.entries if entry.role is Role.RUNTIME)
        stub = archive.source.read_at(0, archive.manifest.stub.size)
        try:
            write_whole(program, stub + b"".join(archive.stored_chunks(runtime)))
        except OSError as error:
            raise SurroundingsError(
                f"The program's file was deleted and {folder} has no room for a stand-in ({error.strerror}).",
                "Put the file back and start it again.",
            ) from None
    return program

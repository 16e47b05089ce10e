"""The one door to llama.cpp: loads the engine's libraries from one folder, and one backend library after the other.

llama-cpp-python brings the ctypes declarations; nothing else of it is wanted (its package imports numpy and more, ten
times what the declarations cost), so `llama_cpp` itself is never executed: an unexecuted package object with the right
search path stands in for it, in a frozen program as well as in a plain one.

Only one copy of each library may be in the process: a second libggml has its own, empty, list of backends. Therefore
libggml-base and libggml are loaded by full path first; the loader then recognises them by name when libllama and the
backends ask for theirs, whatever their run path or LD_LIBRARY_PATH say.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

from runtime.errors import CannotRunError

_callbacks: list[Any] = []  # llama.cpp keeps their addresses for as long as the process lives
_REMEDY = "Start with --verbose to see the engine's log, or get the file again."


class LogLevel(IntEnum):
    """ggml's log levels. CONTINUED: more of the line before."""

    NONE = 0
    DEBUG = 1
    INFO = 2
    WARNING = 3
    ERROR = 4
    CONTINUED = 5


LogSink = Callable[[LogLevel, bytes], None]
"""Takes pieces of log lines, from any thread; must not raise."""


@dataclass(frozen=True, slots=True)
class Device:
    """One device of a loaded backend. Memory in bytes, as the backend tells it. handle: ggml's."""

    name: str
    description: str
    memory_free: int
    memory_total: int
    handle: int = 0


class _ThreadPoolParameters(ctypes.Structure):
    """`ggml_threadpool_params`."""

    _fields_ = (
        ("cpumask", ctypes.c_bool * 512),
        ("n_threads", ctypes.c_int),
        ("prio", ctypes.c_int),
        ("poll", ctypes.c_uint32),
        ("strict_cpu", ctypes.c_bool),
        ("paused", ctypes.c_bool),
    )


class Llama:
    """The engine's libraries, loaded. At most one per process; there is no unloading.

    raw: llama-cpp-python's declarations (every `llama_…` function and structure). ggml: libggml, with the few
    functions below declared.
    """

    def __init__(self, engine_dir: Path, log: LogSink) -> None:
        """Load from exactly `engine_dir`. Raises `CannotRunError` where a library is missing or does not load."""
        self.ggml_base = _preload(engine_dir, "ggml-base")
        self.ggml_base.ggml_backend_cpu_buffer_type.restype = ctypes.c_void_p
        self.ggml = _declare(_preload(engine_dir, "ggml"))
        self.raw = _import_declarations(engine_dir)
        callback = self.raw.llama_log_callback(lambda level, text, _: log(LogLevel(level), text))
        _callbacks.append(callback)
        self.raw.llama_log_set(callback, None)
        self._registered: list[int] = []
        self._pools: dict[tuple[int, int], int | None] = {}

    def load_backend(self, library: Path) -> tuple[Device, ...]:
        """Load one backend library; its devices. Raises `CannotRunError` where it refuses this machine.

        ggml asks the library for its score first and refuses one whose score is 0. A library may also kill the process.
        """
        registered = self.ggml.ggml_backend_load(os.fsencode(library))
        if not registered:
            raise CannotRunError(f"The backend {library.name} does not work on this machine.", _REMEDY)
        self._registered.append(registered)
        count = self.ggml.ggml_backend_reg_dev_count(registered)
        return tuple(self._device(self.ggml.ggml_backend_reg_dev_get(registered, index)) for index in range(count))

    def attach_thread_pool(self, context: int, threads: int, poll: int) -> None:
        """Let a context compute with threads that stay, and spin for about 5 ms times `poll` before they sleep.

        Without a pool the CPU backend starts and ends its threads for every step. Of no effect without a CPU backend.
        Contexts that compute by turns share one, or the threads of one would spin while those of the other compute.
        """
        attach = self.raw._lib.llama_attach_threadpool
        attach.restype, attach.argtypes = None, (ctypes.c_void_p,) * 3
        if (threads, poll) not in self._pools:
            self._pools[threads, poll] = self._new_pool(threads, poll)
        if pool := self._pools[threads, poll]:
            attach(context, pool, pool)

    def main_memory(self) -> int:
        """The buffer type of plain main memory."""
        found: int = self.ggml_base.ggml_backend_cpu_buffer_type()
        return found

    def initialise(self) -> None:
        """Prepare llama.cpp's own tables; once, after the backends are loaded."""
        self.raw.llama_backend_init()

    def _new_pool(self, threads: int, poll: int) -> int | None:
        for registered in self._registered:
            if address := self.ggml.ggml_backend_reg_get_proc_address(registered, b"ggml_threadpool_new"):
                new = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.POINTER(_ThreadPoolParameters))(address)
                pool: int | None = new(ctypes.byref(_ThreadPoolParameters(n_threads=threads, poll=poll)))
                return pool
        return None

    def _device(self, device: int) -> Device:
        free, total = ctypes.c_size_t(), ctypes.c_size_t()
        self.ggml.ggml_backend_dev_memory(device, ctypes.byref(free), ctypes.byref(total))
        name, description = self.ggml.ggml_backend_dev_name(device), self.ggml.ggml_backend_dev_description(device)
        return Device(name.decode(), description.decode("utf-8", "replace"), free.value, total.value, device)


def backend_score(engine_dir: Path, library: Path) -> int | None:
    """What a backend library says how well it suits this CPU; 0 is "not at all", None that it does not say.

    Loads the library, so ask in a process of its own. Raises `CannotRunError` where it does not load.
    """
    _preload(engine_dir, "ggml-base")
    try:
        score = _open(library).ggml_backend_score
    except AttributeError:
        return None
    score.argtypes, score.restype = (), ctypes.c_int
    return int(score())


def backend_name(library: str) -> str:
    """The short name of a backend library's file: "cpu-haswell" of "libggml-cpu-haswell.so"."""
    return Path(library).name.removeprefix("lib").removeprefix("ggml-").split(".", 1)[0]


def library_file(name: str) -> str:
    """The file name of a core library on this system: "libllama.so", "libllama.dylib", "llama.dll"."""
    if sys.platform == "win32":
        return f"{name}.dll"
    return f"lib{name}.dylib" if sys.platform == "darwin" else f"lib{name}.so"


def _preload(engine_dir: Path, name: str) -> ctypes.CDLL:
    return _open(engine_dir / library_file(name))


def _open(library: Path) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(str(library))
    except OSError as error:
        raise CannotRunError(
            f"The engine library {library.name} cannot be loaded ({error.__cause__ or error}).", _REMEDY
        ) from None


def _import_declarations(engine_dir: Path) -> Any:
    """`llama_cpp.llama_cpp`, without running the package around it, and with libllama taken from `engine_dir`."""
    _stand_in()
    os.environ["LLAMA_CPP_LIB_PATH"] = str(engine_dir)
    try:
        import llama_cpp.llama_cpp as declarations
    except (OSError, RuntimeError, AttributeError) as error:  # AttributeError: an engine that lacks a function
        raise CannotRunError(f"The engine in {engine_dir} cannot be used ({error}).", _REMEDY) from None
    return declarations


def _stand_in() -> None:
    """Let `llama_cpp` be an unexecuted package, through which its modules are found."""
    if "llama_cpp" not in sys.modules:
        spec = importlib.util.find_spec("llama_cpp")
        if spec is None:
            raise CannotRunError("This program was built without llama.cpp's bindings.", "Build it again.")
        sys.modules["llama_cpp"] = importlib.util.module_from_spec(spec)


def _declare(ggml: ctypes.CDLL) -> ctypes.CDLL:
    """Signatures of the ggml functions used here; pointers are plain addresses."""
    address, text, size = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t
    for name, result, arguments in (
        ("ggml_backend_load", address, (text,)),
        ("ggml_backend_reg_dev_count", size, (address,)),
        ("ggml_backend_reg_get_proc_address", address, (address, text)),
        ("ggml_backend_reg_dev_get", address, (address, size)),
        ("ggml_backend_dev_name", text, (address,)),
        ("ggml_backend_dev_description", text, (address,)),
        ("ggml_backend_dev_memory", None, (address, ctypes.POINTER(size), ctypes.POINTER(size))),
    ):
        function = getattr(ggml, name)
        function.restype, function.argtypes = result, arguments
    return ggml

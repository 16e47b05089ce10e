"""What went wrong with a backend, in words a teacher understands. Pure functions from technical lines to sentences."""

from __future__ import annotations

import re
import signal

_SIGNALS = {
    "SIGILL": "illegal instruction",
    "SIGSEGV": "invalid memory access",
    "SIGBUS": "invalid memory access",
    "SIGABRT": "it gave up by itself",
    "SIGFPE": "invalid arithmetic",
    "SIGKILL": "ended from outside, perhaps for lack of memory",
}
_DRIVERS = {
    "libvulkan": "a graphics driver with Vulkan",
    "libcudart": "NVIDIA's CUDA runtime",
    "libcublas": "NVIDIA's cuBLAS",
    "libcuda": "NVIDIA's driver",
    "libamdhip": "AMD's ROCm",
    "libhip": "AMD's ROCm",
    "libroc": "AMD's ROCm",
    "libsycl": "Intel's oneAPI runtime",
    "libze_": "Intel's graphics driver",
}
# The last is llama_decode's code for a step there was no memory for.
OUT_OF_MEMORY = re.compile(
    r"out of (device |host )?memory|OutOf(Device|Host)Memory|failed to allocate|bad_alloc|\(code -2\)", re.I
)

_WINDOWS = {0xC000001D: "SIGILL", 0xC0000005: "SIGSEGV", 0xC0000409: "SIGABRT", 0xC0000094: "SIGFPE", 3: "SIGABRT"}


def crash(name: str, doing: str, status: int) -> tuple[str, str]:
    """(sentence, technical cause) for a child that ended with `status` (negative: a signal, as subprocess has it)."""
    if status < 0:
        try:
            cause = signal.Signals(-status).name
        except ValueError:
            cause = f"signal {-status}"
    else:
        cause = _WINDOWS.get(status, "")
    words = _SIGNALS.get(cause, cause)
    if not words:
        return f"{name} ended unexpectedly while {doing} (exit code {status}).", f"exit code {status}"
    if cause == "SIGILL" and "AMX" in doing:
        return f"This processor says it has AMX but fails when it is used ({words}).", cause
    if cause == "SIGILL":
        return f"This processor says it can run {name} but fails while {doing} ({words}).", cause
    return f"{name} crashed while {doing} ({words}).", cause


def hung(name: str, doing: str, seconds: float) -> str:
    """The sentence for a candidate that did not come to an end."""
    return f"{name} did not finish {doing} within {seconds:g} seconds."


def unsupported(name: str, technical: str) -> str:
    """The sentence for a library that says itself that it is not for this machine. technical: what it said."""
    if re.search(r"CUDA driver version is insufficient", technical):  # what CUDA says where there is no driver, too
        return f"NVIDIA's driver is missing or too old for {name}; with an NVIDIA card, a newer one would make it work."
    if re.search(r"driver version is insufficient|INCOMPATIBLE_DRIVER|unsupported driver|too old", technical, re.I):
        return f"The graphics driver is too old for {name}; a newer one would make it work."
    if technical.startswith("no device"):
        return f"{name} found no graphics device that it can use."
    return f"This machine lacks what {name} is made for."


def no_memory(name: str, technical: str) -> str:
    """The sentence for a device that gave none, or would not start, which is mostly the same."""
    if "started" in technical:
        return f"The device of {name} could not be started; it may lack memory."
    return f"The device of {name} had too little free memory."


def failed_later(name: str, how: str) -> str:
    """The sentence for a backend that had proven itself and then failed. how: the end of "The engine …"."""
    if OUT_OF_MEMORY.search(how):
        return f"The device of {name} ran out of memory."
    return f"{name} failed while it ran the model (the engine {how.partition('. ')[0].rstrip('.')})."


def not_loadable(name: str, technical: str) -> str:
    """The sentence for a library the system refuses to load. technical: what the loader said."""
    if found := re.search(r"version [`'](GLIBC|GLIBCXX|CXXABI)_([0-9.]+)' not found", technical):
        what = "C library (glibc" if found[1] == "GLIBC" else f"C++ library ({found[1]}"
        return f"{name} needs a newer {what} {found[2]}) than this system has."
    if found := re.search(r"(\S+): cannot open shared object file", technical):
        library = found[1].rsplit("/", 1)[-1]
        if driver := next((words for start, words in _DRIVERS.items() if library.startswith(start)), ""):
            return f"{name} needs {driver} ({library}), which is not installed."
        return f"{name} needs {found[1].rsplit('/', 1)[-1]}, which this system does not have."
    if found := re.search(r"undefined symbol: (\w+)", technical):
        return f"{name} needs a function ({found[1]}) that this system's libraries do not have."
    if "API version" in technical:
        return f"{name} was made for another version of the engine."
    if "failed to map segment" in technical or "Operation not permitted" in technical:
        return f"This system does not allow {name} to be loaded from its folder."
    if "ggml_backend_init returned NULL" in technical:  # Vulkan says so of a driver that lacks libraries of its own
        return f"{name} found no graphics driver that it could start; the driver may be incomplete."
    return f"{name} could not be loaded."

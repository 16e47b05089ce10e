"""The oldest system that a kit or dist starts on, in words."""

from __future__ import annotations

from runtime.manifest import EngineInfo, RuntimeInfo

# glibc → the first release of a distribution that has it or a newer one. To be told to people, decided by nothing.
_DISTRIBUTIONS = {
    "Debian": {"10": "2.28", "11": "2.31", "12": "2.36", "13": "2.41"},
    "Ubuntu": {"20.04": "2.31", "22.04": "2.35", "24.04": "2.39"},
    "RHEL": {"8": "2.28", "9": "2.34", "10": "2.39"},
}
_WINDOWS = {"10.0.18362": "10 version 1903", "10.0": "10"}


def oldest_system(target: str, engine: EngineInfo, runtime: RuntimeInfo) -> str:
    """The oldest system both start on: "macOS 12 or newer"; "" where nothing is known of it."""
    system = target.partition("-")[0]
    if system == "linux":
        glibc = max((engine.glibc, runtime.glibc), key=numbered)
        return f"Linux with glibc {glibc} or newer{_examples(glibc)}" if glibc else ""
    version = max((engine.oldest, runtime.oldest), key=numbered)
    if not version:
        return ""
    if system == "windows":
        return f"Windows {_WINDOWS.get(version, version)} or newer"
    return f"macOS {version.removesuffix('.0')} or newer"


def numbered(version: str) -> tuple[int, ...]:
    """A version by which versions can be compared; an empty one is the oldest."""
    return tuple(int(part) for part in version.split(".") if part.isdigit())


def _examples(glibc: str) -> str:
    """ " (Debian 12, Ubuntu 22.04, …)", for who does not know what a glibc is."""
    found = []
    for name, releases in _DISTRIBUTIONS.items():
        fitting = [release for release, has in releases.items() if numbered(has) >= numbered(glibc)]
        found += [f"{name} {fitting[0]}"] if fitting else []
    return f" ({', '.join(found)})" if found else ""

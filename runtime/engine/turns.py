"""Turns on the processor: long ones for the threads that compute, short ones for those that pass on what came of it.

Since 6.12 Linux lets a thread say how long its turns are to be. Who wakes up and takes shorter turns than the thread
that is running, and is owed as much, runs at once; otherwise it may wait for the next tick of the clock, 4 ms. So does
who passes tokens on, and the browser that shows them. See sched_setattr(2).
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys

LONG = 8_000_000
"""Nanoseconds. Usual are 1.4 to 2.8 ms, by the number of processors; longer ones would serve nobody else."""

SHORT = 500_000
"""Nanoseconds. To pass on the tokens of a step takes about so long."""

_RESET_ON_FORK = 1  # SCHED_FLAG_RESET_ON_FORK
_SAID_SO = 0x40000000  # SCHED_RESET_ON_FORK, which is then told with the policy

_SET_ATTRIBUTES = {"x86_64": 314, "aarch64": 274}.get(platform.machine()) if sys.maxsize > 1 << 32 else None
"""The number of the call sched_setattr; glibc has had a function for it only since 2.41."""


class Attributes(ctypes.Structure):
    """struct sched_attr of linux/sched/types.h, as it was first."""

    _fields_ = (
        ("size", ctypes.c_uint32),
        ("policy", ctypes.c_uint32),
        ("flags", ctypes.c_uint64),
        ("nice", ctypes.c_int32),
        ("priority", ctypes.c_uint32),
        ("runtime", ctypes.c_uint64),
        ("deadline", ctypes.c_uint64),
        ("period", ctypes.c_uint64),
    )


def take_long_turns() -> bool:
    """Let this thread and those it starts from now on take long turns; whether Linux did not refuse.

    Of no effect on a thread with a policy of its own, before Linux 6.12, and elsewhere.
    """
    return _take(LONG, 0)


def take_short_turns() -> bool:
    """Let this thread, and no other, take short turns; otherwise the same."""
    return _take(SHORT, _RESET_ON_FORK)


def _take(nanoseconds: int, flags: int) -> bool:
    if sys.platform != "linux" or _SET_ATTRIBUTES is None:
        return False
    try:
        policy, nice = os.sched_getscheduler(0) & ~_SAID_SO, os.getpriority(os.PRIO_PROCESS, 0)
    except OSError:  # a container may forbid to ask
        return False
    if policy != os.SCHED_OTHER:
        return False
    attributes = Attributes(ctypes.sizeof(Attributes), policy, flags, nice, 0, nanoseconds)
    refused: int = ctypes.CDLL(None).syscall(_SET_ATTRIBUTES, 0, ctypes.byref(attributes), 0)
    return not refused

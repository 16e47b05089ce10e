"""Turns on the processor: long ones for the threads that compute, short ones for those that pass on what came of it.

Since 6.12 Linux lets a thread say how long its turns are to be. Among threads that are owed as much, one with shorter
turns goes first at once, where otherwise whoever wakes up may wait for the next tick of the clock, 4 ms: the one who
passes tokens on, the browser that shows them, whatever else the machine does. See sched_setattr(2).
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys

LONG = 100_000_000
"""Nanoseconds, the longest that Linux takes. Usual are 3 ms."""

SHORT = 500_000
"""Nanoseconds. To pass on the tokens of a step takes about so long."""

_SET_ATTRIBUTES = {"x86_64": 314, "aarch64": 274}.get(platform.machine())
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


def take_turns(nanoseconds: int) -> bool:
    """Let this thread, and those it starts from now on, take turns that long; whether the system took it on.

    Of no effect on a thread with a policy of its own, and where Linux is older or is not.
    """
    if sys.platform != "linux" or _SET_ATTRIBUTES is None or os.sched_getscheduler(0) != os.SCHED_OTHER:
        return False
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    attributes = Attributes(size=ctypes.sizeof(Attributes), policy=os.SCHED_OTHER, nice=nice, runtime=nanoseconds)
    refused: int = ctypes.CDLL(None).syscall(_SET_ATTRIBUTES, 0, ctypes.byref(attributes), 0)
    return not refused

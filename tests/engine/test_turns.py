"""That threads which compute take long turns where Linux knows of such, and are not disturbed where it does not."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from runtime.engine import turns

GET_ATTRIBUTES = {"x86_64": 315, "aarch64": 275}

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux has turns of different length")


def _turn() -> int:
    """Nanoseconds, of this thread."""
    attributes = turns.Attributes()
    size = ctypes.sizeof(attributes)
    call = GET_ATTRIBUTES[platform.machine()]
    assert ctypes.CDLL(None).syscall(call, 0, ctypes.byref(attributes), size, 0) == 0
    return int(attributes.runtime)


def _in_a_thread_of_its_own(work: Callable[[], Any]) -> Any:
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(work).result()


def _known() -> None:
    """Skip where Linux has no such turns."""
    release = tuple(int(part) for part in platform.release().split("-")[0].split(".")[:2])
    if release < (6, 12):
        pytest.skip(f"Linux {platform.release()} has no turns of different length")


def test_a_thread_that_computes_and_those_it_starts_take_long_turns_and_nobody_else():
    _known()
    before = _turn()

    def work() -> tuple[bool, int, int]:
        return turns.take_long_turns(), _turn(), _in_a_thread_of_its_own(_turn)

    assert _in_a_thread_of_its_own(work) == (True, turns.LONG, turns.LONG)
    assert _turn() == before


def test_a_thread_that_passes_on_takes_short_turns_alone_and_may_say_so_again():
    _known()
    usual = _in_a_thread_of_its_own(_turn)

    def work() -> tuple[bool, int, bool, int]:
        return turns.take_short_turns(), _turn(), turns.take_short_turns(), _in_a_thread_of_its_own(_turn)

    assert _in_a_thread_of_its_own(work) == (True, turns.SHORT, True, usual)


def test_its_priority_stays():
    def work() -> int:
        os.setpriority(os.PRIO_PROCESS, 0, 5)
        turns.take_long_turns()
        return os.getpriority(os.PRIO_PROCESS, 0)

    assert _in_a_thread_of_its_own(work) == 5


def test_a_thread_with_a_policy_of_its_own_keeps_it():
    def work() -> tuple[bool, int]:
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        return turns.take_long_turns(), os.sched_getscheduler(0)

    assert _in_a_thread_of_its_own(work) == (False, os.SCHED_BATCH)

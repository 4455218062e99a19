"""Whether the machine slept: CLOCK_BOOTTIME goes on meanwhile, CLOCK_MONOTONIC does not (clock_gettime(2))."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

__all__ = ["Suspend"]

_LEAST: Final = 0.1  # seconds; two clocks are not read at one moment


def _slept() -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME) - time.clock_gettime(time.CLOCK_MONOTONIC)


class Suspend:
    """`slept` says how many seconds the machine has slept since boot; the default asks the kernel."""

    def __init__(self, slept: Callable[[], float] = _slept) -> None:
        self._slept = slept
        self._before = slept()

    def seconds(self) -> float:
        """How long the machine slept since the last time that this was asked, 0.0 where it did not."""
        before, self._before = self._before, self._slept()
        slept = self._before - before
        return slept if slept >= _LEAST else 0.0

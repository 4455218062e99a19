"""Which boot and network namespace this is, and the clock that counts while the machine sleeps (clock_gettime(2))."""

from __future__ import annotations

import time
from pathlib import Path

from evbagent.state import Boot

__all__ = ["boottime", "here"]

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_NAMESPACE = Path("/proc/thread-self/ns/net")


def boottime() -> float:
    """CLOCK_BOOTTIME, seconds."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def here() -> Boot:
    """Raises `OSError` where /proc is not there."""
    awake = time.clock_gettime(time.CLOCK_MONOTONIC)
    return Boot(_BOOT_ID.read_text().strip(), _NAMESPACE.stat().st_ino, boottime() - awake)

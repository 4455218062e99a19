"""Load on the machine and on the wire while a test measures."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support.taps import Tap

__all__ = ["Flood", "burning"]


@contextmanager
def burning(processes: int) -> Iterator[None]:
    """So many processes that do nothing but compute; they end with the block."""
    started = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


class Flood:
    """Frames at full rate out of the switch's port, from a thread, so that the test goes on meanwhile."""

    def __init__(self, tap: Tap, frames: list[bytes], count: int) -> None:
        self._tap, self._frames, self._count = tap, frames, count
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.sent = 0

    def start(self) -> None:
        self._thread.start()

    @property
    def over(self) -> bool:
        return not self._thread.is_alive()

    def _run(self) -> None:
        for number in range(self._count):
            self._tap.send(self._frames[number % len(self._frames)])
            self.sent += 1

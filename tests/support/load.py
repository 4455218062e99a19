"""Processors kept busy while a test measures."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["burning"]


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

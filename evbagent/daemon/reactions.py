"""How fast the agent acted, as a histogram of plain integers."""

from __future__ import annotations

from bisect import bisect_left
from itertools import accumulate
from typing import Final

from evbagent.status import Histogram

__all__ = ["Reactions"]

_BOUNDS: Final = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)  # seconds


class Reactions:
    """Counts observations in seconds."""

    def __init__(self) -> None:
        self._counts = [0] * (len(_BOUNDS) + 1)
        self._sum = 0.0

    def observe(self, seconds: float) -> None:
        self._counts[bisect_left(_BOUNDS, seconds)] += 1
        self._sum += seconds

    @property
    def status(self) -> Histogram:
        *counts, total = accumulate(self._counts)
        return Histogram(_BOUNDS, tuple(counts), total, self._sum)

"""What one probe has seen so far, in plain integers."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from evbagent.status import Histogram
from evbagent.wire.ethernet import DiscardReason

__all__ = ["Counters"]

_BOUNDS: Final = (1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0)  # seconds


@dataclass(slots=True)
class Counters:
    """Frames, attempts that were void, and how long probes were away, those that came back too late among them."""

    sent: int = 0
    reflected: int = 0
    missed: int = 0
    voided: int = 0
    discards: Counter[DiscardReason] = field(default_factory=Counter)
    last_round_trip: float | None = None
    _counts: list[int] = field(default_factory=lambda: [0] * (len(_BOUNDS) + 1))
    _sum: float = 0.0

    def round_trip(self, seconds: float) -> None:
        self._counts[bisect_left(_BOUNDS, seconds)] += 1
        self._sum += seconds
        self.last_round_trip = seconds

    @property
    def round_trips(self) -> Histogram:
        *counts, total = accumulate(self._counts)
        return Histogram(_BOUNDS, tuple(counts), total, self._sum)

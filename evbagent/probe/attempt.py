"""One attempt to learn something: a probe or a burst of them, and the time in which any of them may come back."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

__all__ = ["Attempt", "Outcome", "ProbeSettings"]


@dataclass(frozen=True, slots=True)
class ProbeSettings:
    """How often and how patiently; times are seconds.

    `interval` from one round to the next; on the first miss `burst` probes, `spacing` apart. Probes have missed
    `timeout` after the last of them left. A deadline that is handled, or a frame that is sent, more than `stall` late
    makes the attempt void. `proofs` rounds in a row bring back a relay that was disproved; after `patience` attempts in
    a row that were void, nothing is known any more. Raises `ValueError` where a value is not positive.
    """

    interval: float = 0.25
    burst: int = 3
    spacing: float = 0.01
    timeout: float = 0.02
    stall: float = 0.02
    proofs: int = 4
    patience: int = 8

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} of the probe is {getattr(self, name)}; it has to be more than 0")

    @property
    def detection(self) -> float:
        """How long relay may be off until it is disproved, seconds, where every deadline is handled when it is due."""
        return self.interval + 2 * self.timeout + (self.burst - 1) * self.spacing


class Outcome(Enum):
    """What an attempt taught; one that is void has none, and another one takes its place."""

    REFLECTED = "reflected"
    MISSED = "missed"


class Attempt:
    """All of `probes` have to leave in time before silence proves something; a single one that comes back is enough."""

    def __init__(self, probes: int, start: float, settings: ProbeSettings) -> None:
        self.probes = probes
        self._settings = settings
        self.send_at = start
        self.judge_at = math.inf
        self.wished: int | None = None  # the sequence of a probe that may have left
        self.wished_at = start
        self.awaited: set[int] = set()
        self.last_left = start
        self.outcome: Outcome | None = None

    @property
    def deadline(self) -> float:
        return min(self.send_at, self.judge_at)

    @property
    def under_way(self) -> bool:
        """Whether an answer may be on its way."""
        return self.wished is not None or bool(self.awaited)

    @property
    def complete(self) -> bool:
        return len(self.awaited) == self.probes

    def wish(self, sequence: int, now: float) -> None:
        """It is to leave now; until it is known that it did, there is a limit to the wait and nothing else is due."""
        self.wished, self.wished_at = sequence, now
        self.send_at, self.judge_at = math.inf, now + self._settings.timeout

    def left(self, sequence: int, at: float) -> None:
        """It did, and may come back from now on."""
        self.wished, self.last_left = None, at
        self.awaited.add(sequence)
        if self.complete:
            self.judge_at = at + self._settings.timeout
        else:
            self.judge_at, self.send_at = math.inf, self.wished_at + self._settings.spacing

    def postpone(self, now: float) -> None:
        """Not everything that has arrived is read yet."""
        self.judge_at = now + self._settings.spacing

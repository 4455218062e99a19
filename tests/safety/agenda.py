"""Simulated time: what happens when, and a loop that handles it at once, late, or, while it stalls, all in one turn."""

from __future__ import annotations

import heapq
import itertools
import math
from collections import deque
from collections.abc import Callable
from typing import Final

__all__ = ["KINDS", "Agenda"]

KINDS: Final = ("probe", "lldp", "link")  # what a loop reads, in the order in which it reads it
Action = Callable[[], None]


class Agenda:
    """`arrives` is for what the loop reads, `at` for what the world does whatever the loop is doing."""

    def __init__(self, late: float) -> None:
        self.now = 0.0
        self._late = late
        self._entries: list[tuple[float, int, Action]] = []
        self._order = itertools.count()
        self._stalled_until = -math.inf
        self._links_first = False
        self._waiting: dict[str, deque[Action]] = {kind: deque() for kind in KINDS}

    def at(self, when: float, action: Action) -> None:
        heapq.heappush(self._entries, (when, next(self._order), action))

    def arrives(self, kind: str, when: float, action: Action) -> None:
        """The kernel has it then; the loop reads it then, or when it no longer stalls."""
        self.at(when, lambda: self._waiting[kind].append(action))

    def stall(self, seconds: float, *, links_first: bool) -> None:
        self._stalled_until = max(self._stalled_until, self.now + seconds)
        self._links_first = links_first

    @property
    def stalled(self) -> bool:
        return self.now < self._stalled_until

    def drop(self, kind: str) -> int:
        """What the loop has not read yet is lost; how much it was."""
        lost = len(self._waiting[kind])
        self._waiting[kind].clear()
        return lost

    def run(self, until: float, deadline: Callable[[], float], on_deadline: Action, after: Action) -> None:
        """Everything up to that moment; `after` each turn of the loop."""
        while True:
            entry = self._entries[0][0] if self._entries else math.inf
            ready = any(self._waiting.values())
            turn = self.now if ready else deadline() + self._late
            turn = max(turn, self._stalled_until, self.now)
            if min(entry, turn) > until:
                self.now = until
                return
            self.now = max(self.now, min(entry, turn))
            if entry <= turn:
                heapq.heappop(self._entries)[2]()
            else:
                self._turn(deadline, on_deadline)
                after()

    def _turn(self, deadline: Callable[[], float], on_deadline: Action) -> None:
        """As asyncio has it: first everything that can be read, then the timer."""
        kinds = KINDS if not self._links_first else ("link", "probe", "lldp")
        for kind in kinds:
            queue, self._waiting[kind] = self._waiting[kind], deque()
            for action in queue:
                action()
        if deadline() + self._late <= self.now:
            on_deadline()

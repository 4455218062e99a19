"""Attachments that somebody else changes: put right at once, but nobody is fought for ever."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from evbagent.events import LinkState
from evbagent.status import MacvlanMode

__all__ = ["Drift", "Drifted"]

_PATIENCE: Final = 5  # repairs that are made at once
_PAUSE: Final = (1.0, 10.0)  # seconds between further ones: the first, and the longest; doubled each time
_PEACE: Final = 120.0  # seconds without a change, after which all is forgotten


@dataclass(frozen=True, slots=True)
class Drifted:
    """Somebody gave this attachment another mode, None for one that the kernel does not tell."""

    ifindex: int
    name: str
    old: MacvlanMode | None
    new: MacvlanMode | None


@dataclass(slots=True)
class _Dispute:
    """An attachment that does not stay in `target`, where it belonged when it was changed last."""

    target: MacvlanMode
    changes: int = 0
    last: float = -math.inf
    pause: float = 0.0  # before it is repaired

    @property
    def repair_at(self) -> float:
        return self.last + self.pause


class Drift:
    """Compares what the kernel had with what it has; an attachment is its ifindex."""

    def __init__(self) -> None:
        self._disputes: dict[int, _Dispute] = {}
        self._waiting: frozenset[int] = frozenset()
        self.total = 0  # changes by others, since the start

    @property
    def contested(self) -> frozenset[int]:
        """Attachments over which somebody fights: they are repaired more and more rarely."""
        return frozenset(index for index, dispute in self._disputes.items() if dispute.changes > _PATIENCE)

    @property
    def deadline(self) -> float:
        """When the next repair that had to wait is due, infinity where none waits."""
        return min((self._disputes[index].repair_at for index in self._waiting), default=math.inf)

    def compare(
        self, before: Mapping[int, LinkState], after: Mapping[int, LinkState], target: MacvlanMode, now: float
    ) -> list[Drifted]:
        """What others changed away from `target`; one that is new, gone, or where it belongs did not drift."""
        self._disputes = {
            index: dispute
            for index, dispute in self._disputes.items()
            if index in after and now - dispute.last < _PEACE
        }
        drifted = []
        for index, link in after.items():
            old = before.get(index)
            if old is None or old.mode is not target or link.mode is target:
                continue
            drifted.append(Drifted(index, link.name, old.mode, link.mode))
            self._note(index, target, now)
        self.total += len(drifted)
        return drifted

    def _note(self, index: int, target: MacvlanMode, now: float) -> None:
        dispute = self._disputes.setdefault(index, _Dispute(target))
        dispute.target, dispute.changes, dispute.last = target, dispute.changes + 1, now
        beyond = dispute.changes - _PATIENCE
        if beyond > 0:
            first, longest = _PAUSE
            dispute.pause = min(longest, first * 2.0 ** min(beyond - 1, 16))

    def pause(self, index: int) -> float:
        """Seconds that the repair of this one waits, because it is not the first."""
        return self._disputes[index].pause if index in self._disputes else 0.0

    def due(self, wrong: frozenset[int], target: MacvlanMode, now: float) -> frozenset[int]:
        """Those of `wrong` that may be put into `target` now; for the others `deadline` says when.

        A fight over one mode delays no change to another one: leaving VEPA is immediate for everybody.
        """
        self._waiting = frozenset(
            index
            for index in wrong & self._disputes.keys()
            if self._disputes[index].target is target and self._disputes[index].repair_at > now
        )
        return wrong - self._waiting

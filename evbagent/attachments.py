"""Guests' devices on one uplink: which of them are ours to change, and what became of changing them; pure."""

from __future__ import annotations

import errno
import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from evbagent.drift import Drift, Drifted
from evbagent.effects import Actuated, Faulted, SetModes
from evbagent.events import LinkState
from evbagent.status import AttachmentStatus, MacvlanMode, Mode, Reach

__all__ = ["Attachments"]

_KERNEL_MODE: Final = {Mode.VEPA: MacvlanMode.VEPA, Mode.VEB: MacvlanMode.BRIDGE}
_MANAGED: Final = frozenset(_KERNEL_MODE.values())
_LEAVING: Final = (0.05, 5.0)  # first and longest wait between tries, seconds; doubled with each failure
_ENTERING: Final = (1.0, 60.0)


class _Retries:
    """When to try again; leaving and entering wait on their own, so that neither shortens or delays the other."""

    def __init__(self, first: float, longest: float) -> None:
        self._first, self._longest = first, longest
        self._failures = 0
        self.at = math.inf

    def failed(self, now: float) -> None:
        """Once more; another try that is due before stays due."""
        self.at = min(self.at, now + min(self._longest, self._first * 2 ** min(self._failures, 16)))
        self._failures += 1

    def due(self, now: float) -> bool:
        """Whether it is time; it is so once."""
        if self.at > now:
            return False
        self.at = math.inf
        return True

    def forget(self) -> None:
        """It went well, or is no longer wanted."""
        self.at, self._failures = math.inf, 0


class Attachments:
    """All macvlan and macvtap devices of an uplink; `applies` says whether the agent may change any."""

    def __init__(self, uplink: str, *, applies: bool) -> None:
        self._uplink = uplink
        self._applies = applies
        self._here: dict[int, LinkState] = {}  # by ifindex, which is unique in our namespace only
        self._foreign: tuple[LinkState, ...] = ()
        self._stuck: frozenset[int] = frozenset()  # attachments that did not leave VEPA, until the next try
        self._leaving, self._entering = _Retries(*_LEAVING), _Retries(*_ENTERING)
        self._drift = Drift()
        self.errors = 0  # batches after which some attachment was not where it belongs

    @property
    def deadline(self) -> float:
        """When something is to be tried again, the loop's clock in seconds."""
        return min(self._leaving.at, self._entering.at, self._drift.deadline)

    @property
    def refused(self) -> bool:
        """An attachment did not take VEPA: none may be in it, until the next try."""
        return self._entering.at < math.inf

    @property
    def contested(self) -> tuple[str, ...]:
        """Names of those over which somebody fights with the agent."""
        return tuple(link.name for link in self._sorted(self._here) if link.ifindex in self._drift.contested)

    @property
    def drifts(self) -> int:
        """How often somebody else moved one away from where it belongs."""
        return self._drift.total

    @property
    def managed(self) -> frozenset[int]:
        """Those that the agent may change, by ifindex."""
        return frozenset(self._managed())

    def look(self, links: Iterable[LinkState], target: Mode, now: float) -> list[Faulted]:
        """The devices as the kernel has them now; what others changed although `target` holds is told."""
        before = self._here
        links = tuple(links)
        self._here = {link.ifindex: link for link in links if not link.foreign}
        self._foreign = tuple(link for link in links if link.foreign)
        self._stuck &= self._here.keys()  # who comes under the number of one that has gone refused nothing
        if not self._applies:
            return []
        drifted = self._drift.compare(before, self._here, _KERNEL_MODE[target], now)
        return [self._told(each) for each in drifted]

    def wishes(self, target: Mode, now: float) -> list[SetModes]:
        """One batch for all managed ones that are not where they belong."""
        if not self._applies:
            return []
        mode = _KERNEL_MODE[target]
        wrong = frozenset(index for index, link in self._managed().items() if link.mode is not mode)
        due = self._drift.due(wrong, mode, now) - self._stuck
        return [SetModes(self._uplink, dict.fromkeys(sorted(due), mode))] if due else []

    def outcome(self, outcome: Actuated, now: float) -> list[Faulted]:
        """What became of a batch: success is what was read back, failure is tried again."""
        assert isinstance(outcome.effect, SetModes)
        wished, unread = outcome.effect.modes, outcome.modes is None
        self._read_back(wished, outcome.modes)
        here = {index: link for index, link in self._here.items() if index in wished}
        stuck = frozenset(index for index, link in here.items() if unread or link.mode is not wished[index])
        retries = self._entering if MacvlanMode.VEPA in wished.values() else self._leaving
        if stuck:
            return [self._failed(outcome, stuck, retries, now)]
        if retries is self._entering or not self._stuck:
            retries.forget()
        return []

    def retry(self, now: float) -> None:
        """Time has come: what failed may be wished for again."""
        self._entering.due(now)
        if self._leaving.due(now):
            self._stuck = frozenset()

    def forget_failures(self) -> None:
        """There is another target: what failed on the way to the old one is no news."""
        self._stuck = frozenset()
        self._leaving.forget()
        self._entering.forget()

    def mode(self, wanted: Mode) -> Mode:
        """What the kernel has: VEPA as soon as one guest may be in it without need, or all are in it as wanted."""
        modes = [link.mode for link in self._managed().values()]
        if self._applies and wanted is Mode.VEPA:
            return Mode.VEPA if all(mode is MacvlanMode.VEPA for mode in modes) else Mode.VEB
        return Mode.VEPA if MacvlanMode.VEPA in modes else Mode.VEB

    def statuses(self, wanted: Mode) -> tuple[AttachmentStatus, ...]:
        """In a fixed order, those in other namespaces last."""
        links = [*self._sorted(self._here), *sorted(self._foreign, key=_order)]
        return tuple(self._status(link, wanted) for link in links)

    def _managed(self) -> dict[int, LinkState]:
        return {index: link for index, link in self._here.items() if _reach(link) is Reach.MANAGED}

    @staticmethod
    def _sorted(links: Mapping[int, LinkState]) -> list[LinkState]:
        return sorted(links.values(), key=_order)

    def _status(self, link: LinkState, wanted: Mode) -> AttachmentStatus:
        reach = _reach(link)
        mode = _KERNEL_MODE[wanted] if reach is Reach.MANAGED and self._applies else None
        return AttachmentStatus(link.name, link.ifindex, reach, link.mode, mode)

    def _read_back(self, wished: Mapping[int, MacvlanMode], modes: Mapping[int, MacvlanMode] | None) -> None:
        """What the kernel says now; a device that has gone is no failure. If it says nothing, the worst holds: VEPA."""
        for index in wished.keys() & self._here.keys():
            if modes is None or index in modes:
                mode = MacvlanMode.VEPA if modes is None else modes[index]
                self._here[index] = replace(self._here[index], mode=mode)
            else:
                del self._here[index]

    def _failed(self, outcome: Actuated, stuck: frozenset[int], retries: _Retries, now: float) -> Faulted:
        """Towards VEB nothing is rolled back; towards VEPA all go back, for half a VEPA is a black hole."""
        retries.failed(now)
        if retries is self._leaving:
            self._stuck |= stuck
        self.errors += 1
        names = ", ".join(sorted(self._here[index].name for index in stuck))
        errors = sorted({errno.errorcode.get(n, str(n)) for i, n in outcome.errors.items() if i in stuck})
        why = ", ".join(errors) if errors else "the kernel reported no error, yet the mode is another one"
        return Faulted(self._uplink, "mode_not_set", f"{names}: {why}; next try in {retries.at - now:.3g} s")

    def _told(self, drifted: Drifted) -> Faulted:
        old, new = ("unknown" if mode is None else mode.value for mode in (drifted.old, drifted.new))
        pause = self._drift.pause(drifted.ifindex)
        then = "it is put right" if pause == 0.0 else f"not for the first time, so it is put right in {pause:g} s"
        if drifted.new not in _MANAGED:
            then = "a choice that is left alone"
        return Faulted(self._uplink, "drifted", f"{drifted.name}: somebody else changed {old} to {new}; {then}")


def _order(link: LinkState) -> tuple[int, str]:
    return link.ifindex, link.name


def _reach(link: LinkState) -> Reach:
    if link.foreign:
        return Reach.FOREIGN
    return Reach.MANAGED if link.mode in _MANAGED else Reach.CHOSEN

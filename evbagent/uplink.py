"""One uplink: its ports' evidence and its attachments to one decision and the wishes that follow; pure."""

from __future__ import annotations

import errno
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from evbagent.decision import Decision, asks, decide
from evbagent.effects import Actuated, Effect, Faulted, Moved, Publish, SendFrame, SetModes
from evbagent.evb.station import Station
from evbagent.events import LinkState
from evbagent.lldp.agent import AgentSettings
from evbagent.port import Identity, Port
from evbagent.status import (
    AttachmentStatus,
    ConfiguredMode,
    Fallback,
    MacvlanMode,
    Mode,
    PortStatus,
    Reach,
    Reason,
    ReflectiveRelay,
    RelayStatus,
    State,
    UplinkStatus,
    Would,
)
from evbagent.wire.ethernet import Scope

__all__ = ["Uplink", "UplinkSettings"]

_KERNEL_MODE: Final = {Mode.VEPA: MacvlanMode.VEPA, Mode.VEB: MacvlanMode.BRIDGE}
_FALLBACK: Final = {Fallback.VEB: Mode.VEB}
_RETRY_LEAVING: Final = (0.05, 5.0)  # first and longest wait between tries, seconds; doubled with each failure
_RETRY_ENTERING: Final = (1.0, 60.0)


@dataclass(frozen=True, slots=True)
class UplinkSettings:
    """What the operator wants of one uplink."""

    mode: ConfiguredMode = ConfiguredMode.AUTO
    reflective_relay: ReflectiveRelay = ReflectiveRelay.AUTO
    fallback: Fallback = Fallback.VEB
    apply: bool = True

    @property
    def applies(self) -> bool:
        return self.apply and self.mode is not ConfiguredMode.OBSERVE


class Uplink:
    """Leaving VEPA is immediate: the wish stands in the effects of the very call that brought the bad news."""

    def __init__(
        self, name: str, settings: UplinkSettings, identity: Identity, agents: Mapping[Scope, AgentSettings], now: float
    ) -> None:
        self.name = name
        self._settings = settings
        self._asks = asks(settings.mode, settings.reflective_relay)
        self._station = Station(name, request=self._asks)
        self._port = Port(name, identity, agents, self._station)
        self._attachments: dict[int, LinkState] = {}
        self._released = False
        self._stuck: frozenset[int] = frozenset()  # attachments that did not take the mode, until the next try
        self._refused = False  # an attachment did not take VEPA: none may be in it, until the next try
        self._retry_at = math.inf
        self._failures = 0
        self._decision = self._decide()
        self._since = (now, Mode.VEB, State.DOWN, Reason.NO_PEER)
        self._status = self._collect(now)
        self.transitions: Counter[tuple[str, str, str]] = Counter()  # (from, to, reason)
        self.mode_errors = 0  # batches after which some attachment was not where it belongs

    # --- what is known

    @property
    def deadline(self) -> float:
        """When `on_deadline` has something to do, the loop's clock in seconds."""
        return min(self._port.deadline, self._retry_at)

    @property
    def status(self) -> UplinkStatus:
        return self._status

    def ports(self, now: float) -> tuple[PortStatus, ...]:
        return (self._port.status(now),)

    # --- what happens

    def receive(self, octets: bytes, vlan: int | None, now: float) -> list[Effect]:
        """One frame that came in on the port; `vlan` as the kernel says, None for an untagged one."""
        return self._after(self._port.receive(octets, vlan, now), now)

    def link(self, port: LinkState | None, attachments: Sequence[LinkState], now: float) -> list[Effect]:
        """The port, and all macvlan and macvtap devices on it, as the kernel has them now."""
        self._attachments = {link.ifindex: link for link in attachments}
        guests = frozenset(link.address for link in attachments if link.address is not None and not link.foreign)
        return self._after(self._port.link(port, guests, now), now)

    def on_deadline(self, now: float) -> list[Effect]:
        """Time has come for something."""
        if self._retry_at <= now:
            self._forget_failure()
        return self._after(self._port.on_deadline(now), now)

    def release(self, now: float) -> list[Effect]:
        """The agent stops: guests into the fallback first, then the shutdown LLDPDU."""
        self._released = True
        return [*self._after([], now), *self._port.withdraw(now)]

    def actuated(self, outcome: Actuated, now: float) -> list[Effect]:
        """What became of a wish; success is what was read back, failure is tried again."""
        if isinstance(outcome.effect, SendFrame):
            self._port.actuated(outcome, now)
            return []
        if not isinstance(outcome.effect, SetModes):
            return []
        wished = outcome.effect.modes
        self._read_back(wished, outcome.modes or {})
        stuck = frozenset(index for index, mode in wished.items() if self._mode(index) not in (mode, None))
        if not stuck:
            self._failures = 0
            return self._after([], now)
        fault = self._failed(outcome, stuck, now)
        return [fault, *self._after([], now)]

    # --- what follows

    def _read_back(self, wished: Mapping[int, MacvlanMode], modes: Mapping[int, MacvlanMode]) -> None:
        """What the kernel says now; a device that has gone is no failure."""
        for index in wished:
            if index not in modes:
                self._attachments.pop(index, None)
            elif index in self._attachments:
                self._attachments[index] = replace(self._attachments[index], mode=modes[index])

    def _mode(self, index: int) -> MacvlanMode | None:
        link = self._attachments.get(index)
        return None if link is None else link.mode

    def _failed(self, outcome: Actuated, stuck: frozenset[int], now: float) -> Faulted:
        """Towards VEB nothing is rolled back; towards VEPA all go back, for half a VEPA is a black hole."""
        assert isinstance(outcome.effect, SetModes)
        self._refused = MacvlanMode.VEPA in outcome.effect.modes.values()
        self._stuck = frozenset() if self._refused else stuck
        first, last = _RETRY_ENTERING if self._refused else _RETRY_LEAVING
        delay = min(last, first * 2 ** min(self._failures, 16))
        self._failures += 1
        self.mode_errors += 1
        self._retry_at = now + delay
        names = ", ".join(sorted(self._attachments[index].name for index in stuck))
        errors = sorted({errno.errorcode.get(n, str(n)) for i, n in outcome.errors.items() if i in stuck})
        why = ", ".join(errors) if errors else "the kernel reported no error, yet the mode is another one"
        return Faulted(self.name, "mode_not_set", f"{names}: {why}; next try in {delay:g} s")

    def _forget_failure(self) -> None:
        self._retry_at, self._stuck, self._refused = math.inf, frozenset(), False

    def _decide(self) -> Decision:
        return decide(self._asks and not self._released, self._station.evidence)

    @property
    def _wanted(self) -> Mode:
        """Where guests belong now: VEPA needs a decision, a link, and a kernel that lets every attachment in."""
        earned = self._decision.mode is Mode.VEPA and self._port.enabled and not self._refused
        return Mode.VEPA if earned else _FALLBACK[self._settings.fallback]

    def _after(self, effects: list[Effect], now: float) -> list[Effect]:
        """Decide anew; modes go before frames, because frames tell others what is already so."""
        before = self._decision.mode
        self._decision = self._decide()
        if self._decision.mode is not before:  # another target: what failed on the way to the old one is no news
            self._forget_failure()
            self._failures = 0
        modes = self._wishes()
        if modes:  # what becomes of them is told when it is known
            return [*modes, *effects]
        old, self._status = self._status, self._collect(now)
        return [*effects, *self._told(old)]

    def _managed(self) -> dict[int, LinkState]:
        return {index: link for index, link in self._attachments.items() if _reach(link) is Reach.MANAGED}

    def _wishes(self) -> list[Effect]:
        """One batch for all managed attachments that are not where they belong."""
        if not self._settings.applies:
            return []
        target = _KERNEL_MODE[self._wanted]
        wrong = {index: target for index, link in self._managed().items() if link.mode is not target}
        due = {index: mode for index, mode in wrong.items() if index not in self._stuck}
        return [SetModes(self.name, due)] if due else []

    def _told(self, old: UplinkStatus) -> list[Effect]:
        """What others should know about the change, nothing where there is none."""
        new = self._status
        if new == old:
            return []
        effects: list[Effect] = [Publish(new)]
        if new.mode is not old.mode:
            self.transitions[old.mode.value, new.mode.value, new.reason.value] += 1
            effects.append(Moved("uplink", self.name, old.mode.value, new.mode.value, new.reason.value))
        elif new.reason is not old.reason:
            why = self._decision.row.sentence
            effects.append(Moved("decision", self.name, old.reason.value, new.reason.value, why))
        if new.degraded and (new.reason, new.degraded) != (old.reason, old.degraded):
            detail = f"mode vepa is configured and guests are in veb: {self._decision.row.sentence}"
            effects.append(Faulted(self.name, "vepa_missed", detail))
        return effects

    # --- the snapshot

    def _effective(self) -> Mode:
        """What the kernel has: VEPA as soon as one guest may be in it without need, or all are in it as wanted."""
        modes = [link.mode for link in self._managed().values()]
        if not self._settings.applies:
            return Mode.VEPA if MacvlanMode.VEPA in modes else Mode.VEB
        if self._wanted is Mode.VEPA:
            return Mode.VEPA if all(mode is MacvlanMode.VEPA for mode in modes) else Mode.VEB
        return Mode.VEPA if MacvlanMode.VEPA in modes else Mode.VEB

    def _state(self, effective: Mode) -> State:
        if not self._port.enabled:
            return State.DOWN
        if not self._settings.applies:
            return State.OBSERVING
        on_its_way = effective is not self._wanted or self._refused or self._decision.reason is Reason.HOLDING_UP
        return State.ENTERING if on_its_way else State.SETTLED

    def _collect(self, now: float) -> UplinkStatus:
        settings, effective = self._settings, self._effective()
        reason = Reason.ATTACHMENT_OUT_OF_REACH if self._refused else self._decision.reason
        state = self._state(effective)
        if self._since[1:] != (effective, state, reason):
            self._since = (now, effective, state, reason)
        return UplinkStatus(
            name=self.name,
            ports=(self._port.name,),
            configured_mode=settings.mode,
            reflective_relay=settings.reflective_relay,
            fallback=settings.fallback,
            apply=settings.applies,
            mode=effective,
            backend=self._decision.backend,
            state=state,
            reason=reason,
            since=self._since[0],
            relay=self._relay(),
            attachments=tuple(self._attachment(link) for _, link in sorted(self._attachments.items())),
            would=None if settings.applies else self._would(),
        )

    def _would(self) -> Would:
        """What the agent would do if it were let: as configured, or as `auto` where it only observes."""
        observing = self._settings.mode is ConfiguredMode.OBSERVE
        decision = decide(True, self._station.evidence) if observing else self._decision
        return Would(decision.mode, decision.reason)

    def _relay(self) -> RelayStatus:
        evidence = self._station.evidence
        heard = evidence.peer is not None
        return RelayStatus(
            capable=evidence.capable,
            requested=evidence.requested,
            operational=evidence.operational,
            echoed=evidence.echoed,
            verified=None,
            source="evb_tlv" if heard else None,
            version="ratified" if heard else None,
            peers=evidence.peers,
            crowded=evidence.crowded,
            peer=evidence.peer,
        )

    def _attachment(self, link: LinkState) -> AttachmentStatus:
        reach = _reach(link)
        wanted = _KERNEL_MODE[self._wanted] if reach is Reach.MANAGED and self._settings.applies else None
        return AttachmentStatus(link.name, link.ifindex, reach, link.mode, wanted)


def _reach(link: LinkState) -> Reach:
    if link.foreign:
        return Reach.FOREIGN
    return Reach.MANAGED if link.mode in (MacvlanMode.VEPA, MacvlanMode.BRIDGE) else Reach.CHOSEN

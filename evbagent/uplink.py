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
from evbagent.wire.octets import MacAddress

__all__ = ["Uplink", "UplinkSettings"]

_KERNEL_MODE: Final = {Mode.VEPA: MacvlanMode.VEPA, Mode.VEB: MacvlanMode.BRIDGE}
_FALLBACK: Final = {Fallback.VEB: Mode.VEB}
_LEAVING: Final = (0.05, 5.0)  # first and longest wait between tries, seconds; doubled with each failure
_ENTERING: Final = (1.0, 60.0)
_SENTENCES: Final = {  # of reasons that are no row of the table
    Reason.ATTACHMENT_OUT_OF_REACH: "an attachment did not take VEPA, so none is left in it",
    Reason.RELEASED: "the daemon ends, and nobody watches any more",
}


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
        self._attachments: dict[int, LinkState] = {}  # by ifindex, which is unique in our namespace only
        self._foreign: tuple[LinkState, ...] = ()
        self._released = False
        self._looked = False
        self._alarmed: Reason | None = None
        self._stuck: frozenset[int] = frozenset()  # attachments that did not leave VEPA, until the next try
        self._leaving, self._entering = _Retries(*_LEAVING), _Retries(*_ENTERING)
        self._decision = self._decide()
        self._since = (now, Mode.VEB, State.DOWN, Reason.NO_PEER)
        self._status = self._collect(now)
        self.transitions: Counter[tuple[str, str, str]] = Counter()  # (from, to, reason)
        self.mode_errors = 0  # batches after which some attachment was not where it belongs

    # --- what is known

    @property
    def deadline(self) -> float:
        """When `on_deadline` has something to do, the loop's clock in seconds."""
        return min(self._port.deadline, self._leaving.at, self._entering.at)

    @property
    def status(self) -> UplinkStatus:
        return self._status

    def ports(self, now: float) -> tuple[PortStatus, ...]:
        return (self._port.status(now),)

    # --- what happens

    def receive(self, octets: bytes, vlan: int | None, now: float) -> list[Effect]:
        """One frame that came in on the port; `vlan` as the kernel says, None for an untagged one."""
        before = self._station.evidence
        effects = self._port.receive(octets, vlan, now)
        if self._station.evidence is before:  # most frames say what is known: what they cost must not grow with guests
            return effects
        return self._after(effects, now)

    @property
    def vital(self) -> frozenset[MacAddress]:
        """Sources whose frames must be heard whatever else arrives."""
        return self._port.vital

    def overflowed(self, count: int) -> None:
        """So many frames were lost, none of them from a `vital` source."""
        self._port.overflowed(count)

    def missed(self, count: int, now: float) -> list[Effect]:
        """So many frames were lost unheard: what they said is unknown, and one may have taken relay away."""
        return self._after(self._port.missed(count, now), now)

    def link(self, port: LinkState | None, attachments: Sequence[LinkState], now: float) -> list[Effect]:
        """The port, and all macvlan and macvtap devices on it, as the kernel has them now."""
        self._attachments = {link.ifindex: link for link in attachments if not link.foreign}
        self._foreign = tuple(link for link in attachments if link.foreign)
        if not self._looked:  # what is found at the start is nobody's change
            self._looked = True
            self._status = self._collect(now)
        guests = frozenset(link.address for link in attachments if link.address is not None)
        return self._after(self._port.link(port, guests, now), now)

    def on_deadline(self, now: float) -> list[Effect]:
        """Time has come for something."""
        self._entering.due(now)
        if self._leaving.due(now):
            self._stuck = frozenset()
        return self._after(self._port.on_deadline(now), now)

    def release(self, now: float) -> list[Effect]:
        """The agent stops: guests into the fallback first, then the shutdown LLDPDU."""
        self._released = True
        self._forget_failures()  # what did not leave is tried once more, for nobody will later
        return [*self._after([], now), *self._port.withdraw(now)]

    def actuated(self, outcome: Actuated, now: float) -> list[Effect]:
        """What became of a wish; success is what was read back, failure is tried again."""
        if isinstance(outcome.effect, SendFrame):
            self._port.actuated(outcome, now)
            return []
        if not isinstance(outcome.effect, SetModes):
            return []
        wished, unread = outcome.effect.modes, outcome.modes is None
        self._read_back(wished, outcome.modes)
        here = {index: link for index, link in self._attachments.items() if index in wished}
        stuck = frozenset(index for index, link in here.items() if unread or link.mode is not wished[index])
        retries = self._entering if MacvlanMode.VEPA in wished.values() else self._leaving
        if stuck:
            return [self._failed(outcome, stuck, retries, now), *self._after([], now)]
        if retries is self._entering or not self._stuck:
            retries.forget()
        return self._after([], now)

    # --- what follows

    def _read_back(self, wished: Mapping[int, MacvlanMode], modes: Mapping[int, MacvlanMode] | None) -> None:
        """What the kernel says now; a device that has gone is no failure. If it says nothing, the worst holds: VEPA."""
        for index in wished.keys() & self._attachments.keys():
            if modes is None or index in modes:
                mode = MacvlanMode.VEPA if modes is None else modes[index]
                self._attachments[index] = replace(self._attachments[index], mode=mode)
            else:
                del self._attachments[index]

    def _failed(self, outcome: Actuated, stuck: frozenset[int], retries: _Retries, now: float) -> Faulted:
        """Towards VEB nothing is rolled back; towards VEPA all go back, for half a VEPA is a black hole."""
        retries.failed(now)
        if retries is self._leaving:
            self._stuck |= stuck
        self.mode_errors += 1
        names = ", ".join(sorted(self._attachments[index].name for index in stuck))
        errors = sorted({errno.errorcode.get(n, str(n)) for i, n in outcome.errors.items() if i in stuck})
        why = ", ".join(errors) if errors else "the kernel reported no error, yet the mode is another one"
        return Faulted(self.name, "mode_not_set", f"{names}: {why}; next try in {retries.at - now:.3g} s")

    def _forget_failures(self) -> None:
        self._stuck = frozenset()
        self._leaving.forget()
        self._entering.forget()

    @property
    def _refused(self) -> bool:
        """An attachment did not take VEPA: none may be in it, until the next try."""
        return self._entering.at < math.inf

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
            self._forget_failures()
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
        why = _SENTENCES.get(new.reason, self._decision.row.sentence)
        effects: list[Effect] = [Publish(new)]
        if new.mode is not old.mode:
            self.transitions[old.mode.value, new.mode.value, new.reason.value] += 1
            effects.append(Moved("uplink", self.name, old.mode.value, new.mode.value, new.reason.value))
        elif new.reason is not old.reason:
            effects.append(Moved("decision", self.name, old.reason.value, new.reason.value, why))
        alarm = new.reason if new.degraded and not self._released else None
        if alarm not in (None, self._alarmed):
            detail = f"mode vepa is configured and guests are in veb: {why}"
            effects.append(Faulted(self.name, "vepa_missed", detail))
        self._alarmed = alarm
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
        if effective is Mode.VEPA and self._wanted is not Mode.VEPA:
            return State.LEAVING  # to be seen only where the kernel does not let an attachment go
        on_its_way = effective is not self._wanted or self._refused or self._decision.reason is Reason.HOLDING_UP
        return State.ENTERING if on_its_way else State.SETTLED

    def _collect(self, now: float) -> UplinkStatus:
        settings, effective = self._settings, self._effective()
        reason = self._reason()
        state = self._state(effective)
        if self._since[1:] != (effective, state, reason):
            self._since = (now, effective, state, reason)
        return UplinkStatus(
            name=self.name,
            ports=(self._port.name,),
            configured_mode=settings.mode,
            reflective_relay=settings.reflective_relay,
            fallback=settings.fallback,
            apply=settings.apply,
            mode=effective,
            backend=self._decision.backend,
            state=state,
            reason=reason,
            since=self._since[0],
            relay=self._relay(),
            attachments=tuple(self._attachment(link) for link in self._links()),
            would=None if settings.applies else self._would(),
        )

    def _reason(self) -> Reason:
        if self._released:
            return Reason.RELEASED
        return Reason.ATTACHMENT_OUT_OF_REACH if self._refused else self._decision.reason

    def _links(self) -> list[LinkState]:
        """All attachments in a fixed order, those in other namespaces last."""
        return [*sorted(self._attachments.values(), key=_order), *sorted(self._foreign, key=_order)]

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


def _order(link: LinkState) -> tuple[int, str]:
    return link.ifindex, link.name


def _reach(link: LinkState) -> Reach:
    if link.foreign:
        return Reach.FOREIGN
    return Reach.MANAGED if link.mode in (MacvlanMode.VEPA, MacvlanMode.BRIDGE) else Reach.CHOSEN

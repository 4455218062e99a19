"""One port: its LLDP agents, its EVB machine and its DCBX discovery, with facts routed among them; pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, Protocol

from evbagent.dcb import KernelDcb
from evbagent.dcbx.discovery import Discovery
from evbagent.effects import Actuated, Effect, Faulted, SendFrame, SendProbe
from evbagent.events import Change, LinkState, NeighborChange, ProbeEvidence
from evbagent.legacy import Known
from evbagent.lldp.agent import Agent, AgentSettings
from evbagent.lldp.neighbors import Heard
from evbagent.probe.machine import Probe
from evbagent.status import DcbxStatus, NeighborStatus, PortStatus
from evbagent.wire.basic import ChassisId, PortId, SystemName
from evbagent.wire.ethernet import ETHERTYPE_LLDP, DiscardReason, Frame, FrameDiscarded, Scope
from evbagent.wire.lldpdu import Msap
from evbagent.wire.octets import MacAddress
from evbagent.wire.probe_frame import ETHERTYPE_PROBE
from evbagent.wire.tlv import Tlv

__all__ = ["Identity", "Port", "Role"]

_EVB_SCOPES: Final = (Scope.NEAREST_CUSTOMER_BRIDGE, Scope.NEAREST_BRIDGE)  # where it counts first
_UNPROBED: Final = ProbeEvidence()
_VITAL: Final = 4  # sources; with two EVB neighbors VEPA is over, so more need no care


class Role(Protocol):
    """The EVB machine of a port: a station or a bridge."""

    def peer(self, change: NeighborChange, now: float) -> list[Effect]: ...

    def clear(self, now: float) -> list[Effect]: ...

    def tlvs(self, scope: Scope) -> tuple[Tlv, ...]: ...


@dataclass(frozen=True, slots=True)
class Identity:
    """Who we say we are: one chassis for all ports of a host."""

    chassis: MacAddress
    system_name: str


class Port:
    """Frames, time and link facts in; frames to send and the role's wishes out."""

    def __init__(
        self,
        name: str,
        identity: Identity,
        agents: Mapping[Scope, AgentSettings],
        role: Role,
        probe: Probe | None = None,
    ) -> None:
        self.name = name
        self._identity = identity
        self._agents = {scope: Agent(scope, settings) for scope, settings in agents.items()}
        self._role = role
        self._probe = probe
        self._dcbx = Discovery(name)
        self._missed = self._overflowed = 0
        self.links_lost = 0  # how often the link went down, or was another one than before
        self._shared: frozenset[Msap] = frozenset()
        self.vital: frozenset[MacAddress] = frozenset()  # sources of EVB neighbors: their frames must not be lost
        self._discards: Counter[DiscardReason] = Counter()
        self._guests: frozenset[MacAddress] = frozenset()
        self._link: LinkState | None = None

    @property
    def deadline(self) -> float:
        """When `on_deadline` has something to do, the loop's clock in seconds."""
        probe = math.inf if self._probe is None else self._probe.deadline
        return min([probe, *(agent.deadline for agent in self._agents.values())])

    @property
    def proof(self) -> ProbeEvidence:
        """What the probe proves; another object where there is news."""
        return _UNPROBED if self._probe is None else self._probe.evidence

    @property
    def probed(self) -> bool:
        """Whether there is a probe to ask."""
        return self._probe is not None

    @property
    def ifindex(self) -> int | None:
        """The interface's index, None while it is not there."""
        return None if self._link is None else self._link.ifindex

    @property
    def enabled(self) -> bool:
        """portEnabled: administratively up, with carrier."""
        return self._link is not None and self._link.enabled

    @property
    def dcbx(self) -> DcbxStatus:
        """What DCBX found; the same object as long as there is no news."""
        return self._dcbx.status

    def link(
        self,
        state: LinkState | None,
        guests: frozenset[MacAddress],
        now: float,
        others: frozenset[MacAddress] = frozenset(),
        *,
        adopted: Sequence[Known] = (),
    ) -> list[Effect]:
        """The interface changed or went away (None); `guests` are the addresses on it, `others` beside it.

        `adopted` are neighbors that a daemon before this one heard: the first frame that leaves knows of them.
        """
        self._guests = guests
        old, self._link = self._link, state
        probing = [] if self._probe is None else self._probe.link(state, guests | others, now)
        return [*self._linked(old, state, now, adopted), *probing]

    def _linked(
        self, old: LinkState | None, state: LinkState | None, now: float, adopted: Sequence[Known]
    ) -> list[Effect]:
        if old == state:
            return []
        flapped = _flapped(old, state)
        effects: list[Effect] = []
        if flapped and old is not None:  # the kernel merged a down and an up: nothing heard before counts
            effects += self._down(old, now)
        if old is not None and (state is None or state.ifindex != old.ifindex):
            effects += self.dcb(None)  # what one interface has says nothing about the next
        if state is None:
            return effects if old is None else effects + self._down(old, now)
        for agent in self._agents.values():
            effects += self._route(agent.link(state, now), now)
        if not state.enabled:
            effects += self._clear(now)
        changes = [change for known in adopted for change in self._adopt(known, now)]
        return effects + self._route(changes, now) + self._settle(now)

    def _adopt(self, known: Known, now: float) -> list[NeighborChange]:
        try:
            octets = bytes.fromhex(known.frame)
            frame = Frame.decode(octets)
            agent = self._agents.get(frame.scope) if frame.scope is not None else None
            return [] if agent is None else agent.adopt(_heard(octets, frame), known.expires, now)
        except (FrameDiscarded, ValueError):
            return []  # it is not what we heard then

    def _down(self, last: LinkState, now: float) -> list[Effect]:
        gone = LinkState(last.ifindex, last.name, last.address, up=False, carrier=False, carrier_ups=last.carrier_ups)
        effects: list[Effect] = []
        for agent in self._agents.values():
            effects += self._route(agent.link(gone, now), now)
        effects += self._clear(now)
        for agent in self._agents.values():
            effects += agent.run(now)
        return effects

    def _clear(self, now: float) -> list[Effect]:
        self.links_lost += 1
        return [*self._role.clear(now), *self._dcbx.clear()]

    def dcb(self, kernel: KernelDcb | None) -> list[Effect]:
        """What the interface's driver says about DCB, None where it says nothing."""
        return self._dcbx.kernel(kernel)

    def slept(self, seconds: float, now: float) -> list[Effect]:
        """The machine was suspended so long: nothing that was heard before counts, as if the carrier had been lost."""
        link = self._link
        if link is None or not link.enabled:
            return []
        effects: list[Effect] = [Faulted(self.name, "slept", f"the machine was suspended for {seconds:.1f} s")]
        effects += self._down(link, now)
        if self._probe is not None:
            effects += self._probe.link(None, (), now)
            effects += self._probe.link(link, self._guests, now)
        for agent in self._agents.values():
            effects += self._route(agent.link(link, now), now)
        return effects + self._settle(now)

    def receive(self, octets: bytes, vlan: int | None, now: float, arrived: float | None = None) -> list[Effect]:
        """One frame; what can't be used is counted by its reason and changes nothing.

        `arrived` is when the kernel had it, on the loop's clock, None where that is not known.
        """
        try:
            frame = Frame.decode(octets, vlan)
            if frame.ethertype == ETHERTYPE_PROBE and self._probe is not None:
                return self._probe.receive(frame, now, arrived)
            if frame.ethertype != ETHERTYPE_LLDP:
                raise FrameDiscarded(DiscardReason.NOT_LLDP, f"EtherType {frame.ethertype:04X}")
            agent = self._agents.get(frame.scope) if frame.scope is not None else None
            if agent is None:
                raise FrameDiscarded(DiscardReason.NOT_A_GROUP, f"destination {frame.destination}")
        except FrameDiscarded as discarded:
            self._discards[discarded.reason] += 1
            return []
        if self._is_own(frame.source):
            agent.ignore(DiscardReason.OWN)
            return []
        try:
            changes = agent.receive(_heard(octets, frame), now)
        except FrameDiscarded:
            return []  # the agent has counted it
        return self._changed(changes, now) if changes else []

    def _is_own(self, source: MacAddress) -> bool:
        return source in self._guests or (self._link is not None and source == self._link.address)

    def missed(self, count: int, now: float) -> list[Effect]:
        """Frames were lost unheard: nothing that was known before them counts, and everybody is heard anew.

        A flood may drown the one LLDPDU that withdraws relay; what a flood can reach this way is VEB, and no more.
        """
        self._missed += count
        changes = [change for agent in self._agents.values() for change in agent.forget(now)]
        if not changes:
            return []
        detail = f"{count} frames found no room, and {len(changes)} neighbors have to be heard anew"
        return [Faulted(self.name, "frames_missed", detail), *self._route(changes, now), *self._settle(now)]

    def probes_missed(self, now: float) -> list[Effect]:
        """Frames of the probe's kind were lost unheard."""
        return [] if self._probe is None else self._probe.missed(now)

    def probe(self, *, on: bool, now: float) -> list[Effect]:
        """Whether anybody wants to know what the probe proves."""
        return [] if self._probe is None else self._probe.turn(on=on, now=now)

    def overflowed(self, count: int) -> None:
        """Frames were lost, and none of them came from a `vital` source: what is known of relay holds."""
        self._overflowed += count

    @property
    def known(self) -> tuple[Known, ...]:
        """The neighbors with EVB, as another daemon could adopt them."""
        agents = [self._agents[scope] for scope in _EVB_SCOPES if scope in self._agents]
        speaking = (near for agent in agents for near in agent.neighbors if near.speaks_evb)
        return tuple(Known(near.heard.octets.hex(), near.expires) for near in islice(speaking, _VITAL))

    @property
    def goodbyes(self) -> tuple[SendFrame, ...]:
        """The shutdown LLDPDUs of all scopes that we speak on."""
        frames = (agent.goodbye for agent in self._agents.values())
        return tuple(frame for frame in frames if frame is not None)

    def on_deadline(self, now: float, *, drained: bool = False) -> list[Effect]:
        """Time has come for something; `drained` says that nothing is left to be read of the probe's frames."""
        effects: list[Effect] = []
        if self._probe is not None and self._probe.deadline <= now:
            effects += self._probe.on_deadline(now, drained=drained)
        if any(agent.deadline <= now for agent in self._agents.values()):
            effects += self._changed([change for agent in self._agents.values() for change in agent.age(now)], now)
        return effects

    def refresh(self, now: float) -> list[Effect]:
        """The role changed by itself (settings, a kernel's answer): say so if what we announce changed."""
        return self._settle(now)

    def withdraw(self, now: float) -> list[Effect]:
        """Say goodbye on every scope (shutdown LLDPDU) and stay silent."""
        for agent in self._agents.values():
            agent.withdraw()
        return [effect for agent in self._agents.values() for effect in agent.run(now)]

    def actuated(self, outcome: Actuated, now: float) -> list[Effect]:
        """A frame left or did not."""
        if isinstance(outcome.effect, SendProbe):
            return [] if self._probe is None else self._probe.actuated(outcome, now)
        assert isinstance(outcome.effect, SendFrame)
        self._agents[Scope(outcome.effect.scope)].actuated(outcome, now)
        return []

    def status(self, now: float) -> PortStatus:
        scopes = tuple(agent.status(now) for agent in self._agents.values())
        discards = {reason.value: count for reason, count in self._discards.items()}
        probe = None if self._probe is None else self._probe.status
        lost = self._missed, self._overflowed
        return PortStatus(self.name, self.enabled, scopes, discards, *lost, probe, self.dcbx)

    @property
    def own(self) -> frozenset[MacAddress]:
        """The addresses that live here: what comes from them is ours, or a guest's, reflected."""
        address = None if self._link is None else self._link.address
        return self._guests if address is None else self._guests | {address}

    def neighbors(self, now: float) -> tuple[NeighborStatus, ...]:
        """Who is known, scope by scope."""
        return tuple(
            NeighborStatus(
                port=self.name,
                scope=scope.value,
                source=neighbor.heard.source,
                octets=neighbor.heard.octets,
                first_heard=neighbor.first_heard,
                last_heard=neighbor.last_heard,
                expires=neighbor.expires,
                rate_limited=neighbor.rate_limited,
                shared=neighbor.shared(now),
            )
            for scope, agent in self._agents.items()
            for neighbor in agent.neighbors
        )

    def _changed(self, changes: list[NeighborChange], now: float) -> list[Effect]:
        if changes and all(change.change is Change.REFRESHED for change in changes):
            return self._route(changes, now)  # what we say does not change by hearing the same once more
        return self._route(changes, now) + self._confused(changes, now) + self._settle(now)

    def _route(self, changes: list[NeighborChange], now: float) -> list[Effect]:
        if any(change.change is not Change.REFRESHED for change in changes):
            agents = [self._agents[scope] for scope in _EVB_SCOPES if scope in self._agents]
            sources = (near.heard.source for agent in agents for near in agent.neighbors if near.speaks_evb)
            self.vital = frozenset(islice(dict.fromkeys(sources), _VITAL))
        return [effect for change in changes for effect in (*self._role.peer(change, now), *self._dcbx.peer(change))]

    def _confused(self, changes: list[NeighborChange], now: float) -> list[Effect]:
        """Two agents under one identity are told once, for either takes back what the other says."""
        if not any(change.change is Change.UPDATED for change in changes):
            return []
        before, self._shared = self._shared, frozenset(m for agent in self._agents.values() for m in agent.shared(now))
        return [
            Faulted(self.name, "shared_msap", f"two agents take turns under chassis {msap.chassis} port {msap.port}")
            for msap in self._shared - before
        ]

    def _settle(self, now: float) -> list[Effect]:
        """Announce what is true now, and send what is due."""
        msap = Msap(ChassisId.mac(self._identity.chassis), PortId.interface(self.name))
        name = SystemName.of(self._identity.system_name).tlv()
        effects: list[Effect] = []
        for scope, agent in self._agents.items():
            agent.announce(msap, (*self._role.tlvs(scope), name))
            effects += agent.run(now)
        return effects


def _heard(octets: bytes, frame: Frame) -> Heard:
    return Heard(octets, frame.payload, frame.source)


def _flapped(old: LinkState | None, new: LinkState | None) -> bool:
    """Carrier came back since, or the interface is another one (IFLA_CARRIER_UP_COUNT)."""
    if old is None or new is None or not (old.enabled and new.enabled):
        return False
    return old.ifindex != new.ifindex or old.carrier_ups != new.carrier_ups

"""One LLDP agent: the machines of one group address on one port (802.1AB-2016 6.1)."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from evbagent.effects import Actuated, Effect, SendFrame
from evbagent.events import Change, LinkState, NeighborChange
from evbagent.lldp.counters import Counters
from evbagent.lldp.neighbors import Heard, Neighbor
from evbagent.lldp.receive import Receive
from evbagent.lldp.timers import Timer, TransmitSettings
from evbagent.lldp.transmit import Transmit
from evbagent.status import ScopeStatus
from evbagent.wire.ethernet import DiscardReason, FrameDiscarded, Scope
from evbagent.wire.lldpdu import Lldpdu, Msap, Opening
from evbagent.wire.tlv import Tlv

__all__ = ["Agent", "AgentSettings"]


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """adminStatus as two flags, the bound of the table, and the transmit parameters."""

    transmit: bool
    receive: bool
    limit: int
    timing: TransmitSettings


class Agent:
    """Hears and, where it may, tells; what it heard comes out as neighbor changes, what it says as effects."""

    def __init__(self, scope: Scope, settings: AgentSettings) -> None:
        self._scope = scope
        self._settings = settings
        self._counters = Counters()
        self._timer = Timer(settings.timing)
        self._transmit = Transmit(scope, settings.timing, self._timer)
        self._transmit.permitted = settings.transmit
        self._receive = Receive(scope, settings.limit, self._counters)
        self._identity = b""  # ours, as `Opening` reads it

    @property
    def deadline(self) -> float:
        return min(self._timer.deadline, self._transmit.deadline, self._receive.deadline)

    def link(self, state: LinkState, now: float) -> list[NeighborChange]:
        """The port's link changed."""
        self._transmit.port, self._transmit.source = state.ifindex, state.address
        enabled = state.enabled and state.address is not None
        self._transmit.port_enabled = enabled
        self._receive.port_enabled = enabled and self._settings.receive
        return self._receive.evaluate(now)

    def announce(self, msap: Msap, optional: tuple[Tlv, ...]) -> None:
        """What the LLDPDU says from now on; a change of it is a local change (9.2.7.3)."""
        local = msap, optional
        if local == self._transmit.local:
            return
        self._timer.local_change = self._transmit.local is not None
        self._transmit.local = local
        self._identity = msap.octets

    def withdraw(self) -> None:
        """Transmission is disabled: the next run sends a shutdown LLDPDU."""
        self._transmit.permitted = False

    def receive(self, heard: Heard, now: float) -> list[NeighborChange]:
        """A frame of this scope; raises `FrameDiscarded` (counted) where it is invalid, unwanted or our own."""
        if not self._receive.port_enabled:
            self.ignore(DiscardReason.NO_AGENT)
            raise FrameDiscarded(DiscardReason.NO_AGENT, f"nobody listens to {self._scope.value} on this port")
        if self._receive.repeats(heard.octets):
            return self._receive.frame(heard, None, now)
        opening = Opening.read(heard.payload)
        if opening is not None:
            if opening.identity == self._identity:
                self.ignore(DiscardReason.OWN)
                raise FrameDiscarded(DiscardReason.OWN, "our own LLDPDU came back")
            if not self._receive.admits(opening, heard, now):
                return []
        return self._decode(heard, now)

    def _decode(self, heard: Heard, now: float) -> list[NeighborChange]:
        try:
            pdu = Lldpdu.decode(heard.payload)
        except FrameDiscarded as discarded:
            self._counters.discarded(discarded.reason)
            raise
        changes = self._receive.frame(heard, pdu, now)
        self._timer.new_neighbor |= any(change.change is Change.ADDED for change in changes)
        return changes

    def ignore(self, reason: DiscardReason) -> None:
        """Count a frame that was never meant for this agent."""
        self._counters.ignored(reason)

    def age(self, now: float) -> list[NeighborChange]:
        """Neighbors whose time has come: to be heard again, or to be forgotten."""
        changes: list[NeighborChange] = []
        for heard in self._receive.released(now):
            with suppress(FrameDiscarded):  # counted
                changes += self._decode(heard, now)
        return changes + self._receive.evaluate(now)

    def adopt(self, heard: Heard, expires: float, now: float) -> list[NeighborChange]:
        """A neighbor by its last frame as a daemon before this one heard it; raises `FrameDiscarded`.

        That daemon has counted it, and it is no new neighbor, so there is no fast start.
        """
        return self._receive.adopt(heard, Lldpdu.decode(heard.payload), expires, now)

    def forget(self, now: float) -> list[NeighborChange]:
        """Everybody has to be heard anew."""
        return self._receive.forget(now)

    @property
    def neighbors(self) -> tuple[Neighbor, ...]:
        """Who is there, in the order in which they came."""
        return tuple(self._receive.neighbors)

    def shared(self, now: float) -> frozenset[Msap]:
        """Identities under which two agents speak: what either says replaces what the other said."""
        return self._receive.shared(now)

    @property
    def goodbye(self) -> SendFrame | None:
        """The shutdown LLDPDU, for whoever has to send it when we can't; None where nothing is told on this scope."""
        return self._transmit.goodbye

    def run(self, now: float) -> list[Effect]:
        """What is due to be sent."""
        transmit = self._transmit
        self._timer.enabled = transmit.port_enabled and transmit.permitted and transmit.local is not None
        self._timer.run(now)
        return transmit.run(now)

    def actuated(self, outcome: Actuated, now: float) -> None:
        """A frame left (statsFramesOutTotal), or did not and is due again soon."""
        if outcome.errors:
            self._timer.retry(now)
        else:
            self._counters.frames_out_total += 1

    def status(self, now: float) -> ScopeStatus:
        return ScopeStatus(
            self._scope.value,
            len(self._receive.neighbors),
            self._receive.too_many_neighbors(now),
            len(self.shared(now)),
            self._counters.status,
        )

"""EVB station: asks the bridge for reflective relay and tells what it proves (802.1Q-2014 40.4)."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import ClassVar, Final

from evbagent.effects import Effect, Moved
from evbagent.evb.peers import Peers
from evbagent.evb.timing import DEFAULTS
from evbagent.events import Change, Loss, NeighborChange, RelayEvidence
from evbagent.machine import Machine
from evbagent.wire.evb import BridgeStatus, Evb, EvbMode, RrStatus, StationStatus
from evbagent.wire.lldpdu import Msap
from evbagent.wire.tlv import Tlv

__all__ = ["Station", "StationState"]

_ECHO_PATIENCE: Final = 3  # receptions after which a bridge that echoes nothing at all is taken at its word


class StationState(Enum):
    """operReflectiveRelayStatus: UNKNOWN, FALSE, TRUE."""

    NO_PEER = "NO_PEER"
    PEER_NO_RR = "PEER_NO_RR"
    PEER_RR = "PEER_RR"


_STATUS: Final = {
    StationState.NO_PEER: RrStatus.UNKNOWN,
    StationState.PEER_NO_RR: RrStatus.FALSE,
    StationState.PEER_RR: RrStatus.TRUE,
}


class Station(Machine[StationState]):
    """The station's end of one link; `request` is adminReflectiveRelayRequest."""

    EDGES: ClassVar = frozenset((old, new) for old in StationState for new in StationState if old is not new)

    def __init__(self, subject: str, *, request: bool) -> None:
        super().__init__(StationState.NO_PEER)
        self._subject = subject
        self._request = request
        self._peers = Peers()
        self._came_from = StationState.NO_PEER
        self._relayed: Msap | None = None  # who had relay on last
        self._lost: Loss | None = None
        self._acknowledged = False
        self._receptions = 0
        self.evidence = RelayEvidence(request)

    def peer(self, change: NeighborChange, now: float) -> list[Effect]:
        """A neighbor changed."""
        if change.change is Change.REFRESHED and self._acknowledged:
            return []  # the same octets again: there is nothing left to learn from them
        if not self._peers.note(change):
            return []
        single = self._peers.single
        if single is not None and single[0] == change.msap:
            self._receptions += 1
        return self._evaluate(now)

    def clear(self, now: float) -> list[Effect]:
        """The link went down: nothing that was heard counts any more."""
        self._peers.clear()
        return self._evaluate(now)

    @property
    def tlv(self) -> Tlv:
        """What to announce now; the bridge's octet repeats what the bridge said last."""
        bridge = self._bridge()
        status = StationStatus(self._request, _STATUS[self.state])
        echo = BridgeStatus() if bridge is None else bridge.bridge
        return DEFAULTS.offer(EvbMode.STATION, echo, status, bridge).tlv()

    def _bridge(self) -> Evb | None:
        single = self._peers.single
        return single[1] if single is not None and single[1].mode is EvbMode.BRIDGE else None

    def _exit(self, now: float) -> StationState | None:
        bridge = self._bridge()
        if bridge is None:
            target = StationState.NO_PEER
        else:
            target = StationState.PEER_RR if bridge.bridge.rr_control else StationState.PEER_NO_RR
        if target is self.state:
            return None
        self._came_from = self.state
        return target

    def _enter(self, now: float) -> Iterator[Effect]:
        if self._came_from is StationState.PEER_RR:
            self._lost = Loss.WITHDRAWN if self.state is StationState.PEER_NO_RR else Loss.LOST
        else:
            self._lost = None
        self._acknowledged = False
        self._receptions = 1
        yield Moved("station", self._subject, self._came_from.value, self.state.value, self._why())

    def _why(self) -> str:
        if self._peers.count > 1:
            return f"{self._peers.count} EVB neighbors"
        single = self._peers.single
        if single is None:
            return "no EVB neighbor"
        evb = single[1]
        return f"{evb.mode.name.lower()} says RRCAP={evb.bridge.rr_capable:d} RRCTR={evb.bridge.rr_control:d}"

    def _evaluate(self, now: float) -> list[Effect]:
        effects = self.run(now)
        self._another_peer()
        self._hear_echo()
        evidence = self._collect()
        if evidence != self.evidence:  # who holds the old one sees by identity that there is no news
            self.evidence = evidence
        return effects

    def _another_peer(self) -> None:
        """What the last bridge did is no news about this one."""
        single = self._peers.single
        if single is None or single[0] == self._relayed:
            return
        self._lost, self._acknowledged, self._receptions = None, False, 1
        self._relayed = single[0]

    def _hear_echo(self) -> None:
        """The bridge has heard us where it repeats our request, or where it never repeats anything."""
        bridge = self._bridge()
        if bridge is None:
            return
        silent = bridge.station == StationStatus() and self._receptions >= _ECHO_PATIENCE
        self._acknowledged |= silent or bridge.station.rr_request == self._request

    def _collect(self) -> RelayEvidence:
        single = self._peers.single
        common = RelayEvidence(self._request, peers=self._peers.count, crowded=self._peers.crowded, lost=self._lost)
        if single is None:
            return common
        msap, evb = single
        silent = evb.station == StationStatus() and self._request
        return RelayEvidence(
            requested=common.requested,
            peers=common.peers,
            crowded=common.crowded,
            peer=self._peers.status(msap),
            mode=evb.mode,
            capable=evb.bridge.rr_capable,
            control=evb.bridge.rr_control,
            echoed=None if silent else evb.station.rr_request == self._request,
            acknowledged=self._acknowledged,
            lost=common.lost,
        )

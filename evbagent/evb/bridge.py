"""EVB bridge: grants reflective relay to a station that asks, once the port really reflects (802.1Q-2014 40.4)."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import ClassVar

from evbagent.effects import Effect, Moved, SetHairpin
from evbagent.evb.peers import RATIFIED_SCOPE, Peers
from evbagent.evb.timing import DEFAULTS
from evbagent.events import NeighborChange
from evbagent.machine import Machine
from evbagent.wire.ethernet import Scope
from evbagent.wire.evb import BridgeStatus, Evb, EvbMode, StationStatus
from evbagent.wire.tlv import Tlv

__all__ = ["Bridge", "BridgeState"]


class BridgeState(Enum):
    """Relay is off; asked of the kernel and not read back yet; on (operReflectiveRelayControl)."""

    RR_OFF = "RR_OFF"
    RR_GRANTING = "RR_GRANTING"
    RR_ON = "RR_ON"


class Bridge(Machine[BridgeState]):
    """The bridge's end of one link. `capable` is reflectiveRelayCapable; `hairpin` the kernel's flag as read back."""

    S = BridgeState
    EDGES: ClassVar = frozenset(
        {
            (S.RR_OFF, S.RR_GRANTING),
            (S.RR_GRANTING, S.RR_ON),
            (S.RR_GRANTING, S.RR_OFF),
            (S.RR_ON, S.RR_OFF),
            (S.RR_ON, S.RR_GRANTING),
        }
    )

    def __init__(self, subject: str, *, capable: bool) -> None:
        super().__init__(BridgeState.RR_OFF)
        self._subject = subject
        self._peers = Peers()
        self._came_from = BridgeState.RR_OFF
        self.capable = capable
        self.hairpin: bool | None = None
        self.port = 0

    def peer(self, change: NeighborChange, now: float) -> list[Effect]:
        """A neighbor changed."""
        return self.run(now) if self._peers.note(change) else []

    def clear(self, now: float) -> list[Effect]:
        """The link went down: the station is gone."""
        self._peers.clear()
        return self.run(now)

    @property
    def station(self) -> Evb | None:
        """The TLV of the single EVB station on the port."""
        single = self._peers.single
        return single.evb if single is not None and single.mode is EvbMode.STATION else None

    @property
    def status(self) -> BridgeStatus:
        """The bridge's octet as announced now."""
        return BridgeStatus(self.capable, self.state is BridgeState.RR_ON)

    @property
    def tlv(self) -> Tlv:
        """What to announce now; the station's octet repeats what the station said last."""
        station = self.station
        echo = StationStatus() if station is None else station.station
        return DEFAULTS.offer(EvbMode.BRIDGE, self.status, echo, station).tlv()

    def tlvs(self, scope: Scope) -> tuple[Tlv, ...]:
        """The EVB TLVs to announce on that scope: the ratified one, on its own."""
        return (self.tlv,) if scope is RATIFIED_SCOPE else ()

    def _wanted(self) -> bool:
        return self.capable and self.station is not None and self.station.station.rr_request

    def _exit(self, now: float) -> BridgeState | None:
        wanted, state = self._wanted(), self.state
        target = None
        if state is not BridgeState.RR_OFF and not wanted:
            target = BridgeState.RR_OFF
        elif state is BridgeState.RR_OFF and wanted:
            target = BridgeState.RR_GRANTING
        elif state is BridgeState.RR_GRANTING and self.hairpin:
            target = BridgeState.RR_ON
        elif state is BridgeState.RR_ON and not self.hairpin:
            target = BridgeState.RR_GRANTING
        if target is not None:
            self._came_from = state
        return target

    def _enter(self, now: float) -> Iterator[Effect]:
        state = self.state
        if state is BridgeState.RR_GRANTING and not self.hairpin:
            yield SetHairpin(self.port, on=True)
        elif state is BridgeState.RR_OFF:
            yield SetHairpin(self.port, on=False)
        why = "the station asks for relay" if self._wanted() else "no single station asks for relay"
        yield Moved("bridge", self._subject, self._came_from.value, state.value, why)

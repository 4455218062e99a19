"""Who speaks EVB on the nearest-customer-bridge scope of one port, and what it said last (802.1Q-2014 D.2.12)."""

from __future__ import annotations

from typing import Final

from evbagent.events import Change, NeighborChange
from evbagent.status import PeerStatus
from evbagent.wire.basic import SystemName
from evbagent.wire.ethernet import Scope
from evbagent.wire.evb import Evb
from evbagent.wire.lldpdu import Lldpdu, Msap

__all__ = ["Peers"]

_GONE: Final = frozenset({Change.EXPIRED, Change.SHUT_DOWN, Change.EVICTED, Change.CLEARED})


class Peers:
    """Mirrors the neighbor table (and is bounded by it); EVB counts only from a peer that is alone with it."""

    def __init__(self) -> None:
        self._heard: dict[Msap, tuple[Lldpdu, Evb | None]] = {}

    def note(self, change: NeighborChange) -> bool:
        """Keep what a neighbor says; False where the change is none of EVB's business (another scope)."""
        if change.scope is not Scope.NEAREST_CUSTOMER_BRIDGE:
            return False
        if change.change in _GONE:
            self._heard.pop(change.msap, None)
        elif change.change is not Change.REFRESHED:
            self._heard[change.msap] = change.pdu, change.pdu.read(Evb)
        return True

    def clear(self) -> None:
        self._heard.clear()

    @property
    def count(self) -> int:
        """How many neighbors have an EVB TLV."""
        return sum(evb is not None for _, evb in self._heard.values())

    @property
    def crowded(self) -> bool:
        """Somebody else is on a link that should end at one bridge."""
        return len(self._heard) > 1

    @property
    def single(self) -> tuple[Msap, Evb] | None:
        """The only neighbor with an EVB TLV, None where there are none or several."""
        found = [(msap, evb) for msap, (_, evb) in self._heard.items() if evb is not None]
        return found[0] if len(found) == 1 else None

    def status(self, msap: Msap) -> PeerStatus:
        pdu, _ = self._heard[msap]
        return PeerStatus(str(msap.chassis), str(msap.port), pdu.text(SystemName))

"""Who speaks DCBX on the nearest-bridge scope of one port, and what each offered last (802.1Q-2018 38.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from evbagent.dcb import Dcb
from evbagent.dcbx.offer import offer, spoken
from evbagent.events import Change, NeighborChange
from evbagent.status import PeerStatus
from evbagent.wire.basic import SystemName
from evbagent.wire.ethernet import Scope
from evbagent.wire.lldpdu import Msap
from evbagent.wire.tlv import Tlv

__all__ = ["Peer", "Peers"]

_GONE: Final = frozenset({Change.EXPIRED, Change.SHUT_DOWN, Change.EVICTED, Change.CLEARED})


@dataclass(frozen=True, slots=True)
class Peer:
    """One neighbor that speaks DCBX, with the TLVs that its offer was read from."""

    status: PeerStatus
    tlvs: tuple[Tlv, ...]
    offer: Dcb


class Peers:
    """Those of the neighbor table that have DCBX TLVs; bounded as it is."""

    def __init__(self) -> None:
        self._heard: dict[Msap, Peer] = {}

    def note(self, change: NeighborChange) -> bool:
        """Keep what a neighbor offers; False where nothing changed by it."""
        if change.scope is not Scope.NEAREST_BRIDGE or change.change is Change.REFRESHED:
            return False
        known = self._heard.get(change.msap)
        peer = None if change.change in _GONE else _peer(change, known)
        if peer == known:
            return False
        if peer is None:
            del self._heard[change.msap]
        else:
            self._heard[change.msap] = peer
        return True

    def clear(self) -> None:
        self._heard.clear()

    @property
    def all(self) -> tuple[Peer, ...]:
        return tuple(self._heard.values())


def _peer(change: NeighborChange, known: Peer | None) -> Peer | None:
    """As the neighbor is now, None where it does not speak DCBX; what did not change is not decoded again."""
    tlvs = spoken(change.pdu)
    if not tlvs:
        return None
    offered = known.offer if known is not None and known.tlvs == tlvs else offer(change.pdu)
    if offered is None:
        return None
    msap = change.msap
    return Peer(PeerStatus(str(msap.chassis), str(msap.port), change.pdu.text(SystemName)), tlvs, offered)

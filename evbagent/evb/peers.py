"""Who speaks EVB on one port, in which version, and what it said last (802.1Q-2014 D.2.12; 802.1Qbg before it)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from evbagent.events import Change, EvbVersion, NeighborChange
from evbagent.status import PeerStatus
from evbagent.wire.basic import Capability, SystemName
from evbagent.wire.ethernet import Scope
from evbagent.wire.evb import Evb, EvbMode
from evbagent.wire.evb_draft import DraftMode, EvbDraft
from evbagent.wire.lldpdu import Lldpdu, Msap

__all__ = ["DRAFT_SCOPES", "RATIFIED_SCOPE", "EvbPeer", "Peers"]

RATIFIED_SCOPE: Final = Scope.NEAREST_CUSTOMER_BRIDGE
DRAFT_SCOPES: Final = frozenset({Scope.NEAREST_CUSTOMER_BRIDGE, Scope.NEAREST_BRIDGE})  # early switches used -0E
_GONE: Final = frozenset({Change.EXPIRED, Change.SHUT_DOWN, Change.EVICTED, Change.CLEARED})


@dataclass(frozen=True, slots=True)
class EvbPeer:
    """A neighbor with EVB: its ratified TLV, or its draft TLVs by scope (one at least) where it has no ratified one."""

    msap: Msap
    pdu: Lldpdu
    evb: Evb | None
    drafts: Mapping[Scope, EvbDraft]
    station_only: bool = False  # by the system capabilities of a draft peer

    @property
    def version(self) -> EvbVersion:
        return EvbVersion.DRAFT if self.evb is None else EvbVersion.RATIFIED

    @property
    def mode(self) -> EvbMode:
        """The draft names no role: whoever speaks it is a bridge, unless it calls itself nothing but a station."""
        if self.evb is not None:
            return self.evb.mode
        return EvbMode.STATION if self.station_only else EvbMode.BRIDGE

    @property
    def capable(self) -> bool:
        """Whether its port can reflect; a draft peer has to say so on every scope that it speaks on."""
        if self.evb is not None:
            return self.evb.bridge.rr_capable
        return all(DraftMode.REFLECTIVE_RELAY in word.supported_mode for word in self.drafts.values())

    @property
    def control(self) -> bool:
        """Whether it says that relay is on: RRCTR, or for the draft relay and nothing else as configured mode."""
        if self.evb is not None:
            return self.evb.bridge.rr_control
        return all(word.configured_mode == DraftMode.REFLECTIVE_RELAY for word in self.drafts.values())

    @property
    def status(self) -> PeerStatus:
        return PeerStatus(str(self.msap.chassis), str(self.msap.port), self.pdu.text(SystemName))

    def __str__(self) -> str:
        if self.evb is None:
            words = (f"smode={w.supported_mode:02X} cmode={w.configured_mode:02X}" for w in self.drafts.values())
            return f"draft {self.mode.name.lower()} says {', '.join(words)}"
        return f"{self.mode.name.lower()} says RRCAP={self.capable:d} RRCTR={self.control:d}"


@dataclass(frozen=True, slots=True)
class _Heard:
    """The last LLDPDU of a neighbor on one scope, and the EVB TLVs in it that count there."""

    pdu: Lldpdu
    evb: Evb | None
    draft: EvbDraft | None


class Peers:
    """Mirrors the neighbor table (and is bounded by it); EVB counts only from a peer that is alone with it."""

    def __init__(self, *, drafts: bool = False) -> None:
        """`drafts`: whether the draft version counts at all."""
        self._drafts = drafts
        self._heard: dict[tuple[Scope, Msap], _Heard] = {}
        self._speaking: tuple[EvbPeer, ...] = ()

    def note(self, change: NeighborChange) -> bool:
        """Keep what a neighbor says; False where the change is none of EVB's business."""
        key = change.scope, change.msap
        customer = change.scope is RATIFIED_SCOPE
        if change.change is Change.REFRESHED:
            return customer or key in self._heard
        known = self._heard.pop(key, None) is not None
        heard = self._read(change)
        if heard is not None:
            self._heard[key] = heard
        elif not known:
            return customer
        self._speaking = self._join()
        return True

    def clear(self) -> None:
        self._heard.clear()
        self._speaking = ()

    @property
    def count(self) -> int:
        """How many neighbors have an EVB TLV; one that is heard on two scopes is one."""
        return len(self._speaking)

    @property
    def crowded(self) -> bool:
        """Somebody else is on a link that should end at one bridge."""
        return sum(scope is RATIFIED_SCOPE for scope, _ in self._heard) > 1

    @property
    def single(self) -> EvbPeer | None:
        """The only neighbor with an EVB TLV, None where there are none or several."""
        return self._speaking[0] if len(self._speaking) == 1 else None

    @property
    def draft_scopes(self) -> frozenset[Scope]:
        """Where the draft is the only version spoken: none as soon as anybody speaks the ratified one."""
        if any(peer.evb is not None for peer in self._speaking):
            return frozenset()
        return frozenset(scope for peer in self._speaking for scope in peer.drafts)

    def _read(self, change: NeighborChange) -> _Heard | None:
        """What is worth keeping: every neighbor of EVB's own scope, and who speaks the draft elsewhere."""
        if change.change in _GONE:
            return None
        customer = change.scope is RATIFIED_SCOPE
        draft = change.pdu.read(EvbDraft) if self._drafts and change.scope in DRAFT_SCOPES else None
        if draft is not None and not draft.supported_mode:
            draft = None  # it supports no mode at all, so it says nothing
        if draft is None and not customer:
            return None
        return _Heard(change.pdu, change.pdu.read(Evb) if customer else None, draft)

    def _join(self) -> tuple[EvbPeer, ...]:
        """One peer for each identity, whatever scopes it is heard on; its ratified TLV makes its drafts void."""
        found: dict[Msap, EvbPeer] = {}
        for (scope, msap), heard in self._heard.items():
            known = found.get(msap)
            if heard.evb is not None:
                found[msap] = EvbPeer(msap, heard.pdu, heard.evb, {})
            elif heard.draft is not None and (known is None or known.evb is None):
                drafts = {scope: heard.draft} if known is None else {**known.drafts, scope: heard.draft}
                station = _station_only(heard.pdu) or (known is not None and known.station_only)
                pdu = heard.pdu if known is None or scope is RATIFIED_SCOPE else known.pdu
                found[msap] = EvbPeer(msap, pdu, None, drafts, station)
        return tuple(found.values())


def _station_only(pdu: Lldpdu) -> bool:
    """Whether the neighbor calls itself a station and nothing else, as what it can be or as what it is (8.5.8.1)."""
    capabilities = pdu.capabilities
    return capabilities is not None and Capability.STATION in capabilities.capable | capabilities.enabled

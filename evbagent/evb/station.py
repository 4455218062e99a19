"""EVB station: asks the bridge for reflective relay and tells what it proves (802.1Q-2014 40.4)."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from enum import Enum
from typing import ClassVar, Final

from evbagent.effects import Effect, Moved, SendFrame
from evbagent.evb.draft import Draft
from evbagent.evb.peers import DRAFT_SCOPES, RATIFIED_SCOPE, EvbPeer, Peers
from evbagent.evb.timing import DEFAULTS
from evbagent.events import Change, EvbVersion, Loss, NeighborChange, RelayEvidence
from evbagent.machine import Machine
from evbagent.status import DraftUse
from evbagent.wire.ethernet import Scope
from evbagent.wire.evb import BridgeStatus, Evb, EvbMode, RrStatus, StationStatus
from evbagent.wire.lldpdu import Msap
from evbagent.wire.tlv import Tlv

__all__ = ["Station", "StationState"]

_ECHO_PATIENCE: Final = 3  # receptions after which a bridge that echoes nothing at all is taken at its word
_INTERVALS, _MARGIN, _LEAST = 3, 5.0, 20.0  # of silence: intervals missed, and seconds
_SPOKE: Final = frozenset({Change.ADDED, Change.UPDATED, Change.REFRESHED})


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
    """The station's end of one link, in either version; `request` is adminReflectiveRelayRequest."""

    EDGES: ClassVar = frozenset((old, new) for old in StationState for new in StationState if old is not new)

    def __init__(
        self,
        subject: str,
        *,
        request: bool,
        draft: DraftUse = DraftUse.AUTO,
        scopes: Collection[Scope] = (RATIFIED_SCOPE,),
    ) -> None:
        """`scopes` are those that may be sent on."""
        super().__init__(StationState.NO_PEER)
        self._subject = subject
        self._request = request
        self._draft_use = draft
        self._draft = Draft(subject, request=request, scopes=scopes)
        self._peers = Peers(drafts=draft is not DraftUse.OFF)
        self._came_from = StationState.NO_PEER
        self._relayed: tuple[Msap, EvbVersion] | None = None  # who had relay on last, and in which words
        self._lost: Loss | None = None
        self._acknowledged = False
        self._receptions = 0
        self._heard_at, self._interval = 0.0, 0.0
        self._expiring = False  # the change that is being looked at is the end of a neighbor's TTL
        self.evidence = RelayEvidence(request)

    def peer(self, change: NeighborChange, now: float) -> list[Effect]:
        """A neighbor changed."""
        self._listen(change, now)
        if change.change is Change.REFRESHED and self._acknowledged:
            return []  # the same octets again: there is nothing left to learn from them
        if not self._peers.note(change):
            return []
        single = self._peers.single
        if single is not None and single.msap == change.msap:
            self._receptions += 1
        if change.change is not Change.ADOPTED or single is None:
            return self._evaluate(now)
        agreed = self._draft.adopt(single, now)
        effects = [*agreed, *self._evaluate(now)]
        self._acknowledged = True  # the daemon before this one was heard, or it would have left nothing to go on with
        self.evidence = self._collect()
        return effects

    def clear(self, now: float) -> list[Effect]:
        """The link went down: nothing that was heard counts any more."""
        self._peers.clear()
        self._expiring = False
        return self._evaluate(now)

    @property
    def silent_at(self) -> float:
        """When the bridge that has relay on will have been silent for suspiciously long, infinity without one."""
        if self.state is not StationState.PEER_RR:
            return math.inf
        return self._heard_at + max(_LEAST, _INTERVALS * self._interval + _MARGIN)

    def _listen(self, change: NeighborChange, now: float) -> None:
        """How often the neighbor speaks, as it shows and as its TTL (4 intervals by default) says."""
        self._expiring = change.change is Change.EXPIRED
        ours = self._relayed is not None and change.msap == self._relayed[0] and change.scope in DRAFT_SCOPES
        if ours and change.change in _SPOKE:
            self._interval = max(change.pdu.ttl / 4, min(now - self._heard_at, change.pdu.ttl))
            self._heard_at = now

    def sent(self, frame: SendFrame) -> None:
        """A frame has left, so the bridge may know what is in it."""
        self._draft.sent(frame)

    @property
    def tlv(self) -> Tlv:
        """The ratified TLV as it is now; the bridge's octet repeats what the bridge said last."""
        bridge = self._bridge()
        seen = RrStatus.UNKNOWN if bridge is None else _STATUS[self.state]  # a draft bridge is no reader of this one
        status = StationStatus(self._request, seen)
        echo = BridgeStatus() if bridge is None else bridge.bridge
        return DEFAULTS.offer(EvbMode.STATION, echo, status, bridge).tlv()

    def tlvs(self, scope: Scope) -> tuple[Tlv, ...]:
        """What to announce on that scope: never both versions, for some switches take the second one for an error."""
        if scope in self._draft_scopes():
            return (self._draft.tlv,)
        return (self.tlv,) if scope is RATIFIED_SCOPE else ()

    def _draft_scopes(self) -> frozenset[Scope]:
        """Where the draft is spoken; with nobody there, `on` speaks it where the ratified version belongs."""
        if self._peers.count == 0 and self._draft_use is DraftUse.ON:
            return frozenset({RATIFIED_SCOPE})
        return self._peers.draft_scopes

    def _bridge(self) -> Evb | None:
        single = self._peers.single
        return single.evb if single is not None and single.mode is EvbMode.BRIDGE else None

    def _relays(self, peer: EvbPeer) -> bool:
        """What the draft calls configured is an intention, until it was in answer to our offer."""
        return peer.control and (peer.version is EvbVersion.RATIFIED or self._draft.agreed)

    def _exit(self, now: float) -> StationState | None:
        single = self._peers.single
        if single is None or single.mode is not EvbMode.BRIDGE:
            target = StationState.NO_PEER
        else:
            target = StationState.PEER_RR if self._relays(single) else StationState.PEER_NO_RR
        if target is self.state:
            return None
        self._came_from = self.state
        return target

    def _enter(self, now: float) -> Iterator[Effect]:
        if self._came_from is StationState.PEER_RR:
            gone = Loss.EXPIRED if self._expiring and self._peers.count == 0 else Loss.LOST
            self._lost = Loss.WITHDRAWN if self.state is StationState.PEER_NO_RR else gone
        else:
            self._lost = None
        self._acknowledged = False
        self._receptions = 1
        yield Moved("station", self._subject, self._came_from.value, self.state.value, self._why())

    def _why(self) -> str:
        if self._peers.count > 1:
            return f"{self._peers.count} EVB neighbors"
        single = self._peers.single
        return "no EVB neighbor" if single is None else str(single)

    def _evaluate(self, now: float) -> list[Effect]:
        effects = self._draft.hear(self._peers.single, now) + self.run(now)
        self._another_peer(now)
        self._hear_echo()
        evidence = self._collect()
        if evidence != self.evidence:  # who holds the old one sees by identity that there is no news
            self.evidence = evidence
        return effects

    def _another_peer(self, now: float) -> None:
        """What the last bridge did, or this one in its other version, is no news about this one."""
        single = self._peers.single
        if single is None or (single.msap, single.version) == self._relayed:
            return
        self._lost, self._acknowledged, self._receptions = None, False, 1
        self._heard_at, self._interval = now, single.pdu.ttl / 4
        self._relayed = single.msap, single.version

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
        answerable = not self._request or self._draft.answerable
        return RelayEvidence(
            requested=self._request and answerable,
            peers=common.peers,
            crowded=common.crowded,
            peer=single.status,
            version=single.version,
            mode=single.mode,
            capable=single.capable,
            control=single.control,
            echoed=None if single.evb is None else self._echoed(single.evb),
            acknowledged=self._acknowledged or self._draft.agreed,
            answerable=answerable,
            lost=common.lost,
        )

    def _echoed(self, evb: Evb) -> bool | None:
        silent = evb.station == StationStatus() and self._request
        return None if silent else evb.station.rr_request == self._request

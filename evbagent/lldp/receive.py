"""LLDP receive machine (802.1AB-2016 9.2.11, figure 9-4)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import Enum
from typing import ClassVar

from evbagent.effects import Effect
from evbagent.events import Change, NeighborChange
from evbagent.lldp.counters import Counters
from evbagent.lldp.neighbors import Heard, Neighbor, Neighbors, speaks_evb
from evbagent.lldp.policing import Allowance, relay_words
from evbagent.machine import Machine
from evbagent.wire.ethernet import DiscardReason, Scope
from evbagent.wire.lldpdu import Lldpdu, Msap, Opening

__all__ = ["Receive", "ReceiveState"]


class ReceiveState(Enum):
    """The boxes of figure 9-4."""

    LLDP_WAIT_PORT_OPERATIONAL = "LLDP_WAIT_PORT_OPERATIONAL"
    DELETE_AGED_INFO = "DELETE_AGED_INFO"
    RX_LLDP_INITIALIZE = "RX_LLDP_INITIALIZE"
    RX_WAIT_FOR_FRAME = "RX_WAIT_FOR_FRAME"
    RX_FRAME = "RX_FRAME"
    UPDATE_INFO = "UPDATE_INFO"
    DELETE_INFO = "DELETE_INFO"


class Receive(Machine[ReceiveState]):
    """Keeps the neighbors of one scope; each call answers with what changed."""

    S = ReceiveState
    EDGES: ClassVar = frozenset(
        {
            (S.LLDP_WAIT_PORT_OPERATIONAL, S.DELETE_AGED_INFO),
            (S.DELETE_AGED_INFO, S.LLDP_WAIT_PORT_OPERATIONAL),
            (S.LLDP_WAIT_PORT_OPERATIONAL, S.RX_LLDP_INITIALIZE),
            (S.RX_LLDP_INITIALIZE, S.RX_WAIT_FOR_FRAME),
            (S.RX_WAIT_FOR_FRAME, S.LLDP_WAIT_PORT_OPERATIONAL),
            (S.RX_WAIT_FOR_FRAME, S.RX_FRAME),
            (S.RX_WAIT_FOR_FRAME, S.DELETE_INFO),
            (S.RX_FRAME, S.RX_WAIT_FOR_FRAME),
            (S.RX_FRAME, S.DELETE_INFO),
            (S.RX_FRAME, S.UPDATE_INFO),
            (S.UPDATE_INFO, S.RX_WAIT_FOR_FRAME),
            (S.DELETE_INFO, S.RX_WAIT_FOR_FRAME),
        }
    )

    def __init__(self, scope: Scope, limit: int, counters: Counters) -> None:
        super().__init__(ReceiveState.LLDP_WAIT_PORT_OPERATIONAL)
        self._scope = scope
        self._counters = counters
        self._frame: tuple[Heard, Lldpdu | None] | None = None  # rcvFrame; a PDU of None repeats a neighbor's octets
        self._rx_changes = False
        self._rx_ttl_is_zero = False
        self._changes: list[NeighborChange] = []
        self._too_many_until = -math.inf  # tooManyNeighborsTimer as a deadline
        self._strangers = Allowance(limit, limit, 0.0)
        self.port_enabled = False
        self.neighbors = Neighbors(limit)

    @property
    def deadline(self) -> float:
        return self.neighbors.deadline

    def too_many_neighbors(self, now: float) -> bool:
        """Whether a neighbor had to be turned away and may still be there (9.2.7.7.5)."""
        return now < self._too_many_until

    def repeats(self, octets: bytes) -> bool:
        """Whether a neighbor's last frame had these octets: then nothing needs to be decoded."""
        return self.neighbors.same(octets) is not None

    def admits(self, opening: Opening, heard: Heard, now: float) -> bool:
        """Whether this frame, which repeats nobody, is decoded now.

        Beyond what credits allow, a neighbor's last frame is kept until there is one again and a stranger's is
        discarded. No frame waits that may take relay away, or bring a second EVB neighbor.
        """
        known = self.neighbors.find(opening.identity)
        words = relay_words(heard.payload)
        if known is None:
            admitted = self._strangers.take(now) or bool(words)
        else:
            urgent = opening.ttl == 0 or words != known.relay_words
            admitted = known.allowance.take(now) or urgent
            self._drop_held(known)
        if admitted:
            return True
        if known is None:
            self._counters.discarded(DiscardReason.RATE_LIMITED)
        else:
            known.held = heard
        return False

    def released(self, now: float) -> list[Heard]:
        """Frames that were kept until now; they are to be decoded."""
        frames = []
        for neighbor in self.neighbors:
            if neighbor.held is not None and neighbor.allowance.take(now):
                frames.append(neighbor.held)
                neighbor.held = None
        return frames

    def _drop_held(self, neighbor: Neighbor) -> None:
        if neighbor.held is not None:
            neighbor.held = None
            neighbor.rate_limited += 1
            self._counters.discarded(DiscardReason.RATE_LIMITED)

    def shared(self, now: float) -> frozenset[Msap]:
        """Identities under which two agents speak."""
        return frozenset(neighbor.msap for neighbor in self.neighbors if neighbor.shared(now))

    def frame(self, heard: Heard, pdu: Lldpdu | None, now: float) -> list[NeighborChange]:
        """One valid frame (`pdu` None where it `repeats`); one neighbor too many is counted and changes nothing."""
        self._frame = heard, pdu
        return self.evaluate(now)

    def forget(self, now: float) -> list[NeighborChange]:
        """Give all neighbors up, for frames were lost and nobody knows what they said."""
        self._changes = []
        self._delete(list(self.neighbors), Change.CLEARED)
        return self._changes

    def adopt(self, heard: Heard, pdu: Lldpdu, expires: float, now: float) -> list[NeighborChange]:
        """A frame that a daemon before this one heard: it counts as then, and no longer than it did then."""
        self._changes = []
        expires = min(expires, now + pdu.ttl)
        if self.port_enabled and expires > now and self.neighbors.store(pdu, heard, now):
            self.neighbors.expire(pdu.msap.octets, expires)
            self._note(Change.ADOPTED, pdu)
        return self._changes

    def evaluate(self, now: float) -> list[NeighborChange]:
        """What time or the link changed."""
        self._changes = []
        self.run(now)
        return self._changes

    def _exit(self, now: float) -> ReceiveState | None:
        state = self.state
        if state is ReceiveState.RX_WAIT_FOR_FRAME:
            return self._leave_wait(now)
        if state is ReceiveState.RX_FRAME:
            if self._rx_ttl_is_zero:
                return ReceiveState.DELETE_INFO
            return ReceiveState.UPDATE_INFO if self._rx_changes else ReceiveState.RX_WAIT_FOR_FRAME
        if state is ReceiveState.LLDP_WAIT_PORT_OPERATIONAL:
            if self.neighbors.expiry <= now:  # rxInfoAge
                return ReceiveState.DELETE_AGED_INFO
            return ReceiveState.RX_LLDP_INITIALIZE if self.port_enabled else None
        if state is ReceiveState.DELETE_AGED_INFO:
            return ReceiveState.LLDP_WAIT_PORT_OPERATIONAL
        return ReceiveState.RX_WAIT_FOR_FRAME

    def _leave_wait(self, now: float) -> ReceiveState | None:
        if not self.port_enabled:
            return ReceiveState.LLDP_WAIT_PORT_OPERATIONAL
        if self._frame is not None:
            return ReceiveState.RX_FRAME
        return ReceiveState.DELETE_INFO if self.neighbors.expiry <= now else None

    def _enter(self, now: float) -> Iterator[Effect]:
        state = self.state
        if state is ReceiveState.RX_FRAME:
            self._process(now)
        elif state is ReceiveState.RX_LLDP_INITIALIZE:
            self._frame = None
            self._too_many_until = -math.inf
            self._delete(list(self.neighbors), Change.CLEARED)
        elif state is ReceiveState.LLDP_WAIT_PORT_OPERATIONAL:
            for neighbor in self.neighbors:  # nobody listens any more, not to what was kept either
                self._drop_held(neighbor)
        elif state is ReceiveState.UPDATE_INFO:
            self._update(now)
        elif state is ReceiveState.DELETE_INFO and self._rx_ttl_is_zero:
            self._shut_down()
        elif state in (ReceiveState.DELETE_INFO, ReceiveState.DELETE_AGED_INFO):
            gone = self.neighbors.expired(now)
            self._counters.ageouts_total += len(gone)
            self._delete(gone, Change.EXPIRED)
        return iter(())

    def _process(self, now: float) -> None:
        """rxProcessFrame (9.2.8.7): the frame is valid, so badFrame needs no branch here."""
        assert self._frame is not None, "RX_FRAME is reached with a frame only"
        heard, pdu = self._frame
        self._rx_changes = self._rx_ttl_is_zero = False
        known = self.neighbors.same(heard.octets)
        if known is not None:
            self._frame = None
            self._drop_held(known)
            self.neighbors.refresh(known, now)
            self._counters.accepted(known.pdu)
            self._note(Change.REFRESHED, known.pdu)
        elif pdu is not None:
            self._counters.accepted(pdu)
            self._rx_ttl_is_zero = pdu.ttl == 0
            self._rx_changes = not self._rx_ttl_is_zero

    def _update(self, now: float) -> None:
        assert self._frame is not None, "UPDATE_INFO is reached with a frame only"
        heard, pdu = self._frame
        self._frame, self._rx_changes = None, False
        assert pdu is not None, "UPDATE_INFO is reached with a decoded LLDPDU only"
        known = self.neighbors.find(pdu.msap.octets)
        stored = self.neighbors.store(pdu, heard, now)
        if not stored:
            self._too_many_until = max(self._too_many_until, now + pdu.ttl)
            stored = self._make_room(pdu) and self.neighbors.store(pdu, heard, now)
        if stored:
            self._note(Change.ADDED if known is None else Change.UPDATED, pdu)
            return
        self._counters.frames_discarded_total += 1
        self._counters.discards[DiscardReason.TOO_MANY_NEIGHBORS] += 1

    def _make_room(self, newcomer: Lldpdu) -> bool:
        """Give a neighbor without EVB up for one with it: a second EVB bridge must not go unseen (9.2.7.7.5 b)."""
        if not speaks_evb(newcomer):
            return False
        expendable = next((neighbor for neighbor in self.neighbors if not neighbor.speaks_evb), None)
        if expendable is None:
            return False
        self._delete([expendable], Change.EVICTED)
        return True

    def _shut_down(self) -> None:
        pdu = None if self._frame is None else self._frame[1]
        self._frame, self._rx_ttl_is_zero = None, False
        known = self.neighbors.find(pdu.msap.octets) if pdu is not None else None
        if known is not None:
            self._delete([known], Change.SHUT_DOWN)

    def _delete(self, gone: list[Neighbor], change: Change) -> None:
        for neighbor in gone:
            self._drop_held(neighbor)
            self.neighbors.delete(neighbor)
            self._note(change, neighbor.pdu)

    def _note(self, change: Change, pdu: Lldpdu) -> None:
        self._changes.append(NeighborChange(change, self._scope, pdu.msap, pdu))

"""The draft's negotiation of relay (802.1Qbg before it was ratified): each end configures what both of them support.

Its TLV has no request and no echo, and a peer may call relay configured before it has heard anybody, in the very octets
in which it calls it so later on (lldpad does). Such a word proves nothing, however often it is repeated; that the peer
follows us does. While it claims relay unasked we support standard bridging alone, until it has taken the claim back;
then we offer relay, and it is on once the peer has configured it after our offer left.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from enum import Enum
from typing import ClassVar

from evbagent.effects import Effect, Moved, SendFrame
from evbagent.evb.peers import EvbPeer
from evbagent.evb.timing import DEFAULTS
from evbagent.machine import Machine
from evbagent.wire.ethernet import Frame, Scope
from evbagent.wire.evb import EvbMode
from evbagent.wire.evb_draft import DraftMode, EvbDraft
from evbagent.wire.lldpdu import Lldpdu
from evbagent.wire.tlv import Tlv

__all__ = ["Draft", "DraftState"]


class DraftState(Enum):
    """Nothing to agree on; our offer withheld, for the peer claims relay unasked; made; followed by the peer."""

    IDLE = "IDLE"
    WITHHELD = "WITHHELD"
    OFFERED = "OFFERED"
    AGREED = "AGREED"


class Draft(Machine[DraftState]):
    """The station's end of the draft; `request` is the policy, `scopes` are those that may be sent on."""

    S = DraftState
    EDGES: ClassVar = frozenset(
        {
            (S.IDLE, S.WITHHELD),
            (S.IDLE, S.OFFERED),
            (S.IDLE, S.AGREED),
            (S.WITHHELD, S.OFFERED),
            (S.WITHHELD, S.IDLE),
            (S.OFFERED, S.AGREED),
            (S.OFFERED, S.WITHHELD),
            (S.OFFERED, S.IDLE),
            (S.AGREED, S.OFFERED),
            (S.AGREED, S.IDLE),
        }
    )

    def __init__(self, subject: str, *, request: bool, scopes: Collection[Scope]) -> None:
        super().__init__(DraftState.IDLE)
        self._subject = subject
        self._request = request
        self._scopes = frozenset(scopes)
        self._peer: EvbPeer | None = None
        self._words: Mapping[Scope, EvbDraft] = {}
        self._told: set[Scope] = set()  # where our offer has left since it was made
        self._came_from = DraftState.IDLE
        self._adopted = False

    def adopt(self, peer: EvbPeer | None, now: float) -> list[Effect]:
        """What the peer said to a daemon before this one, which had agreed with it: its octets alone can't tell."""
        self._adopted = True
        effects = self.hear(peer, now)
        self._adopted = False
        return effects

    def hear(self, peer: EvbPeer | None, now: float) -> list[Effect]:
        """What the single EVB neighbor says now, None where there is none or several; the ratified version is none."""
        self._peer = peer
        self._words = {} if peer is None else peer.drafts
        return self.run(now)

    def sent(self, frame: SendFrame) -> None:
        """A frame has left: the peer may know of the offer in it."""
        scope = Scope(frame.scope)
        if scope in self._words:
            ours = Lldpdu.decode(Frame.decode(frame.octets).payload).read(EvbDraft)
            if ours is not None and ours.configured_mode == DraftMode.REFLECTIVE_RELAY:
                self._told.add(scope)

    @property
    def agreed(self) -> bool:
        """Whether the peer has configured relay because we offered it."""
        return self.state is DraftState.AGREED

    @property
    def answerable(self) -> bool:
        """Whether we may send on a scope that the peer speaks on; where nobody speaks, nobody has to be answered."""
        return not self._words or bool(self._audience)

    @property
    def tlv(self) -> Tlv:
        """What to announce now: no VSI, ECP or VDP, and relay as far as it is wanted and not withheld."""
        relay = self._request and self.state is not DraftState.WITHHELD
        supported = DraftMode.REFLECTIVE_RELAY if relay else DraftMode.STANDARD
        offered = self.state in (DraftState.OFFERED, DraftState.AGREED)
        configured = DraftMode.REFLECTIVE_RELAY if offered else DraftMode.STANDARD
        return DEFAULTS.offer_draft(supported, configured, self._words.values()).tlv()

    @property
    def _audience(self) -> frozenset[Scope]:
        return self._scopes & self._words.keys()

    def _target(self) -> DraftState:
        peer = self._peer
        if peer is None or not (self._request and self._audience and peer.capable and peer.mode is EvbMode.BRIDGE):
            return DraftState.IDLE
        if not peer.control:
            return DraftState.OFFERED
        if self._adopted or (self.state is DraftState.OFFERED and self._told >= self._audience):
            return DraftState.AGREED
        return DraftState.AGREED if self.state is DraftState.AGREED else DraftState.WITHHELD

    def _exit(self, now: float) -> DraftState | None:
        target = self._target()
        if target is self.state:
            return None
        self._came_from = self.state
        return target

    def _enter(self, now: float) -> Iterator[Effect]:
        if self.state is DraftState.OFFERED:
            self._told.clear()
        why = "no draft peer that could be asked" if self._peer is None or not self._words else str(self._peer)
        yield Moved("draft", self._subject, self._came_from.value, self.state.value, why)

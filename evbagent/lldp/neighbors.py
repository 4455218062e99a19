"""The neighbors of one LLDP agent by MSAP, bounded, each until its TTL ends (802.1AB-2016 9.2.7.7)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from evbagent.lldp.policing import Allowance, relay_words
from evbagent.wire.basic import SystemName
from evbagent.wire.evb import Evb
from evbagent.wire.evb_draft import EvbDraft
from evbagent.wire.lldpdu import Lldpdu, Msap
from evbagent.wire.octets import MacAddress
from evbagent.wire.tlv import OrgKey

__all__ = ["Heard", "Neighbor", "Neighbors", "speaks_evb"]

_BURST: Final = 10  # frames; the largest txCreditMax that the standard allows
_RATE: Final = 1.0  # frames a second, as txCredit grows
_RETURNS: Final = 2  # from one voice to another and back to it: a change of configuration does not do that


class Heard(NamedTuple):
    """One frame as it came: all its octets, its payload, and who sent it."""

    octets: bytes
    payload: bytes
    source: MacAddress


class _Voice(NamedTuple):
    """What one agent keeps from frame to frame: its address, its name, and which TLVs it sends besides EVB's."""

    source: MacAddress
    name: str | None
    kinds: frozenset[tuple[int, OrgKey | None]]


_EVB: Final = frozenset({Evb.KEY, EvbDraft.KEY})


def speaks_evb(pdu: Lldpdu) -> bool:
    """Whether a valid EVB TLV of either version is in it."""
    return any(tlv.key in _EVB for tlv in pdu.optional)


def _voice(source: MacAddress, pdu: Lldpdu) -> _Voice:
    kinds = frozenset((tlv.type, tlv.key) for tlv in pdu.optional if tlv.key not in _EVB)
    return _Voice(source, pdu.text(SystemName), kinds)


@dataclass(slots=True)
class Neighbor:
    """One neighbor with its last LLDPDU and that whole frame; times are the loop's clock.

    `held` is a frame beyond what credits allow, until there is one again; `rate_limited` counts those that were
    replaced by a newer one meanwhile.
    """

    pdu: Lldpdu
    heard: Heard
    expires: float
    first_heard: float
    last_heard: float
    allowance: Allowance
    speaks_evb: bool = False  # a valid EVB TLV of either version
    held: Heard | None = None
    rate_limited: int = 0
    _voices: list[_Voice] = field(default_factory=list)  # the two last ones, the newest at the end
    _returned: int = 0
    _returned_at: float = -math.inf

    @property
    def msap(self) -> Msap:
        return self.pdu.msap

    @property
    def relay_words(self) -> bytes:
        """What it says about relay, to be compared with what a frame not yet decoded says."""
        return relay_words(self.heard.payload)

    def shared(self, now: float) -> bool:
        """Whether two agents speak under this identity: frames of two kinds that take turns."""
        return self._returned >= _RETURNS and now - self._returned_at <= self.pdu.ttl

    def replace(self, pdu: Lldpdu, heard: Heard, now: float) -> None:
        """It said something new: nothing of what it said before carries over."""
        self.pdu, self.heard = pdu, heard
        self.last_heard, self.expires = now, now + pdu.ttl
        self.speaks_evb = speaks_evb(pdu)
        self._listen(_voice(heard.source, pdu), now)

    def _listen(self, voice: _Voice, now: float) -> None:
        if self._voices and voice == self._voices[-1]:
            return
        returned = len(self._voices) > 1 and voice == self._voices[0]
        self._returned = self._returned + 1 if returned else 0
        self._returned_at = now
        self._voices = [*self._voices[-1:], voice]


class Neighbors:
    """The table: looked up by identity (`Msap.octets`), and by the octets of the last frame."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._by_identity: dict[bytes, Neighbor] = {}
        self._by_octets: dict[bytes, Neighbor] = {}

    def __len__(self) -> int:
        return len(self._by_identity)

    def __iter__(self) -> Iterator[Neighbor]:
        return iter(self._by_identity.values())

    @property
    def expiry(self) -> float:
        """When the first of them expires, infinity where there is none."""
        return min((neighbor.expires for neighbor in self), default=math.inf)

    @property
    def deadline(self) -> float:
        """When the first of them expires, or may be heard again; infinity where there is neither."""
        credit = min((neighbor.allowance.next for neighbor in self if neighbor.held is not None), default=math.inf)
        return min(self.expiry, credit)

    def same(self, octets: bytes) -> Neighbor | None:
        """Whose last frame had exactly these octets."""
        return self._by_octets.get(octets)

    def find(self, identity: bytes) -> Neighbor | None:
        return self._by_identity.get(identity)

    def refresh(self, neighbor: Neighbor, now: float) -> None:
        neighbor.last_heard, neighbor.expires = now, now + neighbor.pdu.ttl

    def store(self, pdu: Lldpdu, heard: Heard, now: float) -> bool:
        """Add, or replace all that was known: nothing carries over. False where a new one finds no room."""
        identity = pdu.msap.octets
        neighbor = self._by_identity.get(identity)
        if neighbor is None:
            if len(self._by_identity) >= self._limit:
                return False
            allowance = Allowance(_BURST, _RATE, now)
            neighbor = Neighbor(pdu, heard, now + pdu.ttl, now, now, allowance)
            self._by_identity[identity] = neighbor
        else:
            del self._by_octets[neighbor.heard.octets]
        neighbor.replace(pdu, heard, now)
        self._by_octets[heard.octets] = neighbor
        return True

    def expire(self, identity: bytes, at: float) -> None:
        """That neighbor is there until then, unless it is heard again."""
        self._by_identity[identity].expires = at

    def delete(self, neighbor: Neighbor) -> None:
        del self._by_identity[neighbor.msap.octets]
        del self._by_octets[neighbor.heard.octets]

    def expired(self, now: float) -> list[Neighbor]:
        return [neighbor for neighbor in self if neighbor.expires <= now]

"""The neighbors of one LLDP agent by MSAP, bounded, each until its TTL ends (802.1AB-2016 9.2.7.7)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from evbagent.wire.lldpdu import Lldpdu, Msap

__all__ = ["Neighbor", "Neighbors"]


@dataclass(slots=True)
class Neighbor:
    """One neighbor with its last LLDPDU; `octets` is that whole frame, the times are the loop's clock."""

    pdu: Lldpdu
    octets: bytes
    expires: float

    @property
    def msap(self) -> Msap:
        return self.pdu.msap


class Neighbors:
    """The table: looked up by identity, and by the octets of the last frame."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._by_msap: dict[Msap, Neighbor] = {}
        self._by_octets: dict[bytes, Neighbor] = {}

    def __len__(self) -> int:
        return len(self._by_msap)

    def __iter__(self) -> Iterator[Neighbor]:
        return iter(self._by_msap.values())

    @property
    def deadline(self) -> float:
        """When the first of them expires, infinity where there is none."""
        return min((neighbor.expires for neighbor in self), default=math.inf)

    def same(self, octets: bytes) -> Neighbor | None:
        """Whose last frame had exactly these octets."""
        return self._by_octets.get(octets)

    def find(self, msap: Msap) -> Neighbor | None:
        return self._by_msap.get(msap)

    def refresh(self, neighbor: Neighbor, now: float) -> None:
        neighbor.expires = now + neighbor.pdu.ttl

    def store(self, pdu: Lldpdu, octets: bytes, now: float) -> bool:
        """Add, or replace all that was known: nothing carries over. False where a new one finds no room."""
        old = self._by_msap.get(pdu.msap)
        if old is None and len(self._by_msap) >= self._limit:
            return False
        if old is not None:
            del self._by_octets[old.octets]
        self._by_msap[pdu.msap] = self._by_octets[octets] = Neighbor(pdu, octets, now + pdu.ttl)
        return True

    def delete(self, neighbor: Neighbor) -> None:
        del self._by_msap[neighbor.msap]
        del self._by_octets[neighbor.octets]

    def expired(self, now: float) -> list[Neighbor]:
        return [neighbor for neighbor in self if neighbor.expires <= now]

"""Where probes leave and come back: the port, its address, and the one that is the probe's own."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from itertools import count
from typing import Final, Self

from evbagent.events import LinkState
from evbagent.wire.octets import MacAddress, u32

__all__ = ["Place", "probe_address"]

_PERSON: Final = b"evbagent address"  # the same key signs frames; no address may pass for a piece of a tag


def probe_address(key: bytes, port: int, taken: Collection[MacAddress]) -> MacAddress:
    """Locally administered, unicast, none of `taken`; hashed from `key` (1..64 octets) and the ifindex.

    It is the same as long as the key is, so that the switch learns one more address a port and start, and not more. It
    lies in the quadrant that 802c-2017 leaves to administrators (second digit 2).
    """
    candidates = (_candidate(key, port, salt) for salt in count())
    return next(address for address in candidates if address not in taken)


def _candidate(key: bytes, port: int, salt: int) -> MacAddress:
    digest = hashlib.blake2b(u32(port) + u32(salt), digest_size=6, key=key, person=_PERSON).digest()
    return MacAddress(bytes([digest[0] & 0xF0 | 0x02]) + digest[1:])


@dataclass(frozen=True, slots=True)
class Place:
    """One link of a port, as long as carrier stays: the kernel may merge a down and an up, and counts them."""

    ifindex: int
    address: MacAddress
    carrier_ups: int
    probe_address: MacAddress

    @classmethod
    def of(cls, link: LinkState | None, key: bytes, taken: Collection[MacAddress]) -> Self | None:
        """None where there is no link to probe."""
        if link is None or not link.enabled or link.address is None:
            return None
        address = probe_address(key, link.ifindex, {*taken, link.address})
        return cls(link.ifindex, link.address, link.carrier_ups, address)

    def same_link(self, other: Place | None) -> bool:
        """Whether what was learnt there holds here; the probe address may have moved away from a guest's."""
        mine = self.ifindex, self.address, self.carrier_ups
        return other is not None and mine == (other.ifindex, other.address, other.carrier_ups)

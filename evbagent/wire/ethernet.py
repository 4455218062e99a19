"""Ethernet frames as far as LLDP needs them (802.3 clause 3, 802.1Q clause 9 for the tag)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, Self

from evbagent.wire.octets import Cursor, MacAddress, OctetsError, u16

__all__ = ["ETHERTYPE_LLDP", "MINIMUM", "DiscardReason", "Frame", "FrameDiscarded", "Scope"]

ETHERTYPE_LLDP: Final = 0x88CC
ETHERTYPE_C_TAG: Final = 0x8100
MINIMUM: Final = 60  # octets before the FCS; shorter frames are padded with zeros
_VID: Final = 0x0FFF


class DiscardReason(Enum):
    """Why a frame went no further; the values are labels of metrics and logs."""

    TRUNCATED = "truncated"
    NOT_LLDP = "not_lldp"
    NOT_A_GROUP = "not_a_group"
    TAGGED = "tagged"
    OWN = "own"
    MISSING_MANDATORY = "missing_mandatory"
    WRONG_ORDER = "wrong_order"
    DUPLICATE_MANDATORY = "duplicate_mandatory"
    BAD_CHASSIS_ID = "bad_chassis_id"
    BAD_PORT_ID = "bad_port_id"
    BAD_TTL = "bad_ttl"
    TOO_MANY_NEIGHBORS = "too_many_neighbors"
    RATE_LIMITED = "rate_limited"
    NO_AGENT = "no_agent"
    PROBE_FOREIGN = "probe_foreign"  # on the probe's EtherType, and no probe
    PROBE_UNSIGNED = "probe_unsigned"
    PROBE_OTHER_PORT = "probe_other_port"
    PROBE_REPLAYED = "probe_replayed"  # ours, and not waited for: answered already, or of an earlier time
    PROBE_LATE = "probe_late"  # ours, and its round was over


class FrameDiscarded(Exception):
    """A peer's frame can't be used: the one exception that the wire may cause."""

    def __init__(self, reason: DiscardReason, detail: str) -> None:
        super().__init__(f"{reason.value}: {detail}")
        self.reason = reason
        self.detail = detail


class Scope(Enum):
    """The three group addresses of LLDP, one agent each (802.1AB-2016 table 7-1)."""

    NEAREST_BRIDGE = "nearest-bridge"
    NEAREST_NON_TPMR_BRIDGE = "nearest-non-tpmr-bridge"
    NEAREST_CUSTOMER_BRIDGE = "nearest-customer-bridge"

    @property
    def address(self) -> MacAddress:
        """The destination of the LLDPDUs of this scope."""
        return _ADDRESSES[self]


_ADDRESSES: Final = {
    Scope.NEAREST_BRIDGE: MacAddress.parse("01-80-C2-00-00-0E"),
    Scope.NEAREST_NON_TPMR_BRIDGE: MacAddress.parse("01-80-C2-00-00-03"),
    Scope.NEAREST_CUSTOMER_BRIDGE: MacAddress.parse("01-80-C2-00-00-00"),
}
_SCOPES: Final = {address: scope for scope, address in _ADDRESSES.items()}


@dataclass(frozen=True, slots=True)
class Frame:
    """One untagged or priority-tagged frame; `payload` may end in padding."""

    destination: MacAddress
    source: MacAddress
    ethertype: int
    payload: bytes

    @classmethod
    def decode(cls, octets: bytes, vlan: int | None = None) -> Self:
        """From the octets after the preamble, without FCS.

        `vlan` is the VLAN identifier that the kernel took out of the frame, None for an untagged one. A C-tag that
        is still in the octets counts the same. Raises `FrameDiscarded` (truncated, tagged).
        """
        cursor = Cursor(octets)
        try:
            destination, source = MacAddress(cursor.take(6)), MacAddress(cursor.take(6))
            ethertype = cursor.u16()
            if ethertype == ETHERTYPE_C_TAG:
                vlan = (cursor.u16() & _VID) or vlan  # behind the tag that the kernel took out may stand another
                ethertype = cursor.u16()
        except OctetsError as error:
            raise FrameDiscarded(DiscardReason.TRUNCATED, f"{len(octets)} octets are no frame: {error}") from None
        if vlan:  # VID 0 is a priority tag, which some switches put on LLDP towards hosts
            raise FrameDiscarded(DiscardReason.TAGGED, f"LLDP belongs to no VLAN, this frame to {vlan}")
        return cls(destination, source, ethertype, cursor.rest())

    @property
    def scope(self) -> Scope | None:
        """The LLDP scope that the destination stands for, None for any other address."""
        return _SCOPES.get(self.destination)

    def encode(self) -> bytes:
        """Octets ready to send, padded to the minimum."""
        octets = self.destination.octets + self.source.octets + u16(self.ethertype) + self.payload
        return octets.ljust(MINIMUM, b"\0")

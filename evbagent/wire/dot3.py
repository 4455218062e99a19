"""The 802.3 TLVs about the link itself: its speed, power, aggregation and frame size (802.3-2018 clause 79)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Self

from evbagent.wire.octets import Cursor, OctetsError, bounded, u8, u16, u24, u32
from evbagent.wire.tlv import OrgKey, Repeated, Tlv

__all__ = ["OUI", "FourPair", "LinkAggregation", "MacPhy", "MaxFrameSize", "PowerRequest", "PowerViaMdi"]

OUI: Final = b"\x00\x12\x0f"


@dataclass(frozen=True, slots=True)
class MacPhy:
    """Autonegotiation, what it advertises (ifMauAutoNegCapAdvertisedBits) and the MAU type in use (79.3.1)."""

    KEY: ClassVar = OrgKey(OUI, 0x01)
    NAME: ClassVar = "mac_phy"
    LENGTHS: ClassVar = range(5, 6)
    REPEATED: ClassVar = Repeated.FIRST_COUNTS
    CHECKED: ClassVar = False

    autonegotiation_supported: bool
    autonegotiation_enabled: bool
    advertised: int
    mau_type: int

    def __post_init__(self) -> None:
        bounded("advertised capabilities", self.advertised, 0xFFFF)
        bounded("a MAU type", self.mau_type, 0xFFFF)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        status = cursor.u8()
        return cls(bool(status & 0x01), bool(status & 0x02), cursor.u16(), cursor.u16())

    def tlv(self) -> Tlv:
        status = self.autonegotiation_enabled << 1 | self.autonegotiation_supported
        return Tlv.organizational(self.KEY, u8(status) + u16(self.advertised) + u16(self.mau_type))


@dataclass(frozen=True, slots=True)
class PowerRequest:
    """The five octets that 802.3at added (79.3.2.4 to 79.3.2.6); power in tenths of a watt."""

    SIZE: ClassVar = 5

    power_type: int  # 0 type 2 PSE, 1 type 2 PD, 2 type 1 PSE, 3 type 1 PD
    source: int
    both_modes: bool  # PD 4PID
    priority: int  # 0 unknown, 1 critical, 2 high, 3 low
    requested: int
    allocated: int

    def __post_init__(self) -> None:
        for name in ("power_type", "source", "priority"):
            bounded(name, getattr(self, name), 3)
        bounded("requested power", self.requested, 0xFFFF)
        bounded("allocated power", self.allocated, 0xFFFF)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        octet = cursor.u8()
        kind = octet >> 6, octet >> 4 & 0x03, bool(octet & 0x04), octet & 0x03
        return cls(*kind, cursor.u16(), cursor.u16())

    def encode(self) -> bytes:
        octet = self.power_type << 6 | self.source << 4 | self.both_modes << 2 | self.priority
        return u8(octet) + u16(self.requested) + u16(self.allocated)


@dataclass(frozen=True, slots=True)
class FourPair:
    """The 17 octets that 802.3bt added for power on four pairs (79.3.2.7 to 79.3.2.12); power in tenths of a watt."""

    SIZE: ClassVar = 17

    requested_a: int
    requested_b: int
    allocated_a: int
    allocated_b: int
    power_status: int
    system_setup: int
    maximum: int
    autoclass: int
    power_down: int

    def __post_init__(self) -> None:
        for name in ("requested_a", "requested_b", "allocated_a", "allocated_b", "power_status", "maximum"):
            bounded(name, getattr(self, name), 0xFFFF)
        bounded("system_setup", self.system_setup, 0xFF)
        bounded("autoclass", self.autoclass, 0xFF)
        bounded("power_down", self.power_down, 0xFFFFFF)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        power = cursor.u16(), cursor.u16(), cursor.u16(), cursor.u16()
        return cls(*power, cursor.u16(), cursor.u8(), cursor.u16(), cursor.u8(), cursor.u24())

    def encode(self) -> bytes:
        power = u16(self.requested_a) + u16(self.requested_b) + u16(self.allocated_a) + u16(self.allocated_b)
        status = u16(self.power_status) + u8(self.system_setup) + u16(self.maximum)
        return power + status + u8(self.autoclass) + u24(self.power_down)


@dataclass(frozen=True, slots=True)
class PowerViaMdi:
    """Power over the link (79.3.2): three octets at first, more in later revisions, all of them or none.

    `pairs` is 1 for the signal pairs and 2 for the spare ones, `power_class` one more than the class.
    """

    KEY: ClassVar = OrgKey(OUI, 0x02)
    NAME: ClassVar = "power_via_mdi"
    LENGTHS: ClassVar = range(3, 508)
    REPEATED: ClassVar = Repeated.FIRST_COUNTS
    CHECKED: ClassVar = False

    pse: bool  # power sourcing equipment; a powered device otherwise
    supported: bool
    enabled: bool
    pairs_controllable: bool
    pairs: int
    power_class: int
    request: PowerRequest | None = None
    four_pair: FourPair | None = None

    def __post_init__(self) -> None:
        bounded("power pairs", self.pairs, 0xFF)
        bounded("a power class", self.power_class, 0xFF)
        if self.four_pair is not None and self.request is None:
            raise OctetsError("four-pair power stands behind a power request")

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        support = cursor.u8()
        flags = bool(support & 0x01), bool(support & 0x02), bool(support & 0x04), bool(support & 0x08)
        pairs, power_class = cursor.u8(), cursor.u8()
        request = PowerRequest.decode(cursor) if cursor.remaining >= PowerRequest.SIZE else None
        four_pair = FourPair.decode(cursor) if cursor.remaining >= FourPair.SIZE else None
        return cls(*flags, pairs, power_class, request, four_pair)

    def tlv(self) -> Tlv:
        support = self.pairs_controllable << 3 | self.enabled << 2 | self.supported << 1 | self.pse
        more = (part.encode() for part in (self.request, self.four_pair) if part is not None)
        return Tlv.organizational(self.KEY, u8(support) + u8(self.pairs) + u8(self.power_class) + b"".join(more))


@dataclass(frozen=True, slots=True)
class LinkAggregation:
    """Link aggregation as 802.3 had it before it went to 802.1 (79.3.3, deprecated)."""

    KEY: ClassVar = OrgKey(OUI, 0x03)
    NAME: ClassVar = "link_aggregation_dot3"
    LENGTHS: ClassVar = range(5, 6)
    REPEATED: ClassVar = Repeated.FIRST_COUNTS
    CHECKED: ClassVar = False

    capable: bool
    aggregated: bool
    port_id: int

    def __post_init__(self) -> None:
        bounded("an aggregate's port", self.port_id, 0xFFFFFFFF)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        status = cursor.u8()
        return cls(bool(status & 0x01), bool(status & 0x02), cursor.u32())

    def tlv(self) -> Tlv:
        return Tlv.organizational(self.KEY, u8(self.aggregated << 1 | self.capable) + u32(self.port_id))


@dataclass(frozen=True, slots=True)
class MaxFrameSize:
    """The largest frame that MAC and PHY take, in octets with header and FCS (79.3.4)."""

    KEY: ClassVar = OrgKey(OUI, 0x04)
    NAME: ClassVar = "max_frame_size"
    LENGTHS: ClassVar = range(2, 3)
    REPEATED: ClassVar = Repeated.FIRST_COUNTS
    CHECKED: ClassVar = False

    size: int

    def __post_init__(self) -> None:
        bounded("a frame size", self.size, 0xFFFF)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        return cls(cursor.u16())

    def tlv(self) -> Tlv:
        return Tlv.organizational(self.KEY, u16(self.size))

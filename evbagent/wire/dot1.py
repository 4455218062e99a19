"""The 802.1 TLVs that say how a port treats VLANs and aggregation (802.1Q-2018 annex D; 802.1AX-2014 annex F)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Self

from evbagent.wire.basic import printable
from evbagent.wire.octets import Cursor, bitmap, bounded, eight, u8, u16, u32
from evbagent.wire.tlv import OrgKey, Repeated, Tlv

__all__ = [
    "OUI",
    "CongestionNotification",
    "LinkAggregation",
    "ManagementVlanId",
    "PortProtocolVlanId",
    "PortVlanId",
    "ProtocolIdentity",
    "VidUsageDigest",
    "VlanName",
]

OUI: Final = b"\x00\x80\xc2"
_VLAN_FIELD: Final = 0xFFFF  # identifiers end at 4094, but the field is wider and what stands in it is shown
_NAME_LIMIT: Final = 32


@dataclass(frozen=True, slots=True)
class _VlanId:
    """A VLAN identifier and nothing else; 0 where there is none."""

    KEY: ClassVar[OrgKey]
    LENGTHS: ClassVar = range(2, 3)
    REPEATED: ClassVar = Repeated.FIRST_COUNTS
    CHECKED: ClassVar = False

    vid: int

    def __post_init__(self) -> None:
        bounded("a VLAN identifier", self.vid, _VLAN_FIELD)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        return cls(cursor.u16())

    def tlv(self) -> Tlv:
        return Tlv.organizational(self.KEY, u16(self.vid))


class PortVlanId(_VlanId):
    """The VLAN of untagged frames (D.2.1)."""

    __slots__ = ()
    KEY: ClassVar = OrgKey(OUI, 0x01)
    NAME: ClassVar = "port_vlan_id"


class ManagementVlanId(_VlanId):
    """The VLAN in which the system is managed (D.2.6)."""

    __slots__ = ()
    KEY: ClassVar = OrgKey(OUI, 0x06)
    NAME: ClassVar = "management_vlan_id"


@dataclass(frozen=True, slots=True)
class PortProtocolVlanId:
    """A VLAN of frames of certain protocols (D.2.2)."""

    KEY: ClassVar = OrgKey(OUI, 0x02)
    NAME: ClassVar = "port_protocol_vlan_id"
    LENGTHS: ClassVar = range(3, 4)
    REPEATED: ClassVar = Repeated.ALL_COUNT
    CHECKED: ClassVar = False

    supported: bool
    enabled: bool
    vid: int

    def __post_init__(self) -> None:
        bounded("a VLAN identifier", self.vid, _VLAN_FIELD)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        flags = cursor.u8()
        return cls(bool(flags & 0x02), bool(flags & 0x04), cursor.u16())

    def tlv(self) -> Tlv:
        return Tlv.organizational(self.KEY, u8(self.enabled << 2 | self.supported << 1) + u16(self.vid))


@dataclass(frozen=True, slots=True)
class VlanName:
    """A VLAN's name of 0..32 octets (D.2.3)."""

    KEY: ClassVar = OrgKey(OUI, 0x03)
    NAME: ClassVar = "vlan_name"
    LENGTHS: ClassVar = range(3, 3 + _NAME_LIMIT + 1)
    REPEATED: ClassVar = Repeated.ALL_COUNT
    CHECKED: ClassVar = True

    vid: int
    octets: bytes

    def __post_init__(self) -> None:
        bounded("a VLAN identifier", self.vid, _VLAN_FIELD)
        bounded("the length of a VLAN's name", len(self.octets), _NAME_LIMIT)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        value = cls(cursor.u16(), cursor.take(cursor.u8()))
        cursor.end()
        return value

    def tlv(self) -> Tlv:
        return Tlv.organizational(self.KEY, u16(self.vid) + u8(len(self.octets)) + self.octets)

    def __str__(self) -> str:
        return printable(self.octets)


@dataclass(frozen=True, slots=True)
class ProtocolIdentity:
    """The first octets of a protocol that the port takes part in (D.2.4)."""

    KEY: ClassVar = OrgKey(OUI, 0x04)
    NAME: ClassVar = "protocol_identity"
    LENGTHS: ClassVar = range(1, 257)
    REPEATED: ClassVar = Repeated.ALL_COUNT
    CHECKED: ClassVar = True

    identity: bytes

    def __post_init__(self) -> None:
        bounded("the length of a protocol identity", len(self.identity), 255)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        value = cls(cursor.take(cursor.u8()))
        cursor.end()
        return value

    def tlv(self) -> Tlv:
        return Tlv.organizational(self.KEY, u8(len(self.identity)) + self.identity)


@dataclass(frozen=True, slots=True)
class VidUsageDigest:
    """The CRC-32 of the table of VLANs in use (D.2.5)."""

    KEY: ClassVar = OrgKey(OUI, 0x05)
    NAME: ClassVar = "vid_usage_digest"
    LENGTHS: ClassVar = range(4, 5)
    REPEATED: ClassVar = Repeated.FIRST_COUNTS
    CHECKED: ClassVar = False

    digest: int

    def __post_init__(self) -> None:
        bounded("a digest", self.digest, 0xFFFFFFFF)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        return cls(cursor.u32())

    def tlv(self) -> Tlv:
        return Tlv.organizational(self.KEY, u32(self.digest))


@dataclass(frozen=True, slots=True)
class LinkAggregation:
    """Whether the link can be and is part of an aggregate (802.1AX-2014 F.1).

    `port_type` is 0 unspecified, 1 aggregator, 2 aggregation port, 3 end of a distributed relay; `port_id` is the
    ifIndex of the aggregate, 0 where there is none.
    """

    KEY: ClassVar = OrgKey(OUI, 0x07)
    NAME: ClassVar = "link_aggregation"
    LENGTHS: ClassVar = range(5, 6)
    REPEATED: ClassVar = Repeated.FIRST_COUNTS
    CHECKED: ClassVar = False

    capable: bool
    aggregated: bool
    port_type: int
    port_id: int

    def __post_init__(self) -> None:
        bounded("a port type", self.port_type, 3)
        bounded("an aggregate's port", self.port_id, 0xFFFFFFFF)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        status = cursor.u8()
        return cls(bool(status & 0x01), bool(status & 0x02), status >> 2 & 0x03, cursor.u32())

    def tlv(self) -> Tlv:
        status = self.port_type << 2 | self.aggregated << 1 | self.capable
        return Tlv.organizational(self.KEY, u8(status) + u32(self.port_id))


@dataclass(frozen=True, slots=True)
class CongestionNotification:
    """The priorities under congestion notification and those ready for it, eight flags each (D.2.7)."""

    KEY: ClassVar = OrgKey(OUI, 0x08)
    NAME: ClassVar = "congestion_notification"
    LENGTHS: ClassVar = range(2, 3)
    REPEATED: ClassVar = Repeated.FIRST_COUNTS
    CHECKED: ClassVar = False

    enabled: tuple[bool, ...]
    ready: tuple[bool, ...]

    def __post_init__(self) -> None:
        eight("enabled", self.enabled, 1)
        eight("ready", self.ready, 1)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        return cls(cursor.bitmap(), cursor.bitmap())

    def tlv(self) -> Tlv:
        return Tlv.organizational(self.KEY, bitmap(self.enabled) + bitmap(self.ready))

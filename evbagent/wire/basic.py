"""The basic TLVs: identities of chassis and port, names, capabilities and management addresses (802.1AB-2016 8.5)."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import STRICT, Flag, IntEnum
from typing import ClassVar, Final, Self

from evbagent.wire.octets import Cursor, MacAddress, OctetsError, bounded, u8, u16, u32
from evbagent.wire.tlv import Repeated, Tlv

__all__ = [
    "Capability",
    "ChassisId",
    "ChassisIdSubtype",
    "ManagementAddress",
    "PortDescription",
    "PortId",
    "PortIdSubtype",
    "SystemCapabilities",
    "SystemDescription",
    "SystemName",
    "printable",
]

_ADDRESS_SIZES: Final = {1: 4, 2: 16}  # IANA address family numbers: IPv4, IPv6
TEXT_LIMIT: Final = 255


def printable(octets: bytes) -> str:
    """Text of a peer made safe to show: UTF-8, with everything that doesn't print as backslash escapes."""
    text = octets.decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


class ChassisIdSubtype(IntEnum):
    """802.1AB-2016 table 8-2."""

    CHASSIS_COMPONENT = 1
    INTERFACE_ALIAS = 2
    PORT_COMPONENT = 3
    MAC_ADDRESS = 4
    NETWORK_ADDRESS = 5
    INTERFACE_NAME = 6
    LOCAL = 7


class PortIdSubtype(IntEnum):
    """802.1AB-2016 table 8-3; note that the numbers differ from those of chassis IDs."""

    INTERFACE_ALIAS = 1
    PORT_COMPONENT = 2
    MAC_ADDRESS = 3
    NETWORK_ADDRESS = 4
    INTERFACE_NAME = 5
    AGENT_CIRCUIT_ID = 6
    LOCAL = 7


@dataclass(frozen=True, slots=True)
class _Identity:
    """A subtype and 1..255 octets; reserved subtypes are kept as they are.

    Classes that only name theirs, here and in the other modules, are no dataclasses of their own: at half a
    millisecond each that is time of every start.
    """

    TYPE: ClassVar[int]
    SUBTYPES: ClassVar[type[IntEnum]]
    MAC: ClassVar[int]
    NETWORK: ClassVar[int]

    subtype: int
    value: bytes

    def __post_init__(self) -> None:
        if not 1 <= len(self.value) <= 255:
            raise OctetsError(f"an identity has 1..255 octets, not {len(self.value)}")
        if not 0 <= self.subtype <= 255:
            raise OctetsError(f"a subtype is 0..255, not {self.subtype}")

    @classmethod
    def mac(cls, address: MacAddress) -> Self:
        return cls(cls.MAC, address.octets)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        return cls(cursor.u8(), cursor.rest())

    @property
    def subtype_name(self) -> str:
        """The subtype's name, `reserved` outside the table."""
        try:
            return str(self.SUBTYPES(self.subtype).name.lower())
        except ValueError:
            return "reserved"

    def tlv(self) -> Tlv:
        return Tlv(self.TYPE, u8(self.subtype) + self.value)

    def __str__(self) -> str:
        if self.subtype == self.MAC:
            return self.value.hex(":")
        if self.subtype == self.NETWORK and _ADDRESS_SIZES.get(self.value[0]) == len(self.value) - 1:
            return str(ipaddress.ip_address(self.value[1:]))
        return printable(self.value)


class ChassisId(_Identity):
    """Who the neighbor is (8.5.2)."""

    __slots__ = ()
    TYPE = 1
    SUBTYPES = ChassisIdSubtype
    MAC = ChassisIdSubtype.MAC_ADDRESS
    NETWORK = ChassisIdSubtype.NETWORK_ADDRESS


class PortId(_Identity):
    """Which of the neighbor's ports it is (8.5.3)."""

    __slots__ = ()
    TYPE = 2
    SUBTYPES = PortIdSubtype
    MAC = PortIdSubtype.MAC_ADDRESS
    NETWORK = PortIdSubtype.NETWORK_ADDRESS

    @classmethod
    def interface(cls, name: str) -> Self:
        return cls(PortIdSubtype.INTERFACE_NAME, name.encode())


@dataclass(frozen=True, slots=True)
class _Text:
    """0..255 octets of text; empty is legal."""

    TYPE: ClassVar[int]
    LENGTHS: ClassVar = range(TEXT_LIMIT + 1)
    REPEATED: ClassVar = Repeated.FIRST_COUNTS
    CHECKED: ClassVar = False

    octets: bytes

    def __post_init__(self) -> None:
        if len(self.octets) > TEXT_LIMIT:
            raise OctetsError(f"a text has at most {TEXT_LIMIT} octets, not {len(self.octets)}")

    @classmethod
    def of(cls, text: str) -> Self:
        """Cut to what fits, at a character's end."""
        return cls(text.encode()[:TEXT_LIMIT].decode(errors="ignore").encode())

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        return cls(cursor.rest())

    def tlv(self) -> Tlv:
        return Tlv(self.TYPE, self.octets)

    def __str__(self) -> str:
        return printable(self.octets)


class PortDescription(_Text):
    """8.5.5."""

    __slots__ = ()
    TYPE = 4
    NAME: ClassVar = "port_description"


class SystemName(_Text):
    """8.5.6."""

    __slots__ = ()
    TYPE = 5
    NAME: ClassVar = "system_name"


class SystemDescription(_Text):
    """8.5.7."""

    __slots__ = ()
    TYPE = 6
    NAME: ClassVar = "system_description"


class Capability(Flag, boundary=STRICT):
    """802.1AB-2016 table 8-4; the bits above are reserved."""

    NONE = 0
    OTHER = 1 << 0
    REPEATER = 1 << 1
    BRIDGE = 1 << 2
    WLAN_AP = 1 << 3
    ROUTER = 1 << 4
    TELEPHONE = 1 << 5
    DOCSIS = 1 << 6
    STATION = 1 << 7
    C_VLAN = 1 << 8
    S_VLAN = 1 << 9
    TPMR = 1 << 10

    @property
    def names(self) -> tuple[str, ...]:
        """As operators write them, lowest bit first."""
        return tuple(str(each.name).lower().replace("_", "-") for each in self)


@dataclass(frozen=True, slots=True)
class SystemCapabilities:
    """What the system can be, and what of that it is now (8.5.8); reserved bits are ignored."""

    TYPE: ClassVar = 7
    NAME: ClassVar = "system_capabilities"
    LENGTHS: ClassVar = range(4, 5)
    REPEATED: ClassVar = Repeated.FIRST_COUNTS
    CHECKED: ClassVar = False

    capable: Capability
    enabled: Capability

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        return cls(Capability(cursor.u16() & _CAPABILITIES), Capability(cursor.u16() & _CAPABILITIES))

    def tlv(self) -> Tlv:
        return Tlv(self.TYPE, u16(self.capable.value) + u16(self.enabled.value))


_CAPABILITIES: Final = sum(capability.value for capability in Capability)


@dataclass(frozen=True, slots=True)
class ManagementAddress:
    """Where the system is managed (8.5.9).

    `family` is IANA's; `interface_subtype` is 1 unknown, 2 ifIndex, 3 system port number; `oid` has the octets of an
    object identifier as ASN.1 encodes its value, possibly none.
    """

    TYPE: ClassVar = 8
    NAME: ClassVar = "management_address"
    LENGTHS: ClassVar = range(9, 168)
    REPEATED: ClassVar = Repeated.ALL_COUNT
    CHECKED: ClassVar = True

    family: int
    address: bytes
    interface_subtype: int = 1
    interface_number: int = 0
    oid: bytes = b""

    def __post_init__(self) -> None:
        bounded("an address family", self.family, 255)
        bounded("an interface numbering", self.interface_subtype, 255)
        bounded("an interface number", self.interface_number, 0xFFFFFFFF)
        bounded("the length of an object identifier", len(self.oid), 128)
        if not 1 <= len(self.address) <= 31:
            raise OctetsError(f"a management address has 1..31 octets, not {len(self.address)}")

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        address = Cursor(cursor.take(cursor.u8()))
        value = cls(address.u8(), address.rest(), cursor.u8(), cursor.u32(), cursor.take(cursor.u8()))
        cursor.end()
        return value

    def tlv(self) -> Tlv:
        address = u8(1 + len(self.address)) + u8(self.family) + self.address
        interface = u8(self.interface_subtype) + u32(self.interface_number)
        return Tlv(self.TYPE, address + interface + u8(len(self.oid)) + self.oid)

    @property
    def oid_text(self) -> str | None:
        """The object identifier with dots, as far as it is whole; None where there is none."""
        return _dotted(self.oid)

    def __str__(self) -> str:
        if _ADDRESS_SIZES.get(self.family) == len(self.address):
            return str(ipaddress.ip_address(self.address))
        return self.address.hex(":")  # family 6 is a MAC address; of the others nothing is known


def _dotted(oid: bytes) -> str | None:
    """The arcs of an object identifier's encoding (X.690 8.19): seven bits an octet, the first two arcs in one."""
    arcs: list[int] = []
    arc = 0
    for octet in oid:
        arc = arc << 7 | octet & 0x7F
        if octet & 0x80:
            continue
        if not arcs:
            arcs.append(min(arc // 40, 2))
            arc -= 40 * arcs[0]
        arcs.append(arc)
        arc = 0
    return ".".join(map(str, arcs)) or None

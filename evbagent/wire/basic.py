"""The basic TLVs: identities of chassis and port, and names (802.1AB-2016 8.5)."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final, Self

from evbagent.wire.octets import Cursor, MacAddress, OctetsError, u8
from evbagent.wire.tlv import Tlv

__all__ = [
    "ChassisId",
    "ChassisIdSubtype",
    "PortDescription",
    "PortId",
    "PortIdSubtype",
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
    """A subtype and 1..255 octets; reserved subtypes are kept as they are."""

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


@dataclass(frozen=True, slots=True)
class ChassisId(_Identity):
    """Who the neighbor is (8.5.2)."""

    TYPE = 1
    SUBTYPES = ChassisIdSubtype
    MAC = ChassisIdSubtype.MAC_ADDRESS
    NETWORK = ChassisIdSubtype.NETWORK_ADDRESS


@dataclass(frozen=True, slots=True)
class PortId(_Identity):
    """Which of the neighbor's ports it is (8.5.3)."""

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


@dataclass(frozen=True, slots=True)
class PortDescription(_Text):
    """8.5.5."""

    TYPE = 4


@dataclass(frozen=True, slots=True)
class SystemName(_Text):
    """8.5.6."""

    TYPE = 5


@dataclass(frozen=True, slots=True)
class SystemDescription(_Text):
    """8.5.7."""

    TYPE = 6

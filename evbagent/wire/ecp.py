"""The ECP header, as ratified and as drafted: an acknowledged request on one link (802.1Q-2014 43.3, draft 0.2)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final, Self

from evbagent.wire.octets import Cursor, bounded
from evbagent.wire.tlv import OrgKey

__all__ = ["ETHERTYPE_ECP", "ETHERTYPE_OUI_EXTENDED", "DraftEcp", "Ecp", "EcpOperation", "EcpSubtype"]

ETHERTYPE_ECP: Final = 0x8940
ETHERTYPE_OUI_EXTENDED: Final = 0x88B7  # whose first five octets name the protocol; the draft's ECP is one of many


class EcpOperation(IntEnum):
    """What an ECPDU does; 2 and 3 are reserved. An answer of VDP is a request of the bridge's own."""

    REQUEST = 0
    ACK = 1


class EcpSubtype(IntEnum):
    """Whose payload it is."""

    VDP = 1
    PORT_EXTENDER = 2


@dataclass(frozen=True, slots=True)
class Ecp:
    """An ECPDU (802.1Q-2014 43.3.3): four bits of version, two of operation, ten of subtype, and a sequence number.

    `payload` may end in padding; an acknowledgment's means nothing.
    """

    VERSION: ClassVar = 1
    VDP: ClassVar[int] = EcpSubtype.VDP

    version: int
    operation: int
    subtype: int
    sequence: int
    payload: bytes = b""

    def __post_init__(self) -> None:
        bounded("an ECP version", self.version, 15)
        bounded("an ECP operation", self.operation, 3)
        bounded("an ECP subtype", self.subtype, 1023)
        bounded("an ECP sequence number", self.sequence, 0xFFFF)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        """From the octets after the EtherType; `OctetsError` where they hold no header."""
        head = cursor.u16()
        return cls(head >> 12, head >> 10 & 0x3, head & 0x3FF, cursor.u16(), cursor.rest())

    @property
    def fault(self) -> str | None:
        """Why a receiver drops it without acknowledging, None where it does not."""
        if self.version != self.VERSION:
            return f"ECP version {self.version} is not known, only {self.VERSION}"
        if self.operation not in EcpOperation.__members__.values():
            return f"ECP operation {self.operation} is reserved"
        if self.subtype not in EcpSubtype.__members__.values():
            return f"ECP subtype {self.subtype} is not known"
        return None


@dataclass(frozen=True, slots=True)
class DraftEcp:
    """An ECPDU of draft 0.2, which has neither a clause nor a version of its own; lldpad sends it to -0E."""

    KEY: ClassVar = OrgKey(b"\x00\x1b\x3f", 0)
    VERSION: ClassVar = 0
    VDP: ClassVar = 0

    operation: int
    subtype: int
    sequence: int
    payload: bytes = b""

    def __post_init__(self) -> None:
        bounded("a draft ECP mode", self.operation, 255)
        bounded("a draft ECP subtype", self.subtype, 0xFFFF)
        bounded("a draft ECP sequence number", self.sequence, 0xFFFF)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self | None:
        """From the octets after the EtherType; None where they are another protocol's.

        `OctetsError` where they hold no header.
        """
        if OrgKey(cursor.take(3), cursor.u8()) != cls.KEY:
            return None
        subtype = cursor.u16()
        return cls(cursor.u8(), subtype, cursor.u16(), cursor.rest())

    @property
    def version(self) -> int:
        """0, which no ratified ECPDU has."""
        return self.VERSION

    @property
    def fault(self) -> str | None:
        """Why a receiver drops it without acknowledging, None where it does not."""
        if self.operation not in EcpOperation.__members__.values():
            return f"draft ECP mode {self.operation} is not known"
        if self.subtype != self.VDP:
            return f"draft ECP subtype {self.subtype} is not known"
        return None

"""The EVB TLV before it was ratified (802.1Qbg draft 0, as lldpad sends it): offers and what is configured of them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import STRICT, IntFlag
from typing import ClassVar, Self

from evbagent.wire.octets import Cursor, bounded, u8, u16
from evbagent.wire.tlv import OrgKey, Repeated, Tlv

__all__ = ["DraftCapability", "DraftMode", "EvbDraft"]


class DraftMode(IntFlag, boundary=STRICT):
    """How a port forwards: as any bridge does, or back to where the frame came from too."""

    NONE = 0
    REFLECTIVE_RELAY = 0x40
    STANDARD = 0x80


class DraftCapability(IntFlag, boundary=STRICT):
    """What the sender can do besides."""

    NONE = 0
    VDP = 0x01
    ECP = 0x02
    RTE = 0x04


@dataclass(frozen=True, slots=True)
class EvbDraft:
    """One draft TLV; reserved bits are sent as zero and ignored when received.

    `rte` is an exponent (0..31) of 10 us * 2^n, 0 where none is given. A TLV that supports neither mode says nothing,
    and configured relay is the sender's intent: what follows from it is the station's business.
    """

    KEY: ClassVar = OrgKey(b"\x00\x1b\x3f", 0x00)
    NAME: ClassVar = "evb_draft"
    LENGTHS: ClassVar = range(9, 508)
    REPEATED: ClassVar = Repeated.NONE_COUNTS
    CHECKED: ClassVar = False

    supported_mode: DraftMode
    supported_capabilities: DraftCapability = DraftCapability.NONE
    configured_mode: DraftMode = DraftMode.NONE
    configured_capabilities: DraftCapability = DraftCapability.NONE
    supported_vsis: int = 0
    configured_vsis: int = 0
    rte: int = 0

    def __post_init__(self) -> None:
        bounded("supported_vsis", self.supported_vsis, 0xFFFF)
        bounded("configured_vsis", self.configured_vsis, 0xFFFF)
        bounded("rte", self.rte, 31)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        """From what follows OUI and subtype; octets beyond the ninth are ignored."""
        supported = DraftMode(cursor.u8() & 0xC0), DraftCapability(cursor.u8() & 0x07)
        configured = DraftMode(cursor.u8() & 0xC0), DraftCapability(cursor.u8() & 0x07)
        return cls(*supported, *configured, cursor.u16(), cursor.u16(), cursor.u8() & 0x1F)

    def tlv(self) -> Tlv:
        supported = u8(self.supported_mode) + u8(self.supported_capabilities)
        configured = u8(self.configured_mode) + u8(self.configured_capabilities)
        vsis = u16(self.supported_vsis) + u16(self.configured_vsis)
        return Tlv.organizational(self.KEY, supported + configured + vsis + u8(self.rte))

"""The TLV header and organizationally specific keys (802.1AB-2016 8.4, 8.6)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Final, Self

from evbagent.wire.octets import Cursor, OctetsError, u8, u16

__all__ = ["MAX_VALUE", "ORGANIZATIONALLY_SPECIFIC", "OrgKey", "Repeated", "Tlv"]

MAX_VALUE: Final = 511  # nine bits of length
ORGANIZATIONALLY_SPECIFIC: Final = 127


class Repeated(Enum):
    """What it means where TLVs of one kind stand in an LLDPDU more than once."""

    ALL_COUNT = "all"  # one for each VLAN, address, application ...
    FIRST_COUNTS = "first"  # only shown, so the first is as good as any
    NONE_COUNTS = "none"  # something is switched by it, and they contradict each other


@dataclass(frozen=True, slots=True, order=True)
class OrgKey:
    """What names an organizationally specific TLV: OUI and subtype."""

    oui: bytes
    subtype: int

    def __post_init__(self) -> None:
        if len(self.oui) != 3:
            raise OctetsError(f"an OUI has 3 octets, not {len(self.oui)}")
        if not 0 <= self.subtype <= 255:
            raise OctetsError(f"a subtype is 0..255, not {self.subtype}")

    @property
    def octets(self) -> bytes:
        """What a TLV of this key begins with."""
        return self.oui + u8(self.subtype)

    def __str__(self) -> str:
        return f"{self.oui.hex('-').upper()}/{self.subtype:02X}"


@dataclass(frozen=True, slots=True)
class Tlv:
    """One TLV with its value as octets: type 0..126, or 127 with OUI and subtype at the front of the value."""

    type: int
    value: bytes

    def __post_init__(self) -> None:
        if not 0 <= self.type <= ORGANIZATIONALLY_SPECIFIC:
            raise OctetsError(f"TLV type {self.type} does not fit 7 bits")
        if len(self.value) > MAX_VALUE:
            raise OctetsError(f"a TLV holds at most {MAX_VALUE} octets, not {len(self.value)}")

    @classmethod
    def organizational(cls, key: OrgKey, information: bytes) -> Self:
        return cls(ORGANIZATIONALLY_SPECIFIC, key.octets + information)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        """The next TLV of an LLDPDU; `OctetsError` where it runs past the end."""
        header = cursor.u16()
        return cls(header >> 9, cursor.take(header & MAX_VALUE))

    @property
    def key(self) -> OrgKey | None:
        """OUI and subtype, None for any other type and for a value too short to hold them."""
        if self.type != ORGANIZATIONALLY_SPECIFIC or len(self.value) < 4:
            return None
        cursor = Cursor(self.value)
        return OrgKey(cursor.take(3), cursor.u8())

    @property
    def information(self) -> Cursor:
        """What follows OUI and subtype, or the whole value of any other type."""
        cursor = Cursor(self.value)
        if self.key is not None:
            cursor.take(4)
        return cursor

    def encode(self) -> bytes:
        return u16(self.type << 9 | len(self.value)) + self.value

"""Which TLVs are understood: one literal table, everything else stays octets."""

from __future__ import annotations

from typing import ClassVar, Final, Protocol, Self

from evbagent.wire.basic import PortDescription, SystemDescription, SystemName
from evbagent.wire.evb import Evb
from evbagent.wire.octets import Cursor
from evbagent.wire.tlv import OrgKey, Tlv

__all__ = ["BASIC_LENGTHS", "MANAGEMENT_ADDRESS", "ORGANIZATIONAL", "Organizational", "Text"]


class Organizational(Protocol):
    """An organizationally specific TLV's class; `LENGTHS` counts the octets after OUI and subtype."""

    KEY: ClassVar[OrgKey]
    NAME: ClassVar[str]
    LENGTHS: ClassVar[range]
    REPEATABLE: ClassVar[bool]

    @classmethod
    def decode(cls, cursor: Cursor) -> Self: ...

    def tlv(self) -> Tlv: ...


Text = PortDescription | SystemName | SystemDescription

ORGANIZATIONAL: Final[dict[OrgKey, type[Organizational]]] = {Evb.KEY: Evb}

# Optional basic TLVs (802.1AB-2016 table 8-1): the lengths that are legal. All but management addresses (8) stand
# at most once. Types that are not here are reserved and merely unrecognized.
BASIC_LENGTHS: Final[dict[int, range]] = {
    4: range(256),
    5: range(256),
    6: range(256),
    7: range(4, 5),
    8: range(9, 168),
}
MANAGEMENT_ADDRESS: Final = 8

"""The CDCP TLV: the S-channels a station wants of a port, and the VLANs a bridge gives them (802.1Q-2014 D.2.13)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, NamedTuple, Self

from evbagent.wire.octets import Cursor, OctetsError, bounded, u24, u32
from evbagent.wire.tlv import OrgKey, Repeated, Tlv

__all__ = ["Cdcp", "Channel", "Role"]


class Role(IntEnum):
    """Which end of the link the sender is; sources disagree about the bit, most have it so."""

    BRIDGE = 0
    STATION = 1


class Channel(NamedTuple):
    """An S-channel and its S-VLAN, 0 where none is assigned yet."""

    scid: int
    svid: int


_DEFAULT = Channel(1, 1)


@dataclass(frozen=True, slots=True)
class Cdcp:
    """One CDCP TLV; `channel_capacity` is how many channels the sender supports, the default one included.

    The default channel (1, 1) is always there, no channel stands twice, and no two have one S-VLAN.
    """

    KEY: ClassVar = OrgKey(b"\x00\x80\xc2", 0x0E)
    NAME: ClassVar = "cdcp"
    LENGTHS: ClassVar = range(4, 508, 3)
    REPEATED: ClassVar = Repeated.NONE_COUNTS
    CHECKED: ClassVar = True

    role: Role
    s_component: bool
    channel_capacity: int
    channels: tuple[Channel, ...] = (_DEFAULT,)

    def __post_init__(self) -> None:
        bounded("channel_capacity", self.channel_capacity, 0xFFF)
        bounded("the number of channels", len(self.channels), len(self.LENGTHS) - 1)
        _consistent(self.channels)

    @property
    def asks(self) -> bool:
        """Whether it holds a request, which only a station sends, whatever `role` says."""
        return any(channel.svid == 0 for channel in self.channels)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        head = cursor.u32()
        pairs = [cursor.u24() for _ in range(cursor.remaining // 3)]
        channels = tuple(Channel(pair >> 12, pair & 0xFFF) for pair in pairs)
        return cls(Role(head >> 31), bool(head & 1 << 27), head & 0xFFF, channels)

    def tlv(self) -> Tlv:
        head = self.role << 31 | self.s_component << 27 | self.channel_capacity
        pairs = b"".join(u24(channel.scid << 12 | channel.svid) for channel in self.channels)
        return Tlv.organizational(self.KEY, u32(head) + pairs)


def _consistent(channels: tuple[Channel, ...]) -> None:
    """`OctetsError` where they contradict each other."""
    for channel in channels:
        bounded("an S-channel", channel.scid, 0xFFF)
        bounded("an S-VLAN", channel.svid, 0xFFF)
    if _DEFAULT not in channels:
        raise OctetsError("the default channel (1, 1) is missing")
    if len({channel.scid for channel in channels}) < len(channels):
        raise OctetsError("an S-channel stands there twice")
    assigned = [channel.svid for channel in channels if channel.svid]
    if len(set(assigned)) < len(assigned):
        raise OctetsError("two S-channels have one S-VLAN")

"""The DCBX TLVs as 802.1 has them: what a port offers for storage and other lossless traffic (802.1Q-2018 D.2.8 on)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final, Self

from evbagent.wire.octets import Cursor, OctetsError, bitmap, bounded, eight, nibbles, u8, u16, u24
from evbagent.wire.tlv import OrgKey, Repeated, Tlv

__all__ = [
    "Application",
    "ApplicationPriority",
    "ApplicationVlan",
    "EtsConfiguration",
    "EtsRecommendation",
    "Pfc",
    "VlanApplication",
]

_OUI: Final = b"\x00\x80\xc2"
_ETS: Final = 2  # the transmission selection algorithm that shares bandwidth


@dataclass(frozen=True, slots=True)
class _Ets:
    """Which traffic class each priority belongs to, and what each class gets of the link.

    `prio_tc` holds the class of priorities 0..7; 8..15 are reserved, but switches send 15 for a priority without
    class. `tc_bandwidth` is in percent; `tc_tsa` is 0 strict, 1 credit-based shaper, 2 ETS, 255 the vendor's own.
    The classes under ETS share 100 %: anything else is refused.
    """

    prio_tc: tuple[int, ...]
    tc_bandwidth: tuple[int, ...]
    tc_tsa: tuple[int, ...]

    def __post_init__(self) -> None:
        eight("prio_tc", self.prio_tc, 15)
        eight("tc_bandwidth", self.tc_bandwidth, 100)
        eight("tc_tsa", self.tc_tsa, 255)
        shares = [share for share, tsa in zip(self.tc_bandwidth, self.tc_tsa, strict=True) if tsa == _ETS]
        if shares and sum(shares) != 100:
            raise OctetsError(f"the bandwidth of the classes under ETS is {sum(shares)} %, not 100")

    def _tables(self) -> bytes:
        return nibbles(self.prio_tc) + bytes(self.tc_bandwidth) + bytes(self.tc_tsa)


class EtsRecommendation(_Ets):
    """What the sender wants its peer to use (D.2.9)."""

    __slots__ = ()
    KEY: ClassVar = OrgKey(_OUI, 0x0A)
    NAME: ClassVar = "ets_recommendation"
    LENGTHS: ClassVar = range(21, 22)
    REPEATED: ClassVar = Repeated.NONE_COUNTS
    CHECKED: ClassVar = True

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        cursor.u8()  # reserved
        return cls(cursor.nibbles(4), tuple(cursor.take(8)), tuple(cursor.take(8)))

    def tlv(self) -> Tlv:
        return Tlv.organizational(self.KEY, u8(0) + self._tables())


@dataclass(frozen=True, slots=True)
class EtsConfiguration(_Ets):
    """What the sender uses (D.2.8); `max_tcs` is 1..8, and 0 on the wire stands for 8."""

    KEY: ClassVar = OrgKey(_OUI, 0x09)
    NAME: ClassVar = "ets_configuration"
    LENGTHS: ClassVar = range(21, 22)
    REPEATED: ClassVar = Repeated.NONE_COUNTS
    CHECKED: ClassVar = True

    willing: bool = False
    cbs: bool = False
    max_tcs: int = 8

    def __post_init__(self) -> None:
        _Ets.__post_init__(self)  # slots make another class of this one, so super() without arguments fails
        if not 1 <= self.max_tcs <= 8:
            raise OctetsError(f"max_tcs is 1..8, not {self.max_tcs}")

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        flags, prio_tc = cursor.u8(), cursor.nibbles(4)
        tables = prio_tc, tuple(cursor.take(8)), tuple(cursor.take(8))
        return cls(*tables, willing=bool(flags & 0x80), cbs=bool(flags & 0x40), max_tcs=(flags & 0x07) or 8)

    def tlv(self) -> Tlv:
        return Tlv.organizational(
            self.KEY, u8(self.willing << 7 | self.cbs << 6 | self.max_tcs & 0x07) + self._tables()
        )


@dataclass(frozen=True, slots=True)
class Pfc:
    """Priority-based flow control (D.2.10): `cap` classes may have it at a time, `enabled` says which priorities do.

    `mbc`: the sender can't do without it where MACsec delays frames.
    """

    KEY: ClassVar = OrgKey(_OUI, 0x0B)
    NAME: ClassVar = "pfc"
    LENGTHS: ClassVar = range(2, 3)
    REPEATED: ClassVar = Repeated.NONE_COUNTS
    CHECKED: ClassVar = False

    willing: bool
    mbc: bool
    cap: int
    enabled: tuple[bool, ...]

    def __post_init__(self) -> None:
        bounded("cap", self.cap, 15)
        eight("enabled", self.enabled, 1)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        flags = cursor.u8()
        return cls(bool(flags & 0x80), bool(flags & 0x40), flags & 0x0F, cursor.bitmap())

    def tlv(self) -> Tlv:
        flags = self.willing << 7 | self.mbc << 6 | self.cap
        return Tlv.organizational(self.KEY, u8(flags) + bitmap(self.enabled))


@dataclass(frozen=True, slots=True)
class Application:
    """The priority of an application's frames, found by `protocol` as `selector` says.

    `selector` is 1 EtherType, 2 TCP or SCTP port, 3 UDP or DCCP port, 4 port of any of them, 5 DSCP.
    """

    priority: int
    selector: int
    protocol: int

    def __post_init__(self) -> None:
        for name, most in (("priority", 7), ("selector", 7), ("protocol", 0xFFFF)):
            bounded(name, getattr(self, name), most)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        value = cursor.u24()
        return cls(value >> 21, value >> 16 & 0x07, value & 0xFFFF)

    def encode(self) -> bytes:
        return u24(self.priority << 21 | self.selector << 16 | self.protocol)


@dataclass(frozen=True, slots=True)
class ApplicationPriority:
    """Applications and their priorities (D.2.11); several of these TLVs are one list."""

    KEY: ClassVar = OrgKey(_OUI, 0x0C)
    NAME: ClassVar = "application_priority"
    LENGTHS: ClassVar = range(1, 508, 3)
    REPEATED: ClassVar = Repeated.ALL_COUNT
    CHECKED: ClassVar = False

    applications: tuple[Application, ...]

    def __post_init__(self) -> None:
        bounded("the number of applications", len(self.applications), len(self.LENGTHS) - 1)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        cursor.u8()  # reserved
        return cls(tuple(Application.decode(cursor) for _ in range(cursor.remaining // 3)))

    def tlv(self) -> Tlv:
        return Tlv.organizational(self.KEY, u8(0) + b"".join(each.encode() for each in self.applications))


@dataclass(frozen=True, slots=True)
class VlanApplication:
    """The VLAN of an application's frames; `selector` and `protocol` as in `Application`."""

    vid: int
    selector: int
    protocol: int

    def __post_init__(self) -> None:
        for name, most in (("vid", 0xFFF), ("selector", 7), ("protocol", 0xFFFF)):
            bounded(name, getattr(self, name), most)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        value = cursor.u16()
        return cls(value >> 4, value & 0x07, cursor.u16())

    def encode(self) -> bytes:
        return u16(self.vid << 4 | self.selector) + u16(self.protocol)


@dataclass(frozen=True, slots=True)
class ApplicationVlan:
    """Applications and their VLANs (D.2.14); without the reserved octet that application priorities have."""

    KEY: ClassVar = OrgKey(_OUI, 0x10)
    NAME: ClassVar = "application_vlan"
    LENGTHS: ClassVar = range(0, 508, 4)
    REPEATED: ClassVar = Repeated.ALL_COUNT
    CHECKED: ClassVar = False

    applications: tuple[VlanApplication, ...]

    def __post_init__(self) -> None:
        bounded("the number of applications", len(self.applications), len(self.LENGTHS) - 1)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        return cls(tuple(VlanApplication.decode(cursor) for _ in range(cursor.remaining // 4)))

    def tlv(self) -> Tlv:
        return Tlv.organizational(self.KEY, b"".join(each.encode() for each in self.applications))

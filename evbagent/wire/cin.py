"""DCBX before CEE: the TLV of Cisco, Intel and Nuova (DCBX 1.00), CEE's container with features of other shapes."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import ClassVar, Final, Self

from evbagent.wire.cee import OUI, Control, FeatureHeader, features
from evbagent.wire.octets import Cursor, OctetsError, bitmap, bounded, eight, u8
from evbagent.wire.tlv import OrgKey, Repeated, Tlv

__all__ = ["Cin", "CinApplication", "CinPfc", "CinPriorityGroups", "GroupMember", "LogicalLink"]


@dataclass(frozen=True, slots=True)
class GroupMember:
    """One priority's place: its group, its strictness (0..3) there and its share of the group in percent."""

    pgid: int
    strictness: int
    percent: int

    def __post_init__(self) -> None:
        for name, most in (("pgid", 7), ("strictness", 3), ("percent", 100)):
            bounded(name, getattr(self, name), most)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        octet = cursor.u8()
        return cls(octet >> 5, octet >> 3 & 0x03, cursor.u8())

    def encode(self) -> bytes:
        return u8(self.pgid << 5 | self.strictness << 3) + u8(self.percent)


@dataclass(frozen=True, slots=True)
class CinPriorityGroups:
    """The share of each group in percent, and the place of each priority."""

    TYPE: ClassVar = 2

    header: FeatureHeader
    percent: tuple[int, ...]
    priorities: tuple[GroupMember, ...]

    def __post_init__(self) -> None:
        eight("percent", self.percent, 100)
        if len(self.priorities) != 8:
            raise OctetsError(f"priorities has 8 values, not {len(self.priorities)}")

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        header, percent = FeatureHeader.decode(cursor), tuple(cursor.take(8))
        value = cls(header, percent, tuple(GroupMember.decode(cursor) for _ in range(8)))
        cursor.end()
        return value

    def tlv(self) -> Tlv:
        places = b"".join(each.encode() for each in self.priorities)
        return Tlv(self.TYPE, self.header.encode() + bytes(self.percent) + places)


@dataclass(frozen=True, slots=True)
class CinPfc:
    """The priorities under flow control; some send the number of classes behind them, as CEE has it."""

    TYPE: ClassVar = 3

    header: FeatureHeader
    enabled: tuple[bool, ...]
    num_tcs: int | None = None

    def __post_init__(self) -> None:
        eight("enabled", self.enabled, 1)
        if self.num_tcs is not None:
            bounded("num_tcs", self.num_tcs, 8)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        value = cls(FeatureHeader.decode(cursor), cursor.bitmap(), cursor.u8() if cursor.remaining else None)
        cursor.end()
        return value

    def tlv(self) -> Tlv:
        tail = b"" if self.num_tcs is None else u8(self.num_tcs)
        return Tlv(self.TYPE, self.header.encode() + bitmap(self.enabled) + tail)


@dataclass(frozen=True, slots=True)
class CinApplication:
    """The priorities of one application, which the header's subtype names: 0 FCoE, 1 iSCSI, 2 FIP."""

    TYPE: ClassVar = 5

    header: FeatureHeader
    priorities: tuple[bool, ...]

    def __post_init__(self) -> None:
        eight("priorities", self.priorities, 1)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        value = cls(FeatureHeader.decode(cursor), cursor.bitmap())
        cursor.end()
        return value

    def tlv(self) -> Tlv:
        return Tlv(self.TYPE, self.header.encode() + bitmap(self.priorities))


@dataclass(frozen=True, slots=True)
class LogicalLink:
    """Whether the link that the header's subtype names is up: 0 FCoE, 1 LAN."""

    TYPE: ClassVar = 6

    header: FeatureHeader
    up: bool

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        value = cls(FeatureHeader.decode(cursor), bool(cursor.u8() & 0x80))
        cursor.end()
        return value

    def tlv(self) -> Tlv:
        return Tlv(self.TYPE, self.header.encode() + u8(self.up << 7))


@dataclass(frozen=True, slots=True)
class Cin:
    """One CIN TLV; without control, or with a feature twice under one subtype, it says nothing and is refused."""

    KEY: ClassVar = OrgKey(OUI, 0x01)
    NAME: ClassVar = "cin"
    LENGTHS: ClassVar = range(508)
    REPEATED: ClassVar = Repeated.NONE_COUNTS
    CHECKED: ClassVar = True

    control: Control
    priority_groups: CinPriorityGroups | None = None
    pfc: CinPfc | None = None
    applications: tuple[CinApplication, ...] = ()
    logical_links: tuple[LogicalLink, ...] = ()

    def __post_init__(self) -> None:
        for several in (self.applications, self.logical_links):
            if len({each.header.subtype for each in several}) < len(several):
                raise OctetsError(f"feature {several[0].TYPE} stands there twice under one subtype")
        self.tlv()  # refuses more applications and links than one TLV holds

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        values: defaultdict[int, list[Cursor]] = defaultdict(list)
        for kind, value in features(cursor):
            values[kind].append(value)
        if Control.TYPE not in values:
            raise OctetsError("the control sub-TLV is missing")
        for kind in _SINGLE:
            if len(values[kind]) > 1:
                raise OctetsError(f"feature {kind} stands there twice")
        groups, pfc = values[CinPriorityGroups.TYPE], values[CinPfc.TYPE]
        return cls(
            Control.decode(values[Control.TYPE][0]),
            CinPriorityGroups.decode(groups[0]) if groups else None,
            CinPfc.decode(pfc[0]) if pfc else None,
            tuple(CinApplication.decode(value) for value in values[CinApplication.TYPE]),
            tuple(LogicalLink.decode(value) for value in values[LogicalLink.TYPE]),
        )

    def tlv(self) -> Tlv:
        parts = (self.control, self.priority_groups, self.pfc, *self.applications, *self.logical_links)
        return Tlv.organizational(self.KEY, b"".join(part.tlv().encode() for part in parts if part is not None))


_SINGLE: Final = (Control.TYPE, CinPriorityGroups.TYPE, CinPfc.TYPE)

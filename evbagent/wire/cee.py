"""DCBX before 802.1 had it: the CEE TLV (DCBX 1.01), a container of features that have headers of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final, Self

from evbagent.wire.octets import Cursor, OctetsError, bitmap, bounded, eight, nibbles, u8, u16, u32
from evbagent.wire.tlv import OrgKey, Repeated, Tlv

__all__ = [
    "OUI",
    "Cee",
    "CeeApplication",
    "CeeApplications",
    "CeePfc",
    "CeePriorityGroups",
    "Control",
    "FeatureHeader",
    "features",
]

OUI: Final = b"\x00\x1b\x21"


@dataclass(frozen=True, slots=True)
class Control:
    """How far each side has come: a change gets a new `seq_no`, and the peer answers with it as its `ack_no`."""

    TYPE: ClassVar = 1

    oper_version: int
    max_version: int
    seq_no: int
    ack_no: int

    def __post_init__(self) -> None:
        for name, most in (("oper_version", 255), ("max_version", 255), ("seq_no", 2**32 - 1), ("ack_no", 2**32 - 1)):
            bounded(name, getattr(self, name), most)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        value = cls(cursor.u8(), cursor.u8(), cursor.u32(), cursor.u32())
        cursor.end()
        return value

    def tlv(self) -> Tlv:
        versions = u8(self.oper_version) + u8(self.max_version)
        return Tlv(self.TYPE, versions + u32(self.seq_no) + u32(self.ack_no))


@dataclass(frozen=True, slots=True)
class FeatureHeader:
    """What every feature begins with; `subtype` is 0 but for the applications and links of CIN."""

    enable: bool = True
    willing: bool = False
    error: bool = False
    subtype: int = 0
    oper_version: int = 0
    max_version: int = 0

    def __post_init__(self) -> None:
        for name in ("subtype", "oper_version", "max_version"):
            bounded(name, getattr(self, name), 255)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        oper_version, max_version, flags = cursor.u8(), cursor.u8(), cursor.u8()
        states = bool(flags & 0x80), bool(flags & 0x40), bool(flags & 0x20)
        return cls(*states, cursor.u8(), oper_version, max_version)

    def encode(self) -> bytes:
        flags = self.enable << 7 | self.willing << 6 | self.error << 5
        return u8(self.oper_version) + u8(self.max_version) + u8(flags) + u8(self.subtype)


@dataclass(frozen=True, slots=True)
class CeePriorityGroups:
    """The group of each priority, 15 for strict priority, and the share of each group in percent."""

    TYPE: ClassVar = 2

    header: FeatureHeader
    pgid: tuple[int, ...]
    percent: tuple[int, ...]
    num_tcs: int

    def __post_init__(self) -> None:
        eight("pgid", self.pgid, 15)
        eight("percent", self.percent, 100)
        bounded("num_tcs", self.num_tcs, 8)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        value = cls(FeatureHeader.decode(cursor), cursor.nibbles(4), tuple(cursor.take(8)), cursor.u8())
        cursor.end()
        return value

    def tlv(self) -> Tlv:
        return Tlv(self.TYPE, self.header.encode() + nibbles(self.pgid) + bytes(self.percent) + u8(self.num_tcs))


@dataclass(frozen=True, slots=True)
class CeePfc:
    """The priorities under flow control, and how many classes may have it."""

    TYPE: ClassVar = 3

    header: FeatureHeader
    enabled: tuple[bool, ...]
    num_tcs: int

    def __post_init__(self) -> None:
        eight("enabled", self.enabled, 1)
        bounded("num_tcs", self.num_tcs, 8)

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        value = cls(FeatureHeader.decode(cursor), cursor.bitmap(), cursor.u8())
        cursor.end()
        return value

    def tlv(self) -> Tlv:
        return Tlv(self.TYPE, self.header.encode() + bitmap(self.enabled) + u8(self.num_tcs))


@dataclass(frozen=True, slots=True)
class CeeApplication:
    """The priorities of an application's frames; `selector` is 0 for an EtherType, 1 for a TCP or UDP port.

    The two lowest bits of the OUI's first octet give way to the selector and are 0.
    """

    SIZE: ClassVar = 6

    protocol: int
    selector: int
    oui: bytes
    priorities: tuple[bool, ...]

    def __post_init__(self) -> None:
        bounded("a protocol", self.protocol, 0xFFFF)
        bounded("a selector", self.selector, 3)
        eight("priorities", self.priorities, 1)
        if len(self.oui) != 3 or self.oui[0] & 0x03:
            raise OctetsError(f"an application's OUI is 3 octets, the first one's lowest bits 0: not {self.oui.hex()}")

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        protocol, octet = cursor.u16(), cursor.u8()
        return cls(protocol, octet & 0x03, u8(octet & 0xFC) + cursor.take(2), cursor.bitmap())

    def encode(self) -> bytes:
        first, *others = self.oui
        return u16(self.protocol) + u8(first | self.selector) + bytes(others) + bitmap(self.priorities)


@dataclass(frozen=True, slots=True)
class CeeApplications:
    """All applications that the sender has a priority for."""

    TYPE: ClassVar = 4

    header: FeatureHeader
    applications: tuple[CeeApplication, ...]

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        header = FeatureHeader.decode(cursor)
        count = cursor.remaining // CeeApplication.SIZE
        value = cls(header, tuple(CeeApplication.decode(cursor) for _ in range(count)))
        cursor.end()
        return value

    def tlv(self) -> Tlv:
        return Tlv(self.TYPE, self.header.encode() + b"".join(each.encode() for each in self.applications))


def features(cursor: Cursor) -> Iterator[tuple[int, Cursor]]:
    """Type and value of each TLV inside the container."""
    while cursor.remaining:
        tlv = Tlv.decode(cursor)
        yield tlv.type, tlv.information


@dataclass(frozen=True, slots=True)
class Cee:
    """One CEE TLV; without control, or with a feature twice, it says nothing and is refused."""

    KEY: ClassVar = OrgKey(OUI, 0x02)
    NAME: ClassVar = "cee"
    LENGTHS: ClassVar = range(508)
    REPEATED: ClassVar = Repeated.NONE_COUNTS
    CHECKED: ClassVar = True

    control: Control
    priority_groups: CeePriorityGroups | None = None
    pfc: CeePfc | None = None
    applications: CeeApplications | None = None

    def __post_init__(self) -> None:
        self.tlv()  # refuses more applications than one TLV holds

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        values: dict[int, Cursor] = {}
        for kind, value in features(cursor):
            if kind in values and kind in _KNOWN:
                raise OctetsError(f"feature {kind} stands there twice")
            values[kind] = value
        if Control.TYPE not in values:
            raise OctetsError("the control sub-TLV is missing")
        groups, pfc, applications = (values.get(kind.TYPE) for kind in (CeePriorityGroups, CeePfc, CeeApplications))
        return cls(
            Control.decode(values[Control.TYPE]),
            None if groups is None else CeePriorityGroups.decode(groups),
            None if pfc is None else CeePfc.decode(pfc),
            None if applications is None else CeeApplications.decode(applications),
        )

    def tlv(self) -> Tlv:
        parts = (self.control, self.priority_groups, self.pfc, self.applications)
        return Tlv.organizational(self.KEY, b"".join(part.tlv().encode() for part in parts if part is not None))


_KNOWN: Final = frozenset({Control.TYPE, CeePriorityGroups.TYPE, CeePfc.TYPE, CeeApplications.TYPE})

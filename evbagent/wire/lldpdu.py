"""The LLDPDU: three mandatory TLVs in their order, then optional ones (802.1AB-2016 8.2, 9.2.8.7)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, Self, TypeVar

from evbagent.wire.basic import ChassisId, ManagementAddress, PortId, SystemCapabilities
from evbagent.wire.ethernet import DiscardReason, FrameDiscarded
from evbagent.wire.octets import Cursor, OctetsError, u16
from evbagent.wire.registry import BASIC, ORGANIZATIONAL, Kind, Organizational, Text
from evbagent.wire.tlv import ORGANIZATIONALLY_SPECIFIC, OrgKey, Repeated, Tlv

__all__ = ["MAX_OCTETS", "Fault", "Lldpdu", "LldpduTooLong", "Msap", "Opening"]

MAX_OCTETS: Final = 1500
_KEPT: Final = 32  # TLVs that nobody reads, and faults: a frame has room for 744 of either, and a neighbor is kept
_END: Final = 0
_MANDATORY: Final = (ChassisId.TYPE, PortId.TYPE, 3)
_O = TypeVar("_O", bound=Organizational)
_T = TypeVar("_T", bound=Text)


class LldpduTooLong(OctetsError):
    """Our own LLDPDU doesn't fit one frame (lldpduLengthErrors)."""


class Msap(NamedTuple):
    """Who sent it: the MAC service access point identifier (802.1AB-2016 9.2.7.3)."""

    chassis: ChassisId
    port: PortId

    @property
    def octets(self) -> bytes:
        """The two TLVs as they stand at the front of an LLDPDU: what tells neighbors apart before they are decoded."""
        return self.chassis.tlv().encode() + self.port.tlv().encode()


class Opening(NamedTuple):
    """The front of an LLDPDU as far as it says whose it is and for how long, for those who must be quick.

    `identity` is what `Msap.octets` is for the same sender, `ttl` is in seconds. Nothing is validated but the order.
    """

    identity: bytes
    ttl: int

    @classmethod
    def read(cls, payload: bytes) -> Self | None:
        """None where the three mandatory TLVs are not there: `Lldpdu.decode` says why."""
        cursor = Cursor(payload)
        try:
            chassis, port, ttl = Tlv.decode(cursor), Tlv.decode(cursor), Tlv.decode(cursor)
            if (chassis.type, port.type, ttl.type) != _MANDATORY:
                return None
            return cls(payload[: len(chassis.value) + len(port.value) + 4], Cursor(ttl.value).u16())
        except OctetsError:
            return None


@dataclass(frozen=True, slots=True)
class Fault:
    """What was wrong with one TLV, discarded for it or the End; `type` is None where no header could be read.

    `count` is more than one only where a frame has so many faults that the last ones are told as a number.
    """

    type: int | None
    key: OrgKey | None
    reason: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class Lldpdu:
    """A valid LLDPDU. `ttl` is in seconds, 0 means shutdown.

    `unrecognized` counts optional TLVs that nobody here reads, of which the first 32 are kept.
    """

    chassis: ChassisId
    port: PortId
    ttl: int
    optional: tuple[Tlv, ...] = ()
    faults: tuple[Fault, ...] = ()
    unrecognized: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.ttl <= 65535:
            raise OctetsError(f"TTL is 0..65535, not {self.ttl}")

    @property
    def msap(self) -> Msap:
        return Msap(self.chassis, self.port)

    @property
    def discarded(self) -> int:
        """How many TLVs the faults cost: a bad End TLV is an error of the frame, and nothing goes with it."""
        return sum(fault.count for fault in self.faults if fault.type != _END)

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """From the octets after the EtherType, padding included.

        Raises `FrameDiscarded` where the mandatory part is invalid; what is wrong further back costs that TLV only.
        """
        cursor = Cursor(payload)
        chassis, port, ttl = _mandatory(cursor)
        tlvs, faults = _until_end(cursor)
        if any(tlv.type in _MANDATORY for tlv in tlvs):
            raise FrameDiscarded(DiscardReason.DUPLICATE_MANDATORY, "chassis ID, port ID or TTL stands there twice")
        kept, more, unrecognized = _validated(tlvs)
        return cls(chassis, port, ttl, tuple(kept), _told(faults + more), unrecognized)

    def read(self, kind: type[_O]) -> _O | None:
        """The organizationally specific TLV of that class, the first of several; None where there is none."""
        return next(self._all(kind), None)

    def read_all(self, kind: type[_O]) -> tuple[_O, ...]:
        """All organizationally specific TLVs of that class."""
        return tuple(self._all(kind))

    def _all(self, kind: type[_O]) -> Iterator[_O]:
        head = kind.KEY.octets
        for tlv in self.optional:
            if tlv.type == ORGANIZATIONALLY_SPECIFIC and tlv.value.startswith(head):
                yield kind.decode(tlv.information)

    @property
    def capabilities(self) -> SystemCapabilities | None:
        """What the neighbor can be and is, None where it doesn't say."""
        for tlv in self.optional:
            if tlv.type == SystemCapabilities.TYPE:
                return SystemCapabilities.decode(tlv.information)
        return None

    @property
    def management_addresses(self) -> tuple[ManagementAddress, ...]:
        """Where the neighbor is managed, in its order."""
        wanted = (tlv for tlv in self.optional if tlv.type == ManagementAddress.TYPE)
        return tuple(ManagementAddress.decode(tlv.information) for tlv in wanted)

    def text(self, kind: type[_T]) -> str | None:
        """The name or description of that class, made safe to show; None where there is none."""
        for tlv in self.optional:
            if tlv.type == kind.TYPE:
                return str(kind.decode(tlv.information))
        return None

    def encode(self) -> bytes:
        """The LLDPDU with its End TLV, unpadded; `LldpduTooLong` beyond one frame."""
        tlvs = (self.chassis.tlv(), self.port.tlv(), Tlv(3, u16(self.ttl)), *self.optional, Tlv(_END, b""))
        octets = b"".join(tlv.encode() for tlv in tlvs)
        if len(octets) > MAX_OCTETS:
            raise LldpduTooLong(f"the LLDPDU has {len(octets)} octets, a frame holds {MAX_OCTETS}: send fewer TLVs")
        return octets


def _mandatory(cursor: Cursor) -> tuple[ChassisId, PortId, int]:
    """The first three TLVs (9.2.8.7.1); any fault in them discards the LLDPDU."""
    values = []
    for position, expected in enumerate(_MANDATORY, 1):
        try:
            tlv = Tlv.decode(cursor)
        except OctetsError as error:
            raise FrameDiscarded(DiscardReason.MISSING_MANDATORY, f"TLV {position}: {error}") from None
        if tlv.type == _END:
            raise FrameDiscarded(DiscardReason.MISSING_MANDATORY, f"it ends before TLV {position}")
        if tlv.type != expected:
            reason = DiscardReason.DUPLICATE_MANDATORY if tlv.type < expected else DiscardReason.WRONG_ORDER
            raise FrameDiscarded(reason, f"TLV {position} has type {tlv.type}, not {expected}")
        values.append(Cursor(tlv.value))
    chassis = _identity(ChassisId, values[0], DiscardReason.BAD_CHASSIS_ID)
    port = _identity(PortId, values[1], DiscardReason.BAD_PORT_ID)
    try:
        return chassis, port, values[2].u16()  # a longer value is tolerated: its first two octets count
    except OctetsError as error:
        raise FrameDiscarded(DiscardReason.BAD_TTL, str(error)) from None


_I = TypeVar("_I", ChassisId, PortId)


def _identity(kind: type[_I], cursor: Cursor, reason: DiscardReason) -> _I:
    try:
        return kind.decode(cursor)
    except OctetsError as error:
        raise FrameDiscarded(reason, str(error)) from None


def _until_end(cursor: Cursor) -> tuple[list[Tlv], list[Fault]]:
    """The optional TLVs up to the End TLV or the end of the frame; a TLV that overruns it ends the list."""
    tlvs: list[Tlv] = []
    while cursor.remaining:
        if cursor.remaining == 1:  # no room for a header: padding if zero
            return tlvs, [] if cursor.u8() == 0 else [Fault(None, None, "one octet left is no TLV")]
        try:
            tlv = Tlv.decode(cursor)
        except OctetsError as error:
            return tlvs, [Fault(None, None, f"a TLV runs past the end of the frame: {error}")]
        if tlv.type == _END:
            return tlvs, [] if not tlv.value else [Fault(_END, None, f"the End TLV has {len(tlv.value)} octets")]
        tlvs.append(tlv)
    return tlvs, []


def _validated(tlvs: list[Tlv]) -> tuple[list[Tlv], list[Fault], int]:
    """Those that may stay, what was wrong with the others, and how many nobody here reads, kept or not."""
    named = [(tlv, tlv.key) for tlv in tlvs]
    times = Counter(key for _tlv, key in named)
    kept: list[Tlv] = []
    faults: list[Fault] = []
    unrecognized = 0
    seen: set[type[Kind]] = set()
    for tlv, key in named:
        kind = BASIC.get(tlv.type) if key is None else ORGANIZATIONAL.get(key)
        reason = None
        if kind is not None:
            reason = _fault(kind, tlv) or _repeated(kind, times[key], kind in seen)
        elif tlv.type == ORGANIZATIONALLY_SPECIFIC and key is None:
            reason = f"{len(tlv.value)} octets hold no OUI and subtype"
        else:
            unrecognized += 1
            if unrecognized > _KEPT:
                continue
        if reason is not None:
            faults.append(Fault(tlv.type, key, reason))
            continue
        kept.append(tlv)
        if kind is not None:
            seen.add(kind)
    return kept, faults, unrecognized


def _told(faults: list[Fault]) -> tuple[Fault, ...]:
    """The first ones, and how many more there are; that of the End TLV stands at the front."""
    more = len(faults) - _KEPT
    if more <= 0:
        return tuple(faults)
    return (*faults[:_KEPT], Fault(None, None, f"{more} more TLVs are wrong", more))


def _fault(kind: type[Kind], tlv: Tlv) -> str | None:
    """What is wrong with the value of this TLV."""
    information = tlv.information
    length, lengths = information.remaining, kind.LENGTHS
    if length not in lengths:
        step = "" if lengths.step == 1 else f" in steps of {lengths.step}"
        return f"{kind.NAME} has {lengths[0]}..{lengths[-1]} octets{step}, not {length}"
    if kind.CHECKED:
        try:
            kind.decode(information)
        except OctetsError as error:
            return f"{kind.NAME}: {error}"
    return None


def _repeated(kind: type[Kind], times: int, seen: bool) -> str | None:
    """What is wrong with it for standing there so many times, or behind a good one."""
    if kind.REPEATED is Repeated.NONE_COUNTS and times > 1:
        return f"{kind.NAME} stands there {times} times, so none of them counts"
    if kind.REPEATED is Repeated.FIRST_COUNTS and seen:
        return f"{kind.NAME} stands there already"
    return None

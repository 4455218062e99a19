"""VDP, as ratified and as drafted: which guests' interfaces a station associates (802.1Q-2014 clause 41, draft 0.2)."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final, Self

from evbagent.wire.lldpdu import Fault
from evbagent.wire.octets import Cursor, MacAddress, OctetsError
from evbagent.wire.tlv import OrgKey, Tlv

__all__ = ["DraftVdp", "DraftVsi", "Filter", "FilterFormat", "Vdp", "Vsi", "VsiIdFormat", "VsiType"]

_END: Final = 0
_MANAGER: Final = 5
_MANAGER_OCTETS: Final = 16
_VSI_ID_OCTETS: Final = 16


class VsiType(IntEnum):
    """What is asked for or answered: the type of a VSI TLV; the draft counts its modes from 0."""

    PRE_ASSOCIATE = 1
    PRE_ASSOCIATE_RR = 2
    ASSOCIATE = 3
    DE_ASSOCIATE = 4


class VsiIdFormat(IntEnum):
    """How the 16 octets of a VSIID are to be read."""

    IPV4 = 1
    IPV6 = 2
    MAC_ADDRESS = 3
    LOCAL = 4
    UUID = 5


class FilterFormat(IntEnum):
    """What an entry of the filter information holds in front of its VID."""

    VID = 1
    MAC_VID = 2
    GROUP_VID = 3
    GROUP_MAC_VID = 4


_ENTRY_OCTETS: Final[dict[int, int]] = {
    FilterFormat.VID: 2,
    FilterFormat.MAC_VID: 8,
    FilterFormat.GROUP_VID: 6,
    FilterFormat.GROUP_MAC_VID: 12,
}
_WITH_GROUP: Final = (FilterFormat.GROUP_VID, FilterFormat.GROUP_MAC_VID)
_WITH_MAC: Final = (FilterFormat.MAC_VID, FilterFormat.GROUP_MAC_VID)


@dataclass(frozen=True, slots=True)
class Filter:
    """Where frames of the guest are to be found: `pcp` counts where `ps` says so, VID 0 asks the bridge for one."""

    vid: int
    pcp: int = 0
    ps: bool = False
    mac: MacAddress | None = None
    group: int | None = None

    @classmethod
    def decode(cls, form: int, cursor: Cursor) -> Self:
        """The next entry of that format: group first, VID with its priority last."""
        group = cursor.u32() if form in _WITH_GROUP else None
        mac = MacAddress(cursor.take(6)) if form in _WITH_MAC else None
        word = cursor.u16()
        return cls(word & 0x0FFF, word >> 12 & 0x7, bool(word & 0x8000), mac, group)


def _filters(cursor: Cursor) -> tuple[int, tuple[Filter, ...]]:
    """The format and the entries of it, as many as stated and no octet beyond them."""
    form, count = cursor.u8(), cursor.u16()
    size = _ENTRY_OCTETS.get(form)
    if size is None:
        raise OctetsError(f"filter format {form} is reserved")
    if count == 0:
        raise OctetsError("there is at least one filter entry, not 0")
    if count * size != cursor.remaining:
        raise OctetsError(f"{count} filter entries of format {form} take {count * size} octets, not {cursor.remaining}")
    return form, tuple(Filter.decode(form, cursor) for _ in range(count))


@dataclass(frozen=True, slots=True)
class Vsi:
    """A VSI TLV: one guest's interface, the policy that it comes with, and where its frames are to be found.

    `status` is the octet as it came: bit 6 tells an answer, bits 5 and 4 hints (of an answer: keep and hard), bits
    3..0 an answer's error.
    """

    type: int
    status: int
    type_id: int
    type_version: int
    id_format: int
    id: bytes
    filter_format: int
    filters: tuple[Filter, ...]

    @classmethod
    def decode(cls, type_: int, cursor: Cursor) -> Self:
        """From the value of a TLV of that type, all of it; `OctetsError` says what doesn't fit."""
        status, type_id, version = cursor.u8(), cursor.u24(), cursor.u8()
        id_format, identifier = cursor.u8(), cursor.take(_VSI_ID_OCTETS)
        return cls(type_, status, type_id, version, id_format, identifier, *_filters(cursor))

    @property
    def id_text(self) -> str:
        """The VSIID as one of its format is written; digits where the format says nothing of their meaning."""
        if self.id_format in (VsiIdFormat.IPV4, VsiIdFormat.IPV6):
            address = ipaddress.IPv6Address(self.id)
            return str(address.ipv4_mapped or address)
        return _uuid(self.id) if self.id_format == VsiIdFormat.UUID else self.id.hex()


@dataclass(frozen=True, slots=True)
class Vdp:
    """What an ECP request carries: the 16 octets of the VSI manager ID, VSIs, and why anything was ignored."""

    manager: bytes | None
    vsis: tuple[Vsi, ...] = ()
    faults: tuple[Fault, ...] = ()

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """From the octets after the ECP header, padding included; no octets make it raise.

        Without one manager ID, at the front, the whole payload is ignored; a VSI TLV that is wrong costs itself.
        """
        tlvs, faults = _tlvs(payload)
        reason = _manager_fault(tlvs)
        if reason is not None:
            return cls(None, (), (*faults, Fault(_MANAGER, None, reason)))
        vsis = []
        for tlv in tlvs:
            if tlv.type in _VSI_TYPES:
                try:
                    vsis.append(Vsi.decode(tlv.type, Cursor(tlv.value)))
                except OctetsError as error:
                    faults.append(Fault(tlv.type, None, str(error)))
        return cls(tlvs[0].value, tuple(vsis), tuple(faults))

    @property
    def manager_text(self) -> str | None:
        """The manager's address; all zeros are the bridge's default one."""
        if self.manager is None:
            return None
        address = ipaddress.IPv6Address(self.manager)
        return str(address.ipv4_mapped or address)


_VSI_TYPES: Final = frozenset(int(type_) for type_ in VsiType)


def _manager_fault(tlvs: list[Tlv]) -> str | None:
    times = sum(tlv.type == _MANAGER for tlv in tlvs)
    if times != 1:
        return f"the VSI manager ID stands there {times} times, not once"
    if tlvs[0].type != _MANAGER:
        return "the VSI manager ID does not stand at the front"
    if len(tlvs[0].value) != _MANAGER_OCTETS:
        return f"a VSI manager ID has {_MANAGER_OCTETS} octets, not {len(tlvs[0].value)}"
    return None


@dataclass(frozen=True, slots=True)
class DraftVsi:
    """The draft's only VDP TLV: mode, response, a manager of one octet, and MAC addresses with their VIDs."""

    KEY: ClassVar = OrgKey(b"\x00\x1b\x3f", 0x02)

    mode: int
    response: int
    manager: int
    type_id: int
    type_version: int
    id: bytes
    filter_format: int
    filters: tuple[Filter, ...]

    @classmethod
    def decode(cls, cursor: Cursor) -> Self:
        """From what follows OUI and subtype, all of it; `OctetsError` says what doesn't fit."""
        mode, response, manager = cursor.u8(), cursor.u8(), cursor.u8()
        type_id, version, identifier = cursor.u24(), cursor.u8(), cursor.take(_VSI_ID_OCTETS)
        form, filters = _filters(cursor)
        if form != FilterFormat.MAC_VID:
            raise OctetsError(f"the draft knows filter format {int(FilterFormat.MAC_VID)} alone, not {form}")
        return cls(mode, response, manager, type_id, version, identifier, form, filters)

    @property
    def id_text(self) -> str:
        return _uuid(self.id)


@dataclass(frozen=True, slots=True)
class DraftVdp:
    """What an ECP request of the draft carries; often nothing, as it then only says that ECP is there."""

    vsis: tuple[DraftVsi, ...] = ()
    faults: tuple[Fault, ...] = ()

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """From the octets after the ECP header, padding included; no octets make it raise."""
        tlvs, faults = _tlvs(payload)
        vsis = []
        for tlv in tlvs:
            if tlv.key == DraftVsi.KEY:
                try:
                    vsis.append(DraftVsi.decode(tlv.information))
                except OctetsError as error:
                    faults.append(Fault(tlv.type, tlv.key, str(error)))
        return cls(tuple(vsis), tuple(faults))


def _tlvs(payload: bytes) -> tuple[list[Tlv], list[Fault]]:
    """Up to the End TLV or the end; a TLV that runs past it is a fault and the last."""
    cursor = Cursor(payload)
    tlvs: list[Tlv] = []
    while cursor.remaining:
        try:
            tlv = Tlv.decode(cursor)
        except OctetsError as error:
            if cursor.remaining == 1 and cursor.u8() == 0:
                break  # padding
            return tlvs, [Fault(None, None, f"a TLV runs past the end of the frame: {error}")]
        if tlv.type == _END:
            break
        tlvs.append(tlv)
    return tlvs, []


def _uuid(octets: bytes) -> str:
    """RFC 4122 order, grouped 4-2-2-2-6."""
    digits = octets.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))

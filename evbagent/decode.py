"""What a frame says, as JSON values: one dictionary a frame, each of its keys always there (`evbagent/decode/1`)."""

from __future__ import annotations

from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, Final

from evbagent.wire.basic import (
    ChassisId,
    ManagementAddress,
    PortDescription,
    PortId,
    SystemDescription,
    SystemName,
    printable,
)
from evbagent.wire.cdcp import Cdcp
from evbagent.wire.cee import Cee, FeatureHeader
from evbagent.wire.cin import Cin
from evbagent.wire.dcbx import ApplicationPriority, EtsConfiguration, EtsRecommendation, Pfc
from evbagent.wire.ecp import ETHERTYPE_ECP, ETHERTYPE_OUI_EXTENDED, DraftEcp, Ecp, EcpOperation
from evbagent.wire.ethernet import ETHERTYPE_LLDP, DiscardReason, Frame, FrameDiscarded
from evbagent.wire.evb import Evb
from evbagent.wire.evb_draft import EvbDraft
from evbagent.wire.lldpdu import Fault, Lldpdu
from evbagent.wire.octets import Cursor, MacAddress, OctetsError
from evbagent.wire.registry import ORGANIZATIONAL, VENDORS
from evbagent.wire.tlv import OrgKey, Tlv
from evbagent.wire.vdp import DraftVdp, DraftVsi, Filter, Vdp, Vsi

__all__ = ["SCHEMA", "decode"]

SCHEMA: Final = "evbagent/decode/1"

_TAGS: Final = (0x8100, 0x88A8)  # C-tag and S-tag (802.1Q clause 9)
_VID: Final = 0x0FFF
_END: Final = 0


def decode(octets: bytes) -> dict[str, Any]:
    """One frame, from its destination on, as the issue of this schema has it; raises nothing.

    Numbers are those of the wire, flags are booleans, text of the peer is escaped and without the NULs that some put
    at its end. A frame in a VLAN, which the daemon discards, is read all the same.
    """
    answer = _nothing()
    try:
        frame = _frame(Cursor(octets), answer)
        if frame.ethertype == ETHERTYPE_LLDP:
            answer["tlvs"] = _lengths(frame.payload)
            answer |= _lldpdu(Lldpdu.decode(frame.payload), frame.payload)
        else:
            answer |= {"verdict": "not_lldp", "discard_reason": DiscardReason.NOT_LLDP.value}
            answer |= _other(frame)
    except FrameDiscarded as discarded:
        fault = {"type": None, "oui": None, "subtype": None, "reason": discarded.detail}
        answer |= {"verdict": "discarded", "discard_reason": discarded.reason.value, "faults": [fault]}
    return answer


def _nothing() -> dict[str, Any]:
    """All keys in their order, for a frame that says nothing."""
    return {
        "verdict": "valid",
        "discard_reason": None,
        "destination": None,
        "source": None,
        "scope": None,
        "vlan": None,
        "chassis_id": None,
        "port_id": None,
        "ttl": None,
        "port_description": None,
        "system_name": None,
        "system_description": None,
        "capabilities": [],
        "capabilities_enabled": [],
        "management_addresses": [],
        "tlvs": [],
        "org_tlvs": [],
        "evb": None,
        "evb_draft": None,
        "cdcp": None,
        "dcbx": {"ieee": None, "cee": None, "cin": None},
        "ecp": None,
        "faults": [],
    }


def _frame(cursor: Cursor, answer: dict[str, Any]) -> Frame:
    """The frame without its tags; addresses and VLAN, 0 for a priority tag, go into the answer."""
    try:
        destination, source, ethertype = MacAddress(cursor.take(6)), MacAddress(cursor.take(6)), cursor.u16()
        answer |= {"destination": str(destination), "source": str(source)}
        while ethertype in _TAGS:
            vid, ethertype = cursor.u16() & _VID, cursor.u16()
            answer["vlan"] = answer["vlan"] or vid
    except OctetsError as error:
        raise FrameDiscarded(DiscardReason.TRUNCATED, str(error)) from None
    frame = Frame(destination, source, ethertype, cursor.rest())
    answer["scope"] = None if frame.scope is None else frame.scope.value
    return frame


# --- LLDP


def _lldpdu(pdu: Lldpdu, payload: bytes) -> dict[str, Any]:
    capabilities = pdu.capabilities
    evb, evb_draft, cdcp = pdu.read(Evb), pdu.read(EvbDraft), pdu.read(Cdcp)
    return {
        "chassis_id": _identity(pdu.chassis),
        "port_id": _identity(pdu.port),
        "ttl": pdu.ttl,
        "port_description": _named(pdu, PortDescription),
        "system_name": _named(pdu, SystemName),
        "system_description": _named(pdu, SystemDescription),
        "capabilities": [] if capabilities is None else list(capabilities.capable.names),
        "capabilities_enabled": [] if capabilities is None else list(capabilities.enabled.names),
        "management_addresses": [_address(address) for address in pdu.management_addresses],
        "org_tlvs": _organizational(payload, pdu.optional),
        "evb": None if evb is None else _evb(evb),
        "evb_draft": None if evb_draft is None else _shown(evb_draft),
        "cdcp": None if cdcp is None else _shown(cdcp),
        "dcbx": {"ieee": _ieee(pdu), "cee": _cee(pdu.read(Cee)), "cin": _cin(pdu.read(Cin))},
        "faults": _faults(pdu.faults),
    }


def _wire(payload: bytes) -> list[Tlv]:
    """Every TLV as it stands there, the End TLV included, up to one that runs past the end."""
    cursor = Cursor(payload)
    tlvs: list[Tlv] = []
    try:
        while cursor.remaining and not (tlvs and tlvs[-1].type == _END):
            tlvs.append(Tlv.decode(cursor))
    except OctetsError:
        pass  # the LLDPDU's faults, or why it is discarded, say so
    return tlvs


def _lengths(payload: bytes) -> list[list[int]]:
    return [[tlv.type, len(tlv.value)] for tlv in _wire(payload)]


def _organizational(payload: bytes, kept: tuple[Tlv, ...]) -> list[dict[str, Any]]:
    """All that name an organization; those that nobody reads, and discarded ones, have no fields."""
    good = frozenset(kept)
    return [_org_tlv(tlv, tlv.key, tlv in good) for tlv in _wire(payload) if tlv.key is not None]


def _org_tlv(tlv: Tlv, key: OrgKey, kept: bool) -> dict[str, Any]:
    kind = ORGANIZATIONAL.get(key)
    return {
        "oui": key.oui.hex("-").upper(),
        "subtype": key.subtype,
        "name": VENDORS.get(key.oui) if kind is None else kind.NAME,
        "fields": _shown(kind.decode(tlv.information)) if kind is not None and kept else {},
        "hex": tlv.information.rest().hex(),
    }


def _identity(identity: ChassisId | PortId) -> dict[str, Any]:
    """`hex` has a network address without the octet of its family, which `value` tells by its form."""
    is_network = identity.subtype == identity.NETWORK
    literal = identity.subtype == identity.MAC or is_network
    readable = type(identity)(identity.subtype, identity.value.rstrip(b"\0") or identity.value)
    return {
        "subtype": identity.subtype,
        "subtype_name": "mac" if identity.subtype == identity.MAC else identity.subtype_name,
        "value": str(identity if literal else readable),
        "hex": identity.value[is_network:].hex(),
    }


def _named(pdu: Lldpdu, kind: type[PortDescription | SystemName | SystemDescription]) -> str | None:
    octets = next((tlv.value for tlv in pdu.optional if tlv.type == kind.TYPE), None)
    return None if octets is None else printable(octets.rstrip(b"\0"))


def _address(address: ManagementAddress) -> dict[str, Any]:
    return {
        "family": address.family,
        "address": str(address),
        "interface_subtype": address.interface_subtype,
        "interface_number": address.interface_number,
        "oid": address.oid_text,
    }


def _evb(evb: Evb) -> dict[str, Any]:
    return {
        "rr_capable": evb.bridge.rr_capable,
        "rr_control": evb.bridge.rr_control,
        "bridge_group_id": evb.bridge.group_id,
        "rr_request": evb.station.rr_request,
        "rr_status": int(evb.station.rr_status),
        "station_group_id": evb.station.group_id,
        "retries": evb.retries,
        "rte": evb.rte,
        "mode": int(evb.mode),
        "remote_rwd": evb.remote_rwd,
        "rwd": evb.rwd,
        "remote_rka": evb.remote_rka,
        "rka": evb.rka,
    }


def _faults(faults: tuple[Fault, ...]) -> list[dict[str, Any]]:
    return [
        {
            "type": fault.type,
            "oui": None if fault.key is None else fault.key.oui.hex("-").upper(),
            "subtype": None if fault.key is None else fault.key.subtype,
            "reason": fault.reason,
        }
        for fault in faults
    ]


# --- DCBX


def _ieee(pdu: Lldpdu) -> dict[str, Any] | None:
    """Null where none of the four TLVs is there; a recommendation has no flags of its own."""
    config, recommended, pfc = pdu.read(EtsConfiguration), pdu.read(EtsRecommendation), pdu.read(Pfc)
    applications = pdu.read_all(ApplicationPriority)
    if config is None and recommended is None and pfc is None and not applications:
        return None
    flags = dict.fromkeys(("willing", "cbs", "max_tcs"))
    return {
        "ets_config": None if config is None else flags | _shown(config),
        "ets_recommended": None if recommended is None else flags | _shown(recommended),
        "pfc": None if pfc is None else _shown(pfc),
        "applications": [_shown(each) for table in applications for each in table.applications],
    }


def _cee(cee: Cee | None) -> dict[str, Any] | None:
    if cee is None:
        return None
    return {
        "control": _shown(cee.control),
        "priority_groups": None if cee.priority_groups is None else _feature(cee.priority_groups),
        "pfc": None if cee.pfc is None else _feature(cee.pfc),
        "applications": None if cee.applications is None else _feature(cee.applications),
    }


def _cin(cin: Cin | None) -> dict[str, Any] | None:
    if cin is None:
        return None
    return {
        "control": _shown(cin.control),
        "priority_groups": None if cin.priority_groups is None else _feature(cin.priority_groups),
        "pfc": None if cin.pfc is None else _feature(cin.pfc),
        "applications": [
            {"subtype": application.header.subtype, **_feature(application)} for application in cin.applications
        ],
    }


def _feature(feature: Any) -> dict[str, Any]:
    """A feature of CEE or CIN, of whose header only the flags matter."""
    header: FeatureHeader = feature.header
    flags = {"enable": header.enable, "willing": header.willing, "error": header.error}
    return {**_shown(feature), "header": flags}


def _shown(value: Any) -> Any:
    """A value of the wire field by field: numbers and flags as they are, octets as digits, text escaped."""
    if is_dataclass(value) and not isinstance(value, MacAddress):
        return {"text" if field.name == "octets" else field.name: _field(value, field.name) for field in fields(value)}
    if isinstance(value, tuple):
        return [_shown(each) for each in value]
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, bytes):
        return value.hex()
    return value if value is None or isinstance(value, int) else str(value)


def _field(value: Any, name: str) -> Any:
    octets = getattr(value, name)
    if name == "octets":
        return printable(octets.rstrip(b"\0"))
    if name == "oui":
        return octets.hex("-").upper()
    return _shown(octets)


# --- ECP and VDP


def _other(frame: Frame) -> dict[str, Any]:
    """What is in a frame that isn't LLDP's: ECP of either version, else nothing."""
    try:
        if frame.ethertype == ETHERTYPE_ECP:
            return _ecp(Ecp.decode(Cursor(frame.payload)))
        if frame.ethertype == ETHERTYPE_OUI_EXTENDED:
            draft = DraftEcp.decode(Cursor(frame.payload))
            return {} if draft is None else _ecp(draft)
    except OctetsError as error:
        raise FrameDiscarded(DiscardReason.TRUNCATED, f"the ECP header is cut off: {error}") from None
    return {}


def _ecp(ecp: Ecp | DraftEcp) -> dict[str, Any]:
    """Version 0 is the draft's; an acknowledgment, and what nobody would acknowledge, carries no VDP."""
    header = {
        "version": ecp.version,
        "operation": ecp.operation,
        "subtype": ecp.subtype,
        "sequence": ecp.sequence,
    }
    fault, vsis, faults = ecp.fault, list[dict[str, Any]](), list[dict[str, Any]]()
    if fault is not None:
        faults = [{"type": None, "oui": None, "subtype": None, "reason": fault}]
    elif ecp.operation == EcpOperation.REQUEST and ecp.subtype == ecp.VDP:
        vdp = Vdp.decode(ecp.payload) if isinstance(ecp, Ecp) else DraftVdp.decode(ecp.payload)
        vsis, faults = [_vsi(vsi) for vsi in vdp.vsis], _faults(vdp.faults)
    return {"discard_reason": None, "ecp": {**header, "vdp": vsis}, "faults": faults}


def _vsi(vsi: Vsi | DraftVsi) -> dict[str, Any]:
    """Of the draft, whose numbers mean something else, `type` is the mode and `status` the response."""
    return {
        "type": vsi.type if isinstance(vsi, Vsi) else vsi.mode,
        "status": vsi.status if isinstance(vsi, Vsi) else vsi.response,
        "vsi_type_id": vsi.type_id,
        "vsi_type_version": vsi.type_version,
        "vsi_id_format": vsi.id_format if isinstance(vsi, Vsi) else None,
        "vsi_id": vsi.id_text,
        "filter_format": vsi.filter_format,
        "filters": [_filter(entry) for entry in vsi.filters],
    }


def _filter(entry: Filter) -> dict[str, Any]:
    return {
        "group": entry.group,
        "mac": None if entry.mac is None else str(entry.mac),
        "vid": entry.vid,
        "pcp": entry.pcp,
        "ps": entry.ps,
    }

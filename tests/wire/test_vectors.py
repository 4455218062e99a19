"""Every vector gives the verdict, the counters and the fields that it states."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

import pytest

from evbagent.events import LinkState
from evbagent.lldp.agent import Agent, AgentSettings
from evbagent.lldp.neighbors import Heard
from evbagent.lldp.timers import TransmitSettings
from evbagent.status import LldpCounters
from evbagent.wire.basic import ChassisId, PortDescription, PortId, SystemDescription, SystemName
from evbagent.wire.cdcp import Cdcp
from evbagent.wire.cee import Cee, FeatureHeader
from evbagent.wire.cin import Cin
from evbagent.wire.dcbx import ApplicationPriority, ApplicationVlan, EtsConfiguration, EtsRecommendation, Pfc
from evbagent.wire.dot1 import PortVlanId
from evbagent.wire.dot3 import MaxFrameSize
from evbagent.wire.ethernet import DiscardReason, Frame, FrameDiscarded, Scope
from evbagent.wire.evb import Evb
from evbagent.wire.evb_draft import EvbDraft
from evbagent.wire.lldpdu import Lldpdu
from evbagent.wire.octets import MacAddress
from evbagent.wire.registry import ORGANIZATIONAL
from tests.support.answers import cut_or_flipped, resent
from tests.wire.vectors import ECP, LLDP, VECTORS, Vector

COUNTERS: Final = {
    "statsFramesInTotal": "frames_in_total",
    "statsFramesDiscardedTotal": "frames_discarded_total",
    "statsFramesInErrorsTotal": "frames_in_errors_total",
    "statsTLVsDiscardedTotal": "tlvs_discarded_total",
    "statsTLVsUnrecognizedTotal": "tlvs_unrecognized_total",
}

REASONS: Final = {
    "bad_order_port_first": DiscardReason.WRONG_ORDER,
    "bad_missing_ttl": DiscardReason.MISSING_MANDATORY,
    "bad_dup_ttl": DiscardReason.DUPLICATE_MANDATORY,
    "bad_ttl_len1": DiscardReason.BAD_TTL,
    "bad_chassis_empty_id": DiscardReason.BAD_CHASSIS_ID,
    "bad_chassis_too_long": DiscardReason.BAD_CHASSIS_ID,
}

FAULTS: Final = {
    "bad_tlv_overruns_frame": [(None, "a TLV runs past the end of the frame: 511 octets wanted, 5 left")],
    "bad_sysname_twice": [(5, "system_name stands there already")],
    "bad_syscap_short": [(7, "system_capabilities has 4..4 octets, not 2")],
    "bad_org_len3": [(127, "3 octets hold no OUI and subtype")],
    "evb_len8_short": [(127, "evb has 5..507 octets, not 4")],
    "evb_duplicate": [(127, "evb stands there 2 times, so none of them counts")] * 2,
    "cdcp_odd_length": [(127, "cdcp has 4..505 octets in steps of 3, not 8")],
    "dcbx_ets_bw_not_100": [
        (127, "ets_configuration: the bandwidth of the classes under ETS is 90 %, not 100"),
    ],
    "cee_no_control": [(127, "cee: the control sub-TLV is missing")],
    "bad_end_len2": [(0, "the End TLV has 2 octets")],
}

each_lldp_frame = pytest.mark.parametrize("vector", LLDP, ids=str)


def verdict(octets: bytes) -> str:
    try:
        pdu = Lldpdu.decode(Frame.decode(octets).payload)
    except FrameDiscarded:
        return "invalid-frame"
    if pdu.faults:
        return "valid-partial"
    return "valid" if pdu.ttl else "valid-shutdown"


def counted(octets: bytes) -> LldpCounters:
    """The counters of an agent after it heard this frame and no other."""
    frame = Frame.decode(octets)
    assert frame.scope is not None
    agent = Agent(frame.scope, AgentSettings(transmit=False, receive=True, limit=1, timing=TransmitSettings()))
    address = MacAddress.parse("02:00:00:00:00:99")
    agent.link(LinkState(1, "eth0", address, up=True, carrier=True, carrier_ups=1), 0.0)
    with suppress(FrameDiscarded):
        agent.receive(Heard(octets, frame.payload, frame.source), 0.0)
    return agent.status(0.0).counters


@each_lldp_frame
def test_a_frame_gets_the_verdict_it_states(vector: Vector) -> None:
    assert verdict(vector.octets) == vector.verdict


@each_lldp_frame
def test_a_frame_moves_the_counters_it_states_and_no_others(vector: Vector) -> None:
    counters = counted(vector.octets)
    moved = {name: getattr(counters, ours) for name, ours in COUNTERS.items() if getattr(counters, ours)}
    assert moved == vector.counters


def test_each_discarded_frame_names_its_reason() -> None:
    def reasons() -> Iterator[tuple[str, DiscardReason]]:
        for vector in LLDP:
            try:
                Lldpdu.decode(Frame.decode(vector.octets).payload)
            except FrameDiscarded as discarded:
                yield vector.name, discarded.reason

    assert dict(reasons()) == REASONS


@pytest.mark.parametrize("vector", [vector for vector in LLDP if vector.name not in REASONS], ids=str)
def test_each_discarded_tlv_names_its_fault(vector: Vector) -> None:
    pdu = Lldpdu.decode(Frame.decode(vector.octets).payload)
    assert [(fault.type, fault.reason) for fault in pdu.faults] == FAULTS.get(vector.name, [])


def identity(of: ChassisId | PortId, stated: Any) -> object:
    """The same words about the identity that the vector uses."""
    words = {
        "subtype": of.subtype,
        "mac": str(of),
        "value": str(of),
        "addr": str(of),
        "family": of.value[0],
        "value_hex": of.value.hex(),
    }
    return {word: words[word] for word in stated}


def evb(pdu: Lldpdu) -> dict[str, int] | None:
    tlv = pdu.read(Evb)
    if tlv is None:
        return None
    return {
        "bgid": tlv.bridge.group_id,
        "rrcap": tlv.bridge.rr_capable,
        "rrctr": tlv.bridge.rr_control,
        "sgid": tlv.station.group_id,
        "rrreq": tlv.station.rr_request,
        "rrstat": tlv.station.rr_status,
        "r": tlv.retries,
        "rte": tlv.rte,
        "mode": tlv.mode,
        "rwd_rol": tlv.remote_rwd,
        "rwd": tlv.rwd,
        "rka_rol": tlv.remote_rka,
        "rka": tlv.rka,
    }


def evb_draft(pdu: Lldpdu) -> dict[str, int] | None:
    tlv = pdu.read(EvbDraft)
    if tlv is None:
        return None
    return {
        "smode": tlv.supported_mode,
        "scap": tlv.supported_capabilities,
        "cmode": tlv.configured_mode,
        "ccap": tlv.configured_capabilities,
        "svsi": tlv.supported_vsis,
        "cvsi": tlv.configured_vsis,
        "rte": tlv.rte,
    }


def cdcp(pdu: Lldpdu) -> dict[str, object] | None:
    tlv = pdu.read(Cdcp)
    if tlv is None:
        return None
    return {
        "role": tlv.role,
        "scomp": tlv.s_component,
        "chncap": tlv.channel_capacity,
        "pairs": [list(channel) for channel in tlv.channels],
    }


def management(pdu: Lldpdu) -> dict[str, object]:
    (address,) = pdu.management_addresses
    return {
        "family": address.family,
        "addr": str(address),
        "if_subtype": address.interface_subtype,
        "if_num": address.interface_number,
        "oid": address.oid_text or "",
    }


def tables(ets: EtsConfiguration | EtsRecommendation) -> dict[str, object]:
    return {"prio_tc": list(ets.prio_tc), "bw": list(ets.tc_bandwidth), "tsa": list(ets.tc_tsa)}


def ets_configuration(pdu: Lldpdu) -> dict[str, object] | None:
    tlv = pdu.read(EtsConfiguration)
    if tlv is None:
        return None
    return {"willing": tlv.willing, "cbs": tlv.cbs, "max_tcs": tlv.max_tcs, **tables(tlv)}


def ets_recommendation(pdu: Lldpdu) -> dict[str, object] | None:
    tlv = pdu.read(EtsRecommendation)
    if tlv is None:
        return None
    return tables(tlv)


def numbers(flags: tuple[bool, ...]) -> list[int]:
    return [number for number, flag in enumerate(flags) if flag]


def pfc(pdu: Lldpdu) -> dict[str, object] | None:
    tlv = pdu.read(Pfc)
    if tlv is None:
        return None
    return {"willing": tlv.willing, "mbc": tlv.mbc, "cap": tlv.cap, "enable": numbers(tlv.enabled)}


def control(tlv: Cee | Cin) -> dict[str, int]:
    of = tlv.control
    return {"oper": of.oper_version, "max": of.max_version, "seq": of.seq_no, "ack": of.ack_no}


def header(of: FeatureHeader) -> dict[str, int]:
    return {"en": of.enable, "w": of.willing, "er": of.error}


def cee(pdu: Lldpdu) -> dict[str, object] | None:
    tlv = pdu.read(Cee)
    if tlv is None:
        return None
    said: dict[str, object] = {"control": control(tlv)}
    if tlv.priority_groups is not None:
        groups = tlv.priority_groups
        said["pg"] = {
            **header(groups.header),
            "pgid": list(groups.pgid),
            "pct": list(groups.percent),
            "num_tcs": groups.num_tcs,
        }
    if tlv.pfc is not None:
        said["pfc"] = {**header(tlv.pfc.header), "prios": numbers(tlv.pfc.enabled), "num_tcs": tlv.pfc.num_tcs}
    if tlv.applications is not None:
        said["app"] = [
            {"proto": each.protocol, "sel": each.selector, "oui": each.oui.hex("-"), "prios": numbers(each.priorities)}
            for each in tlv.applications.applications
        ]
    return said


def cin(pdu: Lldpdu) -> dict[str, object]:
    tlv = pdu.read(Cin)
    assert tlv is not None
    assert tlv.pfc is not None
    (application,), (link,) = tlv.applications, tlv.logical_links
    return {
        "control": control(tlv),
        "pfc": {"en": tlv.pfc.header.enable, "prios": numbers(tlv.pfc.enabled)},
        "app": {
            "en": application.header.enable,
            "subtype": application.header.subtype,
            "prios": numbers(application.priorities),
        },
        "llink": {"en": link.header.enable, "status": link.up},
    }


def application_priorities(pdu: Lldpdu) -> list[list[int]]:
    each = (application for tlv in pdu.read_all(ApplicationPriority) for application in tlv.applications)
    return [[application.priority, application.selector, application.protocol] for application in each]


def application_vlans(pdu: Lldpdu) -> list[list[int]]:
    each = (application for tlv in pdu.read_all(ApplicationVlan) for application in tlv.applications)
    return [[application.vid, application.selector, application.protocol] for application in each]


FIELDS: Final[dict[str, Callable[[Frame, Lldpdu, Any], object]]] = {
    "dst": lambda frame, _pdu, _stated: frame.scope and frame.scope.value,
    "chassis": lambda _frame, pdu, stated: identity(pdu.chassis, stated),
    "port": lambda _frame, pdu, stated: identity(pdu.port, stated),
    "ttl": lambda _frame, pdu, _stated: pdu.ttl,
    "port_desc": lambda _frame, pdu, _stated: pdu.text(PortDescription),
    "sys_name": lambda _frame, pdu, _stated: pdu.text(SystemName),
    "sys_desc": lambda _frame, pdu, _stated: pdu.text(SystemDescription),
    "sys_caps": lambda _frame, pdu, _stated: pdu.capabilities,
    "caps": lambda _frame, pdu, _stated: pdu.capabilities and list(pdu.capabilities.capable.names),
    "caps_enabled": lambda _frame, pdu, _stated: pdu.capabilities and list(pdu.capabilities.enabled.names),
    "mgmt": lambda _frame, pdu, _stated: management(pdu),
    "pvid": lambda _frame, pdu, _stated: (tlv := pdu.read(PortVlanId)) and tlv.vid,
    "max_frame": lambda _frame, pdu, _stated: (tlv := pdu.read(MaxFrameSize)) and tlv.size,
    "evb": lambda _frame, pdu, _stated: evb(pdu),
    "evb0": lambda _frame, pdu, _stated: evb_draft(pdu),
    "cdcp": lambda _frame, pdu, _stated: cdcp(pdu),
    "ets_cfg": lambda _frame, pdu, _stated: ets_configuration(pdu),
    "ets_rec": lambda _frame, pdu, _stated: ets_recommendation(pdu),
    "pfc": lambda _frame, pdu, _stated: pfc(pdu),
    "app": lambda _frame, pdu, _stated: application_priorities(pdu),
    "app_vlan": lambda _frame, pdu, _stated: application_vlans(pdu),
    "cee": lambda _frame, pdu, _stated: cee(pdu),
    "cin": lambda _frame, pdu, _stated: cin(pdu),
    "unrecognized": lambda _frame, pdu, _stated: pdu.unrecognized,
    "ignored_after_end": lambda _frame, pdu, _stated: not pdu.optional,
    "duplicate": lambda _frame, pdu, _stated: len(pdu.faults) == 2,
    "trailing": lambda _frame, pdu, _stated: len(pdu.optional[-1].value) - 9,
}

NOT_COMPARED: Final = {
    "outcome": "prose about what follows from the fields",
    "action": "prose about the neighbor table",
    "reason": "prose, told by FAULTS",
    "truncated_tlv": "a TLV that runs past the end is told by its fault, whose type nobody can trust",
    "vlan_tag": "a priority tag changes nothing, so no value holds it",
}

STATED: Final = {
    f"{vector}-{name}": (vector, name) for vector in LLDP for name in vector.fields if name not in NOT_COMPARED
}


@pytest.mark.parametrize(("vector", "name"), STATED.values(), ids=STATED.keys())
def test_a_field_has_the_value_that_the_vector_states(vector: Vector, name: str) -> None:
    frame = Frame.decode(vector.octets)
    stated = vector.fields[name]
    assert FIELDS[name](frame, Lldpdu.decode(frame.payload), stated) == stated


def test_every_field_is_compared_or_has_its_reason_not_to_be() -> None:
    assert {name for vector in LLDP for name in vector.fields} == FIELDS.keys() | NOT_COMPARED.keys()


@pytest.mark.parametrize("vector", ECP, ids=str)
def test_a_frame_of_another_protocol_is_decoded_as_far_as_its_ethertype(vector: Vector) -> None:
    frame = Frame.decode(vector.octets)
    assert frame.ethertype == (0x88B7 if "ecp0" in vector.fields else 0x8940)
    assert frame.scope is (Scope.NEAREST_BRIDGE if "ecp0" in vector.fields else Scope.NEAREST_CUSTOMER_BRIDGE)
    assert frame.encode() == vector.octets


def heard(octets: bytes) -> Lldpdu | None:
    """All that a reader can ask of a frame, None where it is discarded; any other exception is a bug."""
    try:
        pdu = Lldpdu.decode(Frame.decode(octets).payload)
    except FrameDiscarded:
        return None
    names = pdu.text(PortDescription), pdu.text(SystemName), pdu.text(SystemDescription)
    told = pdu.capabilities, pdu.management_addresses, [pdu.read_all(kind) for kind in ORGANIZATIONAL.values()]
    shown = f"{pdu.chassis} {pdu.port} {names} {told} {[str(tlv.key) for tlv in pdu.optional]} {pdu.faults}"
    assert shown.isprintable()
    return pdu


@pytest.mark.parametrize("vector", VECTORS, ids=str)
def test_a_frame_cut_anywhere_is_discarded_or_still_says_who_sent_it(vector: Vector) -> None:
    whole = heard(vector.octets)
    for length in range(len(vector.octets)):
        part = heard(vector.octets[:length])
        if part is not None and whole is not None:
            assert (part.msap, part.ttl) == (whole.msap, whole.ttl)


@pytest.mark.parametrize("vector", VECTORS, ids=str)
def test_what_survives_a_cut_or_a_flipped_bit_could_be_sent_again_without_fault(vector: Vector) -> None:
    for octets in cut_or_flipped(vector.octets):
        pdu = heard(octets)
        if pdu is not None:
            again = Lldpdu.decode(pdu.encode())
            assert (again.msap, again.ttl, again.optional, again.faults) == (pdu.msap, pdu.ttl, pdu.optional, ())


NOT_THE_SAME: Final = {
    ("lldp_no_end_tlv", None): "an End TLV may be missing, and ours never is",
    ("ttl_len4_liberal", None): "octets behind the TTL are tolerated, and never sent",
    ("evb_len12_long", "evb"): "what a later revision appends is kept as octets, and nothing of it as a value",
    ("evb_reserved_bits_set", "evb"): "reserved bits go out as zero",
}


def test_a_faultless_frame_and_every_value_in_it_come_back_octet_for_octet_or_it_is_said_why_not() -> None:
    different: set[tuple[str, str | None]] = set()
    for vector in (vector for vector in LLDP if verdict(vector.octets) in ("valid", "valid-shutdown")):
        payload = Frame.decode(vector.octets).payload
        pdu = Lldpdu.decode(payload)
        if not payload.startswith(pdu.encode()):
            different.add((vector.name, None))
        different |= {
            (vector.name, ORGANIZATIONAL[tlv.key].NAME) for tlv in pdu.optional if tlv.key and resent(tlv) != tlv
        }
    assert different == NOT_THE_SAME.keys()

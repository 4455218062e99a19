"""Every vector gives the verdict, the counters and the fields that it states, as far as this version reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

import pytest

from evbagent.events import LinkState
from evbagent.lldp.agent import Agent, AgentSettings
from evbagent.lldp.timers import TransmitSettings
from evbagent.status import LldpCounters
from evbagent.wire.basic import ChassisId, PortDescription, PortId, SystemDescription, SystemName
from evbagent.wire.ethernet import DiscardReason, Frame, FrameDiscarded, Scope
from evbagent.wire.evb import Evb
from evbagent.wire.lldpdu import Lldpdu
from evbagent.wire.octets import MacAddress
from evbagent.wire.tlv import OrgKey
from tests.wire.vectors import ECP, LLDP, VECTORS, Vector

DOT1: Final = b"\x00\x80\xc2"
INTEL: Final = b"\x00\x1b\x21"

# What the vectors say about these TLVs holds for versions that read them; to this one each is a TLV unrecognized.
LATER: Final = {
    OrgKey(DOT1, 0x01): "port VLAN ID: 802.1 TLVs",
    OrgKey(b"\x00\x12\x0f", 0x04): "maximum frame size: 802.3 TLVs",
    OrgKey(b"\x00\x1b\x3f", 0x00): "EVB of draft 0.2",
    OrgKey(DOT1, 0x0E): "CDCP",
    OrgKey(DOT1, 0x09): "ETS configuration: DCBX",
    OrgKey(DOT1, 0x0A): "ETS recommendation: DCBX",
    OrgKey(DOT1, 0x0B): "PFC: DCBX",
    OrgKey(DOT1, 0x0C): "application priority: DCBX",
    OrgKey(DOT1, 0x10): "application VLAN: DCBX",
    OrgKey(INTEL, 0x01): "CIN DCBX",
    OrgKey(INTEL, 0x02): "CEE DCBX",
}

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
    "bad_sysname_twice": [(5, "a TLV of this type stands there already")],
    "bad_syscap_short": [(7, "type 7 has 4..4 octets, not 2")],
    "bad_org_len3": [(127, "3 octets hold no OUI and subtype")],
    "evb_len8_short": [(127, "evb has 5..507 octets, not 4")],
    "evb_duplicate": [(127, "evb stands there 2 times, so none of them counts")] * 2,
    "bad_end_len2": [(0, "the End TLV has 2 octets")],
}

each_lldp_frame = pytest.mark.parametrize("vector", LLDP, ids=str)


def later(vector: Vector) -> int:
    """How many TLVs of the frame a later version will read."""
    return sum(vector.octets.count(key.oui + bytes([key.subtype])) for key in LATER)


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
        agent.receive(octets, frame.payload, 0.0)
    return agent.status(0.0).counters


@each_lldp_frame
def test_a_frame_gets_the_verdict_it_states(vector: Vector) -> None:
    assert verdict(vector.octets) == ("valid" if later(vector) else vector.verdict)


@each_lldp_frame
def test_a_frame_moves_the_counters_it_states_and_no_others(vector: Vector) -> None:
    stated = vector.counters
    if later(vector):
        stated = {"statsFramesInTotal": 1, "statsTLVsUnrecognizedTotal": later(vector)}
    counters = counted(vector.octets)
    assert {name: getattr(counters, ours) for name, ours in COUNTERS.items() if getattr(counters, ours)} == stated


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


@pytest.mark.parametrize("key", LATER, ids=LATER.values())
def test_a_tlv_left_for_later_stands_in_a_vector(key: OrgKey) -> None:
    assert any(key.oui + bytes([key.subtype]) in vector.octets for vector in LLDP)


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


FIELDS: Final[dict[str, Callable[[Frame, Lldpdu, Any], object]]] = {
    "dst": lambda frame, _pdu, _stated: frame.scope and frame.scope.value,
    "chassis": lambda _frame, pdu, stated: identity(pdu.chassis, stated),
    "port": lambda _frame, pdu, stated: identity(pdu.port, stated),
    "ttl": lambda _frame, pdu, _stated: pdu.ttl,
    "port_desc": lambda _frame, pdu, _stated: pdu.text(PortDescription),
    "sys_name": lambda _frame, pdu, _stated: pdu.text(SystemName),
    "sys_desc": lambda _frame, pdu, _stated: pdu.text(SystemDescription),
    "sys_caps": lambda _frame, pdu, _stated: next((tlv for tlv in pdu.optional if tlv.type == 7), None),
    "evb": lambda _frame, pdu, _stated: evb(pdu),
    "unrecognized": lambda _frame, pdu, _stated: pdu.unrecognized,
    "ignored_after_end": lambda _frame, pdu, _stated: not pdu.optional,
    "duplicate": lambda _frame, pdu, _stated: len(pdu.faults) == 2,
    "trailing": lambda _frame, pdu, _stated: len(pdu.optional[-1].value) - 9,
}

NOT_COMPARED: Final = {
    "outcome": "prose about what follows from the fields",
    "action": "prose about the neighbor table",
    "reason": "prose about TLVs of later versions",
    "truncated_tlv": "a TLV that runs past the end is told by its fault, whose type nobody can trust",
    "vlan_tag": "a priority tag changes nothing, so no value holds it",
    "caps": "system capabilities are not read yet",
    "caps_enabled": "system capabilities are not read yet",
    "mgmt": "management addresses are not read yet",
    "pvid": "802.1 TLVs are not read yet",
    "max_frame": "802.3 TLVs are not read yet",
    "evb0": "EVB of draft 0.2 is not read yet",
    "cdcp": "CDCP is not read yet",
    "ets_cfg": "DCBX is not read yet",
    "ets_rec": "DCBX is not read yet",
    "pfc": "DCBX is not read yet",
    "app": "DCBX is not read yet",
    "app_vlan": "DCBX is not read yet",
    "cee": "DCBX is not read yet",
    "cin": "DCBX is not read yet",
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
    shown = f"{pdu.chassis} {pdu.port} {names} {pdu.read(Evb)} {[str(tlv.key) for tlv in pdu.optional]}"
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
def test_what_survives_a_flipped_bit_could_be_sent_again_without_fault(vector: Vector) -> None:
    for bit in range(len(vector.octets) * 8):
        octets = bytearray(vector.octets)
        octets[bit // 8] ^= 1 << bit % 8
        pdu = heard(bytes(octets))
        if pdu is not None:
            again = Lldpdu.decode(pdu.encode())
            assert (again.msap, again.ttl, again.optional, again.faults) == (pdu.msap, pdu.ttl, pdu.optional, ())

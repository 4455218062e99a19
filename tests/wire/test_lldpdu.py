"""An LLDPDU: the mandatory part decides about the frame, every other TLV only about itself (802.1AB-2016 9.2.8.7)."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evbagent.wire.basic import (
    Capability,
    ChassisId,
    ManagementAddress,
    PortDescription,
    PortId,
    SystemCapabilities,
    SystemDescription,
    SystemName,
)
from evbagent.wire.dcbx import Application, ApplicationPriority
from evbagent.wire.dot1 import PortVlanId
from evbagent.wire.ethernet import DiscardReason, FrameDiscarded
from evbagent.wire.evb import BridgeStatus, Evb, EvbMode
from evbagent.wire.lldpdu import MAX_OCTETS, Fault, Lldpdu, LldpduTooLong, Msap, Opening
from evbagent.wire.octets import OctetsError
from evbagent.wire.registry import BASIC
from evbagent.wire.tlv import Tlv
from tests.wire.strategies import lldpdus

CHASSIS: Final = ChassisId(7, b"c")
PORT: Final = PortId(7, b"p")
MANDATORY: Final = bytes.fromhex("0202 0763 0402 0770 0602 0078")
EVB: Final = Evb(EvbMode.BRIDGE, BridgeStatus(rr_capable=True))
END: Final = b"\0\0"
CAPABLE: Final = SystemCapabilities(Capability.BRIDGE, Capability.NONE).tlv()
LEAST: Final = ManagementAddress(0, b"x").tlv()
MOST: Final = ManagementAddress(0, b"x" * 31, oid=bytes(128)).tlv()


def after_mandatory(octets: bytes) -> Lldpdu:
    return Lldpdu.decode(MANDATORY + octets)


def faults(pdu: Lldpdu) -> list[tuple[int | None, str]]:
    return [(fault.type, fault.reason) for fault in pdu.faults]


def test_an_lldpdu_has_these_octets() -> None:
    pdu = Lldpdu(CHASSIS, PORT, 120, (SystemName(b"tor1").tlv(), EVB.tlv()))
    assert pdu.encode() == MANDATORY + bytes.fromhex("0a04 746f7231 fe09 0080c20d 02 00 6e 54 14 0000")
    assert pdu.msap == Msap(CHASSIS, PORT)


DISCARDED = {
    "nothing at all": ("", DiscardReason.MISSING_MANDATORY, "TLV 1: 2 octets wanted, 0 left"),
    "padding only": ("0000 0000", DiscardReason.MISSING_MANDATORY, "it ends before TLV 1"),
    "the chassis only": ("0202 0763", DiscardReason.MISSING_MANDATORY, "TLV 2: 2 octets wanted, 0 left"),
    "End before the TTL": ("0202 0763 0402 0770 0000", DiscardReason.MISSING_MANDATORY, "it ends before TLV 3"),
    "TTL cut": ("0202 0763 0402 0770 0602 00", DiscardReason.MISSING_MANDATORY, "TLV 3: 2 octets wanted, 1 left"),
    "port first": ("0402 0770 0202 0763 0602 0078", DiscardReason.WRONG_ORDER, "TLV 1 has type 2, not 1"),
    "TTL before the port": ("0202 0763 0602 0078 0402 0770", DiscardReason.WRONG_ORDER, "TLV 2 has type 3, not 2"),
    "a name instead of the TTL": ("0202 0763 0402 0770 0a01 61", DiscardReason.WRONG_ORDER, "TLV 3 has type 5, not 3"),
    "the chassis twice": ("0202 0763 0202 0763", DiscardReason.DUPLICATE_MANDATORY, "TLV 2 has type 1, not 2"),
    "the port twice": ("0202 0763 0402 0770 0402 0770", DiscardReason.DUPLICATE_MANDATORY, "TLV 3 has type 2, not 3"),
    "chassis without octets": ("0200 0402 0770 0602 0078", DiscardReason.BAD_CHASSIS_ID, "1 octets wanted, 0 left"),
    "chassis without value": ("0201 07 0402 0770 0602 0078", DiscardReason.BAD_CHASSIS_ID, "1..255 octets, not 0"),
    "chassis too long": (
        "0301 07" + "41" * 256 + "0402 0770 0602 0078",
        DiscardReason.BAD_CHASSIS_ID,
        "1..255 octets, not 256",
    ),
    "port without value": ("0202 0763 0401 07 0602 0078", DiscardReason.BAD_PORT_ID, "1..255 octets, not 0"),
    "port too long": ("0202 0763 0501 07" + "41" * 256 + "0602 0078", DiscardReason.BAD_PORT_ID, "not 256"),
    "TTL without octets": ("0202 0763 0402 0770 0600", DiscardReason.BAD_TTL, "2 octets wanted, 0 left"),
    "half a TTL": ("0202 0763 0402 0770 0601 78", DiscardReason.BAD_TTL, "2 octets wanted, 1 left"),
}


@pytest.mark.parametrize(("octets", "reason", "detail"), DISCARDED.values(), ids=DISCARDED.keys())
def test_a_fault_in_the_mandatory_part_discards_the_frame(octets: str, reason: DiscardReason, detail: str) -> None:
    with pytest.raises(FrameDiscarded) as discarded:
        Lldpdu.decode(bytes.fromhex(octets))
    assert discarded.value.reason is reason
    assert detail in discarded.value.detail
    assert str(discarded.value) == f"{reason.value}: {discarded.value.detail}"


@pytest.mark.parametrize("tlv_type", [1, 2, 3], ids=["chassis", "port", "TTL"])
def test_a_mandatory_tlv_further_back_discards_the_frame(tlv_type: int) -> None:
    with pytest.raises(FrameDiscarded) as discarded:
        after_mandatory(SystemName(b"tor1").tlv().encode() + Tlv(tlv_type, b"\x07x").encode() + END)
    assert discarded.value.reason is DiscardReason.DUPLICATE_MANDATORY


def test_a_ttl_may_be_longer_than_it_should() -> None:
    pdu = Lldpdu.decode(bytes.fromhex("0202 0763 0402 0770 0604 0078 ffff"))
    assert (pdu.ttl, pdu.faults) == (120, ())


ENDS: dict[str, tuple[str, list[tuple[int | None, str]], int]] = {
    "with the frame": ("", [], 0),
    "with an End TLV": ("0000", [], 0),
    "with an End TLV and padding": ("0000 0000 00", [], 0),
    "with an End TLV and anything": ("0000 0a01 61", [], 0),
    "with a zero too short for an End TLV": ("00", [], 0),
    "with half a header": ("0a", [(None, "one octet left is no TLV")], 1),
    "inside a TLV": ("0a05 61", [(None, "a TLV runs past the end of the frame: 5 octets wanted, 1 left")], 1),
    "with an End TLV that has a value": ("0001 61 0a01 61", [(0, "the End TLV has 1 octets")], 0),
    "inside an End TLV": ("0002 61", [(None, "a TLV runs past the end of the frame: 2 octets wanted, 1 left")], 1),
}


@pytest.mark.parametrize(("octets", "expected", "discarded"), ENDS.values(), ids=ENDS.keys())
def test_an_lldpdu_may_end(octets: str, expected: list[tuple[int | None, str]], discarded: int) -> None:
    description = PortDescription(b"kept").tlv()
    pdu = after_mandatory(description.encode() + bytes.fromhex(octets))
    assert (pdu.optional, faults(pdu), pdu.discarded) == ((description,), expected, discarded)


LENGTHS: dict[str, tuple[Tlv, Tlv, Tlv, str]] = {
    "port description": (
        Tlv(4, b""),
        Tlv(4, bytes(255)),
        Tlv(4, bytes(256)),
        "port_description has 0..255 octets, not 256",
    ),
    "system name": (Tlv(5, b""), Tlv(5, bytes(255)), Tlv(5, bytes(256)), "system_name has 0..255 octets, not 256"),
    "system description": (
        Tlv(6, b""),
        Tlv(6, bytes(255)),
        Tlv(6, bytes(256)),
        "system_description has 0..255 octets, not 256",
    ),
    "capabilities, shorter": (CAPABLE, CAPABLE, Tlv(7, bytes(3)), "system_capabilities has 4..4 octets, not 3"),
    "capabilities, longer": (CAPABLE, CAPABLE, Tlv(7, bytes(5)), "system_capabilities has 4..4 octets, not 5"),
    "management address, shorter": (LEAST, MOST, Tlv(8, bytes(8)), "management_address has 9..167 octets, not 8"),
    "management address, longer": (LEAST, MOST, Tlv(8, bytes(168)), "management_address has 9..167 octets, not 168"),
    "applications": (
        Tlv.organizational(ApplicationPriority.KEY, bytes(1)),
        Tlv.organizational(ApplicationPriority.KEY, bytes(505)),
        Tlv.organizational(ApplicationPriority.KEY, bytes(3)),
        "application_priority has 1..505 octets in steps of 3, not 3",
    ),
}


@pytest.mark.parametrize(("least", "most", "wrong", "reason"), LENGTHS.values(), ids=LENGTHS.keys())
def test_a_tlv_of_a_wrong_length_costs_only_itself(least: Tlv, most: Tlv, wrong: Tlv, reason: str) -> None:
    for right in (least, most):
        assert after_mandatory(right.encode()).optional == (right,)
    pdu = after_mandatory(wrong.encode() + EVB.tlv().encode())
    assert faults(pdu) == [(wrong.type, reason)]
    assert (pdu.optional, pdu.discarded, pdu.unrecognized) == ((EVB.tlv(),), 1, 0)


CONTRADICTIONS: dict[str, tuple[Tlv, str]] = {
    "management address, no octets": (Tlv(8, bytes(9)), "management_address: 1 octets wanted, 0 left"),
    "management address, longer than the TLV": (
        Tlv(8, bytes.fromhex("10 01 c0000201 02 00000007 00")),
        "management_address: 16 octets wanted, 11 left",
    ),
    "management address, longer than 31 octets": (
        Tlv(8, bytes.fromhex("21 01") + bytes(32) + bytes(6)),
        "management_address: a management address has 1..31 octets, not 32",
    ),
    "management address, OID too short": (
        Tlv(8, bytes.fromhex("05 01 c0000201 02 00000007 02 2b")),
        "management_address: 2 octets wanted, 1 left",
    ),
    "management address, octets behind it": (
        Tlv(8, bytes.fromhex("05 01 c0000201 02 00000007 00 00")),
        "management_address: 1 octets left over",
    ),
    "VLAN name, shorter than it says": (
        Tlv(127, bytes.fromhex("0080c203 0001 04 616263")),
        "vlan_name: 4 octets wanted, 3 left",
    ),
    "VLAN name, longer than it says": (
        Tlv(127, bytes.fromhex("0080c203 0001 02 616263")),
        "vlan_name: 1 octets left over",
    ),
    "ETS, classes with 90 %": (
        Tlv(127, bytes.fromhex("0080c20a 00 00000000 5a00000000000000 0200000000000000")),
        "ets_recommendation: the bandwidth of the classes under ETS is 90 %, not 100",
    ),
    "CDCP without the default channel": (
        Tlv(127, bytes.fromhex("0080c20e 880000a7 002000")),
        "cdcp: the default channel (1, 1) is missing",
    ),
    "CEE without control": (
        Tlv(127, bytes.fromhex("001b2102 0606 000080000802 0000 0000")),
        "cee: the control sub-TLV is missing",
    ),
}


@pytest.mark.parametrize(("tlv", "reason"), CONTRADICTIONS.values(), ids=CONTRADICTIONS.keys())
def test_a_tlv_that_contradicts_itself_costs_only_itself_and_when_it_is_received(tlv: Tlv, reason: str) -> None:
    pdu = after_mandatory(tlv.encode() + EVB.tlv().encode())
    assert pdu.faults == (Fault(tlv.type, tlv.key, reason),)
    assert (pdu.optional, pdu.discarded, pdu.unrecognized) == ((EVB.tlv(),), 1, 0)


@pytest.mark.parametrize("tlv_type", [4, 5, 6, 7])
def test_of_two_basic_tlvs_of_a_type_the_first_counts(tlv_type: int) -> None:
    first, second = Tlv(tlv_type, b"1111"), Tlv(tlv_type, b"2222")
    pdu = after_mandatory(first.encode() + second.encode())
    assert pdu.optional == (first,)
    assert faults(pdu) == [(tlv_type, f"{BASIC[tlv_type].NAME} stands there already")]


def test_a_basic_tlv_behind_a_discarded_one_of_its_type_is_the_first() -> None:
    right = Tlv(7, bytes(4))
    pdu = after_mandatory(Tlv(7, bytes(2)).encode() + right.encode())
    assert (pdu.optional, len(pdu.faults)) == ((right,), 1)


@pytest.mark.parametrize(
    "tlv",
    [LEAST, Tlv(9, b"x"), Tlv(126, b""), Tlv(127, b"\x00\x02\xb3\x01zz")],
    ids=["management address", "first reserved type", "last reserved type", "unknown OUI"],
)
def test_these_tlvs_may_stand_there_twice(tlv: Tlv) -> None:
    pdu = after_mandatory(tlv.encode() * 2)
    assert (pdu.optional, pdu.faults) == ((tlv, tlv), ())
    assert pdu.unrecognized == (0 if tlv.type == 8 else 2)


def test_an_organizational_tlv_without_subtype_is_discarded() -> None:
    pdu = after_mandatory(Tlv(127, b"\x00\x80\xc2").encode())
    assert (pdu.optional, pdu.faults) == ((), (Fault(127, None, "3 octets hold no OUI and subtype"),))


EVB_LENGTHS = {
    "too short": (4, "evb has 5..507 octets, not 4"),
    "least": (5, None),
    "most": (507, None),
}


@pytest.mark.parametrize(("length", "reason"), EVB_LENGTHS.values(), ids=EVB_LENGTHS.keys())
def test_an_evb_tlv_has_at_least_five_octets(length: int, reason: str | None) -> None:
    tlv = Tlv.organizational(Evb.KEY, bytes(length))
    pdu = after_mandatory(tlv.encode())
    assert pdu.faults == (() if reason is None else (Fault(127, Evb.KEY, reason),))
    assert (pdu.read(Evb) is None) == (reason is not None)
    assert pdu.unrecognized == 0


@pytest.mark.parametrize("other", [EVB.tlv(), Tlv.organizational(Evb.KEY, b"")], ids=["right", "too short"])
def test_two_evb_tlvs_are_none_even_where_one_is_wrong(other: Tlv) -> None:
    pdu = after_mandatory(EVB.tlv().encode() + other.encode())
    assert (pdu.optional, pdu.read(Evb), pdu.discarded) == ((), None, 2)


def test_tlvs_are_read_by_their_class_wherever_they_stand() -> None:
    names = (SystemName(b"tor1"), PortDescription(b"up\x1b"), SystemDescription(b""))
    pdu = Lldpdu(CHASSIS, PORT, 120, (Tlv(9, b""), *(name.tlv() for name in names), EVB.tlv()))
    assert pdu.read(Evb) == EVB
    assert [pdu.text(kind) for kind in (SystemName, PortDescription, SystemDescription)] == ["tor1", r"up\x1b", ""]


def test_what_is_not_there_is_none() -> None:
    pdu = Lldpdu(CHASSIS, PORT, 120, (Tlv(9, b""), Tlv(127, Evb.KEY.octets[:3])))
    assert (pdu.read(Evb), pdu.text(SystemName), pdu.capabilities) == (None, None, None)
    assert (pdu.read_all(ApplicationPriority), pdu.management_addresses) == ((), ())


def test_tlvs_that_may_stand_there_twice_are_read_in_their_order() -> None:
    addresses = ManagementAddress(1, b"\xc0\x00\x02\x01"), ManagementAddress(6, b"\x00\x00\x5e\x00\x53\x01")
    lists = ApplicationPriority((Application(3, 1, 0x8906),)), ApplicationPriority(())
    pdu = after_mandatory(CAPABLE.encode() + b"".join(value.tlv().encode() for value in (*addresses, EVB, *lists)))
    assert (pdu.management_addresses, pdu.read_all(ApplicationPriority), pdu.faults) == (addresses, lists, ())
    assert (pdu.read(ApplicationPriority), pdu.read(Evb)) == (lists[0], EVB)
    assert pdu.capabilities == SystemCapabilities(Capability.BRIDGE, Capability.NONE)


@pytest.mark.parametrize("ttl", [-1, 65536])
def test_a_ttl_that_does_not_fit_is_refused_by_its_name(ttl: int) -> None:
    with pytest.raises(OctetsError, match=f"^TTL is 0..65535, not {ttl}$"):
        Lldpdu(CHASSIS, PORT, ttl)


def test_an_lldpdu_fills_a_frame_and_not_an_octet_more() -> None:
    filler = Tlv(9, bytes(511)), Tlv(9, bytes(511))
    room = MAX_OCTETS - len(MANDATORY) - 2 * 513 - 2 - len(END)
    assert len(Lldpdu(CHASSIS, PORT, 120, (*filler, Tlv(9, bytes(room)))).encode()) == MAX_OCTETS
    with pytest.raises(LldpduTooLong, match="the LLDPDU has 1501 octets, a frame holds 1500"):
        Lldpdu(CHASSIS, PORT, 120, (*filler, Tlv(9, bytes(room + 1)))).encode()


HOSTILE = {
    "reserved TLVs without value": (Tlv(9, b""), 32, 0, 744),
    "names without value": (Tlv(5, b""), 1, 743, 0),
    "organizational TLVs without value": (Tlv(127, b""), 0, 744, 0),
    "unknown organizational TLVs": (Tlv(127, b"\x00\x02\xb3\x01"), 32, 0, 248),
    "EVB TLVs": (EVB.tlv(), 0, 135, 0),
    "management addresses": (LEAST, 135, 0, 0),
    "management addresses without octets": (Tlv(8, bytes(9)), 0, 135, 0),
    "VLAN names": (Tlv(127, b"\x00\x80\xc2\x03" + bytes(3)), 165, 0, 0),
    "port VLANs": (PortVlanId(1).tlv(), 1, 185, 0),
}


@pytest.mark.parametrize(("tlv", "kept", "discarded", "unrecognized"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_frame_full_of_one_tlv_is_judged_tlv_by_tlv(tlv: Tlv, kept: int, discarded: int, unrecognized: int) -> None:
    octets = tlv.encode()
    pdu = after_mandatory(octets * ((MAX_OCTETS - len(MANDATORY)) // len(octets)))
    assert (pdu.optional, pdu.discarded, pdu.unrecognized) == ((tlv,) * kept, discarded, unrecognized)
    assert len(pdu.faults) <= 33


def test_more_faults_than_anybody_reads_are_told_as_a_number_and_counted_all_the_same() -> None:
    pdu = after_mandatory(Tlv(127, b"").encode() * 40 + b"\0\1x")
    assert pdu.faults[0] == Fault(0, None, "the End TLV has 1 octets")
    assert pdu.faults[1:32] == (Fault(127, None, "0 octets hold no OUI and subtype"),) * 31
    assert pdu.faults[32:] == (Fault(None, None, "9 more TLVs are wrong", 9),)
    assert pdu.discarded == 40


def test_what_somebody_reads_finds_room_behind_any_number_of_tlvs_that_nobody_does() -> None:
    pdu = after_mandatory(Tlv(9, b"").encode() * 600 + EVB.tlv().encode())
    assert (len(pdu.optional), pdu.unrecognized, pdu.read(Evb)) == (33, 600, EVB)


@settings(deadline=None)
@given(lldpdus)
def test_an_lldpdu_comes_back_from_its_octets_with_or_without_padding(pdu: Lldpdu) -> None:
    octets = pdu.encode()
    for again in (Lldpdu.decode(octets), Lldpdu.decode(octets + bytes(46)), Lldpdu.decode(octets[:-2])):
        assert (again.msap, again.ttl, again.optional, again.faults) == (pdu.msap, pdu.ttl, pdu.optional, ())
        assert [again.read(Evb), again.text(SystemName)] == [pdu.read(Evb), pdu.text(SystemName)]


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=120), st.binary(max_size=120).map(lambda octets: MANDATORY + octets)))
def test_any_octets_are_an_lldpdu_that_could_be_sent_or_a_discarded_frame(octets: bytes) -> None:
    try:
        pdu = Lldpdu.decode(octets)
    except FrameDiscarded:
        return
    again = Lldpdu.decode(pdu.encode())
    assert (again.msap, again.ttl, again.optional, again.faults) == (pdu.msap, pdu.ttl, pdu.optional, ())


OPENINGS = {
    "as it should be": ("0207040000 5e005301 040301 3141 0602 0078 0000", 120),
    "a TTL of four octets": ("0203 076162 0402 0731 0604 0014 0000 0000", 20),
    "no End TLV": ("0203 076162 0402 0731 0602 0014", 20),
    "a shutdown": ("0203 076162 0402 0731 0602 0000 0000", 0),
    "another order": ("0402 0731 0203 076162 0602 0014", None),
    "no TTL": ("0203 076162 0402 0731 0000", None),
    "a TTL of one octet": ("0203 076162 0402 0731 0601 14", None),
    "a TLV beyond the end": ("0203 076162 0402 0731 0604 0014", None),
    "nothing": ("", None),
}


@pytest.mark.parametrize(("octets", "ttl"), OPENINGS.values(), ids=OPENINGS.keys())
def test_the_opening_says_whose_it_is_and_for_how_long(octets: str, ttl: int | None) -> None:
    payload = bytes.fromhex(octets)
    opening = Opening.read(payload)
    assert (None if opening is None else opening.ttl) == ttl
    if opening is not None:
        assert opening.identity == Lldpdu.decode(payload).msap.octets

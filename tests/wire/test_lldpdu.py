"""An LLDPDU: the mandatory part decides about the frame, every other TLV only about itself (802.1AB-2016 9.2.8.7)."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evbagent.wire.basic import ChassisId, PortDescription, PortId, SystemDescription, SystemName
from evbagent.wire.ethernet import DiscardReason, FrameDiscarded
from evbagent.wire.evb import BridgeStatus, Evb, EvbMode
from evbagent.wire.lldpdu import MAX_OCTETS, Fault, Lldpdu, LldpduTooLong, Msap
from evbagent.wire.octets import OctetsError
from evbagent.wire.tlv import Tlv
from tests.wire.strategies import lldpdus

CHASSIS: Final = ChassisId(7, b"c")
PORT: Final = PortId(7, b"p")
MANDATORY: Final = bytes.fromhex("0202 0763 0402 0770 0602 0078")
EVB: Final = Evb(EvbMode.BRIDGE, BridgeStatus(rr_capable=True))
END: Final = b"\0\0"


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


LENGTHS = {
    "port description": (4, 0, 255, 256),
    "system name": (5, 0, 255, 256),
    "system description": (6, 0, 255, 256),
    "system capabilities, shorter": (7, 4, 4, 3),
    "system capabilities, longer": (7, 4, 4, 5),
    "management address, shorter": (8, 9, 167, 8),
    "management address, longer": (8, 9, 167, 168),
}


@pytest.mark.parametrize(("tlv_type", "least", "most", "wrong"), LENGTHS.values(), ids=LENGTHS.keys())
def test_a_basic_tlv_of_a_wrong_length_costs_only_itself(tlv_type: int, least: int, most: int, wrong: int) -> None:
    for length in (least, most):
        right = Tlv(tlv_type, bytes(length))
        assert after_mandatory(right.encode()).optional == (right,)
    pdu = after_mandatory(Tlv(tlv_type, bytes(wrong)).encode() + EVB.tlv().encode())
    assert faults(pdu) == [(tlv_type, f"type {tlv_type} has {least}..{most} octets, not {wrong}")]
    assert pdu.optional == (EVB.tlv(),)


@pytest.mark.parametrize("tlv_type", [4, 5, 6, 7])
def test_of_two_basic_tlvs_of_a_type_the_first_counts(tlv_type: int) -> None:
    first, second = Tlv(tlv_type, b"1111"), Tlv(tlv_type, b"2222")
    pdu = after_mandatory(first.encode() + second.encode())
    assert pdu.optional == (first,)
    assert faults(pdu) == [(tlv_type, "a TLV of this type stands there already")]


def test_a_basic_tlv_behind_a_discarded_one_of_its_type_is_the_first() -> None:
    right = Tlv(7, bytes(4))
    pdu = after_mandatory(Tlv(7, bytes(2)).encode() + right.encode())
    assert (pdu.optional, len(pdu.faults)) == ((right,), 1)


@pytest.mark.parametrize(
    "tlv",
    [Tlv(8, bytes(9)), Tlv(9, b"x"), Tlv(126, b""), Tlv(127, b"\x00\x02\xb3\x01zz")],
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
    pdu = Lldpdu(CHASSIS, PORT, 120, (Tlv(9, b""),))
    assert (pdu.read(Evb), pdu.text(SystemName)) == (None, None)


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
    "reserved TLVs without value": (Tlv(9, b""), 744, 0, 744),
    "names without value": (Tlv(5, b""), 1, 743, 0),
    "organizational TLVs without value": (Tlv(127, b""), 0, 744, 0),
    "unknown organizational TLVs": (Tlv(127, b"\x00\x02\xb3\x01"), 248, 0, 248),
    "EVB TLVs": (EVB.tlv(), 0, 135, 0),
    "management addresses": (Tlv(8, bytes(9)), 135, 0, 0),
}


@pytest.mark.parametrize(("tlv", "kept", "discarded", "unrecognized"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_frame_full_of_one_tlv_is_judged_tlv_by_tlv(tlv: Tlv, kept: int, discarded: int, unrecognized: int) -> None:
    octets = tlv.encode()
    pdu = after_mandatory(octets * ((MAX_OCTETS - len(MANDATORY)) // len(octets)))
    assert (pdu.optional, pdu.discarded, pdu.unrecognized) == ((tlv,) * kept, discarded, unrecognized)


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

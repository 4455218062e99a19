"""A TLV has seven bits of type and nine of length, and type 127 begins with OUI and subtype."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from evbagent.wire.octets import Cursor, OctetsError
from evbagent.wire.tlv import OrgKey, Tlv
from tests.wire.strategies import tlvs

EVB = OrgKey(b"\x00\x80\xc2", 0x0D)

GOLDEN = {
    "End": (Tlv(0, b""), "0000"),
    "TTL": (Tlv(3, b"\x00\x78"), "0602 0078"),
    "organizational": (Tlv.organizational(EVB, b"\x01"), "fe05 0080c20d 01"),
    "most of all": (Tlv(127, bytes(511)), "ffff" + "00" * 511),
}


@pytest.mark.parametrize(("tlv", "octets"), GOLDEN.values(), ids=GOLDEN.keys())
def test_a_tlv_has_these_octets(tlv: Tlv, octets: str) -> None:
    assert tlv.encode() == bytes.fromhex(octets)


@settings(deadline=None)
@given(tlvs, tlvs)
def test_tlvs_come_back_from_their_octets_one_after_the_other(first: Tlv, second: Tlv) -> None:
    cursor = Cursor(first.encode() + second.encode())
    assert [Tlv.decode(cursor), Tlv.decode(cursor), cursor.remaining] == [first, second, 0]


@pytest.mark.parametrize("octets", ["", "06", "0602", "060200"], ids=["nothing", "half a header", "no value", "short"])
def test_a_tlv_that_runs_past_the_end_is_refused(octets: str) -> None:
    with pytest.raises(OctetsError, match="octets wanted"):
        Tlv.decode(Cursor(bytes.fromhex(octets)))


UNSENDABLE = {
    "type negative": (-1, 0, "TLV type -1 does not fit 7 bits"),
    "type too large": (128, 0, "TLV type 128 does not fit 7 bits"),
    "value too long": (127, 512, "a TLV holds at most 511 octets, not 512"),
}


@pytest.mark.parametrize(("type_", "length", "text"), UNSENDABLE.values(), ids=UNSENDABLE.keys())
def test_a_tlv_that_could_not_be_sent_is_refused(type_: int, length: int, text: str) -> None:
    with pytest.raises(OctetsError, match=text):
        Tlv(type_, bytes(length))


KEYS = {
    "OUI and subtype": (Tlv(127, b"\x00\x80\xc2\x0d\x01\x02"), EVB, b"\x01\x02"),
    "nothing behind them": (Tlv(127, b"\x00\x80\xc2\x0d"), EVB, b""),
    "too short for them": (Tlv(127, b"\x00\x80\xc2"), None, b"\x00\x80\xc2"),
    "another type": (Tlv(126, b"\x00\x80\xc2\x0d\x01"), None, b"\x00\x80\xc2\x0d\x01"),
}


@pytest.mark.parametrize(("tlv", "key", "information"), KEYS.values(), ids=KEYS.keys())
def test_only_type_127_has_a_key_in_front_of_its_information(tlv: Tlv, key: OrgKey | None, information: bytes) -> None:
    assert (tlv.key, tlv.information.rest()) == (key, information)


def test_a_key_is_written_as_the_standards_write_it() -> None:
    assert str(EVB) == "00-80-C2/0D"


BAD_KEYS = {
    "OUI too short": (b"\x00\x80", 1, "an OUI has 3 octets, not 2"),
    "OUI too long": (bytes(4), 1, "an OUI has 3 octets, not 4"),
    "subtype negative": (bytes(3), -1, "a subtype is 0..255, not -1"),
    "subtype too large": (bytes(3), 256, "a subtype is 0..255, not 256"),
}


@pytest.mark.parametrize(("oui", "subtype", "text"), BAD_KEYS.values(), ids=BAD_KEYS.keys())
def test_a_key_that_could_not_be_sent_is_refused(oui: bytes, subtype: int, text: str) -> None:
    with pytest.raises(OctetsError, match=text):
        OrgKey(oui, subtype)

"""Identities and names: compared as octets, shown as text that can do no harm."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evbagent.wire.basic import (
    ChassisId,
    ChassisIdSubtype,
    PortDescription,
    PortId,
    PortIdSubtype,
    SystemDescription,
    SystemName,
    printable,
)
from evbagent.wire.octets import Cursor, MacAddress, OctetsError
from evbagent.wire.tlv import Tlv
from tests.wire.strategies import chassis_ids, port_ids, texts

Value = ChassisId | PortId | PortDescription | SystemName | SystemDescription

PRINTABLE = {
    "plain": (b"tor1.example", "tor1.example"),
    "nothing": (b"", ""),
    "letters of any script": ("Zürich 東京".encode(), "Zürich 東京"),
    "NUL": (b"a\x00b", r"a\x00b"),
    "line ends": (b"a\r\nb", r"a\r\nb"),
    "ANSI": (b"\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
    "C1 control": ("\x9b31m".encode(), r"\x9b31m"),
    "bad UTF-8": (b"\xff\xfe", r"\xff\xfe"),
    "UTF-8 cut short": ("東".encode()[:2], r"\xe6\x9d"),
    "overlong NUL": (b"\xc0\x80", r"\xc0\x80"),
    "surrogate": (b"\xed\xa0\x80", r"\xed\xa0\x80"),
    "bidi override": ("\u202eevil\u202c".encode(), r"\u202eevil\u202c"),
    "bidi isolate": ("\u2066x\u2069".encode(), r"\u2066x\u2069"),
    "zero width": ("a\u200bb".encode(), r"a\u200bb"),
    "line separator": ("\u2028".encode(), r"\u2028"),
    "no-break space": ("a\u00a0b".encode(), r"a\xa0b"),
    "tag character": ("\U000e0041".encode(), r"\U000e0041"),
}


@pytest.mark.parametrize(("octets", "text"), PRINTABLE.values(), ids=PRINTABLE.keys())
def test_text_of_a_peer_is_shown_without_doing_anything(octets: bytes, text: str) -> None:
    assert printable(octets) == text


SHOWN = {
    "chassis: MAC": (ChassisId.mac(MacAddress.parse("00:00:5e:00:53:01")), "mac_address", "00:00:5e:00:53:01"),
    "chassis: IPv4": (ChassisId(5, b"\x01\xc0\x00\x02\x02"), "network_address", "192.0.2.2"),
    "chassis: IPv6": (ChassisId(5, b"\x02" + bytes(15) + b"\x01"), "network_address", "::1"),
    "chassis: IPv4 of a wrong length": (ChassisId(5, b"\x01\xc0\x00"), "network_address", r"\x01\xc0\x00"),
    "chassis: address of another family": (ChassisId(5, b"\x06abc"), "network_address", r"\x06abc"),
    "chassis: local": (ChassisId(7, b"rack 4"), "local", "rack 4"),
    "chassis: 3 is no MAC": (ChassisId(3, b"abcdef"), "port_component", "abcdef"),
    "chassis: reserved": (ChassisId(9, b"abc"), "reserved", "abc"),
    "port: MAC": (PortId.mac(MacAddress.parse("00:00:5e:00:53:02")), "mac_address", "00:00:5e:00:53:02"),
    "port: IPv4": (PortId(4, b"\x01\xc0\x00\x02\x02"), "network_address", "192.0.2.2"),
    "port: interface": (PortId.interface("eth0"), "interface_name", "eth0"),
    "port: 5 is no address": (PortId(5, b"\x01abcd"), "interface_name", r"\x01abcd"),
    "port: reserved": (PortId(0, b"\x1b[2J"), "reserved", r"\x1b[2J"),
}


@pytest.mark.parametrize(("identity", "name", "text"), SHOWN.values(), ids=SHOWN.keys())
def test_an_identity_is_shown_by_its_subtype(identity: ChassisId | PortId, name: str, text: str) -> None:
    assert (identity.subtype_name, str(identity)) == (name, text)


@pytest.mark.parametrize(
    ("identity", "octets"),
    [
        (ChassisId.mac(MacAddress(b"\x00\x00\x5e\x00\x53\x01")), "0207 04 00005e005301"),
        (PortId.mac(MacAddress(b"\x00\x00\x5e\x00\x53\x01")), "0407 03 00005e005301"),
        (PortId.interface("eth0"), "0405 05 65746830"),
        (ChassisId(ChassisIdSubtype.INTERFACE_NAME, b"eth0"), "0205 06 65746830"),
        (PortId(PortIdSubtype.AGENT_CIRCUIT_ID, b"1"), "0402 06 31"),
    ],
    ids=["chassis MAC", "port MAC", "port interface", "chassis interface", "port circuit"],
)
def test_an_identity_has_these_octets(identity: ChassisId | PortId, octets: str) -> None:
    assert identity.tlv().encode() == bytes.fromhex(octets)


def test_equal_octets_of_another_subtype_are_another_identity() -> None:
    assert ChassisId(6, b"eth0") != ChassisId(7, b"eth0")


@pytest.mark.parametrize("kind", [ChassisId, PortId])
@pytest.mark.parametrize(
    ("subtype", "length", "text"),
    [
        (4, 0, "an identity has 1..255 octets, not 0"),
        (4, 256, "an identity has 1..255 octets, not 256"),
        (-1, 1, "a subtype is 0..255, not -1"),
        (256, 1, "a subtype is 0..255, not 256"),
    ],
    ids=["empty", "too long", "subtype negative", "subtype too large"],
)
def test_an_identity_that_could_not_be_sent_is_refused(
    kind: type[ChassisId | PortId], subtype: int, length: int, text: str
) -> None:
    with pytest.raises(OctetsError, match=text):
        kind(subtype, bytes(length))


@pytest.mark.parametrize("octets", [b"", b"\x04"], ids=["nothing", "no value"])
def test_an_identity_without_value_is_refused(octets: bytes) -> None:
    with pytest.raises(OctetsError, match="octets"):
        ChassisId.decode(Cursor(octets))


CUT = {
    "short": ("tor1", b"tor1"),
    "exactly what fits": ("x" * 255, b"x" * 255),
    "one more": ("x" * 256, b"x" * 255),
    "a character that would be halved": ("x" * 254 + "ü", b"x" * 254),
    "a character that just fits": ("x" * 253 + "ü", b"x" * 253 + "ü".encode()),
}


@pytest.mark.parametrize(("text", "octets"), CUT.values(), ids=CUT.keys())
def test_a_name_is_cut_at_the_end_of_a_character(text: str, octets: bytes) -> None:
    assert SystemName.of(text).octets == octets


@pytest.mark.parametrize(
    ("kind", "tlv_type"),
    [(PortDescription, 4), (SystemName, 5), (SystemDescription, 6)],
    ids=["port", "name", "system"],
)
def test_a_text_is_sent_under_its_type_and_only_while_it_fits(
    kind: type[PortDescription | SystemName | SystemDescription], tlv_type: int
) -> None:
    assert kind(b"abc").tlv() == Tlv(tlv_type, b"abc")
    with pytest.raises(OctetsError, match="a text has at most 255 octets, not 256"):
        kind(bytes(256))


@settings(deadline=None)
@given(st.one_of(chassis_ids, port_ids, texts))
def test_a_value_comes_back_from_its_octets_and_shows_nothing_but_text(value: Value) -> None:
    assert type(value).decode(Tlv.decode(Cursor(value.tlv().encode())).information) == value
    assert str(value).isprintable()

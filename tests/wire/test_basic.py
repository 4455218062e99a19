"""Identities and names: compared as octets, shown as text that can do no harm."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evbagent.wire.basic import (
    Capability,
    ChassisId,
    ChassisIdSubtype,
    ManagementAddress,
    PortDescription,
    PortId,
    PortIdSubtype,
    SystemCapabilities,
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


CAPABILITIES = {
    "nothing": ("0000 0000", (), ()),
    "bridge that routes": ("0014 0004", ("bridge", "router"), ("bridge",)),
    "a host": ("0080 0080", ("station",), ("station",)),
    "all": (
        "07ff 0400",
        (
            "other",
            "repeater",
            "bridge",
            "wlan-ap",
            "router",
            "telephone",
            "docsis",
            "station",
            "c-vlan",
            "s-vlan",
            "tpmr",
        ),
        ("tpmr",),
    ),
    "reserved bits": ("f800 f800", (), ()),
}


@pytest.mark.parametrize(("octets", "capable", "enabled"), CAPABILITIES.values(), ids=CAPABILITIES.keys())
def test_capabilities_are_named_bit_by_bit(octets: str, capable: tuple[str, ...], enabled: tuple[str, ...]) -> None:
    value = SystemCapabilities.decode(Cursor(bytes.fromhex(octets)))
    assert (value.capable.names, value.enabled.names) == (capable, enabled)


def test_capabilities_have_these_octets() -> None:
    value = SystemCapabilities(Capability.BRIDGE | Capability.ROUTER, Capability.BRIDGE)
    assert value.tlv().encode() == bytes.fromhex("0e04 0014 0004")


ADDRESSES = {
    "IPv4": ("05 01 c0000201 02 00000007 00", ManagementAddress(1, b"\xc0\0\2\1", 2, 7), "192.0.2.1", None),
    "IPv6": (
        "11 02 20010db8 00000000 00000000 00000001 03 00000001 00",
        ManagementAddress(2, b"\x20\x01\x0d\xb8" + bytes(11) + b"\1", 3, 1),
        "2001:db8::1",
        None,
    ),
    "MAC": (
        "07 06 00005e005301 01 00000000 00",
        ManagementAddress(6, b"\0\0\x5e\0\x53\1"),
        "00:00:5e:00:53:01",
        None,
    ),
    "IPv4 of a wrong length": ("03 01 c000 01 00000000 00", ManagementAddress(1, b"\xc0\0"), "c0:00", None),
    "with an object identifier": (
        "05 01 c0000201 02 ffffffff 08 2b0601040181c06e",
        ManagementAddress(1, b"\xc0\0\2\1", 2, 2**32 - 1, b"\x2b\6\1\4\1\x81\xc0\x6e"),
        "192.0.2.1",
        "1.3.6.1.4.1.24686",
    ),
}


@pytest.mark.parametrize(("octets", "value", "text", "oid"), ADDRESSES.values(), ids=ADDRESSES.keys())
def test_a_management_address_has_these_octets_and_this_text(
    octets: str, value: ManagementAddress, text: str, oid: str | None
) -> None:
    assert ManagementAddress.decode(Cursor(bytes.fromhex(octets))) == value
    assert value.tlv() == Tlv(8, bytes.fromhex(octets))
    assert (str(value), value.oid_text) == (text, oid)


OIDS = {
    "none": ("", None),
    "zero": ("00", "0.0"),
    "second root": ("28", "1.0"),
    "third root": ("50", "2.0"),
    "third root, large": ("8837", "2.999"),
    "many octets an arc": ("2b 8f ff ff ff 7f", "1.3.4294967295"),
    "cut inside an arc": ("2b 06 81", "1.3.6"),
    "cut inside the first": ("81", None),
}


@pytest.mark.parametrize(("octets", "text"), OIDS.values(), ids=OIDS.keys())
def test_an_object_identifier_is_written_with_dots_as_far_as_it_is_whole(octets: str, text: str | None) -> None:
    assert ManagementAddress(1, b"x", oid=bytes.fromhex(octets)).oid_text == text


@pytest.mark.parametrize(
    ("address", "oid", "text"),
    [
        (b"", b"", "a management address has 1..31 octets, not 0"),
        (bytes(32), b"", "a management address has 1..31 octets, not 32"),
        (b"x", bytes(129), "the length of an object identifier is 0..128, not 129"),
    ],
    ids=["empty", "too long", "object identifier too long"],
)
def test_a_management_address_that_could_not_be_sent_is_refused(address: bytes, oid: bytes, text: str) -> None:
    with pytest.raises(OctetsError, match=f"^{text}$"):
        ManagementAddress(1, address, oid=oid)

"""A frame is read as far as LLDP needs it: destination, source, no VLAN, EtherType, the rest."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evbagent.wire.ethernet import ETHERTYPE_LLDP, MINIMUM, DiscardReason, Frame, FrameDiscarded, Scope
from evbagent.wire.octets import MacAddress, OctetsError
from tests.wire.strategies import mac_addresses

HEADER = bytes.fromhex("0180c2000000 020000000001")
LLDP = Frame(Scope.NEAREST_CUSTOMER_BRIDGE.address, MacAddress.parse("02:00:00:00:00:01"), ETHERTYPE_LLDP, b"payload")


@pytest.mark.parametrize(
    ("destination", "scope"),
    [
        ("01:80:c2:00:00:0e", Scope.NEAREST_BRIDGE),
        ("01:80:c2:00:00:03", Scope.NEAREST_NON_TPMR_BRIDGE),
        ("01:80:c2:00:00:00", Scope.NEAREST_CUSTOMER_BRIDGE),
        ("01:80:c2:00:00:01", None),
        ("02:00:00:00:00:02", None),
        ("ff:ff:ff:ff:ff:ff", None),
    ],
)
def test_a_destination_stands_for_its_scope(destination: str, scope: Scope | None) -> None:
    address = MacAddress.parse(destination)
    assert Frame(address, address, ETHERTYPE_LLDP, b"").scope is scope
    assert scope is None or scope.address == address


ACCEPTED = {
    "untagged": ("88cc", None),
    "priority tag in the octets": ("8100 e000 88cc", None),
    "priority tag taken out by the kernel": ("88cc", 0),
    "priority tags in both places": ("8100 e000 88cc", 0),
}


@pytest.mark.parametrize(("between", "vlan"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_a_frame_without_vlan_is_read(between: str, vlan: int | None) -> None:
    assert Frame.decode(HEADER + bytes.fromhex(between) + b"payload", vlan) == LLDP


TAGGED = {
    "tag in the octets": ("8100 0001 88cc", None, 1),
    "tag with priority in the octets": ("8100 ffff 88cc", None, 4095),
    "tag taken out by the kernel": ("88cc", 5, 5),
    "priority tag behind the kernel's": ("8100 e000 88cc", 5, 5),
    "tag behind the kernel's priority tag": ("8100 0007 88cc", 0, 7),
}


@pytest.mark.parametrize(("between", "vlan", "named"), TAGGED.values(), ids=TAGGED.keys())
def test_a_frame_of_a_vlan_is_discarded_and_names_the_vlan(between: str, vlan: int | None, named: int) -> None:
    with pytest.raises(FrameDiscarded, match=f"tagged: LLDP belongs to no VLAN, this frame to {named}$") as discarded:
        Frame.decode(HEADER + bytes.fromhex(between), vlan)
    assert discarded.value.reason is DiscardReason.TAGGED


@pytest.mark.parametrize("octets", [HEADER + b"\x88\xcc", HEADER + b"\x81\x00\xe0\x00\x88\xcc"], ids=["plain", "tag"])
def test_a_frame_shorter_than_its_header_is_truncated(octets: bytes) -> None:
    assert Frame.decode(octets).payload == b""
    for length in range(len(octets)):
        with pytest.raises(FrameDiscarded, match=f"truncated: {length} octets are no frame") as discarded:
            Frame.decode(octets[:length])
        assert discarded.value.reason is DiscardReason.TRUNCATED


def test_a_second_tag_is_only_another_ethertype() -> None:
    assert Frame.decode(HEADER + bytes.fromhex("8100 0000 8100 0000 88cc")).ethertype == 0x8100


@pytest.mark.parametrize("length", [0, 45, 46, 47, 1500])
def test_a_frame_is_padded_with_zeros_to_the_minimum_and_no_further(length: int) -> None:
    octets = Frame(LLDP.destination, LLDP.source, LLDP.ethertype, b"\xff" * length).encode()
    assert len(octets) == max(MINIMUM, 14 + length)
    assert octets == HEADER + b"\x88\xcc" + b"\xff" * length + bytes(max(0, 46 - length))


@pytest.mark.parametrize("ethertype", [-1, 65536])
def test_an_ethertype_that_does_not_fit_is_refused(ethertype: int) -> None:
    with pytest.raises(OctetsError, match=f"^{ethertype} does not fit 2 octets$"):
        Frame(LLDP.destination, LLDP.source, ethertype, b"").encode()


# 8100 would be read as a tag: such a frame can't be sent, and nobody wants to.
ethertypes = st.integers(0, 0xFFFF).filter(lambda ethertype: ethertype != 0x8100)


@settings(deadline=None)
@given(st.builds(Frame, mac_addresses, mac_addresses, ethertypes, st.binary(max_size=80)))
def test_a_frame_comes_back_from_its_octets_with_padding(frame: Frame) -> None:
    again = Frame.decode(frame.encode())
    assert (again.destination, again.source, again.ethertype) == (frame.destination, frame.source, frame.ethertype)
    assert again.payload == frame.payload.ljust(46, b"\0")

"""Netlink octets, written out as the kernel has them."""

import errno
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evbagent.linux.netlink import NetlinkError, attribute, attributes, message, messages

pytestmark = pytest.mark.skipif(sys.byteorder == "big", reason="the octets below are those of a little-endian machine")


def test_an_attribute_is_padded_to_the_next() -> None:
    assert attribute(3, b"eth0\0") == bytes.fromhex("0900 0300 6574683000 000000")
    assert attribute(1, b"") == bytes.fromhex("0400 0100")


def test_a_message_has_its_length_in_front() -> None:
    assert message(78, 1, 7, b"abcd") == bytes.fromhex("14000000 4e00 0100 07000000 00000000 61626364")


def test_attributes_come_in_their_order_without_padding_and_flags_of_the_type() -> None:
    data = bytes.fromhex("0900 0300 6574683000 000000  0500 0e80 ff 000000  0400 0300  0600 0140 abcd")
    assert list(attributes(data)) == [(3, b"eth0\0"), (14, b"\xff"), (3, b""), (1, b"\xab\xcd")]


CUT_OFF = {
    "no room for a header": "0500 0100 aa 000000  0400",
    "longer than what is left": "0500 0100 aa 000000  0900 0200 bb",
    "shorter than its header": "0500 0100 aa 000000  0300 0200",
    "no length at all": "0500 0100 aa 000000  0000 0000 0500 0300 cc",
}


@pytest.mark.parametrize("octets", CUT_OFF.values(), ids=CUT_OFF.keys())
def test_the_first_attribute_that_does_not_fit_ends_the_list(octets: str) -> None:
    assert list(attributes(bytes.fromhex(octets))) == [(1, b"\xaa")]


@given(st.lists(st.tuples(st.integers(0, 0x3FFF), st.binary(max_size=9)), max_size=5))
def test_what_was_packed_is_read(parts: list[tuple[int, bytes]]) -> None:
    assert list(attributes(b"".join(attribute(*part) for part in parts))) == parts


def test_messages_are_read_one_after_the_other() -> None:
    data = bytes.fromhex("11000000 4e00 0200 07000000 2a000000 61 000000  10000000 0300 0000 08000000 00000000")
    assert list(messages(data)) == [(78, 2, 7, b"a"), (3, 0, 8, b"")]


@pytest.mark.parametrize("length", ["0f000000", "11000000"], ids=["shorter than its header", "longer than what came"])
def test_a_message_of_an_impossible_length_is_refused(length: str) -> None:
    with pytest.raises(NetlinkError, match=f"{int(length[:2], 16)} octets, where 16 are left") as refused:
        list(messages(bytes.fromhex(length + "0300 0000 08000000 00000000")))
    assert refused.value.errno == errno.EBADMSG


@given(st.binary(max_size=80))
def test_no_octets_make_anything_else_of_it(octets: bytes) -> None:
    assert sum(4 + len(value) for _, value in attributes(octets)) <= len(octets)
    try:
        read = list(messages(octets))
    except NetlinkError:
        return
    assert sum(16 + len(body) for *_, body in read) <= len(octets)

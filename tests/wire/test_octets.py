"""A cursor never leaves its value, integers refuse what doesn't fit, and an address has one meaning."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings

from evbagent.wire.octets import Cursor, MacAddress, OctetsError, bitmap, bounded, eight, nibbles, u8, u16, u24, u32
from tests.wire.strategies import mac_addresses


def test_a_cursor_reads_front_to_back() -> None:
    cursor = Cursor(bytes.fromhex("01 0203 0405 06"))
    assert (cursor.u8(), cursor.u16(), cursor.take(2), cursor.remaining) == (1, 0x0203, b"\x04\x05", 1)
    assert (cursor.rest(), cursor.remaining, cursor.rest()) == (b"\x06", 0, b"")


def test_a_cursor_reads_integers_flags_and_nibbles_at_once() -> None:
    cursor = Cursor(bytes.fromhex("010203 04050607 81 1f20"))
    assert (cursor.u24(), cursor.u32()) == (0x010203, 0x04050607)
    assert cursor.bitmap() == (True, False, False, False, False, False, False, True)
    assert cursor.nibbles(2) == (1, 15, 2, 0)
    cursor.end()


def test_a_cursor_says_what_is_left_over() -> None:
    with pytest.raises(OctetsError, match=r"^2 octets left over$"):
        Cursor(b"ab").end()


SHORT: dict[str, tuple[bytes, Callable[[Cursor], object], str]] = {
    "u8": (b"", Cursor.u8, "1 octets wanted, 0 left"),
    "u16": (b"\x01", Cursor.u16, "2 octets wanted, 1 left"),
    "u24": (b"\x01", Cursor.u24, "3 octets wanted, 1 left"),
    "u32": (b"\x01", Cursor.u32, "4 octets wanted, 1 left"),
    "bitmap": (b"", Cursor.bitmap, "1 octets wanted, 0 left"),
    "nibbles": (b"\x01", lambda cursor: cursor.nibbles(2), "2 octets wanted, 1 left"),
    "take": (b"\x01\x02", lambda cursor: cursor.take(3), "3 octets wanted, 2 left"),
}


@pytest.mark.parametrize(("octets", "read", "text"), SHORT.values(), ids=SHORT.keys())
def test_a_cursor_refuses_to_read_past_its_end_and_stays_where_it_was(
    octets: bytes, read: Callable[[Cursor], object], text: str
) -> None:
    cursor = Cursor(octets)
    with pytest.raises(OctetsError, match=text):
        read(cursor)
    assert cursor.rest() == octets


@pytest.mark.parametrize(
    ("encode", "value", "octets"),
    [
        (u8, 0, "00"),
        (u8, 255, "ff"),
        (u16, 0, "0000"),
        (u16, 0x0102, "0102"),
        (u16, 65535, "ffff"),
        (u24, 0x010203, "010203"),
        (u24, 2**24 - 1, "ffffff"),
        (u32, 0x01020304, "01020304"),
        (u32, 2**32 - 1, "ffffffff"),
    ],
    ids=[
        "u8 least",
        "u8 most",
        "u16 least",
        "u16 big-endian",
        "u16 most",
        "u24 big-endian",
        "u24 most",
        "u32 big-endian",
        "u32 most",
    ],
)
def test_an_integer_takes_its_octets(encode: Callable[[int], bytes], value: int, octets: str) -> None:
    assert encode(value) == bytes.fromhex(octets)


@pytest.mark.parametrize(
    ("encode", "value", "size"),
    [(u8, -1, 1), (u8, 256, 1), (u16, -1, 2), (u16, 65536, 2), (u24, 2**24, 3), (u32, 2**32, 4)],
    ids=["u8 negative", "u8 too large", "u16 negative", "u16 too large", "u24 too large", "u32 too large"],
)
def test_an_integer_that_does_not_fit_is_refused(encode: Callable[[int], bytes], value: int, size: int) -> None:
    with pytest.raises(OctetsError, match=f"^{value} does not fit {size} octets$"):
        encode(value)


def test_flags_and_nibbles_take_their_octets() -> None:
    assert bitmap((True, False, False, False, False, False, False, True)) == b"\x81"
    assert nibbles((1, 15, 2, 0)) == b"\x1f\x20"


REFUSED: dict[str, tuple[Callable[[], None], str]] = {
    "below": (lambda: bounded("a share", -1, 7), "a share is 0..7, not -1"),
    "above": (lambda: bounded("a share", 8, 7), "a share is 0..7, not 8"),
    "one of eight": (lambda: eight("shares", (0, 0, 0, 0, 0, 0, 0, 8), 7), "shares is 0..7, not 8"),
    "seven": (lambda: eight("shares", (0,) * 7, 7), "shares has 8 values, not 7"),
    "nine": (lambda: eight("shares", (0,) * 9, 7), "shares has 8 values, not 9"),
}


@pytest.mark.parametrize(("check", "text"), REFUSED.values(), ids=REFUSED.keys())
def test_a_value_outside_its_field_is_refused_by_its_name(check: Callable[[], None], text: str) -> None:
    with pytest.raises(OctetsError, match=f"^{text}$"):
        check()


def test_values_at_the_ends_of_their_field_are_taken() -> None:
    bounded("a share", 0, 7)
    eight("shares", (0, 1, 2, 3, 4, 5, 6, 7), 7)


@pytest.mark.parametrize("text", ["02:00:00:00:0a:FF", "02-00-00-00-0A-ff"], ids=["colons", "hyphens"])
def test_an_address_is_read_in_both_usual_spellings(text: str) -> None:
    assert MacAddress.parse(text) == MacAddress(b"\x02\x00\x00\x00\x0a\xff")


NO_ADDRESS = {
    "nothing": "",
    "five pairs": "02:00:00:00:00",
    "seven pairs": "02:00:00:00:00:01:02",
    "a short pair": "2:00:00:00:00:01",
    "a long pair": "002:00:00:00:00:01",
    "no hexadecimal": "0g:00:00:00:00:01",
    "a sign": "+2:00:00:00:00:01",
    "a space": " 2:00:00:00:00:01",
    "digits of another script": "٠٢:00:00:00:00:01",
    "separators mixed": "02:00-00:00-00:01",
    "no separators": "020000000001",
    "more behind it": "02:00:00:00:00:01\n",
}


@pytest.mark.parametrize("text", NO_ADDRESS.values(), ids=NO_ADDRESS.keys())
def test_what_is_no_address_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(OctetsError, match="is no MAC address") as refusal:
        MacAddress.parse(text)
    assert repr(text) in str(refusal.value)


@pytest.mark.parametrize("size", [0, 5, 7])
def test_an_address_has_six_octets(size: int) -> None:
    with pytest.raises(OctetsError, match=f"a MAC address has 6 octets, not {size}"):
        MacAddress(bytes(size))


@settings(deadline=None)
@given(mac_addresses)
def test_an_address_comes_back_from_its_text(address: MacAddress) -> None:
    assert MacAddress.parse(str(address)) == address

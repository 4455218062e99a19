"""A cursor never leaves its value, integers refuse what doesn't fit, and an address has one meaning."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given, settings

from evbagent.wire.octets import Cursor, MacAddress, OctetsError, u8, u16
from tests.wire.strategies import mac_addresses


def test_a_cursor_reads_front_to_back() -> None:
    cursor = Cursor(bytes.fromhex("01 0203 0405 06"))
    assert (cursor.u8(), cursor.u16(), cursor.take(2), cursor.remaining) == (1, 0x0203, b"\x04\x05", 1)
    assert (cursor.rest(), cursor.remaining, cursor.rest()) == (b"\x06", 0, b"")


SHORT: dict[str, tuple[bytes, Callable[[Cursor], object], str]] = {
    "u8": (b"", Cursor.u8, "1 octets wanted, 0 left"),
    "u16": (b"\x01", Cursor.u16, "2 octets wanted, 1 left"),
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
    [(u8, 0, "00"), (u8, 255, "ff"), (u16, 0, "0000"), (u16, 0x0102, "0102"), (u16, 65535, "ffff")],
    ids=["u8 least", "u8 most", "u16 least", "u16 big-endian", "u16 most"],
)
def test_an_integer_takes_its_octets(encode: Callable[[int], bytes], value: int, octets: str) -> None:
    assert encode(value) == bytes.fromhex(octets)


@pytest.mark.parametrize(
    ("encode", "value", "size"),
    [(u8, -1, 1), (u8, 256, 1), (u16, -1, 2), (u16, 65536, 2)],
    ids=["u8 negative", "u8 too large", "u16 negative", "u16 too large"],
)
def test_an_integer_that_does_not_fit_is_refused(encode: Callable[[int], bytes], value: int, size: int) -> None:
    with pytest.raises(OctetsError, match=f"^{value} does not fit {size} octets$"):
        encode(value)


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

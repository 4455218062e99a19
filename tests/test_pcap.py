"""Capture files: frames come out of every form of them, and what is wrong with a file is said with its place."""

from __future__ import annotations

import struct
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evbagent.pcap import MAX_PACKET, CaptureError, frames, written
from evbagent.wire.octets import OctetsError

ONE: Final = bytes(range(60))
OTHER: Final = bytes(range(100, 163))  # a length that is padded to four
FCS: Final = b"\xde\xad\xbe\xef"


def pcap(*packets: bytes, order: str = "<", magic: int = 0xA1B2C3D4, link: int = 1, major: int = 2) -> bytes:
    """A capture of these packets; `order` as in struct."""
    records = (struct.pack(order + "4I", 1, 2, len(packet), len(packet)) + packet for packet in packets)
    return struct.pack(order + "IHHiIII", magic, major, 4, 0, 0, 262144, link) + b"".join(records)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    length = 12 + len(body) + -len(body) % 4
    return struct.pack(order + "II", kind, length) + body + bytes(-len(body) % 4) + struct.pack(order + "I", length)


def section(order: str = "<", version: int = 1) -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, version, 0, -1), order)


def interface(order: str = "<", link: int = 1, snap: int = 0, options: bytes = b"") -> bytes:
    return block(1, struct.pack(order + "HHI", link, 0, snap) + options, order)


def packet(frame: bytes, order: str = "<", index: int = 0, length: int | None = None) -> bytes:
    """An enhanced packet block; `length` is what the frame had before it was cut."""
    whole = len(frame) if length is None else length
    return block(6, struct.pack(order + "5I", index, 0, 0, len(frame), whole) + frame, order)


def simple(frame: bytes, length: int, order: str = "<") -> bytes:
    return block(3, struct.pack(order + "I", length) + frame, order)


def old(frame: bytes, order: str = "<") -> bytes:
    return block(2, struct.pack(order + "HHIIII", 0, 0xFFFF, 0, 0, len(frame), len(frame)) + frame, order)


def fcs_option(order: str) -> bytes:
    comment = struct.pack(order + "HH", 1, 3) + b"abc\0"
    return comment + struct.pack(order + "HHB3x", 13, 1, 4) + struct.pack(order + "HH", 0, 0)


CAPTURES = {
    "pcap, little-endian": pcap(ONE, OTHER),
    "pcap, big-endian": pcap(ONE, OTHER, order=">"),
    "pcap, nanoseconds": pcap(ONE, OTHER, magic=0xA1B23C4D),
    "pcap, nanoseconds, big-endian": pcap(ONE, OTHER, order=">", magic=0xA1B23C4D),
    "pcap with FCS": pcap(ONE + FCS, OTHER + FCS, link=0x24000001),
    "pcapng": section() + interface() + packet(ONE) + packet(OTHER),
    "pcapng, big-endian": section(">") + interface(">") + packet(ONE, ">") + packet(OTHER, ">"),
    "pcapng, simple packets": section() + interface() + simple(ONE, 60) + simple(OTHER, 63),
    "pcapng, packets of old": section() + interface() + old(ONE) + old(OTHER),
    "pcapng, two sections in different orders": (
        section() + interface() + packet(ONE) + section(">") + interface(">") + packet(OTHER, ">")
    ),
    "pcapng, blocks that hold no packet": section() + block(4, b"names") + interface() + packet(ONE) + packet(OTHER),
    "pcapng with FCS": (
        section() + interface(options=fcs_option("<")) + packet(ONE + FCS) + packet(OTHER + FCS[:1], length=67)
    ),
}


@pytest.mark.parametrize("octets", CAPTURES.values(), ids=CAPTURES.keys())
def test_a_capture_of_any_form_gives_its_frames(octets: bytes) -> None:
    assert list(frames(octets)) == [ONE, OTHER]


def test_a_capture_that_is_written_is_read_back_with_its_times() -> None:
    octets = b"".join(written([(1_700_000_000_999_999, ONE), (1_700_000_001_000_000, OTHER)]))
    assert list(frames(octets)) == [ONE, OTHER]
    assert octets[:24] == pcap(order=">")
    assert struct.unpack(">4I", octets[24:40]) == (1_700_000_000, 999_999, 60, 60)
    assert struct.unpack(">4I", octets[100:116]) == (1_700_000_001, 0, 63, 63)


@pytest.mark.parametrize("stamp", [-1, 2**32 * 1_000_000])
def test_a_time_that_a_capture_has_no_room_for_is_refused(stamp: int) -> None:
    with pytest.raises(OctetsError):
        list(written([(stamp, ONE)]))


def test_a_packet_cut_by_the_capture_is_what_was_captured_of_it() -> None:
    assert list(frames(section() + interface(snap=20) + simple(ONE[:20], 60))) == [ONE[:20]]


@pytest.mark.parametrize("octets", [pcap(), section(), section() + interface()])
def test_an_empty_capture_has_no_frames(octets: bytes) -> None:
    assert list(frames(octets)) == []


def heard(octets: bytes) -> tuple[list[bytes], str | None]:
    """The frames in front of the fault, and the fault."""
    found = []
    try:
        for frame in frames(octets):
            found.append(frame)  # noqa: PERF402 - what was there before the exception counts
    except CaptureError as error:
        return found, str(error)
    return found, None


WRONG = {
    "nothing": (b"", [], "it begins with nothing, as neither pcap nor pcapng does"),
    "text": (b"01 80 c2", [], "it begins with 30 31 20 38, as neither pcap nor pcapng does"),
    "gzip": (b"\x1f\x8b\x08\x00", [], "it is compressed with gzip: unpack it first"),
    "a header cut off": (pcap()[:20], [], "the file header is cut off: 4 octets wanted, 0 left"),
    "a version to come": (pcap(major=3), [], "version 3.4 of pcap is not known, only 2.x"),
    "Linux cooked": (
        pcap(ONE, link=113),
        [],
        "link type 113 (Linux cooked v1) holds no Ethernet frames: capture on one interface",
    ),
    "a packet's header cut off": (pcap(ONE, b"")[:-1], [ONE], "packet 2 is cut off: 4 octets wanted, 3 left"),
    "a packet cut off": (pcap(ONE, OTHER)[:-1], [ONE], "packet 2 is cut off: 63 octets wanted, 62 left"),
    "a packet beyond all bounds": (
        pcap() + struct.pack("<4I", 0, 0, MAX_PACKET + 1, 60),
        [],
        "packet 1: a packet of 262145 octets is beyond the 262144 that any capture holds",
    ),
    "a section of no byte order": (
        section()[:8] + bytes(20),
        [],
        "block 1: a section of byte order 00 00 00 00 is not known",
    ),
    "a section too short": (
        b"\x0a\x0d\x0d\x0a\x10\0\0\0\x4d\x3c\x2b\x1a",
        [],
        "block 1: a section header of 16 octets is none",
    ),
    "a section to come": (section(version=2), [], "block 1: only version 1 of pcapng is known"),
    "a block whose lengths differ": (
        section() + interface()[:-4] + struct.pack("<I", 24),
        [],
        "block 2: its length is 20 at the front and 24 at the end",
    ),
    "a block of no length": (section() + bytes(8), [], "block 2: a block of 0 octets is none"),
    "a block of an odd length": (section() + struct.pack("<II", 1, 21), [], "block 2: a block of 21 octets is none"),
    "a block cut off": (
        section() + interface() + packet(ONE) + packet(OTHER)[:-5],
        [ONE],
        "block 4 is cut off: 84 octets wanted, 83 left",
    ),
    "a packet longer than its block": (
        section() + interface() + block(6, struct.pack("<5I", 0, 0, 0, 61, 61) + ONE),
        [],
        "block 3 is cut off: 61 octets wanted, 60 left",
    ),
    "a packet of nobody": (
        section() + interface() + packet(ONE) + packet(OTHER, index=1),
        [ONE],
        "block 4: a packet of interface 1, of which 1 are described",
    ),
    "interfaces beyond all bounds": (
        section() + interface() * 65537,
        [],
        "block 65538: more than 65536 interfaces",
    ),
    "interfaces of which one is no Ethernet": (
        section() + interface() + interface(link=276) + packet(b"cooked", index=1) + packet(ONE),
        [ONE],
        "not all packets are Ethernet frames: 1 of link type 276 (Linux cooked v2) left out",
    ),
}


@pytest.mark.parametrize(("octets", "found", "reason"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_said_after_the_frames_in_front_of_it(octets: bytes, found: list[bytes], reason: str) -> None:
    assert heard(octets) == (found, reason)


@pytest.mark.parametrize("octets", CAPTURES.values(), ids=CAPTURES.keys())
def test_a_capture_cut_anywhere_gives_the_first_of_its_frames_and_no_other(octets: bytes) -> None:
    for length in range(len(octets)):
        found, _ = heard(octets[:length])
        assert found == [ONE, OTHER][: len(found)]


@settings(deadline=None)
@given(st.sampled_from(list(CAPTURES.values())), st.data())
def test_changed_octets_give_frames_no_longer_than_the_file_or_a_reason(octets: bytes, data: st.DataObject) -> None:
    changed = bytearray(octets)
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    found, reason = heard(bytes(changed))
    assert sum(map(len, found)) < len(octets)
    assert reason is None or reason.isprintable()

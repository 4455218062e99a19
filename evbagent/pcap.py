"""Frames out of a capture file, pcap or pcapng in either byte order, and into one (draft-ietf-opsawg-pcap, -pcapng)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Literal

from evbagent.wire.octets import Cursor, OctetsError, u16, u32

__all__ = ["MAX_PACKET", "CaptureError", "frames", "written"]

MAX_PACKET: Final = 262144  # as much as tcpdump and Wireshark ever capture of one
_MAX_INTERFACES: Final = 65536  # as many as a packet block of old can name

_Order = Literal["big", "little"]
_MICROSECONDS: Final = b"\xa1\xb2\xc3\xd4"
_PCAP: Final[dict[bytes, _Order]] = {
    _MICROSECONDS: "big",
    b"\xd4\xc3\xb2\xa1": "little",
    b"\xa1\xb2\x3c\x4d": "big",  # nanoseconds
    b"\x4d\x3c\xb2\xa1": "little",
}
_PCAPNG: Final = b"\x0a\x0d\x0d\x0a"  # the type of a section's header, the same in both orders
_SECTION_ORDERS: Final[dict[bytes, _Order]] = {b"\x1a\x2b\x3c\x4d": "big", b"\x4d\x3c\x2b\x1a": "little"}
_COMPRESSED: Final = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zX": "xz", b"BZh": "bzip2"}
_INTERFACE, _OLD_PACKET, _SIMPLE_PACKET, _PACKET = 1, 2, 3, 6
_BLOCK_FRAME: Final = 12  # octets of a block that are not its body: type, length, length again
_END_OF_OPTIONS, _FCS_LENGTH = 0, 13

_ETHERNET: Final = 1
_LINK_TYPES: Final = {113: "Linux cooked v1", 276: "Linux cooked v2", 105: "802.11", 127: "radiotap", 101: "raw IP"}


class CaptureError(ValueError):
    """The octets are no capture of Ethernet frames, or stop being one; the text says where and why."""


def frames(octets: bytes) -> Iterator[bytes]:
    """The frames in their order, each from its destination on, without FCS, as far as it was captured.

    What stands in front of a fault is handed out before `CaptureError` is raised. Nothing is kept but the interfaces
    of a section and the packet at hand.
    """
    start = octets[:4]
    if start in _PCAP:
        return _pcap(_Reader(Cursor(octets), _PCAP[start]))
    if start == _PCAPNG:
        return _pcapng(Cursor(octets))
    for magic, name in _COMPRESSED.items():
        if start.startswith(magic):
            raise CaptureError(f"it is compressed with {name}: unpack it first")
    raise CaptureError(f"it begins with {start.hex(' ') or 'nothing'}, as neither pcap nor pcapng does")


@dataclass(frozen=True, slots=True)
class _Reader:
    """Numbers in the byte order of the machine that wrote them."""

    cursor: Cursor
    order: _Order

    def u16(self) -> int:
        return int.from_bytes(self.cursor.take(2), self.order)

    def u32(self) -> int:
        return int.from_bytes(self.cursor.take(4), self.order)

    def packet(self, captured: int) -> bytes:
        if captured > MAX_PACKET:
            raise CaptureError(f"a packet of {captured} octets is beyond the {MAX_PACKET} that any capture holds")
        return self.cursor.take(captured)


@dataclass(frozen=True, slots=True)
class _Interface:
    """What a packet's octets mean: the link's type, how many at most are captured, and how many of them are FCS."""

    link: int
    snap: int
    fcs: int

    def frame(self, octets: bytes, length: int) -> bytes:
        """The captured octets of a packet that had that length, without FCS."""
        return octets[: max(0, length - self.fcs)] if self.fcs else octets


def _link(link: int) -> str:
    known = _LINK_TYPES.get(link)
    return f"link type {link}" if known is None else f"link type {link} ({known})"


# --- pcap


def written(packets: Iterable[tuple[int, bytes]]) -> Iterator[bytes]:
    """A pcap file piece by piece, its header first; each frame with the microseconds since 1970 at which it crossed.

    Raises `OctetsError` for a time that the format has no room for (before 1970, from 2106 on).
    """
    yield _MICROSECONDS + u16(2) + u16(4) + u32(0) + u32(0) + u32(MAX_PACKET) + u32(_ETHERNET)
    for stamp, octets in packets:
        seconds, microseconds = divmod(stamp, 1_000_000)
        yield u32(seconds) + u32(microseconds) + u32(len(octets)) + u32(len(octets)) + octets


def _pcap(file: _Reader) -> Iterator[bytes]:
    try:
        interface = _file_header(file)
    except OctetsError as error:
        raise CaptureError(f"the file header is cut off: {error}") from None
    number = 0
    while file.cursor.remaining:
        number += 1
        try:
            file.cursor.take(8)  # when
            captured, length = file.u32(), file.u32()
            yield interface.frame(file.packet(captured), length)
        except OctetsError as error:
            raise CaptureError(f"packet {number} is cut off: {error}") from None
        except CaptureError as error:
            raise CaptureError(f"packet {number}: {error}") from None


def _file_header(file: _Reader) -> _Interface:
    file.cursor.take(4)  # the magic number
    major, minor = file.u16(), file.u16()
    if major != 2:
        raise CaptureError(f"version {major}.{minor} of pcap is not known, only 2.x")
    file.cursor.take(8)  # time zone and accuracy, always zero
    snap, link = file.u32(), file.u32()
    if link & 0x03FFFFFF != _ETHERNET:
        raise CaptureError(f"{_link(link & 0x03FFFFFF)} holds no Ethernet frames: capture on one interface")
    return _Interface(_ETHERNET, snap, (link >> 28) * 2 if link & 0x04000000 else 0)


# --- pcapng


def _pcapng(file: Cursor) -> Iterator[bytes]:
    order: _Order = "big"
    interfaces: list[_Interface] = []
    others: Counter[int] = Counter()
    number = 0
    while file.remaining:
        number += 1
        try:
            kind = file.take(4)
            if kind == _PCAPNG:
                order, interfaces = _section(file), []
                continue
            body = _block(file, order)
            frame = _packet(int.from_bytes(kind, order), _Reader(body, order), interfaces, others)
            if frame is not None:
                yield frame
        except OctetsError as error:
            raise CaptureError(f"block {number} is cut off: {error}") from None
        except CaptureError as error:
            raise CaptureError(f"block {number}: {error}") from None
    if others:
        counted = ", ".join(f"{count} of {_link(link)}" for link, count in sorted(others.items()))
        raise CaptureError(f"not all packets are Ethernet frames: {counted} left out")


def _section(file: Cursor) -> _Order:
    """The byte order of the section that begins; the rest of its header is skipped."""
    length, magic = file.take(4), file.take(4)
    order = _SECTION_ORDERS.get(magic)
    if order is None:
        raise CaptureError(f"a section of byte order {magic.hex(' ')} is not known")
    octets = int.from_bytes(length, order)
    if octets < 28 or octets % 4:
        raise CaptureError(f"a section header of {octets} octets is none")
    if _Reader(file, order).u16() != 1:
        raise CaptureError("only version 1 of pcapng is known")
    file.take(octets - 18)
    _closed(octets, file, order)
    return order


def _block(file: Cursor, order: _Order) -> Cursor:
    octets = _Reader(file, order).u32()
    if octets < _BLOCK_FRAME or octets % 4:
        raise CaptureError(f"a block of {octets} octets is none")
    body = Cursor(file.take(octets - _BLOCK_FRAME))
    _closed(octets, file, order)
    return body


def _closed(octets: int, file: Cursor, order: _Order) -> None:
    again = _Reader(file, order).u32()
    if again != octets:
        raise CaptureError(f"its length is {octets} at the front and {again} at the end")


def _packet(kind: int, body: _Reader, interfaces: list[_Interface], others: Counter[int]) -> bytes | None:
    """The frame in a block, None where it holds none; what an interface's block says is added to the list."""
    if kind == _INTERFACE:
        if len(interfaces) == _MAX_INTERFACES:
            raise CaptureError(f"more than {_MAX_INTERFACES} interfaces")
        interfaces.append(_described(body))
        return None
    if kind == _PACKET:
        interface = _named(body.u32(), interfaces)
        body.cursor.take(8)  # when
        captured, length = body.u32(), body.u32()
    elif kind == _OLD_PACKET:
        interface = _named(body.u16(), interfaces)
        body.cursor.take(10)  # drops, when
        captured, length = body.u32(), body.u32()
    elif kind == _SIMPLE_PACKET:
        interface = _named(0, interfaces)
        length = body.u32()
        captured = min(length, interface.snap or length)
    else:
        return None
    if interface.link != _ETHERNET:
        others[interface.link] += 1
        return None
    return interface.frame(body.packet(captured), length)


def _named(index: int, interfaces: list[_Interface]) -> _Interface:
    if index >= len(interfaces):
        raise CaptureError(f"a packet of interface {index}, of which {len(interfaces)} are described")
    return interfaces[index]


def _described(body: _Reader) -> _Interface:
    link = body.u16()
    body.u16()  # reserved
    snap, fcs = body.u32(), 0
    while body.cursor.remaining:
        code, length = body.u16(), body.u16()
        if code == _END_OF_OPTIONS:
            break
        value = body.cursor.take(length)
        body.cursor.take(min(-length % 4, body.cursor.remaining))
        if code == _FCS_LENGTH and length == 1:
            fcs = value[0]
    return _Interface(link, snap, fcs)

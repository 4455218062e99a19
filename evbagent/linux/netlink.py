"""Netlink messages and attributes, packed and read by hand (netlink(7))."""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator
from typing import Final

__all__ = ["NLMSG_DONE", "NLMSG_ERROR", "REQUEST", "NetlinkError", "attribute", "attributes", "message", "messages"]

NLMSG_ERROR, NLMSG_DONE = 2, 3
REQUEST: Final = 0x1  # NLM_F_REQUEST
_HEADER: Final = struct.Struct("=IHHII")  # length, type, flags, sequence, port
_ATTRIBUTE: Final = struct.Struct("=HH")  # length, type
_TYPE_MASK: Final = 0x3FFF


class NetlinkError(OSError):
    """The kernel refused a request; `errno` says why."""


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded to the next one."""
    packed = _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value
    return packed + bytes(-len(packed) % 4)


def attributes(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Type and value of each attribute, in their order; it ends with the first that does not fit."""
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if not _ATTRIBUTE.size <= length <= len(data) - at:
            return
        yield kind & _TYPE_MASK, data[at + _ATTRIBUTE.size : at + length]
        at += length + -length % 4


def message(kind: int, flags: int, sequence: int, body: bytes) -> bytes:
    """One message to the kernel."""
    return _HEADER.pack(_HEADER.size + len(body), kind, flags, sequence, 0) + body


def messages(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Type, flags, sequence and body of each message that was received; raises `NetlinkError` (EBADMSG)."""
    at = 0
    while at + _HEADER.size <= len(data):
        length, kind, flags, sequence, _ = _HEADER.unpack_from(data, at)
        if not _HEADER.size <= length <= len(data) - at:
            raise NetlinkError(errno.EBADMSG, f"a netlink message of {length} octets, where {len(data) - at} are left")
        yield kind, flags, sequence, data[at + _HEADER.size : at + length]
        at += length + -length % 4

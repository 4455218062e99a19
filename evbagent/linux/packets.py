"""Packet sockets for LLDP: one a port, with the frame's VLAN tag and the kernel's receive stamp (packet(7))."""

from __future__ import annotations

import socket
import struct
from array import array
from typing import Final, NamedTuple

from evbagent.linux.rtnetlink import enlarge
from evbagent.wire.ethernet import ETHERTYPE_LLDP, Scope

__all__ = ["PacketSocket", "Received"]

_ETH_P_ALL: Final = 0x0003
_SOL_PACKET: Final = 263
_ADD_MEMBERSHIP, _STATISTICS, _AUXDATA, _IGNORE_OUTGOING = 1, 6, 8, 23
_MR_MULTICAST: Final = 0
_SO_ATTACH_FILTER, _SO_TIMESTAMPNS = 26, 35
_TC_PRIO_CONTROL: Final = 7  # some drivers drop LLDP of the host at any lower priority
_OTHERHOST, _OUTGOING = 3, 4
_VLAN_VALID: Final = 0x10  # TP_STATUS_VLAN_VALID
_VID: Final = 0x0FFF
_AUX: Final = struct.Struct("=IIIHHHH")  # struct tpacket_auxdata
_COUNTS: Final = struct.Struct("=II")  # struct tpacket_stats: frames, of which dropped
_STAMP: Final = struct.Struct("=qq")  # struct timespec
_LARGEST: Final = 2048
_DRAIN: Final = 64  # frames of one turn of the loop
_QUEUE: Final = 16384  # frames; more than the receive buffer has room for
_ANCILLARY: Final = socket.CMSG_SPACE(_AUX.size) + socket.CMSG_SPACE(_STAMP.size)

# Classic BPF: code, jump if true, jump if false, operand.
_PACKET_TYPE: Final = 0xFFFFF000 + 4  # SKF_AD_OFF + SKF_AD_PKTTYPE
_LOAD_BYTE, _LOAD_HALF, _LOAD_WORD, _JUMP_EQUAL, _RETURN = 0x30, 0x28, 0x20, 0x15, 0x06
_FILTER: Final = (
    (_LOAD_BYTE, 0, 0, _PACKET_TYPE),
    (_JUMP_EQUAL, 9, 0, _OUTGOING),  # a guest of this host, or ourselves: never the switch
    (_JUMP_EQUAL, 8, 0, _OTHERHOST),  # a VLAN's, whose tag the kernel has already taken off
    (_LOAD_HALF, 0, 0, 12),
    (_JUMP_EQUAL, 0, 6, ETHERTYPE_LLDP),
    (_LOAD_WORD, 0, 0, 0),
    (_JUMP_EQUAL, 0, 4, 0x0180C200),
    (_LOAD_HALF, 0, 0, 4),
    (_JUMP_EQUAL, 3, 0, 0x0000),
    (_JUMP_EQUAL, 2, 0, 0x0003),
    (_JUMP_EQUAL, 1, 0, 0x000E),
    (_RETURN, 0, 0, 0),
    (_RETURN, 0, 0, 0xFFFF),
)


class Received(NamedTuple):
    """One frame; `vlan` is None where it had no tag, `stamp` is the kernel's wall clock in seconds."""

    octets: bytes
    vlan: int | None
    stamp: float


class PacketSocket:
    """Hears LLDP on one interface, and sends on it.

    `everything` makes it an ETH_P_ALL socket with the same filter: dearer for the data path, and the only one that
    hears the nearest-customer-bridge scope on a port of a Linux bridge without STP, or sees tags where VLAN devices
    exist. Raises `PermissionError` without CAP_NET_RAW, `OSError` (ENODEV) where the interface is not there.
    """

    def __init__(self, name: str, ifindex: int, *, everything: bool) -> None:
        self._everything = everything
        self._ifindex = ifindex
        # Protocol 0 is deaf until the bind: nothing slips in before the filter, and the bind needs no RCU grace period.
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, 0)
        try:
            self._prepare()
            self._socket.bind((name, _ETH_P_ALL if everything else ETHERTYPE_LLDP))
            for scope in Scope:
                request = struct.pack("=iHH8s", ifindex, _MR_MULTICAST, 6, scope.address.octets)
                self._socket.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, request)
        except BaseException:
            self._socket.close()
            raise

    def _prepare(self) -> None:
        program = array("B", b"".join(struct.pack("=HBBI", *instruction) for instruction in _FILTER))
        fprog = struct.pack("@HP", len(_FILTER), program.buffer_info()[0])  # struct sock_fprog; the kernel copies it
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, fprog)
        self._socket.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)
        self._socket.setsockopt(_SOL_PACKET, _AUXDATA, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, _TC_PRIO_CONTROL)
        enlarge(self._socket)

    def serves(self, ifindex: int, *, everything: bool) -> bool:
        """Whether it is bound to that interface, as that kind of socket."""
        return (self._ifindex, self._everything) == (ifindex, everything)

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def send(self, octets: bytes) -> None:
        """Raises `OSError` (ENETDOWN, ENOBUFS, ENXIO) where the frame does not leave."""
        self._socket.send(octets)

    def receive(self) -> list[Received]:
        """What has arrived, at most one turn's worth; raises `OSError` (ENETDOWN) once after the link went down."""
        frames: list[Received] = []
        for _ in range(_DRAIN):
            try:
                octets, ancillary, _, _ = self._socket.recvmsg(_LARGEST, _ANCILLARY)
            except BlockingIOError:
                break
            frames.append(_received(octets, ancillary))
        return frames

    def missed(self) -> int:
        """How many frames found no room in the receive buffer since the last time that this was asked."""
        statistics = self._socket.getsockopt(_SOL_PACKET, _STATISTICS, _COUNTS.size)
        return int(_COUNTS.unpack(statistics)[1])

    def flush(self) -> int:
        """Throw away what is queued, at most what a buffer holds; how many frames it was. Raises `OSError`."""
        for count in range(_QUEUE):
            try:
                self._socket.recv(0)
            except BlockingIOError:
                return count
        return _QUEUE


def _received(octets: bytes, ancillary: list[tuple[int, int, bytes]]) -> Received:
    vlan, stamp = None, 0.0
    for level, kind, data in ancillary:
        if level == _SOL_PACKET and kind == _AUXDATA:
            status, _, _, _, _, tci, _ = _AUX.unpack(data)
            vlan = tci & _VID if status & _VLAN_VALID else None
        elif level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = _STAMP.unpack(data)
            stamp = seconds + nanoseconds / 1e9
    return Received(octets, vlan, stamp)

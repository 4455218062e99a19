"""Packet sockets for LLDP: one a port, with the frame's VLAN tag and the kernel's receive stamp (packet(7))."""

from __future__ import annotations

import socket
import struct
from array import array
from collections.abc import Collection, Sequence
from typing import ClassVar, Final, NamedTuple

from evbagent.linux.rtnetlink import enlarge
from evbagent.wire.ethernet import ETHERTYPE_LLDP, Scope
from evbagent.wire.octets import MacAddress
from evbagent.wire.probe_frame import ETHERTYPE_PROBE

__all__ = ["PacketSocket", "ProbeSocket", "Received"]

_ETH_P_ALL: Final = 0x0003
_SOL_PACKET: Final = 263
_ADD_MEMBERSHIP, _STATISTICS, _AUXDATA, _IGNORE_OUTGOING = 1, 6, 8, 23
_MR_MULTICAST: Final = 0
_SO_ATTACH_FILTER, _SO_TIMESTAMPNS = 26, 35
_TC_PRIO_CONTROL: Final = 7  # some drivers drop LLDP of the host at any lower priority
_HOST, _OTHERHOST, _OUTGOING = 0, 3, 4
_VLAN_VALID, _TPID_VALID = 0x10, 0x40  # TP_STATUS_VLAN_VALID, TP_STATUS_VLAN_TPID_VALID
_C_TAG: Final = 0x8100
_VID: Final = 0x0FFF
_AUX: Final = struct.Struct("=IIIHHHH")  # struct tpacket_auxdata
_TAG: Final = struct.Struct("!HH")  # TPID, TCI: a tag as it stands in a frame
_COUNTS: Final = struct.Struct("=II")  # struct tpacket_stats: frames, of which dropped
_STAMP: Final = struct.Struct("=qq")  # struct timespec
_LARGEST: Final = 2048
_DRAIN: Final = 64  # frames of one turn of the loop
_ANCILLARY: Final = socket.CMSG_SPACE(_AUX.size) + socket.CMSG_SPACE(_STAMP.size)

# Classic BPF: code, jump if true, jump if false, operand. A jump skips so many instructions.
_PACKET_TYPE: Final = 0xFFFFF000 + 4  # SKF_AD_OFF + SKF_AD_PKTTYPE
_LOAD_BYTE, _LOAD_HALF, _LOAD_WORD, _JUMP_EQUAL, _RETURN = 0x30, 0x28, 0x20, 0x15, 0x06
_LLDP: Final = (
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
)
_PROBE: Final = (
    (_LOAD_BYTE, 0, 0, _PACKET_TYPE),
    (_JUMP_EQUAL, 0, 2, _HOST),  # what leaves is OUTGOING, and a VLAN's is OTHERHOST
    (_LOAD_HALF, 0, 0, 12),
    (_JUMP_EQUAL, 1, 0, ETHERTYPE_PROBE),
    (_RETURN, 0, 0, 0),
)
_TAKE: Final = (_RETURN, 0, 0, 0xFFFF)
_DROP: Final = (_RETURN, 0, 0, 0)


def _from(sources: Collection[MacAddress], found: tuple[int, ...], other: tuple[int, ...]) -> list[tuple[int, ...]]:
    """What becomes of frames of these sources, and of the others."""
    rows: list[tuple[int, ...]] = []
    for source in sources:
        high, low = int.from_bytes(source.octets[:4], "big"), int.from_bytes(source.octets[4:], "big")
        rows += [
            (_LOAD_WORD, 0, 0, 6),
            (_JUMP_EQUAL, 0, 3, high),
            (_LOAD_HALF, 0, 0, 10),
            (_JUMP_EQUAL, 0, 1, low),
            found,
        ]
    return [*rows, other]


class Received(NamedTuple):
    """One frame; `vlan` is None where it had no tag, `stamp` is the kernel's wall clock in seconds.

    `tag` is the tag that the kernel took out of the octets, as it stood there; empty where it took none.
    """

    octets: bytes
    vlan: int | None
    stamp: float
    tag: bytes = b""


class PacketSocket:
    """Hears LLDP on one interface, and sends on it.

    `everything` makes it an ETH_P_ALL socket with the same filter: dearer for the data path, and the only one that
    hears the nearest-customer-bridge scope on a port of a Linux bridge without STP, or sees tags where VLAN devices
    exist. Raises `PermissionError` without CAP_NET_RAW, `OSError` (ENODEV) where the interface is not there.
    """

    _ETHERTYPE: ClassVar[int] = ETHERTYPE_LLDP
    _ONLY_OURS: ClassVar[tuple[tuple[int, ...], ...]] = _LLDP

    def __init__(self, name: str, ifindex: int, *, everything: bool, deaf: bool = False) -> None:
        """`deaf`: hear nothing, at no cost for the data path, until `hear_only`."""
        self._place = (name, ifindex, everything)
        # Protocol 0 is deaf until the bind: nothing slips in before the filter, and the bind needs no RCU grace period.
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, 0)
        self._bound = False
        try:
            self._filter([_TAKE])
            self._prepare()
            if not deaf:
                self._bind()
        except BaseException:
            self._socket.close()
            raise

    def _bind(self) -> None:
        name, _, everything = self._place
        self._socket.bind((name, _ETH_P_ALL if everything else self._ETHERTYPE))
        self._join()
        self._bound = True

    def _join(self) -> None:
        _, ifindex, _ = self._place
        for scope in Scope:
            request = struct.pack("=iHH8s", ifindex, _MR_MULTICAST, 6, scope.address.octets)
            self._socket.setsockopt(_SOL_PACKET, _ADD_MEMBERSHIP, request)

    def hear_only(self, sources: Collection[MacAddress]) -> None:
        """Nobody but these from now on; what is queued stays."""
        self._filter(_from(sources, _TAKE, _DROP))
        if not self._bound:
            self._bind()

    def exclude(self, sources: Collection[MacAddress]) -> None:
        """Everybody but these from now on; what is queued stays."""
        self._filter(_from(sources, _DROP, _TAKE))

    def _filter(self, decision: Sequence[tuple[int, ...]]) -> None:
        rows = [*self._ONLY_OURS, *decision]
        program = array("B", b"".join(struct.pack("=HBBI", *row) for row in rows))
        fprog = struct.pack("@HP", len(rows), program.buffer_info()[0])  # struct sock_fprog; the kernel copies it
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, fprog)

    def _prepare(self) -> None:
        self._socket.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)
        self._socket.setsockopt(_SOL_PACKET, _AUXDATA, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, _TC_PRIO_CONTROL)
        enlarge(self._socket)

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


class ProbeSocket(PacketSocket):
    """Hears the probe's frames that come back; made deaf, it listens from the first `hear_only` on."""

    _ETHERTYPE = ETHERTYPE_PROBE
    _ONLY_OURS = _PROBE

    def _join(self) -> None:
        """What comes back is sent to the port's own address: no group is needed."""


def _received(octets: bytes, ancillary: list[tuple[int, int, bytes]]) -> Received:
    vlan, stamp, tag = None, 0.0, b""
    for level, kind, data in ancillary:
        if level == _SOL_PACKET and kind == _AUXDATA:
            status, _, _, _, _, tci, tpid = _AUX.unpack(data)
            if status & _VLAN_VALID:
                vlan, tag = tci & _VID, _TAG.pack(tpid if status & _TPID_VALID else _C_TAG, tci)
        elif level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = _STAMP.unpack(data)
            stamp = seconds + nanoseconds / 1e9
    return Received(octets, vlan, stamp, tag)

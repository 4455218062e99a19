"""A packet socket of the test's own on one interface, frames made to be sent through it, and capture files."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from evbagent.lab.namespaces import Namespace
from evbagent.wire.basic import ChassisId, PortId, SystemName
from evbagent.wire.ethernet import ETHERTYPE_LLDP, Frame, Scope
from evbagent.wire.evb import Evb
from evbagent.wire.evb_draft import EvbDraft
from evbagent.wire.lldpdu import Lldpdu
from evbagent.wire.octets import MacAddress

__all__ = ["Captured", "Tap", "lldp_frame", "write_pcap"]

_ETH_P_ALL: Final = 0x0003
_OUTGOING: Final = 4  # PACKET_OUTGOING
_SO_TIMESTAMPNS: Final = 35
_SO_RCVBUFFORCE: Final = 33
_STAMP: Final = struct.Struct("=qq")  # struct timespec


class Captured(NamedTuple):
    """One frame as it crossed; `stamp` is the kernel's wall clock in seconds."""

    octets: bytes
    stamp: float
    outgoing: bool

    @property
    def is_lldp(self) -> bool:
        return self.octets[12:14] == ETHERTYPE_LLDP.to_bytes(2, "big")

    @property
    def source(self) -> MacAddress:
        return MacAddress(self.octets[6:12])

    @property
    def pdu(self) -> Lldpdu:
        """Of an LLDP frame; raises `FrameDiscarded` for any other."""
        return Lldpdu.decode(Frame.decode(self.octets).payload)

    @property
    def evb(self) -> Evb | None:
        return self.pdu.read(Evb)

    @property
    def draft(self) -> EvbDraft | None:
        return self.pdu.read(EvbDraft)


class Tap:
    """Sees everything that crosses the interface in either direction, from now on."""

    def __init__(self, namespace: Namespace, name: str) -> None:
        with namespace.entered():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 8 << 20)
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            self._socket.bind((name, _ETH_P_ALL))
        self._seen: list[Captured] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def send(self, octets: bytes) -> None:
        """Out of the interface."""
        self._socket.send(octets)

    @property
    def seen(self) -> list[Captured]:
        """All frames so far, the oldest first."""
        while True:
            try:
                octets, ancillary, _, address = self._socket.recvmsg(2048, socket.CMSG_SPACE(_STAMP.size))
            except BlockingIOError:
                return list(self._seen)
            ((_, _, data),) = ancillary
            seconds, nanoseconds = _STAMP.unpack(data)
            self._seen.append(Captured(octets, seconds + nanoseconds / 1e9, address[2] == _OUTGOING))

    @property
    def heard(self) -> list[Captured]:
        """The LLDP frames among them that came in."""
        return [frame for frame in self.seen if frame.is_lldp and not frame.outgoing]

    @property
    def told(self) -> list[Captured]:
        """The LLDP frames among them that went out."""
        return [frame for frame in self.seen if frame.is_lldp and frame.outgoing]


def lldp_frame(
    source: MacAddress,
    *,
    chassis: MacAddress,
    port: str = "port1",
    ttl: int = 120,
    evb: Evb | EvbDraft | None = None,
    name: str | None = None,
    scope: Scope = Scope.NEAREST_CUSTOMER_BRIDGE,
) -> bytes:
    """An LLDP frame of our own making, whoever it claims to be from."""
    optional = [] if evb is None else [evb.tlv()]
    optional += [] if name is None else [SystemName.of(name).tlv()]
    pdu = Lldpdu(ChassisId.mac(chassis), PortId.interface(port), ttl, tuple(optional))
    return Frame(scope.address, source, ETHERTYPE_LLDP, pdu.encode()).encode()


def write_pcap(file: Path, frames: Iterable[bytes]) -> None:
    """Ethernet frames as a capture file (classic pcap, microseconds), all stamped with the time of writing."""
    seconds = int(time.time())
    with file.open("wb") as out:
        out.write(struct.pack("=IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))  # LINKTYPE_ETHERNET
        for frame in frames:
            out.write(struct.pack("=IIII", seconds, 0, len(frame), len(frame)) + frame)

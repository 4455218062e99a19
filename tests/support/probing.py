"""A probe on a real link: the socket that it needs, and the shortest loop around it."""

from __future__ import annotations

import asyncio
import errno
import math
import socket
import struct
import time
from array import array
from contextlib import suppress
from typing import Final

from evbagent.effects import Actuated, Effect, SendProbe
from evbagent.events import LinkState, ProbeEvidence
from evbagent.lab.namespaces import Namespace
from evbagent.probe.machine import Probe
from evbagent.wire.ethernet import Frame
from evbagent.wire.octets import MacAddress
from evbagent.wire.probe_frame import ETHERTYPE_PROBE

__all__ = ["ProbeSocket", "Prober", "probe_filter"]

_ETH_P_ALL: Final = 0x0003
_SOL_PACKET, _IGNORE_OUTGOING = 263, 23
_SO_ATTACH_FILTER, _SO_TIMESTAMPNS = 26, 35
_STAMP: Final = struct.Struct("=qq")  # struct timespec
_TC_PRIO_CONTROL: Final = 7
_HOST: Final = 0  # PACKET_HOST
_PACKET_TYPE: Final = 0xFFFFF000 + 4  # SKF_AD_OFF + SKF_AD_PKTTYPE
_LOAD_BYTE, _LOAD_HALF, _LOAD_WORD, _JUMP_EQUAL, _RETURN = 0x30, 0x28, 0x20, 0x15, 0x06


def probe_filter(address: MacAddress) -> tuple[tuple[int, int, int, int], ...]:
    """Classic BPF (code, jump if true, jump if false, operand): frames of probes, to that address, that came in.

    The packet type alone is not enough: under a passthru macvlan what teaches the switch comes back as PACKET_HOST too.
    """
    high, low = int.from_bytes(address.octets[:4], "big"), int.from_bytes(address.octets[4:], "big")
    return (
        (_LOAD_BYTE, 0, 0, _PACKET_TYPE),
        (_JUMP_EQUAL, 0, 7, _HOST),
        (_LOAD_HALF, 0, 0, 12),
        (_JUMP_EQUAL, 0, 5, ETHERTYPE_PROBE),
        (_LOAD_WORD, 0, 0, 0),
        (_JUMP_EQUAL, 0, 3, high),
        (_LOAD_HALF, 0, 0, 4),
        (_JUMP_EQUAL, 0, 1, low),
        (_RETURN, 0, 0, 0xFFFF),
        (_RETURN, 0, 0, 0),
    )


class ProbeSocket:
    """Hears what `probe_filter` lets through, as an ETH_P_ALL socket (`everything`) or one of the probe's EtherType."""

    def __init__(self, namespace: Namespace, name: str, address: MacAddress, *, everything: bool = False) -> None:
        rows = probe_filter(address)
        program = array("B", b"".join(struct.pack("=HBBI", *row) for row in rows))
        with namespace.entered():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
        fprog = struct.pack("@HP", len(rows), program.buffer_info()[0])
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, fprog)
        self._socket.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, _TC_PRIO_CONTROL)
        self._socket.bind((name, _ETH_P_ALL if everything else ETHERTYPE_PROBE))

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def send(self, octets: bytes) -> None:
        self._socket.send(octets)

    def receive(self) -> list[tuple[bytes, float]]:
        """All that has arrived, each with the kernel's wall clock in seconds."""
        frames: list[tuple[bytes, float]] = []
        with suppress(BlockingIOError):
            while True:
                octets, ((_, _, data),), _, _ = self._socket.recvmsg(2048, socket.CMSG_SPACE(_STAMP.size))
                seconds, nanoseconds = _STAMP.unpack(data)
                frames.append((octets, seconds + nanoseconds / 1e9))
        return frames


class Prober:
    """Performs what the probe wishes, drains the socket before a deadline, and keeps what became known when."""

    def __init__(self, probe: Probe, sock: ProbeSocket) -> None:
        self.probe = probe
        self.known: list[tuple[float, ProbeEvidence]] = []
        self.late: list[tuple[float, float]] = []  # when a deadline was handled, and how late that was
        self._socket = sock
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(sock, self._on_readable)
        self._timer: asyncio.TimerHandle | None = None

    def start(self, link: LinkState) -> None:
        self.perform(self.probe.link(link, (), self._loop.time()))
        self.perform(self.probe.turn(on=True, now=self._loop.time()))

    def close(self) -> None:
        self._loop.remove_reader(self._socket)
        if self._timer is not None:
            self._timer.cancel()

    def perform(self, effects: list[Effect]) -> None:
        queue = list(effects)
        while queue:
            effect = queue.pop(0)
            if isinstance(effect, SendProbe):
                queue += self.probe.actuated(self._send(effect), self._loop.time())
        last = self.known[-1][1] if self.known else ProbeEvidence()
        if self.probe.evidence.verified is not last.verified:
            self.known.append((self._loop.time(), self.probe.evidence))
        if self._timer is not None:
            self._timer.cancel()
        deadline = self.probe.deadline
        self._timer = None if deadline == math.inf else self._loop.call_at(deadline, self._on_timer, deadline)

    def _send(self, effect: SendProbe) -> Actuated:
        try:
            self._socket.send(effect.teach)
            at = self._loop.time()
            self._socket.send(effect.probe)
        except OSError as error:
            return Actuated(effect, {effect.port: error.errno or errno.EIO})
        return Actuated(effect, {}, at=at)

    def _on_readable(self) -> None:
        for octets, stamp in self._socket.receive():
            now, wall = (
                self._loop.time(),
                time.time(),
            )  # right after each other: a round trip takes no longer than a line
            self.perform(self.probe.receive(Frame.decode(octets), now, now - (wall - stamp)))

    def _on_timer(self, due: float) -> None:
        self._on_readable()
        now = max(due, self._loop.time())
        if due >= self.probe.deadline:  # nothing that was read has changed it
            self.late.append((now, now - due))
            self.perform(self.probe.on_deadline(now, drained=True))

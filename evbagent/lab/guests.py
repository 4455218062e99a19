"""Guests' traffic: numbered frames from each guest to each other one, sent and counted by packet sockets."""

from __future__ import annotations

import itertools
import select
import socket
import struct
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Final

from evbagent.lab.namespaces import Namespace
from evbagent.wire.octets import MacAddress

__all__ = ["Exchange", "Flow"]

_ETHERTYPE: Final = 0x88B6  # local experimental EtherType 2 (802-2014 9.2.4)
_SEQUENCE: Final = struct.Struct(">QI")  # flow, number
_SETTLE: Final = 0.5  # seconds that the last frames may take
_IGNORE_OUTGOING: Final = (263, 23)  # SOL_PACKET, PACKET_IGNORE_OUTGOING
_FLOWS: Final = itertools.count(time.monotonic_ns())


@dataclass(frozen=True, slots=True)
class Exchange:
    """What became of a flow's unicast frames; `strays` came out at a guest they were not for."""

    sent: int
    lost: int
    duplicated: int
    strays: int
    seconds: float


class Flow:
    """Frames at a steady rate between all ordered pairs of guests, in a thread of its own."""

    def __init__(self, host: Namespace, guests: dict[str, MacAddress], *, rate: float) -> None:
        if len(guests) < 2:
            raise ValueError(f"traffic needs two guests, there is {len(guests)}")
        self._rate = rate
        self._number = next(_FLOWS) & 0xFFFFFFFFFFFFFFFF
        self._addresses = dict(guests)
        self._sockets = {name: _socket(host, name) for name in guests}
        self._pairs = list(itertools.permutations(guests, 2))
        self._received: Counter[int] = Counter()
        self._strays = 0
        self._sent = 0
        self._stop = threading.Event()
        self._seconds = 0.0
        self._thread: threading.Thread | None = None

    def start(self, limit: int | None = None) -> None:
        """Send until `stop`, or `limit` frames."""
        self._thread = threading.Thread(target=self._run, args=(limit,), name="traffic")
        self._thread.start()

    @property
    def sent(self) -> int:
        """Frames so far."""
        return self._sent

    def stop(self) -> Exchange:
        """End, wait for what is under way, and count."""
        self._stop.set()
        return self.finish()

    def finish(self) -> Exchange:
        """Wait until the limit is reached, and count."""
        assert self._thread is not None, "start it first"
        self._thread.join()
        for sock in self._sockets.values():
            sock.close()
        arrived = len(self._received)
        duplicated = sum(self._received.values()) - arrived
        return Exchange(self._sent, self._sent - arrived, duplicated, self._strays, self._seconds)

    def _run(self, limit: int | None) -> None:
        began = due = time.monotonic()
        while not self._stop.is_set() and (limit is None or self._sent < limit):
            source, target = self._pairs[self._sent % len(self._pairs)]
            frame = self._addresses[target].octets + self._addresses[source].octets + _ETHERTYPE.to_bytes(2, "big")
            self._sockets[source].send((frame + _SEQUENCE.pack(self._number, self._sent)).ljust(60, b"\0"))
            self._sent += 1
            due += 1 / self._rate
            self._collect(due)
        self._seconds = time.monotonic() - began
        end = time.monotonic() + _SETTLE
        while len(self._received) < self._sent and time.monotonic() < end:
            self._collect(min(end, time.monotonic() + 0.01))
        self._collect(time.monotonic() + 0.02)  # a late duplicate would show here

    def _collect(self, until: float) -> None:
        """Read what arrives until that time."""
        while True:
            ready, _, _ = select.select(self._sockets.values(), [], [], max(0.0, until - time.monotonic()))
            for name, sock in self._sockets.items():
                if sock in ready:
                    self._read(name, sock)
            if time.monotonic() >= until:
                return

    def _read(self, name: str, sock: socket.socket) -> None:
        while True:
            try:
                frame = sock.recv(2048)
            except BlockingIOError:
                return
            flow, number = _SEQUENCE.unpack_from(frame, 14)
            if flow != self._number:
                continue
            if frame[:6] == self._addresses[name].octets:
                self._received[number] += 1
            else:
                self._strays += 1


def _socket(host: Namespace, name: str) -> socket.socket:
    with host.entered():
        sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_NONBLOCK, 0)
        sock.setsockopt(*_IGNORE_OUTGOING, 1)
        sock.bind((name, _ETHERTYPE))
    return sock

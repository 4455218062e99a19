"""How a port is listened to: one socket for everybody, and one for those whose frames must not drown."""

from __future__ import annotations

import contextlib
import select
from collections import Counter, deque
from collections.abc import Iterator
from contextlib import closing
from typing import Final, NamedTuple

from evbagent.linux.packets import PacketSocket, ProbeSocket, Received
from evbagent.wire.octets import MacAddress

__all__ = ["Listener", "Missed"]

_QUEUE: Final = 256  # turns of a socket; more than its buffer has frames for
_PROBE_TURNS: Final = 4  # a neighbor that sends probes back many times over must not keep us reading
_KEPT: Final = 64  # frames of a backlog; more than neighbors that keep to their credits leave in it
_SOURCE: Final = slice(6, 12)


class Missed(NamedTuple):
    """LLDP lost unheard: such that may have come from anybody, and such that came from no vital source."""

    vital: int
    others: int


class Listener:
    """Wakes an event loop by `fileno`; vital sources are heard first, and lose nothing to the noise of others.

    A flood fills the buffer of the socket that it goes to. The frames of vital sources have a socket of their own, so
    a neighbor that floods costs others of its kind frames, and not the switch. Raises as `PacketSocket` does.
    """

    def __init__(self, name: str, ifindex: int, *, everything: bool) -> None:
        self._kind = (ifindex, everything)
        with contextlib.ExitStack() as stack:
            self._main = stack.enter_context(closing(PacketSocket(name, ifindex, everything=everything)))
            self._lane = stack.enter_context(closing(PacketSocket(name, ifindex, everything=everything, deaf=True)))
            self._readable = stack.enter_context(closing(select.epoll()))
            self._probes = stack.enter_context(closing(ProbeSocket(name, ifindex, everything=everything, deaf=True)))
            for queue in (self._lane, self._main, self._probes):
                self._readable.register(queue, select.EPOLLIN)
            self._open = stack.pop_all()
        self._sources: frozenset[MacAddress] = frozenset()
        self._expected: MacAddress | None = None
        self._lost = Missed(0, 0)  # in moments when it was unknown whose frames they were

    def serves(self, ifindex: int, *, everything: bool) -> bool:
        """Whether it is bound to that interface, with that kind of socket."""
        return self._kind == (ifindex, everything)

    def fileno(self) -> int:
        return self._readable.fileno()

    def close(self) -> None:
        self._open.close()

    def send(self, octets: bytes) -> None:
        """Raises `OSError` (ENETDOWN, ENOBUFS, ENXIO) where the frame does not leave."""
        self._main.send(octets)

    def receive(self) -> list[Received]:
        """What has arrived, at most a turn's worth of each socket; raises `OSError` (ENETDOWN)."""
        return self._lane.receive() + self._main.receive()

    def missed(self) -> Missed:
        """What found no room since the last time that this was asked."""
        before, self._lost = self._lost, Missed(0, 0)
        main, lane = self._main.missed(), self._lane.missed()
        if not self._sources:
            return Missed(before.vital + main + lane, before.others)
        return Missed(before.vital + lane, before.others + main)

    def missed_probes(self) -> int:
        """How many frames of the probe's kind found no room since the last time that this was asked."""
        return self._probes.missed()

    def probes(self) -> tuple[list[Received], bool]:
        """What has come back of the probe, and whether that is all; raises `OSError` (ENETDOWN)."""
        frames: list[Received] = []
        for _ in range(_PROBE_TURNS):
            turn = self._probes.receive()
            frames += turn
            if not turn:
                return frames, True
        return frames, False

    def expect(self, source: MacAddress) -> None:
        """Probes come from this address from now on. Raises `OSError` (ENODEV)."""
        if source != self._expected:
            self._probes.hear_only((source,))
            self._expected = source

    def flush(self) -> int:
        """Throw away what is queued; how many frames it was. Raises `OSError`."""
        return sum(1 for _ in self._queued())

    def favor(self, sources: frozenset[MacAddress]) -> list[Received]:
        """These are the vital sources from now on; what was queued until now, theirs first.

        Of a long queue the last frames are kept, and the others count as missed. Raises `OSError` (ENETDOWN,
        ENOBUFS), and all is as it was then.
        """
        if sources == self._sources:
            return []
        kept: dict[bool, deque[Received]] = {vital: deque(maxlen=_KEPT) for vital in (True, False)}
        count: Counter[bool] = Counter()
        wanted = {source.octets for source in sources}
        try:
            self._hear(sources)
            for frame in self._queued():
                vital = frame.octets[_SOURCE] in wanted
                count[vital] += 1
                kept[vital].append(frame)
        except OSError:
            self._hear(self._sources)
            raise
        lost = self.missed()
        surplus = {vital: count[vital] - len(kept[vital]) for vital in kept}
        self._lost = Missed(lost.vital + surplus[True], lost.others + surplus[False])
        self._sources = sources
        return [*kept[True], *kept[False]]

    def _hear(self, sources: frozenset[MacAddress]) -> None:
        """What comes between the two is in both: the same octets twice."""
        self._lane.hear_only(sources)
        self._main.exclude(sources)

    def _queued(self) -> Iterator[Received]:
        """Takes all that waits, but no more than a buffer holds: what arrives meanwhile is for the next turn."""
        for queue in (self._lane, self._main):
            for _ in range(_QUEUE):
                frames = queue.receive()
                yield from frames
                if not frames:
                    break

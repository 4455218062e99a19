"""A switch that reflects or does not, a loop that is late or is not, and a probe between the two."""

from __future__ import annotations

import errno
import math
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from evbagent.effects import Actuated, Effect, Moved, SendProbe
from evbagent.events import LinkState, ProbeEvidence
from evbagent.probe.attempt import ProbeSettings
from evbagent.probe.machine import Probe, ProbeState
from evbagent.wire.ethernet import Frame
from evbagent.wire.octets import MacAddress
from tests.lldp.edges import Watched

__all__ = ["DEFAULTS", "GUEST", "HOST", "KEY", "LINK", "SEED", "Verdict", "WatchedProbe", "Wire"]

KEY: Final = bytes(range(32))
SEED: Final = b"seed of the test"
HOST: Final = MacAddress.parse("02:00:00:00:00:01")
GUEST: Final = MacAddress.parse("52:54:00:00:00:01")
LINK: Final = LinkState(2, "eth0", HOST, up=True, carrier=True, carrier_ups=1)
DEFAULTS: Final = ProbeSettings()


class WatchedProbe(Watched[ProbeState], Probe):
    """The probe, with the arrows it took."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became known when, from whom, and how many probes had left by then."""

    at: float
    evidence: ProbeEvidence
    drained: bool
    sent: int


@dataclass
class Wire:
    """Plays the switch, the kernel and the loop. Times are seconds.

    A deadline is handled `late`; what the loop would do in a `pause` (from, to), it does at its end, and in a pause
    that is `deaf` the kernel receives nothing either. The next `lose` probes get lost; the next `refuse` ones do not
    leave; one leaves `slow` after it should have. `drained` is what the caller says of its socket, and a socket that
    is not drained holds on to what has arrived.
    """

    probe: WatchedProbe = field(default_factory=lambda: WatchedProbe("eth0", KEY, SEED, DEFAULTS))
    now: float = 0.0
    relay: bool = True
    latency: float = 1e-5
    late: float = 0.0
    lose: int = 0
    refuse: int = 0
    slow: float = 0.0
    drained: bool = True
    pauses: list[tuple[float, float]] = field(default_factory=list)
    deaf: bool = False
    effects: list[Effect] = field(default_factory=list)
    sent: list[tuple[float, SendProbe]] = field(default_factory=list)  # what has left
    arrivals: list[float] = field(default_factory=list)  # when the kernel had each of them back, or never
    verdicts: list[Verdict] = field(default_factory=list)
    _on_its_way: list[tuple[float, bytes]] = field(default_factory=list)

    def start(self) -> Wire:
        """The link is up, and somebody wants to know."""
        self.perform(self.probe.link(LINK, (), self.now))
        self.perform(self.probe.turn(on=True, now=self.now))
        return self

    def perform(self, effects: list[Effect]) -> None:
        """As the edge does: each frame's outcome is told at once."""
        queue = list(effects)
        while queue:
            effect = queue.pop(0)
            self.effects.append(effect)
            if isinstance(effect, SendProbe):
                queue += self.probe.actuated(self._send(effect), self.now)
        known = self.verdicts[-1].evidence if self.verdicts else ProbeEvidence()
        if self.probe.evidence is not known and self.probe.evidence != known:
            self.verdicts.append(Verdict(self.now, self.probe.evidence, self.drained, len(self.sent)))

    def _send(self, wish: SendProbe) -> Actuated:
        if self.refuse:
            self.refuse -= 1
            return Actuated(wish, {wish.port: errno.ENOBUFS})
        at = self.now + self.slow
        self.sent.append((at, wish))
        reflected = self.relay and not self.lose
        self.lose = max(0, self.lose - 1)
        self.arrivals.append(self._heard_at(at + self.latency) if reflected else math.inf)
        if reflected:
            self._on_its_way.append((self.arrivals[-1], wish.probe))
        return Actuated(wish, {}, at=at)

    def _heard_at(self, arrival: float) -> float:
        """When the kernel has it; one that slept has it a little after it woke."""
        for begin, end in self.pauses:
            if self.deaf and begin <= arrival < end:
                return end + 0.001
        return arrival

    def _handled_at(self, due: float) -> float:
        for begin, end in self.pauses:
            if begin <= due < end:
                return end
        return due

    def run(self, until: float) -> Wire:
        """Everything that is due before that time, in its order; the loop reads what has come in before it judges."""
        while True:
            arrival = min((at for at, _ in self._on_its_way), default=math.inf) if self.drained else math.inf
            read_at, due_at = self._handled_at(arrival), self._handled_at(self.probe.deadline + self.late)
            if min(read_at, due_at) >= until:
                self.now = max(self.now, until)
                return self
            if read_at <= due_at:
                self.now = max(self.now, read_at)
                self._deliver(arrival)
            else:
                self.now = max(self.now, due_at)
                self.perform(self.probe.on_deadline(self.now, drained=self.drained))

    def _deliver(self, arrival: float) -> None:
        ready = [each for each in self._on_its_way if each[0] == arrival]
        self._on_its_way = [each for each in self._on_its_way if each[0] != arrival]
        for at, octets in ready:
            self.hear(octets, at)

    def hear(self, octets: bytes, arrived: float | None = None) -> None:
        """A frame came in, whoever sent it."""
        self.perform(self.probe.receive(Frame.decode(octets), self.now, arrived))

    @property
    def moved(self) -> list[Moved]:
        return [effect for effect in self.effects if isinstance(effect, Moved)]

    @property
    def verified(self) -> list[tuple[float, bool | None]]:
        """What was known from when on, in milliseconds."""
        known = [ProbeEvidence(), *(verdict.evidence for verdict in self.verdicts)]
        news = [new.verified is not old.verified for old, new in pairwise(known)]
        return [
            (_ms(each.at), each.evidence.verified) for each, is_news in zip(self.verdicts, news, strict=True) if is_news
        ]

    def times(self, after: float = -math.inf) -> list[float]:
        """When probes left, in milliseconds."""
        return [_ms(at) for at, _ in self.sent if at >= after]


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 2)

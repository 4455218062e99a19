"""A question asked on purpose: some rounds of the probe, each judged for itself, and no longer than needed; pure."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from evbagent.effects import Actuated, Effect, SendProbe
from evbagent.events import LinkState
from evbagent.probe.machine import Probe
from evbagent.wire.ethernet import Frame, FrameDiscarded
from evbagent.wire.octets import MacAddress
from evbagent.wire.probe_frame import ETHERTYPE_PROBE

__all__ = ["Inquiry", "Round"]

_PATIENCE: Final = 3.0  # seconds for one round, in which dozens of attempts could have been judged


@dataclass(frozen=True, slots=True)
class Round:
    """What one round proved: `verified` as in `ProbeEvidence`, None where no attempt of it could be judged.

    `frames` probes left; `round_trip` is the seconds until one of them was back, None where none was; `errno` says
    why the last one that did not leave stayed, None where all of them left.
    """

    verified: bool | None
    frames: int
    round_trip: float | None
    errno: int | None


class Inquiry:
    """Asks a probe of its own so many times, `interval` seconds apart; where a runner runs it, it is the core."""

    def __init__(self, name: str, probe: Probe, *, rounds: int, interval: float) -> None:
        self.name = name
        self._probe = probe
        self._wanted = rounds
        self._interval = interval
        self._begins_at = self._ends_at = math.inf
        self._sent_before = 0
        self._errno: int | None = None
        self.rounds: tuple[Round, ...] = ()

    @property
    def done(self) -> bool:
        """Whether every round has ended."""
        return len(self.rounds) >= self._wanted

    @property
    def address(self) -> MacAddress | None:
        """Where probes come from, None before `begin`."""
        return self._probe.address

    @property
    def deadline(self) -> float:
        """When `on_deadline` has something to do, the loop's clock in seconds."""
        return min(self._probe.deadline, self._begins_at, self._ends_at)

    def begin(self, link: LinkState, taken: Collection[MacAddress], now: float) -> list[Effect]:
        """Ask on this port; `taken` are the addresses of others that a probe must not come from."""
        self._begins_at = now
        return self._after(self._probe.link(link, taken, now), now)

    def receive(self, octets: bytes, vlan: int | None, now: float, arrived: float | None = None) -> list[Effect]:
        """A frame that came in; only the probe's own kind matters."""
        try:
            frame = Frame.decode(octets, vlan)
        except FrameDiscarded:
            return []
        return self._after(self._probe.receive(frame, now, arrived), now) if frame.ethertype == ETHERTYPE_PROBE else []

    def probes_missed(self, now: float) -> list[Effect]:
        """Frames of the probe's kind were lost unheard."""
        return self._after(self._probe.missed(now), now)

    def slept(self, seconds: float, now: float) -> list[Effect]:
        """The machine was suspended, and what is under way proves nothing."""
        return self.probes_missed(now)

    def on_deadline(self, now: float, *, drained: bool) -> list[Effect]:
        """Time has come to send, to judge, or to give a round up; `drained` as `Probe.on_deadline` has it."""
        return self._after(self._probe.on_deadline(now, drained=drained), now)

    def actuated(self, outcome: Actuated, now: float) -> list[Effect]:
        """A probe left or did not."""
        self._errno = next(iter(outcome.errors.values()), self._errno)
        return self._after(self._probe.actuated(outcome, now), now)

    @property
    def vital(self) -> frozenset[MacAddress]:
        """No neighbor matters here."""
        return frozenset()

    def missed(self, count: int, now: float) -> list[Effect]:
        """LLDP was lost unheard, which nobody here listens to."""
        return []

    def overflowed(self, count: int) -> None:
        """As above."""

    def release(self, now: float) -> list[Effect]:
        """Stop asking."""
        self._begins_at = self._ends_at = math.inf
        return _frames(self._probe.turn(on=False, now=now))

    def _after(self, effects: list[Effect], now: float) -> list[Effect]:
        asking = self._ends_at < math.inf
        if asking and (self._probe.evidence.verified is not None or now >= self._ends_at):
            self._end(now)
            effects = [*effects, *self._probe.turn(on=False, now=now)]
        if now >= self._begins_at:
            self._begins_at, self._ends_at = math.inf, now + _PATIENCE
            self._sent_before, self._errno = self._probe.status.sent, None
            effects = [*effects, *self._probe.turn(on=True, now=now)]
        return _frames(effects)

    def _end(self, now: float) -> None:
        verified, status = self._probe.evidence.verified, self._probe.status
        trip = status.last_round_trip if verified else None
        self.rounds += (Round(verified, status.sent - self._sent_before, trip, self._errno),)
        self._ends_at = math.inf
        self._begins_at = math.inf if self.done else now + self._interval


def _frames(effects: list[Effect]) -> list[Effect]:
    """What is to be sent; what the machine would tell a log stands in the rounds."""
    return [effect for effect in effects if isinstance(effect, SendProbe)]

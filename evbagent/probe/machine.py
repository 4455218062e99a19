"""Proves relay with frames, or disproves it: rounds, bursts, and what may be concluded from them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Collection, Iterator
from enum import Enum
from typing import ClassVar, Final

from evbagent.effects import Actuated, Effect, Moved, SendProbe
from evbagent.events import LinkState, ProbeEvidence, ProbeFailure
from evbagent.machine import Machine
from evbagent.probe.attempt import Attempt, Outcome, ProbeSettings
from evbagent.probe.counters import Counters
from evbagent.probe.place import Place
from evbagent.status import ProbeStatus
from evbagent.wire.ethernet import DiscardReason, Frame, FrameDiscarded
from evbagent.wire.octets import MacAddress
from evbagent.wire.probe_frame import NONCE_OCTETS, ProbeFrame

__all__ = ["Probe", "ProbeState"]

_REMEMBERED: Final = 16  # probes that left and have not come back; what is older can't be told from a replay
_VERDICTS: Final = {None: "unknown", True: "proven", False: "disproved"}


class ProbeState(Enum):
    """What is known of relay, and what is done about it."""

    OFF = "OFF"
    PROVING = "PROVING"
    PROVEN = "PROVEN"
    DOUBTING = "DOUBTING"
    DISPROVED = "DISPROVED"


class Probe(Machine[ProbeState]):
    """One port's probe; `evidence` is replaced by another object where there is news, and only there.

    An attempt is judged by `on_deadline` alone, and only where its caller has read everything that the socket holds.
    """

    S = ProbeState
    EDGES: ClassVar = frozenset(
        {
            (S.OFF, S.PROVING),
            (S.PROVING, S.OFF),
            (S.PROVING, S.PROVEN),
            (S.PROVING, S.DOUBTING),
            (S.PROVEN, S.OFF),
            (S.PROVEN, S.PROVEN),  # another round
            (S.PROVEN, S.DOUBTING),
            (S.PROVEN, S.PROVING),  # nothing could be judged for too long
            (S.DOUBTING, S.OFF),
            (S.DOUBTING, S.PROVEN),
            (S.DOUBTING, S.DISPROVED),
            (S.DOUBTING, S.PROVING),
            (S.DISPROVED, S.OFF),
            (S.DISPROVED, S.DISPROVED),  # another round, whatever came of it
            (S.DISPROVED, S.PROVEN),
        }
    )

    def __init__(self, subject: str, key: bytes, seed: bytes, settings: ProbeSettings) -> None:
        """`subject` is the port's name; `key` (32 random octets) is the daemon's, `seed` (8 of them) this probe's."""
        super().__init__(ProbeState.OFF)
        self._subject = subject
        self._key, self._seed = key, seed
        self._settings = settings
        self._wanted = False
        self._place: Place | None = None
        self._attempt = Attempt(1, math.inf, settings)
        self._sequence = 0
        self._activations = 0
        self._nonce = self._fresh_nonce()
        self._left: dict[int, float] = {}  # when probes left that have not come back, the oldest first
        self._ever = False  # whether a probe came back since the link came up
        self._good = 0  # rounds in a row
        self._void_in_a_row = 0
        self._unsent_in_a_row = 0
        self._counters = Counters()
        self.evidence = ProbeEvidence()

    # --- what is known

    @property
    def deadline(self) -> float:
        """When `on_deadline` has something to do, the loop's clock in seconds."""
        return self._attempt.deadline

    @property
    def address(self) -> MacAddress | None:
        """Where probes come from now, None without a link: neither a guest nor another port may have it."""
        return None if self._place is None else self._place.probe_address

    @property
    def status(self) -> ProbeStatus:
        counters = self._counters
        return ProbeStatus(
            state=self.state.value,
            address=None if self.address is None else str(self.address),
            verified=self.evidence.verified,
            sent=counters.sent,
            reflected=counters.reflected,
            missed=counters.missed,
            voided=counters.voided,
            discards={reason.value: count for reason, count in counters.discards.items()},
            last_round_trip=counters.last_round_trip,
            round_trips=counters.round_trips,
        )

    # --- what happens

    def turn(self, *, on: bool, now: float) -> list[Effect]:
        """Whether anybody wants to know: relay is announced (or the probe alone may grant it), and there is a guest."""
        self._wanted = on
        return self._settle(now)

    def link(self, link: LinkState | None, taken: Collection[MacAddress], now: float) -> list[Effect]:
        """The port changed or went away (None); `taken` are the addresses of other ports and of guests."""
        old, new = self._place, Place.of(link, self._key, taken)
        if new == old:
            return []
        effects: list[Effect] = []
        if new is None or not new.same_link(old):
            self._place, self._ever = None, False
            effects += self.run(now)
        elif self._attempt.under_way:  # it would come back from an address that is somebody else's now
            self._void(now)
        self._place = new
        return effects + self._settle(now)

    def receive(self, frame: Frame, now: float, arrived: float | None = None) -> list[Effect]:
        """A frame of the probe's EtherType that came in; what proves nothing is counted by its reason.

        `arrived` is when the kernel had it, on the loop's clock, None where that is not known.
        """
        try:
            sequence, left = self._recognize(frame)
        except FrameDiscarded as discarded:
            self._counters.discards[discarded.reason] += 1
            return []
        self._counters.round_trip(max(0.0, (now if arrived is None else arrived) - left))
        self._ever = True
        if sequence not in self._attempt.awaited:
            self._counters.discards[DiscardReason.PROBE_LATE] += 1
            return []
        self._counters.reflected += 1
        self._good += 1
        self._void_in_a_row = 0
        # Relay is proven for the moment that this one left, so the next round counts from there.
        self._attempt.outcome, self._attempt.last_left = Outcome.REFLECTED, left
        return self._settle(now)

    def missed(self, now: float) -> list[Effect]:
        """Frames were lost unheard, and the one that is waited for may be among them."""
        if self._attempt.under_way:
            self._void(now)
        return self._settle(now)

    def actuated(self, outcome: Actuated, now: float) -> list[Effect]:
        """The two frames of a `SendProbe` left, or (any error) did not."""
        assert isinstance(outcome.effect, SendProbe)
        sequence = outcome.effect.sequence
        if self._attempt.wished != sequence:
            return []  # of an attempt that is over
        if outcome.errors:
            self._stayed(now)
            return self._settle(now)
        at = now if outcome.at is None else outcome.at
        self._counters.sent += 1
        self._unsent_in_a_row = 0
        self._left[sequence] = at
        if len(self._left) > _REMEMBERED:
            del self._left[next(iter(self._left))]
        if at - self._attempt.wished_at > self._settings.stall:
            self._void(at)
        else:
            self._attempt.left(sequence, at)
        return self._settle(now)

    def on_deadline(self, now: float, *, drained: bool) -> list[Effect]:
        """Time has come to send or to judge.

        `drained` says that the socket was read until it held nothing, after the deadline was due; without it nothing
        is judged, and the deadline moves on a little.
        """
        attempt = self._attempt
        if now < attempt.deadline:
            return []
        if attempt.under_way and now - attempt.deadline > self._settings.stall:
            self._void(now)  # whatever made us sleep may have held the answer up, too
        elif now >= attempt.judge_at:
            self._judge(now, drained=drained)
        return self._settle(now)

    # --- what follows

    def _recognize(self, frame: Frame) -> tuple[int, float]:
        """Which of our probes that have not come back this is, and when it left; raises `FrameDiscarded`."""
        probe, place = ProbeFrame.decode(frame, self._key), self._place
        if place is None or probe.port != place.ifindex:
            raise FrameDiscarded(DiscardReason.PROBE_OTHER_PORT, f"of the port with index {probe.port}")
        way, back = (probe.destination, probe.source), (place.address, place.probe_address)
        if way == back[::-1]:
            raise FrameDiscarded(DiscardReason.OWN, "what teaches the switch is reflected too, and proves nothing")
        if way != back or probe.nonce != self._nonce:
            raise FrameDiscarded(DiscardReason.PROBE_REPLAYED, "of an earlier time")
        left = self._left.pop(probe.sequence, None)
        if left is None:
            raise FrameDiscarded(DiscardReason.PROBE_REPLAYED, f"nobody waits for sequence {probe.sequence}")
        return probe.sequence, left

    def _stayed(self, now: float) -> None:
        """Soon once more, and then at the interval: a full queue is not emptied by haste."""
        self._unsent_in_a_row += 1
        soon = self._unsent_in_a_row < self._settings.burst
        self._void(now, self._settings.spacing if soon else self._settings.interval)

    def _judge(self, now: float, *, drained: bool) -> None:
        attempt = self._attempt
        if not attempt.complete:  # nobody has said that the probe left
            self._void(now)
        elif not drained:
            self._count_void()
            attempt.postpone(now)
        else:
            attempt.outcome = Outcome.MISSED
            self._counters.missed += len(attempt.awaited)
            self._good = self._void_in_a_row = 0

    def _void(self, now: float, wait: float | None = None) -> None:
        """The question stands and is asked anew, but not at once: a flood must not make us send one probe a turn."""
        self._count_void()
        wait = self._settings.spacing if wait is None else wait
        self._attempt = Attempt(self._attempt.probes, now + wait, self._settings)

    def _count_void(self) -> None:
        self._counters.voided += 1
        self._void_in_a_row += 1

    def _settle(self, now: float) -> list[Effect]:
        """What the machine says, and the probe that is due."""
        effects = self.run(now)
        if self._attempt.send_at <= now:
            effects.append(self._send(now))
        return effects

    def _send(self, now: float) -> SendProbe:
        place = self._place
        assert place is not None, "without a place the machine is off, and nothing is due"
        self._sequence = (self._sequence + 1) & 0xFFFFFFFF
        self._attempt.wish(self._sequence, now)
        ours, theirs = place.address, place.probe_address
        teach = ProbeFrame(theirs, ours, place.ifindex, self._nonce, self._sequence)
        probe = ProbeFrame(ours, theirs, place.ifindex, self._nonce, self._sequence)
        return SendProbe(place.ifindex, self._sequence, teach.encode(self._key), probe.encode(self._key))

    def _fresh_nonce(self) -> bytes:
        self._activations += 1
        text = self._activations.to_bytes(8, "big") + self._seed
        return hashlib.blake2b(text, digest_size=NONCE_OCTETS, key=self._key, person=b"evbagent nonce").digest()

    # --- the figure

    def _exit(self, now: float) -> ProbeState | None:
        state, outcome = self.state, self._attempt.outcome
        if not self._wanted or self._place is None:
            return None if state is ProbeState.OFF else ProbeState.OFF
        if state is ProbeState.OFF:
            return ProbeState.PROVING
        if outcome is Outcome.REFLECTED:
            back = state is not ProbeState.DISPROVED or self._good >= self._settings.proofs
            return ProbeState.PROVEN if back else ProbeState.DISPROVED
        if outcome is Outcome.MISSED:
            sure = state in (ProbeState.DOUBTING, ProbeState.DISPROVED)
            return ProbeState.DISPROVED if sure else ProbeState.DOUBTING
        if self._void_in_a_row >= self._settings.patience and state in (ProbeState.PROVEN, ProbeState.DOUBTING):
            return ProbeState.PROVING
        return None

    def _enter(self, now: float) -> Iterator[Effect]:
        state, settings = self.state, self._settings
        if state is ProbeState.OFF:
            self._attempt = Attempt(1, math.inf, settings)
            self._nonce = self._fresh_nonce()
        elif state is ProbeState.PROVING:
            self._attempt = Attempt(1, now, settings)
        elif state is ProbeState.DOUBTING:
            self._attempt = Attempt(settings.burst, now, settings)
            return  # what was known holds until the doubt is settled
        else:
            self._attempt = Attempt(1, max(now, self._attempt.last_left + settings.interval), settings)
        yield from self._conclude(now)

    def _conclude(self, now: float) -> Iterator[Effect]:
        old, (verified, failure, why) = self.evidence, self._verdict()
        new = ProbeEvidence(verified, old.since if verified is old.verified else now, failure)
        if new != old:
            self.evidence = new
        if new.verified is not old.verified:
            yield Moved("probe", self._subject, _VERDICTS[old.verified], _VERDICTS[new.verified], why)

    def _verdict(self) -> tuple[bool | None, ProbeFailure | None, str]:
        state = self.state
        if state is ProbeState.PROVEN:
            return True, None, "a probe came back"
        if state is ProbeState.DISPROVED and self._ever:
            return False, ProbeFailure.STOPPED, "probes came back, and do so no more"
        if state is ProbeState.DISPROVED:
            return False, ProbeFailure.NEVER, "no probe has come back since the link came up"
        if state is ProbeState.PROVING:
            return None, None, f"{self._void_in_a_row} attempts in a row could not be judged"
        return None, None, "there is no link" if self._place is None else "nobody needs to know"

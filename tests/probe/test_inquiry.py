"""A question asked on purpose: how many frames each round takes, what it proves, and that it ends."""

from __future__ import annotations

import errno
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from evbagent.effects import Actuated, Effect, SendProbe
from evbagent.probe.inquiry import Inquiry, Round
from evbagent.probe.machine import Probe
from tests.probe.wire import DEFAULTS, GUEST, HOST, KEY, LINK, SEED
from tests.support.taps import lldp_frame

TRIP = 1e-5


@dataclass
class Asking:
    """The loop, the kernel and the switch; `reflects` says of each probe, counted from 0, whether it comes back."""

    rounds: int = 1
    reflects: Callable[[int], bool] = lambda _: True
    errors: dict[int, int] = field(default_factory=dict)
    drained: bool = True
    now: float = 5.0
    left: list[float] = field(default_factory=list)
    wishes: list[SendProbe] = field(default_factory=list)

    def __post_init__(self) -> None:
        probe = Probe("eth0", KEY, SEED, DEFAULTS)
        self.inquiry = Inquiry("eth0", probe, rounds=self.rounds, interval=DEFAULTS.interval)
        self._back: list[tuple[float, bytes]] = []

    def begin(self) -> Asking:
        self.perform(self.inquiry.begin(LINK, {GUEST}, self.now))
        return self

    def perform(self, effects: Sequence[Effect]) -> None:
        queue = list(effects)
        while queue:
            effect = queue.pop(0)
            assert isinstance(effect, SendProbe)
            queue += self.inquiry.actuated(self._send(effect), self.now)

    def _send(self, wish: SendProbe) -> Actuated:
        self.wishes.append(wish)
        assert len(self.wishes) < 1000, "it sends and sends"
        if self.errors:
            return Actuated(wish, self.errors)
        if self.reflects(len(self.left)):
            self._back.append((self.now + TRIP, wish.probe))
        self.left.append(self.now)
        return Actuated(wish, {}, at=self.now)

    def run(self, until: float = math.inf) -> Asking:
        """Until then, or until there is nothing left to do."""
        while True:
            arrival = min((at for at, _ in self._back), default=math.inf)
            following = min(arrival, self.inquiry.deadline)
            if following == math.inf or following >= until:
                return self
            self.now = max(self.now, following)
            if arrival == following:
                _, octets = self._back.pop(0)
                self.perform(self.inquiry.receive(octets, None, self.now, arrival))
            else:
                self.perform(self.inquiry.on_deadline(self.now, drained=self.drained))


def back(frames: int = 1) -> Round:
    return Round(True, frames, pytest.approx(TRIP, rel=1e-3), None)  # type: ignore[arg-type]


MISSED = Round(False, 4, None, None)
ANSWERS: dict[str, tuple[int, Callable[[int], bool], list[Round]]] = {
    "it comes back at once": (1, lambda _: True, [back()]),
    "nothing comes back": (1, lambda _: False, [MISSED]),
    "one is lost, and one of the burst comes back": (1, lambda number: number > 0, [back(2)]),
    "only the last of the burst": (1, lambda number: number == 3, [back(4)]),
    "every round is judged for itself": (3, lambda number: number in (0, 5), [back(), MISSED, back()]),
    "relay that was off is believed again at once": (2, lambda number: number > 3, [MISSED, back()]),
}


@pytest.mark.parametrize(("rounds", "reflects", "wanted"), ANSWERS.values(), ids=ANSWERS.keys())
def test_each_round_is_one_answer(rounds: int, reflects: Callable[[int], bool], wanted: list[Round]) -> None:
    asking = Asking(rounds, reflects).begin().run()
    assert list(asking.inquiry.rounds) == wanted
    assert asking.inquiry.done


def test_a_round_that_came_back_costs_the_switch_two_frames_and_rounds_keep_their_distance() -> None:
    asking = Asking(rounds=4).begin().run()
    gaps = [later - earlier for earlier, later in zip(asking.left, asking.left[1:], strict=False)]
    assert len(asking.left) == 4
    assert all(gap >= DEFAULTS.interval for gap in gaps)


def test_when_it_is_done_nothing_is_due_and_a_late_answer_changes_nothing() -> None:
    asking = Asking(reflects=lambda _: False).begin().run()
    assert asking.inquiry.deadline == math.inf
    before = asking.inquiry.rounds
    asking.perform(asking.inquiry.receive(asking.wishes[-1].probe, None, asking.now))
    assert asking.inquiry.rounds == before
    assert asking.inquiry.deadline == math.inf


def test_frames_that_do_not_leave_prove_nothing_and_say_why() -> None:
    asking = Asking(errors={LINK.ifindex: errno.ENOBUFS}).begin().run()
    assert asking.inquiry.rounds == (Round(None, 0, None, errno.ENOBUFS),)
    assert asking.now < 5.0 + 4.0


def test_a_socket_that_is_never_drained_proves_nothing_and_ends() -> None:
    asking = Asking(reflects=lambda _: False, drained=False).begin().run()
    (only,) = asking.inquiry.rounds
    assert (only.verified, only.errno) == (None, None)


SPOILT: dict[str, Callable[[Inquiry, float], list[Effect]]] = {
    "frames lost unheard": lambda inquiry, now: inquiry.probes_missed(now),
    "a suspension": lambda inquiry, now: inquiry.slept(60.0, now),
}


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT.keys())
def test_what_may_have_been_missed_is_asked_once_more(spoil: Callable[[Inquiry, float], list[Effect]]) -> None:
    asking = Asking(reflects=lambda number: number > 0).begin()
    asking.perform(spoil(asking.inquiry, asking.now))
    asking.run()
    assert asking.inquiry.rounds == (back(2),)


def test_it_listens_to_nothing_but_its_own_probe() -> None:
    asking = Asking(reflects=lambda _: False).begin()
    assert asking.inquiry.receive(lldp_frame(GUEST, chassis=GUEST), None, asking.now) == []
    assert asking.inquiry.receive(b"short", None, asking.now) == []
    assert asking.inquiry.missed(3, asking.now) == []
    assert asking.inquiry.vital == frozenset()
    assert asking.run().inquiry.rounds == (MISSED,)


def test_probes_come_from_an_address_that_nobody_has() -> None:
    asking = Asking().begin()
    assert asking.inquiry.address not in (None, HOST, GUEST)


def test_one_that_is_stopped_sends_no_more() -> None:
    asking = Asking(rounds=5).begin().run(until=5.3)
    asking.perform(asking.inquiry.release(asking.now))
    assert asking.inquiry.deadline == math.inf
    assert 0 < len(asking.inquiry.rounds) < 5

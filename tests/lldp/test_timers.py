"""The transmit timer: when frames leave, walked along every arrow of its figure (802.1AB-2016 figure 9-3)."""

from __future__ import annotations

import math
from itertools import combinations
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evbagent.lldp.timers import Timer, TimerState, TransmitSettings
from tests.lldp.edges import Watched

DEFAULTS: Final = TransmitSettings()
Fact = tuple[float, str]


class WatchedTimer(Watched[TimerState], Timer):
    """The timer, with the arrows it took."""


def play(timer: Timer, facts: list[Fact], until: float) -> list[float]:
    """When frames leave, where every deadline is kept and nothing happens between them."""
    times: list[float] = []

    def run(now: float) -> None:
        timer.run(now)
        if timer.may_send(now):
            timer.sent(now)
            times.append(round(now, 6))

    for now, fact in [*facts, (until, "")]:
        while timer.deadline < now:
            run(timer.deadline)
        if "abled" in fact:
            timer.enabled = "enabled" in fact
        timer.local_change |= "local change" in fact
        timer.new_neighbor |= "new neighbor" in fact
        if fact == "not sent":
            timer.retry(now)
        run(now)
    return times


UP: Final = (0.0, "enabled")

WALKS: Final[dict[str, tuple[list[Fact], float, list[float]]]] = {
    "the first frame at once, then one each interval": ([UP], 95.0, [0, 30, 60, 90]),
    "nothing while disabled": ([(0.0, "disabled"), (5.0, "local change")], 95.0, []),
    "a new neighbor: four frames a second apart, then the interval": (
        [UP, (10.0, "new neighbor")],
        75.0,
        [0, 10, 11, 12, 13, 43, 73],
    ),
    "another new neighbor within the burst hurries it, and makes it no longer": (
        [UP, (10.0, "new neighbor"), (11.5, "new neighbor")],
        50.0,
        [0, 10, 11, 11.5, 12.5, 42.5],
    ),
    "a new neighbor before the first frame starts the burst with it": (
        [(0.0, "new neighbor"), (1.0, "enabled")],
        40.0,
        [1, 2, 3, 4, 34],
    ),
    "a local change leaves at once, and the interval begins anew": ([UP, (10.0, "local change")], 45.0, [0, 10, 40]),
    "a local change and a new neighbor are one frame": (
        [UP, (10.0, "local change, new neighbor")],
        20.0,
        [0, 10, 11, 12, 13],
    ),
    "disabled in the burst forgets it": (
        [UP, (10.0, "new neighbor"), (10.5, "disabled"), (12.0, "enabled")],
        45.0,
        [0, 10, 12, 42],
    ),
    "news that comes as it is disabled is forgotten": (
        [UP, (10.0, "disabled, local change, new neighbor"), (12.0, "enabled")],
        40.0,
        [0, 12],
    ),
    "ten local changes within a second take the credit, then one frame a second": (
        [UP, *((100 + n / 10, "local change") for n in range(10))],
        103.0,
        [0, 30, 60, 90, 100, 100.1, 100.2, 100.3, 100.4, 101],
    ),
    "a storm that goes on gets one frame a second": (
        [UP, *((100 + n / 10, "local change") for n in range(35))],
        105.0,
        [0, 30, 60, 90, 100, 100.1, 100.2, 100.3, 100.4, 101, 102, 103, 104],
    ),
    "credit is back after a rest": (
        [
            UP,
            *((10 + n / 10, "local change") for n in range(5)),
            *((16 + n / 10, "local change") for n in range(6)),
        ],
        18.0,
        [0, 10, 10.1, 10.2, 10.3, 10.4, 16, 16.1, 16.2, 16.3, 16.4, 17],
    ),
    "a frame that was not sent is due again in a second": ([UP, (0.0, "not sent")], 40.0, [0, 1, 31]),
    "a frame not sent just before the next delays nothing": ([UP, (29.5, "not sent")], 70.0, [0, 30, 60]),
    "a frame not sent when all is over does not hold back the next first one": (
        [UP, (5.0, "disabled"), (5.1, "not sent"), (5.5, "enabled")],
        40.0,
        [0, 5.5, 35.5],
    ),
}


@pytest.mark.parametrize(("facts", "until", "times"), WALKS.values(), ids=WALKS.keys())
def test_frames_leave_at_these_times(facts: list[Fact], until: float, times: list[float]) -> None:
    assert play(Timer(DEFAULTS), facts, until) == times


def test_the_walks_take_every_arrow() -> None:
    edges: set[tuple[TimerState, TimerState]] = set()
    for facts, until, _ in WALKS.values():
        timer = WatchedTimer(DEFAULTS)
        play(timer, facts, until)
        edges |= timer.edges
    assert edges == Timer.EDGES


PHASES = {
    "spreads the first periodic frame only": ([UP], 80.0, [0, 7, 37, 67]),
    "starts again with the link": ([UP, (10.0, "disabled"), (20.0, "enabled")], 60.0, [0, 7, 20, 27, 57]),
    "is no matter to a burst": ([UP, (1.0, "new neighbor")], 40.0, [0, 1, 2, 3, 4, 34]),
    "is over with a local change": ([UP, (1.0, "local change")], 40.0, [0, 1, 31]),
}


@pytest.mark.parametrize(("facts", "until", "times"), PHASES.values(), ids=PHASES.keys())
def test_the_phase(facts: list[Fact], until: float, times: list[float]) -> None:
    assert play(Timer(TransmitSettings(phase=7.0)), facts, until) == times


def test_the_parameters_are_used_each_for_its_own() -> None:
    timer = Timer(TransmitSettings(interval=8.0, fast_interval=0.5, fast_init=2, credit=2, phase=5.0))
    facts = [UP, (6.0, "new neighbor"), (20.0, "local change"), (20.1, "local change"), (20.2, "local change")]
    assert play(timer, facts, 22.0) == [0, 5, 6, 6.5, 14.5, 20, 20.1, 21]


def test_nothing_is_due_before_it_is_enabled_and_after() -> None:
    timer = Timer(DEFAULTS)
    assert timer.deadline == math.inf
    play(timer, [UP], 1.0)
    assert timer.deadline == 30.0
    play(timer, [(2.0, "disabled")], 3.0)
    assert timer.deadline == math.inf


def test_a_frame_that_waits_for_credit_is_due_when_the_credit_is_there() -> None:
    timer = Timer(TransmitSettings(credit=1))
    assert play(timer, [UP, (0.25, "local change")], 0.5) == [0]
    assert timer.deadline == 1.0
    assert not timer.may_send(0.99)
    assert timer.may_send(1.0)


TTLS = {
    "as the standard has it": (30.0, 4, 121),
    "of a short interval": (0.5, 4, 3),
    "of a long interval": (3600.0, 18, 64801),
    "never more than two octets hold": (3600.0, 100, 65535),
}


@pytest.mark.parametrize(("interval", "hold", "ttl"), TTLS.values(), ids=TTLS.keys())
def test_the_ttl_is_interval_times_hold_and_one_more(interval: float, hold: int, ttl: int) -> None:
    assert TransmitSettings(interval=interval, hold=hold).ttl == ttl


tenths = st.lists(st.tuples(st.integers(0, 30), st.sampled_from(["local change", "new neighbor"])), max_size=40)


@settings(deadline=None)
@given(tenths, st.integers(1, 10))
def test_no_storm_gets_more_than_its_credit_and_its_last_word_is_always_sent(
    gaps: list[tuple[int, str]], credit: int
) -> None:
    facts, now = [UP], 0.0
    for gap, fact in gaps:
        now += gap / 10
        facts.append((now, fact))
    times = play(Timer(TransmitSettings(credit=credit)), facts, now + 29.0)
    assert times[-1] >= round(now, 6)
    for (i, first), (j, last) in combinations(enumerate(times), 2):
        assert j - i + 1 <= credit + (last - first) + 1e-3

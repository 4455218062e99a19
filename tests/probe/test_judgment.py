"""When silence proves something, and when it proves nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evbagent.events import ProbeEvidence, ProbeFailure
from evbagent.probe.machine import Probe, ProbeState
from evbagent.probe.place import probe_address
from evbagent.wire.probe_frame import ProbeFrame
from tests.probe.facts import DOWN, NO_RELAY, Fact, link, overflow, play, put, turn
from tests.probe.wire import DEFAULTS, GUEST, HOST, KEY, LINK, Wire

# --- what may be judged, and when


def test_nothing_is_judged_before_everything_that_arrived_is_read() -> None:
    wire = Wire(drained=False).start()
    wire.run(0.07)
    assert wire.probe.state is ProbeState.PROVING  # it has arrived, and lies in the socket
    wire.drained = True
    wire.run(0.08)
    assert wire.verified == [(70, True)]
    assert wire.probe.status.missed == 0


def test_a_miss_that_could_not_be_judged_is_judged_when_the_socket_is_drained() -> None:
    wire = play([NO_RELAY, (0, put(drained=False)), (0.055, put(drained=True))], 0.15)
    assert wire.times() == [0, 60, 70, 80]
    assert wire.verified == [(100, False)]


def test_void_attempts_are_in_a_row_only_where_nothing_was_judged_between_them() -> None:
    busy = [(0.265, put(drained=False)), (0.325, put(drained=True)), (0.365, put(drained=False))]
    wire = play([(0.1, put(relay=False)), *busy, (0.395, put(drained=True))], 0.5)
    assert wire.probe.status.voided == 6 + 3
    assert wire.verified == [(0.01, True), (400, False)]


def test_only_its_own_deadline_makes_the_probe_judge() -> None:
    wire = Wire(relay=False).start()
    wire.now = 1.0  # long after the probe had to be back
    overdue = wire.probe.deadline
    wire.hear(ProbeFrame(HOST, GUEST, 2, bytes(8), 1).encode(KEY))
    wire.perform(wire.probe.turn(on=True, now=wire.now))
    wire.perform(wire.probe.link(LINK, (), wire.now))
    assert wire.probe.state is ProbeState.PROVING
    assert wire.probe.deadline == overdue


def test_a_deadline_that_is_not_due_is_nothing() -> None:
    wire = play([], 0.1)
    assert wire.probe.on_deadline(0.2, drained=True) == []
    assert wire.probe.deadline == 0.25


STALLS: Final = {
    # from, to, whether the kernel sleeps too
    "the first judgment": (0.005, 0.045, True),
    "a later judgment": (0.255, 0.3, True),
    "a second": (0.255, 1.255, True),
    "the loop alone": (0.255, 0.5, False),
}


@pytest.mark.parametrize(("begin", "end", "deaf"), STALLS.values(), ids=STALLS.keys())
def test_who_slept_asks_again_before_it_judges(begin: float, end: float, deaf: bool) -> None:
    wire = Wire(latency=0.008, pauses=[(begin, end)], deaf=deaf).start().run(end + 1)
    assert wire.probe.status.missed == 0
    assert [known for _, known in wire.verified] == [True]


def test_a_burst_that_was_slept_through_begins_anew() -> None:
    wire = Wire(relay=False, pauses=[(0.025, 0.065)]).start().run(0.2)
    assert wire.times() == [0, 20, 75, 85, 95]
    assert wire.verified == [(115, False)]


def test_a_round_that_begins_late_is_a_round_all_the_same() -> None:
    wire = Wire(pauses=[(0.2, 0.4)]).start().run(0.5)
    assert wire.times() == [0, 400]
    assert wire.probe.status.voided == 0


def test_frames_that_were_lost_unheard_void_the_attempt() -> None:
    wire = play([NO_RELAY, (0.01, overflow)], 0.1)
    assert wire.times() == [0, 20, 40, 50, 60]
    assert wire.verified == [(80, False)]


def test_frames_lost_while_nothing_was_on_its_way_change_nothing() -> None:
    wire = play([(0.1, overflow)], 0.4)
    assert wire.times() == [0, 250]
    assert wire.probe.status.voided == 0


def test_a_flood_does_not_make_the_probe_one() -> None:
    flood: list[Fact] = [(0.001 * n, overflow) for n in range(1, 1000)]
    wire = play([NO_RELAY, *flood], 1.0)
    assert len(wire.sent) <= 1.0 / DEFAULTS.spacing + 1
    assert wire.verified == []


# --- how fast


@settings(deadline=None, max_examples=300)
@given(st.floats(1.0, 1.25), st.floats(0.0, 0.008))
@example(1.0 + 1e-9, 0.008)
def test_relay_that_goes_is_disproved_within_350_ms(off: float, late: float) -> None:
    wire = play([(off, put(relay=False))], off + 1, Wire(late=late))
    verdict = wire.verdicts[-1]
    assert verdict.evidence == ProbeEvidence(False, verdict.at, ProbeFailure.STOPPED)
    assert verdict.at - off <= min(0.350, DEFAULTS.detection + 5 * late) + 1e-9


def test_at_the_worst_phase_detection_takes_as_long_as_the_settings_say() -> None:
    taken = [play([(1 + n / 1000, put(relay=False))], 2).verdicts[-1].at - (1 + n / 1000) for n in range(1, 251)]
    assert DEFAULTS.detection == pytest.approx(0.31)
    assert max(taken) == pytest.approx(0.309)  # relay goes a millisecond after a probe has passed
    assert sorted(taken)[125] == pytest.approx(0.185, abs=0.001)


@pytest.mark.parametrize("relay", [True, False])
def test_the_first_verdict_is_there_within_60_ms(relay: bool) -> None:
    wire = Wire(relay=relay).start().run(0.0601)
    assert wire.probe.evidence.verified is relay


SLOW: Final = {
    "as slow as a round waits": (0.019, ProbeState.PROVEN, 0),
    "as slow as a burst waits": (0.039, ProbeState.PROVEN, 1),
    "slower than that": (0.041, ProbeState.DISPROVED, 4),
}


@pytest.mark.parametrize(("latency", "state", "missed"), SLOW.values(), ids=SLOW.keys())
def test_a_slow_switch(latency: float, state: ProbeState, missed: int) -> None:
    wire = Wire(latency=latency).start().run(0.249)
    assert (wire.probe.state, wire.probe.status.missed) == (state, missed)


# --- properties

pauses = st.lists(st.tuples(st.floats(0, 4), st.floats(0, 0.6)), max_size=6)


@settings(deadline=None, max_examples=200)
@given(st.floats(0, 0.010), st.floats(0, 0.010), pauses, st.booleans(), st.integers(0, 3), st.integers(0, 3))
def test_a_relay_that_is_on_is_never_disproved_whoever_sleeps(
    latency: float, late: float, sleeps: list[tuple[float, float]], deaf: bool, lose: int, refuse: int
) -> None:
    naps = [(begin, begin + length) for begin, length in sleeps]
    wire = Wire(latency=latency, late=late, pauses=naps, deaf=deaf).start().run(1.0)
    wire.lose, wire.refuse = lose, refuse
    wire.run(5.0)
    assert False not in {verdict.evidence.verified for verdict in wire.verdicts}
    assert wire.probe.evidence.verified is True


events = st.lists(
    st.tuples(
        st.floats(0.001, 0.3),
        st.sampled_from(
            [
                put(relay=True),
                put(relay=False),
                put(lose=1),
                put(lose=3),
                put(lose=5),
                put(refuse=1),
                put(refuse=4),
                put(slow=0.03),
                put(slow=0),
                put(latency=0.03),
                put(latency=1e-5),
                put(drained=False),
                put(drained=True),
                put(late=0.015),
                put(late=0.05),
                put(late=0),
                overflow,
                turn(False),
                turn(True),
                link(DOWN),
                link(LINK),
                link(LINK, probe_address(KEY, LINK.ifindex, {HOST})),
            ]
        ),
    ),
    max_size=40,
)


HEALTHY: Final = put(relay=True, lose=0, refuse=0, slow=0.0, latency=1e-5, drained=True, late=0.0)


@settings(deadline=None, max_examples=400)
@given(events)
def test_whatever_happens_only_a_whole_burst_that_got_lost_disproves(
    happenings: list[tuple[float, Callable[[Wire], Any]]],
) -> None:
    facts, now = [], 0.0
    for wait, change in happenings:
        now += wait
        facts.append((now, change))
    wire = play(facts, now + 0.5)
    known = [ProbeEvidence(), *(verdict.evidence for verdict in wire.verdicts)]
    for before, verdict in zip(known, wire.verdicts, strict=False):
        if verdict.evidence.verified is False and before.verified is not False:
            assert verdict.drained
            assert verdict.sent > DEFAULTS.burst
            assert min(wire.arrivals[verdict.sent - DEFAULTS.burst : verdict.sent]) > verdict.at
    assert wire.probe.edges <= Probe.EDGES


@settings(deadline=None, max_examples=200)
@given(events)
def test_whatever_happened_when_all_is_well_again_the_truth_is_found(
    happenings: list[tuple[float, Callable[[Wire], Any]]],
) -> None:
    facts, now = [], 0.0
    for wait, change in happenings:
        now += wait
        facts.append((now, change))
    wire = play(facts, now)
    for heal in (HEALTHY, link(LINK), turn(True)):
        heal(wire)
    wire.run(now + 1.8)
    assert wire.probe.evidence.verified is True
    wire.relay = False
    wire.run(wire.now + 0.35)
    assert wire.probe.evidence.verified is False

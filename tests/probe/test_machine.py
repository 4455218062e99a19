"""The probe walked along every arrow: when it asks, and what it then says."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any, Final

import pytest

from evbagent.effects import Actuated, Moved, SendProbe
from evbagent.events import ProbeFailure
from evbagent.probe.attempt import ProbeSettings
from evbagent.probe.machine import Probe, ProbeState
from evbagent.probe.place import probe_address
from evbagent.wire.ethernet import Frame
from evbagent.wire.probe_frame import ProbeFrame
from tests.probe.facts import DOWN, NO_RELAY, Fact, link, play, put, turn
from tests.probe.wire import DEFAULTS, HOST, KEY, LINK, SEED, WatchedProbe, Wire

OFF, PROVING, PROVEN, DOUBTING, DISPROVED = ProbeState

NEVER, STOPPED = ProbeFailure.NEVER, ProbeFailure.STOPPED

# --- walks

Walk = tuple[list[Fact], float, list[ProbeState], list[tuple[float, bool | None]]]

WALKS: Final[dict[str, Walk]] = {
    # facts -> until when, the states in their order, and what is known from when on (milliseconds)
    "relay is on": ([], 0.6, [OFF, PROVING, PROVEN, PROVEN, PROVEN], [(0.01, True)]),
    "relay is off from the start": ([NO_RELAY], 0.3, [OFF, PROVING, DOUBTING, DISPROVED], [(60, False)]),
    "relay goes": (
        [(0.251, put(relay=False))],
        0.6,
        [OFF, PROVING, PROVEN, PROVEN, DOUBTING, DISPROVED],
        [(0.01, True), (560, False)],
    ),
    "the first probe gets lost": ([(0, put(lose=1))], 0.2, [OFF, PROVING, DOUBTING, PROVEN], [(20.01, True)]),
    "one gets lost": ([(0.1, put(lose=1))], 0.4, [OFF, PROVING, PROVEN, DOUBTING, PROVEN], [(0.01, True)]),
    "three get lost": ([(0.1, put(lose=3))], 0.4, [OFF, PROVING, PROVEN, DOUBTING, PROVEN], [(0.01, True)]),
    "four get lost": (
        [(0.1, put(lose=4))],
        0.4,
        [OFF, PROVING, PROVEN, DOUBTING, DISPROVED],
        [(0.01, True), (310, False)],
    ),
    "relay comes back: believed after four rounds": (
        [NO_RELAY, (0.3, put(relay=True))],
        1.6,
        [OFF, PROVING, DOUBTING, DISPROVED, *[DISPROVED] * 4, PROVEN, PROVEN],
        [(60, False), (1290.01, True)],
    ),
    "it comes back and stays away again: the rounds are counted anew": (
        [NO_RELAY, (0.3, put(relay=True)), (1.1, put(lose=1))],
        2.4,
        [OFF, PROVING, DOUBTING, DISPROVED, *[DISPROVED] * 8, PROVEN],
        [(60, False), (2290.01, True)],
    ),
    "nobody wants to know any more": (
        [(0.1, turn(False))],
        1.0,
        [OFF, PROVING, PROVEN, OFF],
        [(0.01, True), (100, None)],
    ),
    "somebody wants to know again": (
        [(0.1, turn(False)), (0.2, turn(True))],
        0.3,
        [OFF, PROVING, PROVEN, OFF, PROVING, PROVEN],
        [(0.01, True), (100, None), (200.01, True)],
    ),
    "nobody wants to know before anything is known": (
        [NO_RELAY, (0.01, turn(False))],
        0.5,
        [OFF, PROVING, OFF],
        [],
    ),
    "the link goes and comes": (
        [(0.1, link(DOWN)), (0.2, link(LINK))],
        0.3,
        [OFF, PROVING, PROVEN, OFF, PROVING, PROVEN],
        [(0.01, True), (100, None), (200.01, True)],
    ),
    "it went and came, and the kernel tells it as one": (
        [(0.1, link(replace(LINK, carrier_ups=2)))],
        0.2,
        [OFF, PROVING, PROVEN, OFF, PROVING, PROVEN],
        [(0.01, True), (100, None), (100.01, True)],
    ),
    "the interface goes while relay is in doubt": (
        [(0.1, put(relay=False)), (0.28, link(None))],
        0.5,
        [OFF, PROVING, PROVEN, DOUBTING, OFF],
        [(0.01, True), (280, None)],
    ),
    "the link goes while relay is disproved": (
        [NO_RELAY, (0.1, link(DOWN))],
        0.5,
        [OFF, PROVING, DOUBTING, DISPROVED, OFF],
        [(60, False), (100, None)],
    ),
    "probes do not leave: soon nothing is known, and one that leaves is enough": (
        [(0.1, put(refuse=9))],
        2.1,
        [OFF, PROVING, PROVEN, PROVING, PROVEN, PROVEN],
        [(0.01, True), (1520, None), (1770.01, True)],
    ),
    "they do not leave while relay is in doubt": (
        [(0.1, put(lose=1)), (0.26, put(refuse=9))],
        1.7,
        [OFF, PROVING, PROVEN, DOUBTING, PROVING],
        [(0.01, True), (1540, None)],
    ),
}


@pytest.mark.parametrize(("facts", "until", "states", "verified"), WALKS.values(), ids=WALKS.keys())
def test_the_states_and_what_is_known(
    facts: list[Fact], until: float, states: list[ProbeState], verified: list[tuple[float, bool | None]]
) -> None:
    wire = play(facts, until)
    assert wire.probe.visited == states
    assert wire.verified == verified


def test_the_walks_take_every_arrow() -> None:
    edges = {edge for facts, until, _, _ in WALKS.values() for edge in play(facts, until).probe.edges}
    assert edges == Probe.EDGES


# --- rounds

ROUNDS: Final[dict[str, tuple[list[Fact], float, list[float]]]] = {
    "one each interval": ([], 0.8, [0, 250, 500, 750]),
    "a burst on the first miss, and then the interval": ([NO_RELAY], 0.6, [0, 20, 30, 40, 290, 540]),
    "a burst ends with the first that comes back, and the next round counts from there": (
        [(0, put(lose=2))],
        0.6,
        [0, 20, 30, 280, 530],
    ),
    "nothing while it is off": ([(0.3, turn(False))], 2.0, [0, 250]),
    "nothing without a link": ([(0.3, link(DOWN))], 2.0, [0, 250]),
    "at once when the link is back": ([(0.1, link(DOWN)), (0.2, link(LINK))], 0.3, [0, 200]),
    "what did not leave leaves soon": ([(0, put(refuse=2))], 0.2, [20]),
    "what does not leave for long leaves at the interval": ([(0, put(refuse=4))], 0.6, [520]),
    "what leaves at last is soon tried again when it stays the next time": (
        [(0, put(refuse=2)), (0.1, put(refuse=2))],
        0.5,
        [20, 290],
    ),
    "a burst keeps its pace also where frames leave a little late": (
        [NO_RELAY, (0, put(slow=0.005))],
        0.2,
        [5, 30, 40, 50],
    ),
    "what left too late counts for nothing, and is sent anew": (
        [NO_RELAY, (0, put(slow=0.021)), (0.001, put(slow=0))],
        0.2,
        [21, 31, 51, 61, 71],
    ),
    "what left a little late has its time from then on": (
        [NO_RELAY, (0, put(slow=0.019)), (0.001, put(slow=0))],
        0.2,
        [19, 39, 49, 59],
    ),
}


@pytest.mark.parametrize(("facts", "until", "times"), ROUNDS.values(), ids=ROUNDS.keys())
def test_probes_leave_at_these_times(facts: list[Fact], until: float, times: list[float]) -> None:
    assert play(facts, until).times() == times


def test_a_round_teaches_the_switch_where_the_port_is_and_then_asks() -> None:
    wire = play([], 0.6)
    own = probe_address(KEY, LINK.ifindex, {HOST})
    for number, (_, wish) in enumerate(wire.sent, start=1):
        teach, probe = (ProbeFrame.decode(Frame.decode(octets), KEY) for octets in (wish.teach, wish.probe))
        assert (teach.destination, teach.source) == (own, HOST)
        assert (probe.destination, probe.source) == (HOST, own)
        assert wish.port == teach.port == probe.port == LINK.ifindex
        assert wish.sequence == teach.sequence == probe.sequence == number
    assert wire.probe.address == own


def test_an_answer_that_nobody_gave_is_not_waited_for_without_end() -> None:
    probe = Probe("eth0", KEY, SEED, DEFAULTS)
    probe.link(LINK, (), 0.0)
    (first,) = (each for each in probe.turn(on=True, now=0.0) if isinstance(each, SendProbe))
    assert probe.deadline == 0.02
    assert probe.on_deadline(0.02, drained=True) == []
    (second,) = probe.on_deadline(probe.deadline, drained=True)
    assert isinstance(second, SendProbe)
    assert second.sequence == first.sequence + 1
    assert probe.actuated(Actuated(first, {}), 0.04) == []  # far too late, and of no consequence
    assert probe.status.sent == 0
    assert probe.evidence.verified is None


# --- what is told


def test_what_is_known_says_since_when() -> None:
    wire = play([(0.25, put(relay=False))], 0.5)
    assert [verdict.evidence.since for verdict in wire.verdicts] == [verdict.at for verdict in wire.verdicts]
    assert wire.verified == [(0.01, True), (310, False)]


FAILURES: Final[dict[str, tuple[list[Fact], float, ProbeFailure]]] = {
    "relay never was on": ([NO_RELAY], 0.3, NEVER),
    "it was, and is no more": ([(0.1, put(relay=False))], 0.5, STOPPED),
    "turned off and on, on the same link": (
        [(0.1, turn(False)), (0.2, put(relay=False)), (0.2, turn(True))],
        0.4,
        STOPPED,
    ),
    "the link went and came": ([(0.1, link(DOWN)), (0.2, put(relay=False)), (0.2, link(LINK))], 0.4, NEVER),
    "it came back after all": ([NO_RELAY, (0.1, put(relay=True)), (0.4, put(relay=False))], 0.8, STOPPED),
    "all that came was late": ([(0, put(latency=0.05))], 0.4, STOPPED),
}


@pytest.mark.parametrize(("facts", "until", "failure"), FAILURES.values(), ids=FAILURES.keys())
def test_how_it_failed(facts: list[Fact], until: float, failure: ProbeFailure) -> None:
    evidence = play(facts, until).probe.evidence
    assert (evidence.verified, evidence.failure) == (False, failure)


def test_evidence_is_another_object_only_where_there_is_news() -> None:
    wire = play([], 0.1)
    evidence = wire.probe.evidence
    wire.run(5.0)
    assert wire.probe.evidence is evidence
    wire.lose = 2
    wire.run(6.0)
    assert wire.probe.evidence is evidence
    wire.relay = False
    wire.run(7.0)
    disproved = wire.probe.evidence
    wire.run(9.0)
    assert disproved.verified is False
    assert wire.probe.evidence is disproved


TOLD: Final[dict[str, tuple[list[Fact], float, tuple[str, str, str]]]] = {
    "proven": ([], 0.1, ("unknown", "proven", "a probe came back")),
    "never": ([NO_RELAY], 0.1, ("unknown", "disproved", "no probe has come back since the link came up")),
    "stopped": ([(0.1, put(relay=False))], 0.5, ("proven", "disproved", "probes came back, and do so no more")),
    "no link": ([(0.1, link(DOWN))], 0.2, ("proven", "unknown", "there is no link")),
    "turned off": ([(0.1, turn(False))], 0.2, ("proven", "unknown", "nobody needs to know")),
    "nothing leaves": (
        [(0.1, put(refuse=99))],
        2.0,
        ("proven", "unknown", "8 attempts in a row could not be judged"),
    ),
}


@pytest.mark.parametrize(("facts", "until", "words"), TOLD.values(), ids=TOLD.keys())
def test_people_read(facts: list[Fact], until: float, words: tuple[str, str, str]) -> None:
    assert play(facts, until).moved[-1] == Moved("probe", "eth0", *words)


def test_every_probe_that_did_not_come_back_is_counted() -> None:
    status = play([NO_RELAY], 0.3).probe.status
    assert (status.sent, status.missed) == (5, 4)  # one of them is on its way


def test_rounds_are_counted_and_not_told() -> None:
    wire = play([(0.1, put(lose=2)), (0.3, put(refuse=1))], 1.2)
    status = wire.probe.status
    assert (status.sent, status.reflected, status.missed, status.voided) == (7, 5, 1, 1)
    assert len(wire.moved) == 1
    assert (status.state, status.verified, status.address) == ("PROVEN", True, str(wire.probe.address))


def test_round_trips_are_measured_by_the_kernels_stamp_where_there_is_one() -> None:
    wire = play([NO_RELAY], 0.005)
    wire.hear(wire.sent[0][1].probe, arrived=0.0002)
    assert wire.probe.status.last_round_trip == 0.0002
    wire = play([NO_RELAY], 0.005)
    wire.hear(wire.sent[0][1].probe)
    assert wire.probe.status.last_round_trip == 0.005


def test_a_stamp_before_the_probe_left_is_no_time_at_all() -> None:
    wire = play([NO_RELAY], 0.005)
    wire.hear(wire.sent[0][1].probe, arrived=-0.0001)
    assert wire.probe.status.last_round_trip == 0.0


def test_round_trips_make_a_histogram_also_those_that_took_too_long() -> None:
    wire = play([(0, put(latency=0.05))], 0.14)
    histogram = wire.probe.status.round_trips
    assert histogram.total == 4
    assert histogram.sum == pytest.approx(0.2)
    assert dict(zip(histogram.bounds, histogram.counts, strict=True))[0.03] == 0
    assert dict(zip(histogram.bounds, histogram.counts, strict=True))[0.1] == 4


# --- settings

WRONG: Final[dict[str, Any]] = {
    "interval": 0.0,
    "burst": 0,
    "spacing": -0.01,
    "timeout": 0.0,
    "stall": math.nan,
    "proofs": -1,
}


@pytest.mark.parametrize(("name", "value"), WRONG.items(), ids=WRONG.keys())
def test_settings_that_make_no_sense_are_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{name} of the probe is {value}; it has to be more than 0$"):
        ProbeSettings(**{name: value})


def test_the_settings_are_used_each_for_its_own() -> None:
    tuned = ProbeSettings(interval=1.0, burst=2, spacing=0.1, timeout=0.3, stall=0.05, proofs=2, patience=2)
    probe = WatchedProbe("eth0", KEY, SEED, tuned)
    wire = play([NO_RELAY, (0.9, put(relay=True))], 4.0, Wire(probe=probe))
    assert wire.times() == [0, 300, 400, 1400, 2400, 3400]
    assert wire.verified == [(700, False), (2400.01, True)]
    assert tuned.detection == pytest.approx(1.7)
    wire = play([(0.5, put(refuse=3))], 1.25, Wire(probe=WatchedProbe("eth0", KEY, SEED, tuned)))
    assert wire.verified == [(0.01, True), (1100, None)]

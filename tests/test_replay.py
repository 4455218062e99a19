"""A recording through the core: the very effects that there were, and sense where the core is another one."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from evbagent.daemon.record import Recording
from evbagent.dcb import DcbxMode, KernelDcb
from evbagent.effects import Actuated, Effect, Moved, Publish, SendFrame, SendProbe, SetHairpin, SetModes
from evbagent.entry import EntrySettings
from evbagent.events import LinkState
from evbagent.probe.attempt import ProbeSettings
from evbagent.recording import Answer, Deadline, Line, Links, Origin, ProbeOrigin, Received, Start
from evbagent.replay import Checked, Replay, ReplayError, Step
from evbagent.status import MacvlanMode, Mode, Reason
from evbagent.uplink import UplinkSettings
from evbagent.wire.octets import MacAddress
from tests.support.frames import HOST, IDENTITY, OTHER, SWITCH, agents, bridge, perform

VEPA, BRIDGE = MacvlanMode.VEPA, MacvlanMode.BRIDGE
PORT = LinkState(2, "eth0", HOST, up=True, carrier=True, carrier_ups=1)
GUEST = LinkState(7, "macvtap7", MacAddress.parse("52:54:00:00:00:07"), True, True, 1, lower=2, mode=BRIDGE)
GRANTED, WITHDRAWN = SWITCH.frame(bridge()), SWITCH.frame(bridge(control=False))
ORIGIN = Origin("eth0", UplinkSettings(), IDENTITY, agents(), EntrySettings(hold_up=0.0))
START = Start("2026-01-02T03:04:05.000+00:00", 100, 0.0, ORIGIN)


def recording(*lines: Line | dict[str, Any], start: Start = START) -> list[bytes]:
    """A file's lines; expectations as people write them."""
    return [
        start.line(),
        *(each.line() if isinstance(each, Line) else json.dumps(each).encode() + b"\n" for each in lines),
    ]


def steps(lines: Iterable[bytes]) -> list[Step]:
    return [each for each in Replay(lines) if isinstance(each, Step)]


def effects(lines: Iterable[bytes]) -> list[Effect]:
    return [done.effect for step in steps(lines) for done in step.done]


def sees(at: float, *attachments: LinkState) -> Line:
    return Line(at, None, Links(PORT, attachments))


def hears(at: float, frame: bytes) -> Line:
    return Line(at, None, Received(frame, None))


# --- the same core


class Recorded:
    """An uplink that is recorded, above a kernel that refuses what it likes, at times that are no round numbers."""

    def __init__(self, now: float) -> None:
        loop = math.floor(now)
        probe = ProbeOrigin(bytes(range(32)), bytes(8), ProbeSettings(interval=20.0))
        origin = replace(ORIGIN, entry=EntrySettings(hold_up=0.5), probe=probe)
        self.start = replace(START, loop=loop, at=now - loop, origin=origin)
        self.lines: list[bytes] = [self.start.line()]
        core = self.start.core()
        self.core = Recording(core, lambda: self.now, lambda note: self.lines.append(note.line(loop).line()))
        self.twin = self.start.core()  # is told the same, and nobody notes it
        self.now = now
        self.modes = {7: BRIDGE, 8: VEPA}
        self.refuses: set[int] = set()
        self.unread = False
        self.reflects = True
        self.probes: list[bytes] = []  # on their way back
        self.done: list[Effect] = []

    def reflect(self) -> None:
        """What the switch has sent back arrives."""
        while self.probes:
            frame = self.probes.pop(0)
            self.tell(lambda core, now, frame=frame: core.receive(frame, None, now, now - 0.000_01))

    def rings(self) -> None:
        """The next timer, a little late."""
        self.now = max(self.now, self.core.deadline) + 0.000_456
        self.reflect()
        self.tell(lambda core, now: core.on_deadline(now, drained=True))

    def links(self) -> list[LinkState]:
        return [
            replace(GUEST, ifindex=i, name=f"macvtap{i}", address=MacAddress(bytes([2, 0, 0, 9, 9, i])), mode=mode)
            for i, mode in self.modes.items()
        ]

    def tell(self, what: Callable[..., list[Effect]]) -> None:
        effects = what(self.core, self.now)
        assert what(self.twin, self.now) == effects
        self.done += perform(self, effects, self._answer, self.now)

    def actuated(self, outcome: Actuated, now: float) -> list[Effect]:
        effects = self.core.actuated(outcome, now)
        assert self.twin.actuated(outcome, now) == effects
        return effects

    def _answer(self, effect: Effect) -> Actuated | None:
        self.now += 0.000_123
        if isinstance(effect, SendFrame):
            return Actuated(effect, {2: 100} if self.unread else {})
        if isinstance(effect, SendProbe):
            self.probes += [effect.probe] * self.reflects
            return Actuated(effect, {}, at=self.now)
        if not isinstance(effect, SetModes):
            return None
        self.modes |= {i: mode for i, mode in effect.modes.items() if i in self.modes and i not in self.refuses}
        errors = {i: 16 for i in effect.modes if i in self.refuses}
        modes = None if self.unread else {i: self.modes[i] for i in effect.modes if i in self.modes}
        return Actuated(effect, errors, modes=modes)


FRAMES = [
    GRANTED,
    WITHDRAWN,
    SWITCH.frame(ttl=0),
    SWITCH.frame(bridge(), ttl=3),
    OTHER.frame(bridge()),
    OTHER.frame(),
    b"half",
]
moves = st.one_of(
    st.sampled_from(FRAMES),
    st.floats(0.001, 70.0),  # time that passes, all timers ringing a little late
    st.sampled_from(
        ["links", "flap", "down", "stall", "missed", "overflowed", "slept", "refuse", "relent", "unread", "guest"]
    ),
)


def play(host: Recorded, move: bytes | float | str) -> None:
    match move:
        case bytes():
            host.tell(lambda core, now: core.receive(move, None, now))
        case float():
            until = host.now + move
            while host.core.deadline <= until:
                host.rings()
            host.now = max(host.now, until)
        case "links":
            host.tell(lambda core, now: core.link(PORT, host.links(), now, frozenset({HOST})))
        case "flap":
            host.tell(lambda core, now: core.link(replace(PORT, carrier_ups=2), host.links(), now))
        case "down":
            host.tell(lambda core, now: core.link(None, host.links(), now))
        case "stall":  # timers are due, and something else comes first
            host.now += 47.11
        case "missed":
            host.tell(lambda core, now: core.missed(3, now))
        case "slept":
            host.tell(lambda core, now: core.slept(60.0, now))
        case "probes missed":
            host.tell(lambda core, now: core.probes_missed(now))
        case "drops":
            host.reflects = not host.reflects
        case "dcb":
            host.tell(lambda core, now: core.dcb(KernelDcb(DcbxMode.IEEE), now))
        case "overflowed":
            host.core.overflowed(5)
            host.twin.overflowed(5)
        case "refuse":
            host.refuses = {8}
        case "relent":
            host.refuses, host.unread = set(), False
        case "unread":
            host.unread = True
        case "guest":
            host.modes[max(host.modes) + 1] = BRIDGE
    host.now += 0.012_345


@given(st.floats(1.0, 1e7), st.lists(moves, max_size=25))
@settings(max_examples=150, deadline=None)
def test_a_replay_has_exactly_the_effects_that_there_were(now: float, played: list[bytes | float | str]) -> None:
    host = Recorded(now)
    for move in ("links", *played):
        play(host, move)
    host.tell(lambda core, now: core.release(now))
    assert (host.core.deadline, host.core.vital) == (host.twin.deadline, host.twin.vital)
    replayed = steps(host.lines)
    event("probes" if any(isinstance(each, SendProbe) for each in host.done) else "no probes")
    assert [done.effect for step in replayed for done in step.done] == host.done
    assert not any(done.assumed for step in replayed for done in step.done)
    assert [step.unwished for step in replayed if step.unwished] == []
    assert None not in [step.line for step in replayed]


def test_links_that_are_as_they_were_are_read_as_such() -> None:
    short = recording(sees(0.0, GUEST), {"at": 1.0, "input": "link_again"})
    assert [step.event for step in steps(short)] == [Links(PORT, (GUEST,))] * 2


# --- another core: what the recording does not say


def test_deadlines_that_nobody_recorded_come_when_they_are_due() -> None:
    found = steps(recording(sees(0.0), hears(1.0, SWITCH.frame(bridge(), ttl=5)), sees(10.0)))
    (expiry,) = [step for step in found if step.status.reason is Reason.PEER_LOST and step.line is None]
    assert (expiry.at, expiry.event) == (6.0, Deadline())
    assert [step.at for step in found] == sorted(step.at for step in found)


def test_a_deadline_that_was_recorded_late_comes_no_sooner() -> None:
    frame = SWITCH.frame(bridge(), ttl=5)
    late = recording(sees(0.0), hears(0.1, frame), Line(7.0, 1.1, Received(frame, None)))
    assert [step.line for step in steps(late)] == [2, 3, 4]
    assert steps(late)[-1].status.since == 100.1


def test_wishes_that_nobody_answered_come_true() -> None:
    (*_, last) = steps(recording(sees(0.0, GUEST), hears(1.0, GRANTED)))
    (change,) = [done for done in last.done if isinstance(done.effect, SetModes)]
    assert change.assumed
    assert (last.status.mode, last.status.attachments[0].mode) == (Mode.VEPA, VEPA)


def test_answers_belong_to_the_wish_that_they_name() -> None:
    to_vepa, to_bridge = SetModes("eth0", {7: VEPA}), SetModes("eth0", {7: BRIDGE})
    refused = Answer.of(Actuated(to_vepa, {7: 16}, modes={7: BRIDGE}))
    stray = Answer.of(Actuated(to_bridge, {7: 16}, modes={7: VEPA}))
    found = steps(recording(sees(0.0, GUEST), hears(1.0, GRANTED), Line(1.1, None, stray), Line(1.2, None, refused)))
    last = found[-1]
    (change,) = [done for done in last.done if isinstance(done.effect, SetModes)]
    assert (change.assumed, change.outcome) == (False, Actuated(to_vepa, {7: 16}, modes={7: BRIDGE}))
    assert last.unwished == ({"set_modes": {"uplink": "eth0", "modes": {"7": "bridge"}}},)
    assert last.status.reason is Reason.ATTACHMENT_OUT_OF_REACH


def test_an_outcome_of_another_kind_changes_nothing() -> None:
    stray = Answer.of(Actuated(SetHairpin(2, on=True), {}, hairpin=True))
    (step,) = steps(recording(sees(0.0), Line(0.1, None, stray)))
    assert step.unwished == ({"set_hairpin": {"port": 2, "on": True}},)


# --- expectations

PLAYED = (sees(0.0, GUEST), hears(1.0, GRANTED))
EXPECTED: dict[str, tuple[dict[str, Any], list[str]]] = {
    "nothing": ({}, []),
    "some of the status": ({"mode": "vepa", "reason": "rr_active", "relay": {"peers": 1}}, []),
    "something else": (
        {"mode": "veb", "relay": {"peers": 2, "capable": True}},
        ["mode is 'vepa', and not 'veb'", "relay.peers is 1, and not 2"],
    ),
    "attachments": ({"attachments": [{"name": "macvtap7", "mode": "vepa"}]}, []),
    "another mode of one": (
        {"attachments": [{"mode": "bridge"}]},
        ["attachments[0].mode is 'vepa', and not 'bridge'"],
    ),
    "what was wished for": ({"wished": [{"macvtap7": "vepa"}]}, []),
    "what moved": ({"moved": ["veb -> vepa: rr_active"]}, []),
    "nothing moved": ({"moved": []}, ["moved is ['veb -> vepa: rr_active'], and not []"]),
    "a word that does not exist": (
        {"relay": {"peer": {"name": "x"}}},
        ["there is no relay.peer.name (there are chassis_id, port_id, system_name)"],
    ),
}


@pytest.mark.parametrize(("expect", "unmet"), EXPECTED.values(), ids=EXPECTED.keys())
def test_what_is_expected_is_so_or_is_said_not_to_be(expect: dict[str, Any], unmet: list[str]) -> None:
    (checked,) = [each for each in Replay(recording(*PLAYED, {"expect": expect})) if isinstance(each, Checked)]
    assert (checked.line, list(checked.unmet)) == (4, unmet)


def test_an_expectation_may_wait_for_what_is_due_by_its_time() -> None:
    soon, later = {"at": 121.9, "expect": {"mode": "vepa"}}, {"at": 122.0, "expect": {"reason": "peer_lost"}}
    found = list(Replay(recording(*PLAYED, soon, later)))
    checks = [each for each in found if isinstance(each, Checked)]
    assert [(check.at, check.unmet) for check in checks] == [(121.9, ()), (122.0, ())]


def test_what_moved_is_counted_from_the_last_expectation_on() -> None:
    first: dict[str, Any] = {"expect": {"moved": ["veb -> vepa: rr_active"]}}
    second: dict[str, Any] = {"expect": {"moved": [], "wished": []}}
    checks = [each for each in Replay(recording(*PLAYED, first, second)) if isinstance(each, Checked)]
    assert [check.unmet for check in checks] == [(), ()]


# --- what can't be replayed

TEXT = b'{"at": 0.5, "input": "release"}\n'
WRONG: dict[str, tuple[list[bytes], str]] = {
    "nothing": ([], "1: it is no JSON"),
    "no beginning": ([TEXT], "1: the first line of a recording has the schema 'evbagent/record/1', this one has None"),
    "a line that is none": ([START.line(), TEXT, b"{\n", TEXT], "3: it is no JSON"),
    "a time before": (
        [START.line(), TEXT, b'{"at": 0.4, "input": "release"}\n'],
        "3: it is 0.4 s, and was 0.5 s before",
    ),
    "the end of time": (
        [*recording(sees(0.0)), b'{"at": 1e300, "expect": {}}\n'],
        "3: more than 10000 deadlines come before it",
    ),
    "the same links as none": (
        [START.line(), b'{"at": 1, "input": "link_again"}\n'],
        "2: link_again stands before any",
    ),
    "an answer to nobody": (
        [START.line(), b'{"at": 1, "input": "actuated", "wish": {}, "errors": {}, "modes": null, "hairpin": null}\n'],
        "2: an answer belongs behind the input that led to its wish",
    ),
    "what the core can't take": (
        [replace(START, origin=replace(ORIGIN, name="x" * 256)).line(), *recording(sees(0.1))[1:]],
        "2: the core fails on it: OctetsError(",
    ),
}


@pytest.mark.parametrize(("lines", "reason"), WRONG.values(), ids=WRONG.keys())
def test_what_can_not_be_replayed_is_said_with_its_line(lines: list[bytes], reason: str) -> None:
    with pytest.raises(ReplayError) as raised:
        list(Replay([*lines, b"\n"] if lines[1:] else lines))
    assert str(raised.value).startswith(reason)
    assert raised.value.line == int(reason.partition(":")[0])


def test_what_stands_before_a_wrong_line_is_replayed() -> None:
    replay = iter(Replay([START.line(), TEXT, b"{\n"]))
    assert isinstance(next(replay), Step)
    with pytest.raises(ReplayError):
        next(replay)


def test_a_last_line_that_was_cut_off_is_left_out() -> None:
    replay = Replay([START.line(), b"\n", TEXT, TEXT[:9]])
    assert len(list(replay)) == 1
    assert replay.torn == 4
    assert Replay([START.line(), TEXT]).torn is None


@given(st.lists(st.sampled_from([*recording(*PLAYED, {"at": 2, "expect": {}}), b"{\n", b"\xff", TEXT]), max_size=6))
@settings(deadline=None)
def test_whatever_the_lines_they_are_replayed_or_one_is_named(lines: list[bytes]) -> None:
    named = []
    try:
        found = list(Replay(lines))
    except ReplayError as error:
        found, named = [], [error.line]
    assert all(isinstance(each, Step | Checked) for each in found)
    assert all(1 <= line <= max(1, len(lines)) for line in named)


def test_moves_and_what_is_published_are_among_what_happened() -> None:
    kinds = {type(effect) for effect in effects(recording(*PLAYED))}
    assert kinds >= {SetModes, Moved, Publish, SendFrame}

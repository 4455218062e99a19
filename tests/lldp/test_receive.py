"""The receive machine: who is there, walked along every arrow of its figure (802.1AB-2016 figure 9-4)."""

from __future__ import annotations

import math
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evbagent.events import Change, NeighborChange
from evbagent.lldp.counters import Counters
from evbagent.lldp.receive import Receive, ReceiveState
from evbagent.machine import MachineError
from evbagent.wire.ethernet import DiscardReason, Scope
from evbagent.wire.evb import Evb, EvbMode
from evbagent.wire.lldpdu import Lldpdu
from tests.lldp.edges import Watched
from tests.lldp.peers import Said, said

SCOPE: Final = Scope.NEAREST_CUSTOMER_BRIDGE
TOR, SPINE, LEAF = said("tor"), said("spine", ttl=20), said("leaf", ttl=40)
RENAMED, GONE = said("tor", text="renamed", ttl=60), said("tor", ttl=0)
EVB: Final = Evb(EvbMode.BRIDGE).tlv()
UP, DOWN, TIME = "up", "down", "time"
Step = tuple[float, Said | str]


class WatchedReceive(Watched[ReceiveState], Receive):
    """The receive machine, with the arrows it took."""


def play(machine: Receive, steps: list[Step]) -> list[list[tuple[Change, Lldpdu]]]:
    """What each step changed."""

    def take(now: float, fact: Said | str) -> list[NeighborChange]:
        if isinstance(fact, Said):
            return machine.frame(fact.heard, None if machine.repeats(fact.octets) else fact.pdu, now)
        if fact != TIME:
            machine.port_enabled = fact == UP
        return machine.evaluate(now)

    changes = [take(now, fact) for now, fact in steps]
    assert all(change.scope is SCOPE and change.msap == change.pdu.msap for step in changes for change in step)
    return [[(change.change, change.pdu) for change in step] for step in changes]


def receiver(limit: int = 8) -> WatchedReceive:
    return WatchedReceive(SCOPE, limit, Counters())


LINK: Final[Step] = (0.0, UP)

WALKS: Final[dict[str, tuple[list[Step], list[tuple[Change, Lldpdu]]]]] = {
    "nobody is there at first": ([LINK], []),
    "a neighbor is added": ([LINK, (1.0, TOR)], [(Change.ADDED, TOR.pdu)]),
    "another is added beside it": ([LINK, (1.0, TOR), (2.0, SPINE)], [(Change.ADDED, SPINE.pdu)]),
    "equal octets refresh": ([LINK, (1.0, TOR), (2.0, TOR)], [(Change.REFRESHED, TOR.pdu)]),
    "other octets replace all": ([LINK, (1.0, TOR), (2.0, RENAMED)], [(Change.UPDATED, RENAMED.pdu)]),
    "what it said before is news again": (
        [LINK, (1.0, TOR), (2.0, RENAMED), (3.0, TOR)],
        [(Change.UPDATED, TOR.pdu)],
    ),
    "not a moment before its TTL has run": ([LINK, (1.0, TOR), (120.999, TIME)], []),
    "exactly when its TTL has run": ([LINK, (1.0, TOR), (121.0, TIME)], [(Change.EXPIRED, TOR.pdu)]),
    "two expire together": (
        [LINK, (1.0, SPINE), (2.0, LEAF), (60.0, TIME)],
        [(Change.EXPIRED, SPINE.pdu), (Change.EXPIRED, LEAF.pdu)],
    ),
    "a refresh starts the TTL again": ([LINK, (1.0, TOR), (100.0, TOR), (219.999, TIME)], []),
    "a refresh does not last for ever": (
        [LINK, (1.0, TOR), (100.0, TOR), (220.0, TIME)],
        [(Change.EXPIRED, TOR.pdu)],
    ),
    "an update starts its own TTL": (
        [LINK, (1.0, TOR), (2.0, RENAMED), (62.0, TIME)],
        [(Change.EXPIRED, RENAMED.pdu)],
    ),
    "a frame at the last moment still counts": ([LINK, (1.0, TOR), (121.0, TOR)], [(Change.REFRESHED, TOR.pdu)]),
    "a frame and somebody's end are told together": (
        [LINK, (1.0, SPINE), (21.0, TOR)],
        [(Change.ADDED, TOR.pdu), (Change.EXPIRED, SPINE.pdu)],
    ),
    "a goodbye deletes at once": ([LINK, (1.0, TOR), (2.0, GONE)], [(Change.SHUT_DOWN, TOR.pdu)]),
    "a goodbye is nobody else's": ([LINK, (1.0, SPINE), (2.0, GONE)], []),
    "a goodbye of somebody unknown": ([LINK, (1.0, GONE)], []),
    "who said goodbye may come back": ([LINK, (1.0, TOR), (2.0, GONE), (3.0, TOR)], [(Change.ADDED, TOR.pdu)]),
    "a link that goes takes nobody away": ([LINK, (1.0, TOR), (2.0, DOWN)], []),
    "neighbors age without a link": (
        [LINK, (1.0, TOR), (2.0, DOWN), (121.0, TIME)],
        [(Change.EXPIRED, TOR.pdu)],
    ),
    "a link that comes back clears who was left": (
        [LINK, (1.0, TOR), (2.0, DOWN), (3.0, UP)],
        [(Change.CLEARED, TOR.pdu)],
    ),
    "who expired is not cleared too": (
        [LINK, (1.0, TOR), (2.0, SPINE), (3.0, DOWN), (30.0, UP)],
        [(Change.EXPIRED, SPINE.pdu), (Change.CLEARED, TOR.pdu)],
    ),
    "a link that stays up clears nobody": ([LINK, (1.0, TOR), (2.0, UP)], []),
    "a frame before the link counts for nothing": ([(0.0, TOR), (1.0, UP)], []),
}


@pytest.mark.parametrize(("steps", "last"), WALKS.values(), ids=WALKS.keys())
def test_the_last_step_changes_exactly_this(steps: list[Step], last: list[tuple[Change, Lldpdu]]) -> None:
    assert play(receiver(), steps)[-1] == last


def test_the_walks_take_every_arrow() -> None:
    edges: set[tuple[ReceiveState, ReceiveState]] = set()
    for steps, _ in WALKS.values():
        machine = receiver()
        play(machine, steps)
        edges |= machine.edges
    assert edges == Receive.EDGES


def test_the_deadline_is_when_somebody_expires_with_a_link_or_without() -> None:
    machine = receiver()
    play(machine, [LINK])
    assert machine.deadline == math.inf
    play(machine, [(1.0, TOR), (2.0, SPINE)])
    assert machine.deadline == 22.0
    play(machine, [(3.0, DOWN)])
    assert machine.deadline == 22.0


def test_frames_are_counted_whether_they_are_news_or_not_and_ageouts_only_for_ttls() -> None:
    counters = Counters()
    machine = Receive(SCOPE, 8, counters)
    play(machine, [LINK, (1.0, TOR), (2.0, TOR), (3.0, RENAMED), (4.0, GONE), (5.0, GONE), (6.0, SPINE)])
    assert (counters.frames_in_total, counters.ageouts_total) == (6, 0)
    play(machine, [(26.0, TIME), (30.0, SPINE), (31.0, DOWN), (32.0, UP), (33.0, SPINE), (34.0, DOWN), (60.0, TIME)])
    assert (counters.frames_in_total, counters.ageouts_total) == (8, 2)


def test_one_neighbor_too_many_is_turned_away_and_counted_while_those_inside_are_heard() -> None:
    counters = Counters()
    machine = Receive(SCOPE, 1, counters)
    assert play(machine, [LINK, (1.0, TOR), (2.0, SPINE), (3.0, RENAMED)])[1:] == [
        [(Change.ADDED, TOR.pdu)],
        [],
        [(Change.UPDATED, RENAMED.pdu)],
    ]
    assert [neighbor.pdu for neighbor in machine.neighbors] == [RENAMED.pdu]
    assert (counters.frames_in_total, counters.frames_discarded_total, counters.frames_in_errors_total) == (3, 1, 0)
    assert counters.discards == {DiscardReason.TOO_MANY_NEIGHBORS: 1}


def test_who_was_turned_away_comes_in_when_there_is_room() -> None:
    machine = receiver(limit=1)
    assert play(machine, [LINK, (1.0, TOR), (2.0, SPINE), (3.0, GONE), (4.0, SPINE)])[-1] == [(Change.ADDED, SPINE.pdu)]


def test_a_neighbor_with_evb_takes_the_place_of_one_without() -> None:
    first, second, third = (said(name, more=(EVB,)) for name in ("first", "second", "third"))
    machine = receiver(limit=2)
    assert play(machine, [LINK, (1.0, TOR), (2.0, first), (3.0, second), (4.0, third), (5.0, SPINE)])[3:] == [
        [(Change.EVICTED, TOR.pdu), (Change.ADDED, second.pdu)],
        [],  # nobody without EVB is left to go
        [],
    ]
    assert machine.too_many_neighbors(5.0)


TOO_MANY: Final[dict[str, tuple[list[Step], float, bool]]] = {
    "not while everybody fits": ([(1.0, TOR)], 1.0, False),
    "when somebody is turned away": ([(1.0, TOR), (2.0, SPINE)], 2.0, True),
    "until the TTL of the one turned away": ([(1.0, TOR), (2.0, SPINE)], 21.999, True),
    "and no longer": ([(1.0, TOR), (2.0, SPINE)], 22.0, False),
    "the longest counts": ([(1.0, TOR), (2.0, LEAF), (3.0, SPINE)], 41.999, True),
    "and then it is over": ([(1.0, TOR), (2.0, LEAF), (3.0, SPINE)], 42.0, False),
    "a goodbye of a stranger is no neighbor": ([(1.0, SPINE), (2.0, GONE)], 2.0, False),
    "a new link starts anew": ([(1.0, TOR), (2.0, SPINE), (3.0, DOWN), (4.0, UP)], 5.0, False),
}


@pytest.mark.parametrize(("steps", "now", "too_many"), TOO_MANY.values(), ids=TOO_MANY.keys())
def test_there_are_too_many_neighbors(steps: list[Step], now: float, too_many: bool) -> None:
    machine = receiver(limit=1)
    play(machine, [LINK, *steps])
    assert machine.too_many_neighbors(now) is too_many


def test_to_call_a_new_frame_a_repetition_is_a_bug_that_shows() -> None:
    machine = receiver()
    play(machine, [LINK])
    with pytest.raises(MachineError, match="finds no rest"):
        machine.frame(TOR.heard, None, 1.0)


frames = st.builds(said, st.sampled_from("abcd"), ttl=st.integers(0, 6), text=st.sampled_from(["", "x"]))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), frames), max_size=40), st.integers(1, 3))
def test_the_table_holds_what_a_simple_model_holds(told: list[tuple[int, Said]], limit: int) -> None:
    counters = Counters()
    machine = Receive(SCOPE, limit, counters)
    model: dict[object, tuple[Lldpdu, int]] = {}
    aged = turned_away = now = 0
    play(machine, [LINK])
    for gap, frame in told:
        now += gap
        left = {msap: entry for msap, entry in model.items() if entry[1] > now}
        aged += len(model) - len(left)
        model = left
        if frame.pdu.ttl == 0:
            model.pop(frame.pdu.msap, None)
        elif frame.pdu.msap in model or len(model) < limit:
            model[frame.pdu.msap] = frame.pdu, now + frame.pdu.ttl
        else:
            turned_away += 1
        play(machine, [(float(now), TIME), (float(now), frame)])
        assert {neighbor.msap: (neighbor.pdu, neighbor.expires) for neighbor in machine.neighbors} == model
    assert (counters.ageouts_total, counters.frames_discarded_total) == (aged, turned_away)

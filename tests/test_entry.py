"""Entering VEPA is earned: the hold-up, the lock-out of what flaps, and what an earlier run has left."""

from __future__ import annotations

import math
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evbagent.effects import Moved
from evbagent.entry import Entry, EntrySettings, EntryState, FlapMemory
from tests.lldp.edges import Watched

OUT, HOLDING, IN, LOCKED = EntryState
Step = tuple[float, str]
YES, NO, SAID, LINK, TIME, ADOPT = "allowed", "lost", "announced", "link lost", "time", "adopt"
FAST: Final = EntrySettings(hold_up=3.0, flap_limit=3, flap_window=600.0, lockout=600.0, longest_lockout=2000.0)


class WatchedEntry(Watched[EntryState], Entry):
    """The machine, with the arrows it took."""


def entry(options: EntrySettings = FAST) -> WatchedEntry:
    return WatchedEntry("eth0", options)


def play(machine: Entry, steps: list[Step]) -> list[EntryState]:
    """The state after each step; `time` only lets time pass."""
    states, allowed, announced, link = [], False, False, 0
    for now, what in steps:
        link += what == LINK
        if what == ADOPT:
            machine.adopt(now)
            allowed = True
        else:
            if what != TIME:
                allowed, announced = what == YES, what == SAID
            machine.evaluate(allowed=allowed, announced=announced, now=now, ground=(link,))
        states.append(machine.state)
    return states


def flaps(count: int, start: float = 0.0, apart: float = 10.0, end: str = NO) -> list[Step]:
    """So many times into VEPA and out again after a second."""
    steps: list[Step] = []
    for number in range(count):
        at = start + number * apart
        steps += [(at, YES), (at + 3.0, TIME), (at + 4.0, end)]
    return steps


WALKS: Final[dict[str, tuple[list[Step], list[EntryState]]]] = {
    "nothing allows it": ([(0.0, NO), (100.0, TIME)], [OUT, OUT]),
    "not before the hold-up is over": ([(1.0, YES), (3.999, TIME), (4.0, TIME)], [HOLDING, HOLDING, IN]),
    "the hold-up begins anew with each interruption": (
        [(1.0, YES), (3.0, NO), (3.0, YES), (5.9, TIME), (6.0, TIME)],
        [HOLDING, OUT, HOLDING, HOLDING, IN],
    ),
    "leaving is immediate": ([(0.0, YES), (3.0, TIME), (3.0, NO)], [HOLDING, IN, OUT]),
    "the third entry is the last": (
        [*flaps(3), (40.0, YES), (43.0, TIME)],
        [*([HOLDING, IN, OUT] * 3), LOCKED, LOCKED],
    ),
    "the lock ends by itself, and a hold-up follows": (
        [*flaps(3), (40.0, YES), (639.999, TIME), (640.0, TIME), (643.0, TIME)],
        [*([HOLDING, IN, OUT] * 3), LOCKED, LOCKED, HOLDING, IN],
    ),
    "the lock holds while nothing allows VEPA anyway": (
        [*flaps(3), (40.0, YES), (41.0, NO), (42.0, YES)],
        [*([HOLDING, IN, OUT] * 3), LOCKED, OUT, LOCKED],
    ),
    "entries long ago are no flaps": (flaps(5, apart=250.0), [HOLDING, IN, OUT] * 5),
    "what never got in does not flap": (
        [(float(second), (YES, NO)[second % 2]) for second in range(20)],
        [HOLDING, OUT] * 10,
    ),
    "guests that were in VEPA stay there": ([(0.0, ADOPT), (1.0, NO), (2.0, YES)], [IN, OUT, HOLDING]),
}


@pytest.mark.parametrize(("steps", "states"), WALKS.values(), ids=WALKS.keys())
def test_each_step_leads_to_this_state(steps: list[Step], states: list[EntryState]) -> None:
    assert play(entry(), steps) == states


def test_the_walks_take_every_arrow() -> None:
    edges: set[tuple[EntryState, EntryState]] = set()
    for steps, _ in WALKS.values():
        machine = entry()
        play(machine, steps)
        edges |= machine.edges
    assert edges == Entry.EDGES


def locked_for(machine: Entry, now: float) -> float:
    """How long the lock holds that begins when VEPA is allowed now."""
    assert play(machine, [(now, YES)]) == [LOCKED]
    return machine.deadline - now


def test_each_lock_is_twice_as_long_as_the_one_before_up_to_the_longest() -> None:
    machine, now, times = entry(), 0.0, []
    for _ in range(4):
        play(machine, flaps(3, start=now))
        times.append(locked_for(machine, now + 40.0))
        now += 40.0 + times[-1]

    assert times == [600.0, 1200.0, 2000.0, 2000.0]


def test_a_long_stay_in_vepa_makes_the_next_lock_short_again() -> None:
    machine = entry()
    play(machine, flaps(3))
    assert locked_for(machine, 40.0) == 600.0
    play(machine, [(640.0, YES), (643.0, TIME), (1243.0, NO)])
    play(machine, flaps(3, start=2000.0))
    assert locked_for(machine, 2040.0) == 600.0


def test_a_planned_withdrawal_is_no_flap() -> None:
    machine = entry()
    steps = [step for n in range(8) for step in [(40.0 * n, YES), (40.0 * n + 3, TIME), (40.0 * n + 33, SAID)]]
    assert play(machine, steps) == [HOLDING, IN, OUT] * 8


def test_a_cable_that_is_pulled_is_no_flap_of_relay() -> None:
    machine = entry()
    assert play(machine, flaps(8, apart=5.0, end=LINK)) == [HOLDING, IN, OUT] * 8


def test_a_switch_that_takes_back_what_it_has_barely_given_flaps_whatever_it_announces() -> None:
    machine = entry()
    play(machine, flaps(3, apart=5.0, end=SAID))
    assert play(machine, [(20.0, YES)]) == [LOCKED]


def test_the_lock_is_told_once_and_in_words() -> None:
    machine = entry()
    play(machine, flaps(3))
    told = machine.evaluate(allowed=True, announced=False, now=40.0)
    words = "relay came and went 3 times, no VEPA for 600 s"
    assert told == [Moved("entry", "eth0", "OUT", "LOCKED_OUT", words)]
    assert machine.evaluate(allowed=False, announced=False, now=41.0) == []
    assert machine.evaluate(allowed=True, announced=False, now=42.0) == []


def test_the_deadline_is_the_end_of_the_hold_up_or_of_the_lock() -> None:
    machine = entry()
    assert machine.deadline == math.inf
    play(machine, [(1.0, YES)])
    assert machine.deadline == 4.0
    play(machine, [(4.0, TIME)])
    assert machine.deadline == math.inf


# --- what an earlier run has left


def test_a_restart_forgets_no_flap_and_no_lock() -> None:
    first, second = entry(), entry()
    play(first, flaps(2))
    second.remember(first.memory(20.0), 1000.0)  # another clock
    assert play(second, [*flaps(1, start=1000.0), (1010.0, YES)])[-1] is LOCKED
    third = entry()
    third.remember(second.memory(1110.0), 5.0)
    assert play(third, [(6.0, YES), (504.9, TIME), (505.0, TIME)]) == [LOCKED, LOCKED, HOLDING]


HOSTILE: Final = {
    "a lock for years": (FlapMemory(locked_for=1e9), 2000.0),
    "a next lock-out for years": (FlapMemory(entries=(1.0, 1.0, 1.0), next_lockout=1e9), 2000.0),
    "a next lock-out of nothing": (FlapMemory(entries=(1.0, 1.0, 1.0), next_lockout=0.0), 600.0),
    "more entries than count": (FlapMemory(entries=(1.0,) * 100), 600.0),
}


@pytest.mark.parametrize(("memory", "seconds"), HOSTILE.values(), ids=HOSTILE.keys())
def test_what_is_remembered_stays_within_the_settings(memory: FlapMemory, seconds: float) -> None:
    machine = entry()
    machine.remember(memory, 0.0)
    assert locked_for(machine, 0.0) == seconds


words = st.sampled_from([YES, NO, SAID, TIME])


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(0.0, 30.0), words), max_size=80))
def test_nobody_is_ever_inside_without_a_whole_hold_up_or_after_it_is_lost(told: list[tuple[float, str]]) -> None:
    machine, now, since, entered = entry(), 0.0, math.inf, []
    for gap, what in told:
        now += gap
        was_inside = machine.inside
        play(machine, [(now, what if what != TIME else (YES if since < math.inf else NO))])
        allowed = what == YES or (what == TIME and since < math.inf)
        since = min(since, now) if allowed else math.inf
        if machine.inside:
            assert now - since >= 3.0
            entered += [] if was_inside else [now]
        assert allowed or machine.state is OUT
        assert machine.deadline > now
    for first, fourth in zip(entered, entered[3:], strict=False):
        assert fourth - first > 40.0, "four entries in a row, and none of them a planned one, lock out"

"""What others do to attachments: seen, counted, put right, and not fought for ever."""

from __future__ import annotations

import math
from typing import Final

import pytest

from evbagent.drift import Drift, Drifted
from evbagent.events import LinkState
from evbagent.status import MacvlanMode

BRIDGE, VEPA, PRIVATE = MacvlanMode.BRIDGE, MacvlanMode.VEPA, MacvlanMode.PRIVATE


def links(**modes: MacvlanMode | None) -> dict[int, LinkState]:
    """Attachments by name; `a` has ifindex 1, and so on."""
    return {
        ord(name) - ord("a") + 1: LinkState(
            ord(name) - ord("a") + 1, name, None, up=True, carrier=True, carrier_ups=1, mode=mode
        )
        for name, mode in modes.items()
    }


CHANGES: Final[dict[str, tuple[dict[int, LinkState], dict[int, LinkState], list[Drifted]]]] = {
    "nothing": (links(a=BRIDGE), links(a=BRIDGE), []),
    "one was changed": (links(a=BRIDGE, b=BRIDGE), links(a=BRIDGE, b=VEPA), [Drifted(2, "b", BRIDGE, VEPA)]),
    "two were changed": (
        links(a=BRIDGE, b=BRIDGE),
        links(a=PRIVATE, b=VEPA),
        [Drifted(1, "a", BRIDGE, PRIVATE), Drifted(2, "b", BRIDGE, VEPA)],
    ),
    "one is new": (links(), links(a=VEPA), []),
    "one is gone": (links(a=BRIDGE), links(), []),
    "one was put right by somebody": (links(a=VEPA), links(a=BRIDGE), []),
    "one was elsewhere before": (links(a=VEPA), links(a=PRIVATE), []),
    "one can't be read any more": (links(a=BRIDGE), links(a=None), [Drifted(1, "a", BRIDGE, None)]),
}


@pytest.mark.parametrize(("before", "after", "drifted"), CHANGES.values(), ids=CHANGES.keys())
def test_only_what_left_its_place_by_another_hand_drifted(
    before: dict[int, LinkState], after: dict[int, LinkState], drifted: list[Drifted]
) -> None:
    drift = Drift()
    assert drift.compare(before, after, BRIDGE, 1.0) == drifted
    assert drift.total == len(drifted)


def fight(drift: Drift, rounds: int, start: float = 0.0, apart: float = 0.0) -> float:
    """So often somebody changes `a`, and it is repaired when it may be; when the last one may be."""
    now = start
    for _ in range(rounds):
        now += apart
        drift.compare(links(a=BRIDGE), links(a=VEPA), BRIDGE, now)
        if not drift.due(frozenset({1}), BRIDGE, now):
            now = drift.deadline
            assert drift.due(frozenset({1}), BRIDGE, now) == {1}
    return now


def test_the_first_repairs_are_made_at_once() -> None:
    drift = Drift()
    assert fight(drift, 5) == 0.0
    assert (drift.contested, drift.deadline) == (frozenset(), math.inf)


def test_further_ones_wait_longer_and_longer() -> None:
    waits, drift, now = [], Drift(), fight(Drift(), 0)
    for _ in range(13):
        after = fight(drift, 1, start=now)
        waits.append(after - now)
        now = after
    assert waits == [0, 0, 0, 0, 0, 1, 2, 4, 8, 10, 10, 10, 10]
    assert drift.contested == {1}


def test_who_fights_over_one_does_not_keep_others_from_being_repaired() -> None:
    drift = Drift()
    drift.compare(links(a=BRIDGE), links(a=VEPA), BRIDGE, fight(drift, 6))
    drift.compare(links(b=BRIDGE), links(a=VEPA, b=VEPA), BRIDGE, 1.0)
    assert drift.due(frozenset({1, 2}), BRIDGE, 1.0) == {2}


def test_a_fight_over_one_mode_delays_no_change_to_another() -> None:
    drift = Drift()
    drift.compare(links(a=BRIDGE), links(a=VEPA), BRIDGE, fight(drift, 6))
    assert drift.due(frozenset({1}), VEPA, 1.0) == {1}
    assert drift.deadline == math.inf
    assert drift.due(frozenset({1}), BRIDGE, 1.0) == frozenset()


def test_after_a_while_of_peace_all_is_forgotten() -> None:
    drift = Drift()
    last = fight(drift, 7)
    fight(drift, 1, start=last)
    drift.compare(links(a=BRIDGE), links(a=BRIDGE), BRIDGE, last + 119.0)
    assert drift.contested == {1}
    drift.compare(links(a=BRIDGE), links(a=BRIDGE), BRIDGE, last + 120.0)
    assert drift.contested == frozenset()
    assert fight(drift, 5, start=last + 121.0) == last + 121.0


def test_an_attachment_that_is_gone_is_forgotten() -> None:
    drift = Drift()
    fight(drift, 8)
    drift.compare(links(a=BRIDGE), links(), BRIDGE, 10.0)
    assert drift.contested == frozenset()
    assert drift.due(frozenset(), BRIDGE, 10.0) == frozenset()
    assert drift.deadline == math.inf

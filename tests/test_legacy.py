"""What a daemon left of an uplink: every way in which it may not match speaks against going on with it."""

from dataclasses import replace

import pytest

from evbagent.entry import FlapMemory
from evbagent.events import LinkState
from evbagent.legacy import Flaps, Goodbye, Known, Legacy
from evbagent.status import MacvlanMode
from tests.support.frames import HOST, SWITCH, bridge

PORT = LinkState(2, "eth0", HOST, up=True, carrier=True, carrier_ups=3)
GRANTED = Known(SWITCH.frame(bridge()).hex(), 120.0)
LEFT = Legacy("eth0", 2, 3, vepa=True, neighbors=(GRANTED,), goodbyes=(Goodbye(2, "00"),))


def guest(ifindex: int, mode: MacvlanMode, *, foreign: bool = False) -> LinkState:
    return LinkState(ifindex, f"guest{ifindex}", None, True, True, 1, lower=2, mode=mode, foreign=foreign)


INSIDE = [guest(7, MacvlanMode.VEPA), guest(8, MacvlanMode.VEPA)]

MISMATCHES: dict[str, tuple[Legacy, LinkState | None, list[LinkState], str]] = {
    "no interface of the name": (LEFT, None, INSIDE, "the interface is not there"),
    "another interface of the name": (
        LEFT,
        replace(PORT, ifindex=9),
        INSIDE,
        "the name is another interface's now (ifindex 9, not 2)",
    ),
    "no carrier": (LEFT, replace(PORT, carrier=False), INSIDE, "the link is down"),
    "administratively down": (LEFT, replace(PORT, up=False), INSIDE, "the link is down"),
    "a flap nobody watched": (LEFT, replace(PORT, carrier_ups=4), INSIDE, "carrier was lost meanwhile"),
    "a guest that somebody moved": (
        LEFT,
        PORT,
        [*INSIDE, guest(9, MacvlanMode.BRIDGE)],
        "guest9 is in bridge mode",
    ),
    "all guests moved": (LEFT, PORT, [guest(7, MacvlanMode.BRIDGE)], "guest7 is in bridge mode"),
    "expired": (
        replace(LEFT, neighbors=(replace(GRANTED, expires=10.0),)),
        PORT,
        INSIDE,
        "what the switch said has expired",
    ),
    "one of two expired": (
        replace(LEFT, neighbors=(GRANTED, replace(GRANTED, expires=9.9))),
        PORT,
        INSIDE,
        "what the switch said has expired",
    ),
}


@pytest.mark.parametrize(("left", "port", "guests", "why"), MISMATCHES.values(), ids=MISMATCHES.keys())
def test_whatever_does_not_match_speaks_against_it(
    left: Legacy, port: LinkState | None, guests: list[LinkState], why: str
) -> None:
    assert left.refusal(port, guests, 10.0) == why


MATCHES = {
    "as it was left": INSIDE,
    "no guests": [],
    "guests that chose another mode": [*INSIDE, guest(9, MacvlanMode.PRIVATE), guest(10, MacvlanMode.PASSTHRU)],
    "a guest in another namespace": [*INSIDE, guest(9, MacvlanMode.BRIDGE, foreign=True)],
}


@pytest.mark.parametrize("guests", MATCHES.values(), ids=MATCHES.keys())
def test_nothing_speaks_against_what_matches(guests: list[LinkState]) -> None:
    assert LEFT.refusal(PORT, guests, 119.9) is None


def test_on_another_clock_every_moment_is_another_number() -> None:
    left = replace(LEFT, flaps=Flaps((5.0, 6.0), 700.0, 1200.0))
    shifted = left.shifted(1000.0)
    assert [known.expires for known in shifted.neighbors] == [1120.0]
    assert shifted.flaps == Flaps((1005.0, 1006.0), 1700.0, 1200.0)
    assert shifted.shifted(-1000.0) == left


def test_flaps_are_as_old_on_any_clock() -> None:
    memory = FlapMemory((30.0, 10.0), 500.0, 1200.0)
    flaps = Flaps.of(memory, 100.0)
    assert flaps == Flaps((70.0, 90.0), 600.0, 1200.0)
    assert flaps.shifted(1000.0).memory(1101.0) == FlapMemory((31.0, 11.0), 499.0, 1200.0)
    assert flaps.memory(700.0) == FlapMemory((630.0, 610.0), 0.0, 1200.0)


def test_nobody_who_is_not_locked_out_has_an_end_of_it() -> None:
    flaps = Flaps.of(FlapMemory(), 100.0)
    assert flaps == Flaps((), None, None)
    assert flaps.shifted(5.0).memory(200.0) == FlapMemory()

"""The EVB bridge: relay is announced once the port is known to reflect, and withdrawn with its reason."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evbagent.effects import Effect, Moved, SetHairpin
from evbagent.evb.bridge import Bridge, BridgeState
from evbagent.events import Change
from evbagent.wire.ethernet import Scope
from evbagent.wire.evb import RrStatus
from evbagent.wire.tlv import Tlv
from tests.support.frames import BYSTANDER, OTHER, SWITCH, Peer, bridge, evb, octets, station

OFF, GRANTING, ON = BridgeState.RR_OFF, BridgeState.RR_GRANTING, BridgeState.RR_ON
GUEST = SWITCH  # names are those of switches; here they are the hosts on the port
PORT = 3

Step = Callable[[Bridge, float], list[Effect]]


def says(*tlvs: Tlv, peer: Peer = GUEST) -> Step:
    return lambda machine, now: machine.peer(peer.change(Change.UPDATED, *tlvs), now)


def goes(change: Change, peer: Peer = GUEST) -> Step:
    return lambda machine, now: machine.peer(peer.change(change), now)


def hairpin(on: bool | None) -> Step:
    """The kernel's flag was read."""

    def step(machine: Bridge, now: float) -> list[Effect]:
        machine.hairpin = on
        return machine.run(now)

    return step


def capable(yes: bool) -> Step:
    def step(machine: Bridge, now: float) -> list[Effect]:
        machine.capable = yes
        return machine.run(now)

    return step


def down(machine: Bridge, now: float) -> list[Effect]:
    return machine.clear(now)


def start(*, can: bool = True) -> Bridge:
    machine = Bridge("swp1", capable=can)
    machine.port = PORT
    return machine


def play(steps: Sequence[Step], *, can: bool = True) -> tuple[Bridge, list[list[Effect]]]:
    machine = start(can=can)
    return machine, [step(machine, float(now)) for now, step in enumerate(steps)]


ASKS, ASKS_NOT = says(station(request=True)), says(station(request=False))
GRANTED = [ASKS, hairpin(True)]


def test_a_bridge_announces_the_ratified_tlv_and_that_on_its_own_scope_alone() -> None:
    machine, _ = play([ASKS])
    assert {scope: machine.tlvs(scope) for scope in Scope if machine.tlvs(scope)} == {
        Scope.NEAREST_CUSTOMER_BRIDGE: (machine.tlv,)
    }


WALKS: dict[str, tuple[list[Step], list[BridgeState]]] = {
    "granted once the flag is read back": (GRANTED, [OFF, GRANTING, ON]),
    "not granted where the flag stays off": ([ASKS, hairpin(False)], [OFF, GRANTING]),
    "not granted where the flag can't be read": ([ASKS, hairpin(None)], [OFF, GRANTING]),
    "granted at once where the flag is on already": ([hairpin(True), ASKS], [OFF, GRANTING, ON]),
    "the station stops asking before it is granted": ([ASKS, ASKS_NOT], [OFF, GRANTING, OFF]),
    "the station stops asking": ([*GRANTED, ASKS_NOT], [OFF, GRANTING, ON, OFF]),
    "the station expires": ([*GRANTED, goes(Change.EXPIRED)], [OFF, GRANTING, ON, OFF]),
    "the station says goodbye": ([*GRANTED, goes(Change.SHUT_DOWN)], [OFF, GRANTING, ON, OFF]),
    "the link goes down": ([*GRANTED, down], [OFF, GRANTING, ON, OFF]),
    "the TLV is missing": ([*GRANTED, says()], [OFF, GRANTING, ON, OFF]),
    "the station becomes a bridge": ([*GRANTED, says(bridge())], [OFF, GRANTING, ON, OFF]),
    "a second station": ([*GRANTED, says(station(), peer=OTHER)], [OFF, GRANTING, ON, OFF]),
    "the second station leaves": (
        [*GRANTED, says(station(), peer=OTHER), hairpin(False), goes(Change.EXPIRED, OTHER), hairpin(True)],
        [OFF, GRANTING, ON, OFF, GRANTING, ON],
    ),
    "a neighbor without EVB": ([*GRANTED, says(peer=BYSTANDER)], [OFF, GRANTING, ON]),
    "no longer offered": ([*GRANTED, capable(False)], [OFF, GRANTING, ON, OFF]),
    "offered again": (
        [*GRANTED, capable(False), hairpin(False), capable(True), hairpin(True)],
        [OFF, GRANTING, ON, OFF, GRANTING, ON],
    ),
    "somebody clears the flag": ([*GRANTED, hairpin(False), hairpin(True)], [OFF, GRANTING, ON, GRANTING, ON]),
    "a station that does not ask": ([ASKS_NOT], [OFF]),
    "another scope": (
        [lambda machine, now: machine.peer(GUEST.change(Change.ADDED, station(), scope=Scope.NEAREST_BRIDGE), now)],
        [OFF],
    ),
}


@pytest.mark.parametrize(("steps", "states"), WALKS.values(), ids=WALKS.keys())
def test_the_bridge_walks_these_states(steps: list[Step], states: list[BridgeState]) -> None:
    machine, effects = play(steps)
    moved = [effect for each in effects for effect in each if isinstance(effect, Moved)]
    assert [(move.old, move.new) for move in moved] == [(old.value, new.value) for old, new in pairwise(states)]
    assert machine.state is states[-1]
    assert machine.status.rr_control is (machine.state is ON)


def test_the_walks_take_every_edge_of_the_bridge() -> None:
    assert {edge for _, states in WALKS.values() for edge in pairwise(states)} == Bridge.EDGES


def moved(old: BridgeState, new: BridgeState, *, asked: bool) -> Moved:
    why = "the station asks for relay" if asked else "no single station asks for relay"
    return Moved("bridge", "swp1", old.value, new.value, why)


LAST: dict[str, tuple[list[Step], list[Effect]]] = {
    "asked: the flag is wished for": ([ASKS], [SetHairpin(PORT, on=True), moved(OFF, GRANTING, asked=True)]),
    "read back: granted": (GRANTED, [moved(GRANTING, ON, asked=True)]),
    "nothing new: nothing to do": ([*GRANTED, ASKS], []),
    "withdrawn: the flag goes": ([*GRANTED, ASKS_NOT], [SetHairpin(PORT, on=False), moved(ON, OFF, asked=False)]),
    "drifted: wished for again": (
        [*GRANTED, hairpin(False)],
        [SetHairpin(PORT, on=True), moved(ON, GRANTING, asked=True)],
    ),
    "on already: no wish": ([hairpin(True), ASKS], [moved(OFF, GRANTING, asked=True), moved(GRANTING, ON, asked=True)]),
}


@pytest.mark.parametrize(("steps", "last"), LAST.values(), ids=LAST.keys())
def test_the_last_step_has_exactly_these_effects(steps: list[Step], last: list[Effect]) -> None:
    _, effects = play(steps)
    assert effects[-1] == last


SEQUENCES: dict[str, tuple[bool, list[tuple[Step, str]]]] = {
    # what happens -> our octets after it, beside lldpad's as a station
    "station first on air": (
        True,
        [
            (says(evb("00 07 68 94 14")), "02 07 6E 54 14"),
            (hairpin(True), "03 07 6E 54 14"),
            (says(evb("03 05 68 B4 34")), "03 05 6E 54 14"),
        ],
    ),
    "bridge first on air": (True, [(says(evb("02 04 68 B4 34")), "02 04 6E 54 14"), (hairpin(True), "03 04 6E 54 14")]),
    "unsupported": (False, [(says(evb("00 07 68 94 14")), "00 07 6E 54 14")]),
    "station stops asking": (
        True,
        [
            (says(evb("00 07 68 94 14")), "02 07 6E 54 14"),
            (hairpin(True), "03 07 6E 54 14"),
            (says(evb("03 01 68 B4 34")), "02 01 6E 54 14"),
        ],
    ),
    "station goes": (True, [(says(evb("02 04 68 B4 34")), "02 04 6E 54 14"), (goes(Change.EXPIRED), "02 00 6E 54 14")]),
    "station has larger numbers": (True, [(says(evb("00 07 F0 96 17")), "02 07 F0 76 37")]),
}


@pytest.mark.parametrize(("can", "sequence"), SEQUENCES.values(), ids=SEQUENCES.keys())
def test_our_tlv_answers_each_word_of_lldpad(can: bool, sequence: list[tuple[Step, str]]) -> None:
    machine = start(can=can)
    assert octets(machine.tlv) == ("02 00 6E 54 14" if can else "00 00 6E 54 14")
    for now, (step, said) in enumerate(sequence):
        step(machine, float(now))
        assert octets(machine.tlv) == said


STATIONS: dict[str, tuple[list[Step], RrStatus | None]] = {
    "nobody": ([], None),
    "a bridge": ([says(bridge())], None),
    "one": ([says(station(status=RrStatus.TRUE))], RrStatus.TRUE),
    "two": ([says(station()), says(station(), peer=OTHER)], None),
}


@pytest.mark.parametrize(("steps", "view"), STATIONS.values(), ids=STATIONS.keys())
def test_only_a_single_station_is_the_station(steps: list[Step], view: RrStatus | None) -> None:
    machine, _ = play(steps)
    assert (None if machine.station is None else machine.station.station.rr_status) is view


ANYTHING = [
    *(ASKS, ASKS_NOT, says(), says(station(), peer=OTHER), goes(Change.EXPIRED), goes(Change.SHUT_DOWN, OTHER)),
    *(hairpin(True), hairpin(False), hairpin(None), capable(True), capable(False), down),
]


@given(st.lists(st.sampled_from(ANYTHING), max_size=15))
def test_relay_is_never_announced_where_the_port_does_not_reflect(steps: list[Step]) -> None:
    machine = start()
    for now, step in enumerate(steps):
        step(machine, float(now))
        if machine.status.rr_control:
            assert machine.hairpin
            assert machine.capable
            assert machine.station is not None
            assert machine.station.station.rr_request

"""The EVB station: what it says after each word of the bridge, and what it then knows."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evbagent.effects import Moved
from evbagent.evb.station import Station, StationState
from evbagent.events import Change, EvbVersion, Loss, NeighborChange, RelayEvidence
from evbagent.status import PeerStatus
from evbagent.wire.ethernet import Scope
from evbagent.wire.evb import Evb, EvbMode, RrStatus, StationStatus
from evbagent.wire.lldpdu import Msap
from evbagent.wire.tlv import Tlv
from tests.support.frames import BYSTANDER, OTHER, SWITCH, Peer, bridge, evb, octets, station

NO_PEER, NO_RR, RR = StationState.NO_PEER, StationState.PEER_NO_RR, StationState.PEER_RR

Step = NeighborChange | None
"""A neighbor changed, or (None) the link went down."""

DOWN: Step = None
GRANTED, REFUSED = bridge(control=True), bridge(control=False)
SILENT = bridge(echo=StationStatus())


def says(*tlvs: Tlv, peer: Peer = SWITCH, first: bool = False) -> NeighborChange:
    return peer.change(Change.ADDED if first else Change.UPDATED, *tlvs)


def repeats(*tlvs: Tlv, peer: Peer = SWITCH) -> NeighborChange:
    return peer.change(Change.REFRESHED, *tlvs)


def expires(peer: Peer = SWITCH) -> NeighborChange:
    return peer.change(Change.EXPIRED)


def play(steps: Sequence[Step], *, request: bool = True) -> tuple[Station, list[Moved]]:
    """The station after these steps, one a second, and all that it did on the way."""
    machine, moved = Station("eth0", request=request), []
    for now, step in enumerate(steps):
        effects = machine.clear(float(now)) if step is None else machine.peer(step, float(now))
        moved += [effect for effect in effects if isinstance(effect, Moved)]
    return machine, moved


SEQUENCES = {
    # octets heard from lldpad as a bridge -> octets of ours after each (before the first: 00 07 6E 94 14)
    "station first on air": [("03 07 68 74 34", "03 05 6E 94 14"), ("03 05 68 74 34", "03 05 6E 94 14")],
    "bridge first on air": [("02 00 68 54 14", "02 04 6E 94 14"), ("03 04 68 74 34", "03 05 6E 94 14")],
    "unsupported": [
        ("00 00 68 54 14", "00 04 6E 94 14"),
        ("00 07 68 74 34", "00 04 6E 94 14"),
        ("00 04 68 74 34", "00 04 6E 94 14"),
    ],
    "bridge withdraws": [
        ("03 07 68 74 34", "03 05 6E 94 14"),
        ("03 05 68 74 34", "03 05 6E 94 14"),
        ("00 05 68 74 34", "00 04 6E 94 14"),
    ],
    "bridge drops the TLV": [("03 07 68 74 34", "03 05 6E 94 14"), ("", "00 07 6E 94 14")],
    "bridge has larger numbers": [("03 07 F0 56 17", "03 05 F0 B6 37")],
    "bridge has a reserved bit and a GroupID": [("FF 07 68 54 14", "07 05 6E 94 14")],
}


@pytest.mark.parametrize("sequence", SEQUENCES.values(), ids=SEQUENCES.keys())
def test_our_tlv_answers_each_word_of_lldpad(sequence: list[tuple[str, str]]) -> None:
    machine = Station("eth0", request=True)
    assert octets(machine.tlv) == "00 07 6E 94 14"
    for number, (heard, _) in enumerate(sequence):
        machine.peer(says(*([evb(heard)] if heard else []), first=number == 0), float(number))
        assert octets(machine.tlv) == sequence[number][1]


def test_a_station_that_may_not_ask_tells_what_it_sees_all_the_same() -> None:
    machine, _ = play([says(GRANTED)], request=False)
    assert octets(machine.tlv) == "03 01 6E 94 14"


WALKS: dict[str, tuple[list[Step], list[StationState]]] = {
    "granted at once": ([says(GRANTED, first=True)], [NO_PEER, RR]),
    "granted later, withdrawn, granted again": (
        [says(REFUSED, first=True), says(GRANTED), says(REFUSED), says(GRANTED)],
        [NO_PEER, NO_RR, RR, NO_RR, RR],
    ),
    "a bridge that never grants goes": ([says(REFUSED, first=True), expires()], [NO_PEER, NO_RR, NO_PEER]),
    "a bridge that grants goes": ([says(GRANTED, first=True), expires()], [NO_PEER, RR, NO_PEER]),
    "it says goodbye": ([says(GRANTED, first=True), SWITCH.change(Change.SHUT_DOWN)], [NO_PEER, RR, NO_PEER]),
    "it is cleared": ([says(GRANTED, first=True), SWITCH.change(Change.CLEARED)], [NO_PEER, RR, NO_PEER]),
    "it drops the TLV": ([says(GRANTED, first=True), says()], [NO_PEER, RR, NO_PEER]),
    "it becomes a station": ([says(GRANTED, first=True), says(station())], [NO_PEER, RR, NO_PEER]),
    "the link goes down": ([says(GRANTED, first=True), DOWN], [NO_PEER, RR, NO_PEER]),
    "a second bridge comes and goes": (
        [says(GRANTED, first=True), says(GRANTED, peer=OTHER, first=True), expires(OTHER)],
        [NO_PEER, RR, NO_PEER, RR],
    ),
    "a neighbor without EVB changes nothing": (
        [says(GRANTED, first=True), says(peer=BYSTANDER, first=True), expires(BYSTANDER)],
        [NO_PEER, RR],
    ),
    "the same again changes nothing": ([says(GRANTED, first=True), repeats(GRANTED), repeats(GRANTED)], [NO_PEER, RR]),
    "somebody unknown goes": ([expires()], [NO_PEER]),
}


@pytest.mark.parametrize(("steps", "states"), WALKS.values(), ids=WALKS.keys())
def test_the_station_walks_these_states(steps: list[Step], states: list[StationState]) -> None:
    machine, moved = play(steps)
    assert [(move.old, move.new) for move in moved] == [(old.value, new.value) for old, new in pairwise(states)]
    assert machine.state is states[-1]


def test_the_walks_take_every_edge_of_the_station() -> None:
    taken = {edge for _, states in WALKS.values() for edge in pairwise(states)}
    assert taken == Station.EDGES


REASONS = {
    "granted": ([says(GRANTED)], "bridge says RRCAP=1 RRCTR=1"),
    "refused": ([says(bridge(capable=False, control=False))], "bridge says RRCAP=0 RRCTR=0"),
    "gone": ([says(GRANTED), expires()], "no EVB neighbor"),
    "two": ([says(GRANTED), says(REFUSED, peer=OTHER)], "2 EVB neighbors"),
    "a station": ([says(GRANTED), says(station())], "station says RRCAP=0 RRCTR=0"),
}


@pytest.mark.parametrize(("steps", "why"), REASONS.values(), ids=REASONS.keys())
def test_a_move_says_why(steps: list[Step], why: str) -> None:
    _, moved = play(steps)
    assert (moved[-1].machine, moved[-1].subject, moved[-1].why) == ("station", "eth0", why)


ECHOES = {
    # what the bridge says reception after reception -> whether our request counts as heard after each
    "our request, repeated": ([GRANTED], [True]),
    "our request with the status of a moment ago": ([bridge(echo=StationStatus(True, RrStatus.TRUE))], [True]),
    "never anything": ([SILENT] * 4, [False, False, True, True]),
    "first nothing, then our request": ([SILENT, GRANTED], [False, True]),
    "our request, then nothing": ([GRANTED, SILENT], [True, True]),
    "no request, yet a status": ([bridge(echo=StationStatus(False, RrStatus.UNKNOWN))] * 5, [False] * 5),
    "no request, yet a GroupID": ([bridge(echo=StationStatus(False, group_id=True))] * 5, [False] * 5),
    "nothing while relay is off, then on": ([bridge(control=False, echo=StationStatus()), SILENT], [False, False]),
    "patience starts again where relay comes on": (
        [bridge(control=False, echo=StationStatus())] * 3 + [SILENT] * 3,
        [False, False, True, False, False, True],
    ),
}


@pytest.mark.parametrize(("heard", "acknowledged"), ECHOES.values(), ids=ECHOES.keys())
def test_a_request_counts_as_heard_once_repeated_or_at_the_third_word_of_a_bridge_that_repeats_nothing(
    heard: list[Tlv], acknowledged: list[bool]
) -> None:
    machine, known = Station("eth0", request=True), []
    for now, tlv in enumerate(heard):
        same = now > 0 and tlv == heard[now - 1]
        machine.peer(repeats(tlv) if same else says(tlv, first=now == 0), float(now))
        known.append(machine.evidence.acknowledged)
    assert known == acknowledged


def test_patience_is_not_shared_with_another_neighbor() -> None:
    steps = [says(SILENT), repeats(SILENT), says(peer=BYSTANDER), repeats(peer=BYSTANDER)]
    machine, _ = play(steps)
    assert machine.evidence.acknowledged is False


TAKEN_OVER = {
    "one drops the TLV, the other takes it up": [says(GRANTED), says(peer=OTHER), says(), says(SILENT, peer=OTHER)],
    "both have it for a while": [says(GRANTED), says(SILENT, peer=OTHER), says()],
    "one expires, the other comes": [says(GRANTED), expires(), says(SILENT, peer=OTHER)],
}


@pytest.mark.parametrize("steps", TAKEN_OVER.values(), ids=TAKEN_OVER.keys())
def test_another_bridge_has_to_repeat_our_request_itself(steps: list[Step]) -> None:
    machine, _ = play(steps)
    assert machine.state is RR
    assert machine.evidence.acknowledged is False


MEMORY: dict[str, tuple[list[Step], Loss | None]] = {
    "never had it": ([says(REFUSED)], None),
    "has it": ([says(GRANTED)], None),
    "withdrawn": ([says(GRANTED), says(REFUSED)], Loss.WITHDRAWN),
    "withdrawn with the capability": ([says(GRANTED), says(bridge(capable=False, control=False))], Loss.WITHDRAWN),
    "withdrawn, and said again": ([says(GRANTED), says(REFUSED), repeats(REFUSED)], Loss.WITHDRAWN),
    "withdrawn, and given again": ([says(GRANTED), says(REFUSED), says(GRANTED)], None),
    "withdrawn, then another bridge": (
        [says(GRANTED), says(REFUSED), expires(), says(REFUSED, peer=OTHER)],
        None,
    ),
    "expired": ([says(GRANTED), expires()], Loss.EXPIRED),
    "said goodbye": ([says(GRANTED), SWITCH.change(Change.SHUT_DOWN)], Loss.LOST),
    "TLV missing": ([says(GRANTED), says()], Loss.LOST),
    "TLV missing, and said again": ([says(GRANTED), says(), repeats()], Loss.LOST),
    "link down": ([says(GRANTED), DOWN], Loss.LOST),
    "link down for long": ([says(GRANTED), DOWN, DOWN], Loss.LOST),
    "lost, and given again": ([says(GRANTED), expires(), says(GRANTED)], None),
    "lost, then another bridge": ([says(GRANTED), expires(), says(REFUSED, peer=OTHER)], None),
    "lost, then a station": ([says(GRANTED), expires(), says(station(), peer=OTHER)], None),
    "lost, then a station that goes too": (
        [says(GRANTED), expires(), says(station(), peer=OTHER), expires(OTHER)],
        None,
    ),
    "two of them": ([says(GRANTED), says(REFUSED, peer=OTHER)], Loss.LOST),
    "the other one is left": ([says(GRANTED), says(REFUSED, peer=OTHER), expires()], None),
}


@pytest.mark.parametrize(("steps", "lost"), MEMORY.values(), ids=MEMORY.keys())
def test_how_relay_went_is_remembered_until_it_is_back_or_the_bridge_is_another(
    steps: list[Step], lost: Loss | None
) -> None:
    machine, _ = play(steps)
    assert machine.evidence.lost is lost


CUSTOMER, NEAREST = Scope.NEAREST_CUSTOMER_BRIDGE, Scope.NEAREST_BRIDGE
SINGLE = RelayEvidence(
    True,
    peers=1,
    peer=PeerStatus("00:00:5e:00:53:01", "ge-0/0/1", "switch1"),
    version=EvbVersion.RATIFIED,
    mode=EvbMode.BRIDGE,
    capable=True,
    control=True,
    echoed=True,
    acknowledged=True,
)
NEIGHBORS: dict[str, tuple[list[Step], RelayEvidence]] = {
    "nobody": ([], RelayEvidence(True)),
    "one bridge": ([says(GRANTED)], SINGLE),
    "one without EVB": ([says(peer=BYSTANDER)], RelayEvidence(True)),
    "a bridge, and one without EVB": (
        [says(GRANTED), says(peer=BYSTANDER)],
        RelayEvidence(
            True,
            peers=1,
            crowded=True,
            peer=SINGLE.peer,
            version=EvbVersion.RATIFIED,
            mode=EvbMode.BRIDGE,
            capable=True,
            control=True,
            echoed=True,
            acknowledged=True,
        ),
    ),
    "two bridges": (
        [says(REFUSED), says(GRANTED, peer=OTHER)],
        RelayEvidence(True, peers=2, crowded=True),
    ),
    "a bridge and a station": (
        [says(REFUSED), says(station(), peer=OTHER)],
        RelayEvidence(True, peers=2, crowded=True),
    ),
    "a bridge of the nearest-bridge scope": (
        [SWITCH.change(Change.ADDED, GRANTED, scope=NEAREST), SWITCH.change(Change.REFRESHED, scope=NEAREST)],
        RelayEvidence(True),
    ),
    "a station": (
        [says(station(), peer=BYSTANDER)],
        RelayEvidence(
            True,
            peers=1,
            peer=PeerStatus("00:00:5e:00:53:03", "eth7", None),
            version=EvbVersion.RATIFIED,
            mode=EvbMode.STATION,
            capable=False,
            control=False,
            echoed=True,
        ),
    ),
    "mode 0": (
        [says(bridge(mode=EvbMode.NOT_SUPPORTED), peer=BYSTANDER)],
        RelayEvidence(
            True,
            peers=1,
            peer=PeerStatus("00:00:5e:00:53:03", "eth7", None),
            version=EvbVersion.RATIFIED,
            mode=EvbMode.NOT_SUPPORTED,
            capable=True,
            control=True,
            echoed=True,
        ),
    ),
}


@pytest.mark.parametrize(("steps", "evidence"), NEIGHBORS.values(), ids=NEIGHBORS.keys())
def test_the_neighbors_amount_to_this_evidence(steps: list[Step], evidence: RelayEvidence) -> None:
    machine, _ = play(steps)
    assert machine.evidence == evidence


SPOKEN = {"silent": (SILENT, None), "repeats it": (GRANTED, True), "repeats another": (evb("03 03 6E 54 14"), False)}


@pytest.mark.parametrize(("tlv", "echoed"), SPOKEN.values(), ids=SPOKEN.keys())
def test_the_evidence_tells_silence_from_a_wrong_echo(tlv: Tlv, echoed: bool | None) -> None:
    machine, _ = play([says(tlv)])
    assert machine.evidence.echoed is echoed


def test_evidence_that_says_the_same_is_the_same_object() -> None:
    machine, _ = play([says(GRANTED)])
    first = machine.evidence
    machine.peer(says(bridge(echo=StationStatus(True, RrStatus.TRUE))), 1.0)
    assert machine.evidence is first
    machine.peer(says(peer=BYSTANDER), 2.0)
    assert machine.evidence is not first


words = st.sampled_from([GRANTED, REFUSED, SILENT, station(), bridge(mode=EvbMode.RESERVED), None])
peers = st.sampled_from([SWITCH, OTHER, BYSTANDER])
goings = st.sampled_from([Change.EXPIRED, Change.SHUT_DOWN, Change.CLEARED])
changes = st.one_of(
    st.builds(lambda peer, tlv: says(*([] if tlv is None else [tlv]), peer=peer), peers, words),
    st.builds(lambda peer, going: peer.change(going), peers, goings),
    st.none(),
)


@given(st.lists(changes, max_size=12), st.booleans())
def test_relay_is_on_exactly_where_the_only_evb_neighbor_is_a_bridge_that_says_so(
    steps: list[Step], request: bool
) -> None:
    machine, _ = play(steps, request=request)
    live: dict[Msap, Evb | None] = {}
    for step in steps:
        if step is None:
            live.clear()
        elif step.change is Change.UPDATED:
            live[step.msap] = step.pdu.read(Evb)
        else:
            live.pop(step.msap, None)
    speakers = [said for said in live.values() if said is not None]
    only = speakers[0] if len(speakers) == 1 and speakers[0].mode is EvbMode.BRIDGE else None
    assert machine.evidence.operational is (None if only is None else only.bridge.rr_control)
    assert (machine.state is RR) is (machine.evidence.operational is True)
    assert (machine.evidence.peers, machine.evidence.crowded) == (len(speakers), len(live) > 1)
    assert machine.evidence.requested is request

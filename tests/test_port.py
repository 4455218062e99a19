"""One port: frames reach the agent of their scope or are counted, and links that come, go and flap are facts."""

import math
from collections import Counter
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evbagent.effects import Actuated, Effect, SendFrame
from evbagent.events import Change, LinkState, NeighborChange
from evbagent.port import Port
from evbagent.status import NeighborStatus
from evbagent.wire.basic import SystemName
from evbagent.wire.ethernet import ETHERTYPE_LLDP, Frame, Scope
from evbagent.wire.evb import Evb
from evbagent.wire.octets import MacAddress
from evbagent.wire.tlv import Tlv
from tests.support.frames import CUSTOMER, HOST, IDENTITY, OTHER, SWITCH, Peer, agents, bridge, evb, pdus, said

NEAREST, NON_TPMR = Scope.NEAREST_BRIDGE, Scope.NEAREST_NON_TPMR_BRIDGE
GUEST = MacAddress.parse("52:54:00:12:34:56")
GUEST_OF_OTHER = MacAddress.parse("52:54:00:12:34:57")
FIRST, SECOND = evb("00 07 6E 94 14"), evb("03 05 6E 94 14")


class Recorder:
    """An EVB machine that says what it is told to say, and notes what it hears."""

    def __init__(self) -> None:
        self.tlv: Tlv = FIRST
        self.speaks_on = frozenset({CUSTOMER})
        self.changes: list[tuple[Change, Scope]] = []
        self.cleared = 0

    def peer(self, change: NeighborChange, now: float) -> list[Effect]:
        self.changes.append((change.change, change.scope))
        return []

    def clear(self, now: float) -> list[Effect]:
        self.cleared += 1
        return []

    def tlvs(self, scope: Scope) -> tuple[Tlv, ...]:
        return (self.tlv,) if scope in self.speaks_on else ()


def eth0(
    *, ifindex: int = 2, address: MacAddress = HOST, up: bool = True, carrier: bool = True, ups: int = 1
) -> LinkState:
    return LinkState(ifindex, "eth0", address, up, carrier, ups)


def port(*, transmit: tuple[Scope, ...] = (CUSTOMER,), up: bool = True) -> tuple[Port, Recorder]:
    role = Recorder()
    made = Port("eth0", IDENTITY, agents(transmit), role)
    if up:
        made.link(eth0(), frozenset({GUEST}), 0.0)
    return made, role


def discards(made: Port) -> dict[str, int]:
    """What went no further, by reason: at the port, and at the agent that it was for."""
    status = made.status(9.0)
    total: Counter[str] = Counter(status.discards)
    for scope in status.scopes:
        total.update(scope.counters.discards)
    return dict(total)


# --- frames in

PDU = SWITCH.pdu(bridge()).encode()


def framed(
    *,
    destination: MacAddress = CUSTOMER.address,
    source: MacAddress = SWITCH.address,
    ethertype: int = ETHERTYPE_LLDP,
    payload: bytes = PDU,
) -> bytes:
    return Frame(destination, source, ethertype, payload).encode()


DISCARDS: dict[str, tuple[bytes, int | None, str]] = {
    "cut off": (b"\x01\x80\xc2", None, "truncated"),
    "in a VLAN": (framed(), 5, "tagged"),
    "another EtherType": (framed(ethertype=0x8940), None, "not_lldp"),
    "another destination": (framed(destination=HOST), None, "not_a_group"),
    "from this host": (framed(source=HOST), None, "own"),
    "from a guest of this host": (framed(source=GUEST), None, "own"),
    "our own LLDPDU through somebody else": (framed(payload=Peer(HOST, "eth0").pdu().encode()), None, "own"),
    "no LLDPDU": (framed(payload=b"\x00\x00"), None, "missing_mandatory"),
}


@pytest.mark.parametrize(("octets", "vlan", "reason"), DISCARDS.values(), ids=DISCARDS.keys())
def test_what_cannot_be_used_is_counted_and_changes_nothing(octets: bytes, vlan: int | None, reason: str) -> None:
    made, role = port()
    assert made.receive(octets, vlan, 1.0) == []
    assert discards(made) == {reason: 1}
    assert role.changes == []


def test_a_frame_of_a_scope_without_an_agent_is_for_no_group_of_ours() -> None:
    only = {CUSTOMER: agents()[CUSTOMER]}
    made = Port("eth0", IDENTITY, only, Recorder())
    made.link(eth0(), frozenset(), 0.0)
    made.receive(SWITCH.frame(scope=NEAREST), None, 1.0)
    assert made.status(1.0).discards == {"not_a_group": 1}


def test_a_port_that_is_down_hears_nothing() -> None:
    made, role = port(up=False)
    made.receive(SWITCH.frame(bridge()), None, 1.0)
    assert discards(made) == {"no_agent": 1}
    assert role.changes == []


@pytest.mark.parametrize("vlan", [None, 0], ids=["untagged", "priority-tagged"])
def test_a_frame_reaches_the_agent_of_its_scope(vlan: int | None) -> None:
    made, role = port()
    for scope in Scope:
        made.receive(SWITCH.frame(bridge(), scope=scope), vlan, 1.0)
    assert role.changes == [(Change.ADDED, scope) for scope in Scope]
    assert [(scope.scope, scope.neighbors) for scope in made.status(1.0).scopes] == [(s.value, 1) for s in Scope]


def test_neighbors_are_listed_with_scope_source_and_times() -> None:
    made, _ = port()
    switch, other = SWITCH.frame(bridge(), ttl=120), OTHER.frame(ttl=20, scope=NEAREST, source=GUEST_OF_OTHER)
    made.receive(switch, None, 1.0)
    made.receive(other, None, 2.0)
    made.receive(switch, None, 3.0)
    near, customer = made.neighbors(4.0)
    assert near == NeighborStatus("eth0", NEAREST.value, GUEST_OF_OTHER, other, 2.0, 2.0, 22.0, 0, False)
    assert customer == NeighborStatus("eth0", CUSTOMER.value, SWITCH.address, switch, 1.0, 3.0, 123.0, 0, False)
    made.on_deadline(22.0)
    assert made.neighbors(22.0) == (customer,)


def test_what_lives_on_a_port_is_its_address_and_its_guests() -> None:
    made, _ = port()
    assert made.own == {HOST, GUEST}
    made.link(None, frozenset(), 1.0)
    assert made.own == frozenset()


@given(st.binary(max_size=120), st.none() | st.integers(0, 4094))
def test_no_octets_raise(octets: bytes, vlan: int | None) -> None:
    made, role = port()
    made.receive(octets, vlan, 1.0)
    made.receive(framed(payload=octets), vlan, 2.0)
    assert sum(discards(made).values()) + len(role.changes) == 2


# --- time

WALK: list[tuple[float, bytes | None, list[Change]]] = [
    # when, what is heard (None: time passes), what the EVB machine is told
    (1.0, SWITCH.frame(bridge(), ttl=10), [Change.ADDED]),
    (2.0, SWITCH.frame(bridge(), ttl=10), [Change.REFRESHED]),
    (3.0, SWITCH.frame(bridge(control=False), ttl=10), [Change.UPDATED]),
    (4.0, OTHER.frame(ttl=3), [Change.ADDED]),
    (7.0, None, [Change.EXPIRED]),
    (8.0, SWITCH.frame(ttl=0), [Change.SHUT_DOWN]),
]


def test_the_evb_machine_is_told_what_becomes_of_neighbors() -> None:
    made, role = port()
    told: list[list[Change]] = []
    for now, octets, _ in WALK:
        role.changes.clear()
        if octets is None:
            made.on_deadline(now)
        else:
            made.receive(octets, None, now)
        told.append([change for change, _ in role.changes])
    assert told == [changes for *_, changes in WALK]


def test_the_deadline_is_the_earliest_of_all_agents() -> None:
    made, _ = port()
    assert made.deadline == 30.0
    made.receive(SWITCH.frame(ttl=9, scope=NEAREST), None, 1.0)
    assert made.deadline == 10.0


def test_a_port_without_a_link_or_without_agents_waits_for_nothing() -> None:
    assert port(up=False)[0].deadline == math.inf
    assert Port("eth0", IDENTITY, {}, Recorder()).deadline == math.inf


# --- frames out


def test_the_first_frame_leaves_at_once_with_our_names_and_the_evb_tlv_on_the_customer_bridge_scope_alone() -> None:
    made, _ = port(transmit=tuple(Scope), up=False)
    effects = made.link(eth0(), frozenset(), 0.0)
    assert [effect.port for effect in effects if isinstance(effect, SendFrame)] == [2, 2, 2]
    for scope in Scope:
        (pdu,) = pdus(effects, scope)
        assert (str(pdu.chassis), str(pdu.port), pdu.text(SystemName)) == (str(HOST), "eth0", "host1")
        assert (pdu.read(Evb) is not None) is (scope is CUSTOMER)


def test_the_role_chooses_the_scopes_of_its_tlvs_among_those_that_may_be_sent_on() -> None:
    made, role = port(transmit=(CUSTOMER, NEAREST))
    role.speaks_on = frozenset({NEAREST, NON_TPMR})
    effects = made.refresh(1.0)
    spoken = {scope: [pdu.read(Evb) is not None for pdu in pdus(effects, scope)] for scope in Scope}
    assert spoken == {CUSTOMER: [False], NEAREST: [True], NON_TPMR: []}


def test_what_the_role_says_anew_leaves_at_once_and_only_then() -> None:
    made, role = port()
    assert made.refresh(1.0) == []
    role.tlv = SECOND
    assert said(made.refresh(1.0)) == ["03 05 6E 94 14"]
    assert made.refresh(1.0) == []


def test_goodbye_is_said_on_every_scope_that_was_spoken_on_and_followed_by_silence() -> None:
    made, _ = port(transmit=(CUSTOMER, NON_TPMR))
    effects = made.withdraw(1.0)
    assert [pdu.ttl for scope in Scope for pdu in pdus(effects, scope)] == [0, 0]
    assert pdus(effects, NEAREST) == []
    assert pdus(made.on_deadline(100.0)) == []


def test_frames_that_left_are_counted_and_one_that_did_not_is_sent_again_a_second_later() -> None:
    made, _ = port(up=False)
    (frame,) = made.link(eth0(), frozenset(), 0.0)
    assert isinstance(frame, SendFrame)
    made.actuated(Actuated(frame, {2: 100}), 0.0)
    assert made.deadline == 1.0
    (again,) = made.on_deadline(1.0)
    assert isinstance(again, SendFrame)
    made.actuated(Actuated(again, {}), 1.0)
    counters = {scope.scope: scope.counters.frames_out_total for scope in made.status(1.0).scopes}
    assert counters == {CUSTOMER.value: 1, NEAREST.value: 0, NON_TPMR.value: 0}


# --- links

LINKS: dict[str, tuple[Sequence[LinkState | None], int, list[str]]] = {
    # what the kernel says next -> how often nothing heard counts any more, and what is then said
    "the same again": ([eth0()], 0, []),
    "carrier lost": ([eth0(carrier=False)], 1, []),
    "administratively down": ([eth0(up=False)], 1, []),
    "gone": ([None], 1, []),
    "gone, and still gone": ([None, None], 1, []),
    "lost and back": ([eth0(carrier=False), eth0(ups=2)], 1, ["00 07 6E 94 14"]),
    "gone and back": ([None, eth0()], 1, ["00 07 6E 94 14"]),
    "lost and back between two looks": ([eth0(ups=2)], 1, ["00 07 6E 94 14"]),
    "another interface of this name between two looks": ([eth0(ifindex=9)], 1, ["00 07 6E 94 14"]),
    "another address": ([eth0(address=OTHER.address)], 0, []),
}


@pytest.mark.parametrize(("links", "cleared", "words"), LINKS.values(), ids=LINKS.keys())
def test_a_link_that_went_away_clears_what_was_heard(
    links: Sequence[LinkState | None], cleared: int, words: list[str]
) -> None:
    made, role = port()
    made.receive(SWITCH.frame(bridge()), None, 1.0)
    effects = [effect for n, link in enumerate(links, 1) for effect in made.link(link, frozenset(), 1.0 + n / 10)]
    assert role.cleared == cleared
    assert said(effects) == words
    if words:
        assert [scope.neighbors for scope in made.status(9.0).scopes] == [0, 0, 0]


def test_a_port_knows_its_interface_while_it_has_one() -> None:
    made, _ = port(up=False)
    assert (made.ifindex, made.enabled) == (None, False)
    made.link(eth0(ifindex=9, carrier=False), frozenset(), 0.0)
    assert (made.ifindex, made.enabled) == (9, False)
    made.link(eth0(ifindex=9), frozenset(), 1.0)
    assert (made.ifindex, made.enabled, made.status(1.0).carrier) == (9, True, True)


def test_guests_that_come_later_are_ignored_from_then_on() -> None:
    made, role = port(up=False)
    made.link(eth0(), frozenset(), 0.0)
    made.receive(SWITCH.frame(bridge(), source=GUEST), None, 1.0)
    made.link(eth0(), frozenset({GUEST}), 2.0)
    made.receive(SWITCH.frame(bridge(), source=GUEST), None, 3.0)
    assert role.changes == [(Change.ADDED, CUSTOMER)]
    (customer,) = (scope for scope in made.status(3.0).scopes if scope.scope == CUSTOMER.value)
    assert customer.counters.discards == {"own": 1}

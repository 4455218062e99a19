"""One agent as its port drives it: links and frames in, changes, frames and counters out."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evbagent.effects import Actuated, Effect, SendFrame
from evbagent.events import Change, LinkState, NeighborChange
from evbagent.lldp.agent import Agent, AgentSettings
from evbagent.lldp.neighbors import Heard
from evbagent.lldp.timers import TransmitSettings
from evbagent.wire.basic import ChassisId, PortId, SystemName
from evbagent.wire.ethernet import DiscardReason, FrameDiscarded, Scope
from evbagent.wire.lldpdu import Lldpdu, Msap
from evbagent.wire.octets import MacAddress
from evbagent.wire.tlv import Tlv
from tests.lldp.peers import HOST, SWITCH, UP, Said, decoded, link, said

SCOPE: Final = Scope.NEAREST_CUSTOMER_BRIDGE
US: Final = Msap(ChassisId.mac(HOST), PortId.interface("eth0"))
ENOBUFS: Final = 105


def named(text: str) -> tuple[Tlv, ...]:
    return (SystemName(text.encode()).tlv(),)


def agent(*, transmit: bool = True, receive: bool = True, limit: int = 8, scope: Scope = SCOPE) -> Agent:
    """An agent with a link and something to say."""
    made = Agent(scope, AgentSettings(transmit, receive, limit, TransmitSettings()))
    made.link(UP, 0.0)
    made.announce(US, named("host"))
    return made


def hear(agent: Agent, frame: Said, now: float) -> list[Change]:
    return [change.change for change in agent.receive(frame.heard, now)]


def until(agent: Agent, end: float) -> list[tuple[float, Lldpdu]]:
    """What is sent up to then, where every deadline is kept and every frame gets out."""
    sent: list[tuple[float, Lldpdu]] = []
    while (now := agent.deadline) < end:
        agent.age(now)
        sent += settle(agent, now)
    return sent


def settle(agent: Agent, now: float) -> list[tuple[float, Lldpdu]]:
    """What is sent now, and gets out."""
    effects = agent.run(now)
    for effect in effects:
        agent.actuated(got_out(effect), now)
    return [(now, decoded(effect)) for effect in effects]


def got_out(effect: Effect) -> Actuated:
    assert isinstance(effect, SendFrame)
    return Actuated(effect, {})


def got_stuck(effect: Effect) -> Actuated:
    assert isinstance(effect, SendFrame)
    return Actuated(effect, {effect.port: ENOBUFS})


def times(sent: list[tuple[float, Lldpdu]]) -> list[float]:
    return [round(now, 6) for now, _ in sent]


def counters(agent: Agent, now: float = 0.0) -> dict[str, Any]:
    """Those that moved."""
    return {name: value for name, value in asdict(agent.status(now).counters).items() if value}


def test_a_new_agent_waits_for_nothing() -> None:
    assert Agent(SCOPE, AgentSettings(True, True, 8, TransmitSettings())).deadline == math.inf


def test_the_first_frame_leaves_at_once_and_says_what_was_announced() -> None:
    (sent,) = agent().run(0.0)
    assert isinstance(sent, SendFrame)
    assert (sent.port, sent.scope) == (3, "nearest-customer-bridge")
    pdu = decoded(sent)
    assert (pdu.msap, pdu.ttl, pdu.optional) == (US, 121, named("host"))


NOT_READY = {
    "no carrier": link(up=False),
    "no address": link(address=None),
}


@pytest.mark.parametrize("state", NOT_READY.values(), ids=NOT_READY.keys())
def test_without_carrier_and_address_nothing_is_sent_or_heard(state: LinkState) -> None:
    subject = agent()
    subject.link(state, 0.0)
    assert subject.run(0.0) == []
    assert subject.deadline == math.inf
    with pytest.raises(FrameDiscarded, match="no_agent"):
        hear(subject, said("tor"), 0.0)


def test_a_new_neighbor_gets_four_frames_a_second_apart() -> None:
    subject = agent()
    settle(subject, 0.0)
    assert hear(subject, said("tor", ttl=600), 10.0) == [Change.ADDED]
    assert times(settle(subject, 10.0) + until(subject, 75.0)) == [10, 11, 12, 13, 43, 73]


NO_NEWS = {
    "it repeats itself": said("tor", ttl=600),
    "it says something else": said("tor", ttl=600, text="renamed"),
    "it says goodbye": said("tor", ttl=0),
}


@pytest.mark.parametrize("frame", NO_NEWS.values(), ids=NO_NEWS.keys())
def test_a_neighbor_that_is_known_starts_no_burst(frame: Said) -> None:
    subject = agent()
    hear(subject, said("tor", ttl=600), 0.0)
    settle(subject, 0.0)
    until(subject, 20.0)
    hear(subject, frame, 20.0)
    assert times(settle(subject, 20.0) + until(subject, 40.0)) == [33]


def test_ten_local_changes_in_a_second_give_five_frames_and_the_last_word_as_soon_as_there_is_credit() -> None:
    subject = agent()
    settle(subject, 0.0)
    until(subject, 100.0)
    sent: list[tuple[float, Lldpdu]] = []
    for n in range(10):
        subject.announce(US, named(f"host{n}"))
        sent += settle(subject, 100 + n / 10)
    sent += until(subject, 110.0)
    assert [(round(now, 6), pdu.text(SystemName)) for now, pdu in sent] == [
        (100, "host0"),
        (100.1, "host1"),
        (100.2, "host2"),
        (100.3, "host3"),
        (100.4, "host4"),
        (101, "host9"),
    ]


def test_equal_content_is_no_local_change() -> None:
    subject = agent()
    settle(subject, 0.0)
    subject.announce(US, named("host"))
    assert settle(subject, 1.0) == []
    subject.announce(US, named("renamed"))
    assert times(settle(subject, 2.0)) == [2.0]
    subject.announce(Msap(US.chassis, PortId.interface("eth1")), named("renamed"))
    assert times(settle(subject, 3.0)) == [3.0]


def test_the_first_announcement_is_the_first_frame_and_no_change() -> None:
    subject = Agent(SCOPE, AgentSettings(True, True, 8, TransmitSettings()))
    subject.link(UP, 0.0)
    assert subject.run(0.0) == []
    subject.announce(US, ())
    assert times(settle(subject, 1.0) + until(subject, 40.0)) == [1, 31]


def test_a_withdrawn_agent_says_goodbye_with_nothing_but_who_it_is_and_stays_silent() -> None:
    subject = agent()
    settle(subject, 0.0)
    subject.withdraw()
    ((_, goodbye),) = settle(subject, 5.0)
    assert (goodbye.msap, goodbye.ttl, goodbye.optional) == (US, 0, ())
    assert subject.deadline == 7.0
    assert until(subject, 95.0) == []
    assert subject.deadline == math.inf
    subject.announce(US, named("renamed"))
    assert settle(subject, 96.0) == []


def test_a_frame_that_did_not_get_out_is_tried_again_and_counted_when_it_does() -> None:
    subject = agent()
    (effect,) = subject.run(0.0)
    subject.actuated(got_stuck(effect), 0.0)
    assert (subject.deadline, counters(subject)) == (1.0, {})
    assert times(until(subject, 40.0)) == [1, 31]
    assert counters(subject) == {"frames_out_total": 2}


def test_a_link_that_comes_back_is_greeted_at_once_with_its_new_index_and_address() -> None:
    subject = agent()
    settle(subject, 0.0)
    subject.link(link(up=False), 1.0)
    assert (subject.run(1.0), subject.deadline) == ([], math.inf)
    subject.link(link(ifindex=7, address=MacAddress.parse("02:00:00:00:00:07")), 2.0)
    (sent,) = subject.run(2.0)
    assert isinstance(sent, SendFrame)
    assert (sent.port, sent.octets[6:12].hex(":")) == (7, "02:00:00:00:00:07")


def test_a_link_that_comes_back_has_all_its_credit() -> None:
    subject = agent()
    for n in range(5):
        subject.announce(US, named(f"before{n}"))
        settle(subject, 0.0)
    subject.link(link(up=False), 0.1)
    settle(subject, 0.1)
    subject.link(UP, 0.2)
    sent = settle(subject, 0.2)
    for n in range(5):
        subject.announce(US, named(f"after{n}"))
        sent += settle(subject, 0.2)
    assert len(sent) == 5


def test_a_link_that_goes_keeps_its_neighbors_to_age_and_one_that_comes_clears_them() -> None:
    subject = agent()
    hear(subject, said("tor"), 0.0)
    hear(subject, said("spine", ttl=20), 0.0)
    assert subject.link(link(up=False), 1.0) == []
    subject.run(1.0)
    assert subject.deadline == 20.0
    assert [change.change for change in subject.age(20.0)] == [Change.EXPIRED]
    assert subject.link(UP, 30.0) == [NeighborChange(Change.CLEARED, SCOPE, said("tor").pdu.msap, said("tor").pdu)]
    assert subject.status(30.0).neighbors == 0


def test_an_agent_that_only_receives_sends_nothing() -> None:
    subject = agent(transmit=False)
    assert hear(subject, said("tor"), 0.0) == [Change.ADDED]
    assert subject.run(0.0) == []
    assert subject.deadline == 120.0


def test_an_agent_that_only_transmits_hears_nothing_and_counts_no_frame_in() -> None:
    subject = agent(receive=False)
    with pytest.raises(FrameDiscarded, match="nobody listens to nearest-customer-bridge") as discarded:
        hear(subject, said("tor"), 0.0)
    assert discarded.value.reason is DiscardReason.NO_AGENT
    assert (counters(subject), times(settle(subject, 0.0))) == ({"discards": {"no_agent": 1}}, [0.0])


def test_our_own_lldpdu_is_no_neighbor_and_no_frame_in() -> None:
    subject = agent()
    (sent,) = subject.run(0.0)
    assert isinstance(sent, SendFrame)
    with pytest.raises(FrameDiscarded, match="our own LLDPDU came back") as discarded:
        subject.receive(Heard(sent.octets, sent.octets[14:], HOST), 0.0)
    assert discarded.value.reason is DiscardReason.OWN
    assert (counters(subject), subject.status(0.0).neighbors) == ({"discards": {"own": 1}}, 0)


def test_a_frame_that_its_port_took_for_our_own_is_counted_and_no_frame_in() -> None:
    subject = agent()
    subject.ignore(DiscardReason.OWN)
    assert counters(subject) == {"discards": {"own": 1}}


def test_another_port_of_our_chassis_is_a_neighbor() -> None:
    subject = agent()
    pdu = Lldpdu(US.chassis, PortId.interface("eth1"), 121)
    assert [change.change for change in subject.receive(Heard(b"frame", pdu.encode(), SWITCH), 0.0)] == [Change.ADDED]


def test_the_counters_tell_a_conversation() -> None:
    subject = agent(limit=1)
    settle(subject, 0.0)
    hear(subject, said("tor", ttl=20), 1.0)
    hear(subject, said("tor", ttl=20), 2.0)
    hear(subject, said("spine"), 3.0)
    two_names_and_two_unknown = bytes.fromhex("0a01 61 0a01 62 1200 1400 0000")
    tor = said("tor").pdu
    faulty = Lldpdu(tor.chassis, tor.port, 120).encode()[:-2] + two_names_and_two_unknown
    subject.receive(Heard(b"faulty", faulty, SWITCH), 4.0)
    with pytest.raises(FrameDiscarded, match="missing_mandatory"):
        subject.receive(Heard(b"bad", b"", SWITCH), 5.0)
    assert [change.change for change in subject.age(124.0)] == [Change.EXPIRED]
    assert counters(subject) == {
        "frames_out_total": 1,
        "frames_in_total": 5,
        "frames_discarded_total": 2,
        "frames_in_errors_total": 2,
        "tlvs_discarded_total": 1,
        "tlvs_unrecognized_total": 2,
        "ageouts_total": 1,
        "discards": {"too_many_neighbors": 1, "missing_mandatory": 1},
    }


def test_the_status_names_the_scope_and_says_whether_somebody_was_turned_away() -> None:
    subject = agent(limit=1)
    hear(subject, said("tor"), 0.0)
    hear(subject, said("spine", ttl=20), 1.0)
    status = subject.status(20.999)
    assert (status.scope, status.neighbors, status.too_many_neighbors) == ("nearest-customer-bridge", 1, True)
    assert not subject.status(21.0).too_many_neighbors


# A second TTL makes the frame invalid, whatever the first one says.
BROKEN = {
    "with a TTL": said("tor").payload[:-2] + bytes.fromhex("0602 0078 0000"),
    "with the TTL of a goodbye": said("tor", ttl=0).payload[:-2] + bytes.fromhex("0602 0000 0000"),
    "cut before the TTL": said("tor").payload[:10],
}


@pytest.mark.parametrize("payload", BROKEN.values(), ids=BROKEN.keys())
def test_a_discarded_frame_refreshes_nothing_and_deletes_nothing(payload: bytes) -> None:
    subject = agent()
    hear(subject, said("tor"), 0.0)
    with pytest.raises(FrameDiscarded):
        subject.receive(Heard(b"broken", payload, SWITCH), 100.0)
    assert subject.age(119.999) == []
    assert subject.status(119.999).neighbors == 1
    assert [change.change for change in subject.age(120.0)] == [Change.EXPIRED]


def test_one_neighbor_on_two_scopes_is_two_neighbors() -> None:
    scopes = Scope.NEAREST_BRIDGE, Scope.NEAREST_CUSTOMER_BRIDGE
    near, far = (agent(scope=scope) for scope in scopes)
    heard = [said("tor", scope=scope) for scope in scopes]
    changes = [
        change
        for subject, frame in zip((near, far), heard, strict=True)
        for change in subject.receive(frame.heard, 0.0)
    ]
    assert [(change.change, change.scope) for change in changes] == [(Change.ADDED, scope) for scope in scopes]
    assert hear(near, said("tor", ttl=0, scope=Scope.NEAREST_BRIDGE), 1.0) == [Change.SHUT_DOWN]
    assert (near.status(1.0).neighbors, far.status(1.0).neighbors) == (0, 1)


def test_a_repetition_is_not_decoded_again() -> None:
    subject = agent()
    frame = said("tor")
    hear(subject, frame, 0.0)
    (change,) = subject.receive(Heard(frame.octets, b"never looked at", SWITCH), 1.0)
    assert (change.change, change.pdu) == (Change.REFRESHED, frame.pdu)
    assert counters(subject) == {"frames_in_total": 2}


payloads = st.one_of(
    st.binary(max_size=60),
    st.binary(max_size=30).map(lambda tail: said("tor").payload[:-2] + tail),
    st.builds(said, st.sampled_from("abcd"), ttl=st.integers(0, 3)).map(lambda frame: frame.payload),
)


@settings(deadline=None)
@given(st.lists(payloads, max_size=20), st.integers(1, 3))
def test_whatever_is_heard_is_counted_once_and_the_table_stays_bounded(heard: list[bytes], limit: int) -> None:
    subject = agent(limit=limit)
    invalid = 0
    for now, payload in enumerate(heard):
        try:
            subject.receive(Heard(payload, payload, SWITCH), float(now))
        except FrameDiscarded:
            invalid += 1
        assert subject.status(float(now)).neighbors <= limit
    status = subject.status(float(len(heard))).counters
    turned_away = status.discards.get(DiscardReason.TOO_MANY_NEIGHBORS.value, 0)
    assert status.frames_in_total == len(heard)
    assert status.frames_discarded_total == invalid + turned_away == sum(status.discards.values())

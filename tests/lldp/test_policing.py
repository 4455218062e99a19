"""A neighbor that says more than the standard's credits allow is heard at their pace; what ends VEPA never waits."""

from __future__ import annotations

import math
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evbagent.events import Change
from evbagent.lldp.agent import Agent, AgentSettings
from evbagent.lldp.policing import Allowance, relay_words
from evbagent.lldp.timers import TransmitSettings
from evbagent.wire.basic import ChassisId, PortId, SystemName
from evbagent.wire.ethernet import Scope
from evbagent.wire.evb import BridgeStatus, Evb, EvbMode
from evbagent.wire.evb_draft import DraftMode, EvbDraft
from evbagent.wire.lldpdu import Msap
from evbagent.wire.octets import MacAddress
from evbagent.wire.tlv import Tlv
from tests.lldp.peers import HOST, UP, Said, link, said

SCOPE: Final = Scope.NEAREST_CUSTOMER_BRIDGE
BURST: Final = 10
RELAY, NO_RELAY = (Evb(EvbMode.BRIDGE, BridgeStatus(True, on)).tlv() for on in (True, False))
DECOY: Final = Tlv(4, b"\xfe\x09" + RELAY.value)  # a port description
DRAFT: Final = EvbDraft(DraftMode.REFLECTIVE_RELAY).tlv()


def agent(limit: int = 8) -> Agent:
    made = Agent(SCOPE, AgentSettings(transmit=False, receive=True, limit=limit, timing=TransmitSettings()))
    made.link(UP, 0.0)
    return made


def hear(subject: Agent, frame: Said, now: float) -> list[Change]:
    return [change.change for change in subject.receive(frame.heard, now)]


def chatter(subject: Agent, count: int, now: float, *more: Tlv) -> list[Said]:
    """One neighbor says something else in each frame."""
    frames = [said("tor", text=f"{now:g}-{number}", more=more) for number in range(count)]
    for frame in frames:
        hear(subject, frame, now)
    return frames


def latest(subject: Agent) -> list[str | None]:
    return [neighbor.pdu.text(SystemName) for neighbor in subject.neighbors]


def in_discarded(subject: Agent, now: float) -> tuple[int, int, dict[str, int]]:
    counters = subject.status(now).counters
    return counters.frames_in_total, counters.frames_discarded_total, dict(counters.discards)


def test_a_neighbor_within_the_credits_of_the_standard_is_never_policed() -> None:
    subject = agent()
    chatter(subject, BURST, 1.0)
    for second in range(2, 60):
        (frame,) = chatter(subject, 1, float(second))
        assert latest(subject) == [frame.pdu.text(SystemName)]
    assert in_discarded(subject, 60.0) == (BURST + 58, 0, {})


def test_beyond_them_the_last_frame_is_kept_until_there_is_credit_again() -> None:
    subject = agent()
    frames = chatter(subject, BURST + 6, 1.0)
    assert latest(subject) == [frames[BURST].pdu.text(SystemName)]  # a stranger's first frame is no news of a neighbor
    assert in_discarded(subject, 1.0) == (BURST + 1 + 4, 4, {"rate_limited": 4})
    assert subject.deadline == 2.0
    assert [change.change for change in subject.age(2.0)] == [Change.UPDATED]
    assert latest(subject) == [frames[-1].pdu.text(SystemName)]
    assert [neighbor.rate_limited for neighbor in subject.neighbors] == [4]
    assert in_discarded(subject, 2.0) == (BURST + 6, 4, {"rate_limited": 4})


def test_what_is_kept_is_forgotten_when_the_neighbor_says_what_it_said_before() -> None:
    subject = agent()
    frames = chatter(subject, BURST + 2, 1.0)
    assert hear(subject, frames[BURST], 1.5) == [Change.REFRESHED]
    assert subject.age(3.0) == []
    assert latest(subject) == [frames[BURST].pdu.text(SystemName)]


def test_what_is_kept_goes_with_its_neighbor() -> None:
    subject = agent()
    chatter(subject, BURST + 2, 1.0)
    assert hear(subject, said("tor", ttl=0), 1.5) == [Change.SHUT_DOWN]
    assert subject.age(3.0) == []
    assert (latest(subject), subject.deadline) == ([], math.inf)
    total, discarded, _ = in_discarded(subject, 3.0)
    assert (total, discarded) == (BURST + 3, 1)


def test_what_is_kept_may_be_overdue_when_others_are_heard() -> None:
    subject = agent()
    frames = chatter(subject, BURST + 2, 1.0)
    assert hear(subject, said("leaf"), 2.5) == [Change.ADDED]
    assert subject.deadline == 2.0
    assert [change.change for change in subject.age(2.5)] == [Change.UPDATED]
    assert latest(subject) == [frames[-1].pdu.text(SystemName), ""]


@pytest.mark.parametrize(("began", "later"), [(31.69, 0.12), (63.01, 0.79), (1e9 + 0.7, 0.3)])
def test_what_is_kept_is_heard_at_its_deadline_however_credits_are_rounded(began: float, later: float) -> None:
    subject = agent()
    chatter(subject, BURST + 2, began)
    chatter(subject, 1, began + later)
    due = subject.deadline
    assert [change.change for change in subject.age(due)] == [Change.UPDATED]
    assert subject.deadline > due


def test_what_is_kept_goes_with_the_link() -> None:
    subject = agent()
    chatter(subject, BURST + 2, 1.0)
    subject.link(link(up=False), 1.5)
    assert subject.age(3.0) == []
    assert in_discarded(subject, 3.0) == (BURST + 2, 1, {"rate_limited": 1})


URGENT: Final[dict[str, tuple[tuple[Tlv, ...], Said]]] = {
    "relay is withdrawn": ((RELAY,), said("tor", text="now", more=(NO_RELAY,))),
    "the EVB TLV is gone": ((RELAY,), said("tor", text="now")),
    "relay is withdrawn behind octets that look like the TLV": (
        (DECOY, RELAY),
        said("tor", text="now", more=(DECOY, NO_RELAY)),
    ),
    "there is a second EVB TLV, so that neither counts": ((RELAY,), said("tor", text="now", more=(RELAY, RELAY))),
    "there is an EVB TLV now": ((), said("tor", text="now", more=(RELAY,))),
    "the draft TLV is gone": ((DRAFT,), said("tor", text="now")),
    "a draft TLV came beside it": ((RELAY,), said("tor", text="now", more=(RELAY, DRAFT))),
}


@pytest.mark.parametrize(("before", "frame"), URGENT.values(), ids=URGENT.keys())
def test_what_it_says_about_relay_never_waits(before: tuple[Tlv, ...], frame: Said) -> None:
    subject = agent()
    chatter(subject, BURST + 5, 1.0, *before)
    assert latest(subject) != ["1-14"], "it is policed by now"
    assert hear(subject, frame, 1.0) == [Change.UPDATED]
    assert latest(subject) == ["now"]


def test_a_goodbye_never_waits() -> None:
    subject = agent()
    chatter(subject, BURST + 5, 1.0)
    assert hear(subject, said("tor", ttl=0), 1.0) == [Change.SHUT_DOWN]


def test_strangers_are_decoded_at_a_pace_and_those_with_evb_at_once() -> None:
    subject = agent(limit=4)
    for number in range(100):
        hear(subject, said(f"stranger {number}"), 1.0)
    total, discarded, reasons = in_discarded(subject, 1.0)
    assert (total, discarded) == (100, 96)
    assert reasons == {"rate_limited": 96}
    assert hear(subject, said("bridge", more=(RELAY,)), 1.0) == [Change.EVICTED, Change.ADDED]
    assert hear(subject, said("stranger 7"), 1.3) == []
    assert in_discarded(subject, 1.3)[2] == {"rate_limited": 96, "too_many_neighbors": 1}


def test_our_own_lldpdu_costs_nobody_credit() -> None:
    subject = agent(limit=2)
    subject.announce(Msap(ChassisId.mac(HOST), PortId.interface("eth0")), ())
    ours = said("x")
    mirrored = ours.heard._replace(
        payload=Msap(ChassisId.mac(HOST), PortId.interface("eth0")).octets + b"\6\2\0\x78\0\0"
    )
    for _ in range(10):
        with pytest.raises(Exception, match="our own LLDPDU"):
            subject.receive(mirrored, 1.0)
    assert hear(subject, said("tor"), 1.0) == [Change.ADDED]


# --- two agents under one identity

FIRST, SECOND = MacAddress.parse("00:00:5e:00:53:0a"), MacAddress.parse("00:00:5e:00:53:0b")
OTHERS: Final = {
    "another address": said("tor", source=SECOND),
    "another name": said("tor", text="its other agent", source=FIRST),
    "other TLVs": said("tor", more=(Tlv(4, b"port"),), source=FIRST),
}
ONE: Final = said("tor", source=FIRST)


@pytest.mark.parametrize("other", OTHERS.values(), ids=OTHERS.keys())
def test_two_agents_that_take_turns_under_one_identity_are_recognised(other: Said) -> None:
    subject = agent()
    shared = []
    for turn in range(6):
        hear(subject, (ONE, other)[turn % 2], 30.0 * turn)
        shared.append(len(subject.shared(30.0 * turn)))
    assert shared == [0, 0, 0, 1, 1, 1]
    assert subject.status(150.0).shared_identities == 1
    assert subject.shared(150.0) == {ONE.pdu.msap}
    hear(subject, ONE, 180.0)
    hear(subject, ONE, 250.0)
    assert subject.shared(301.0) == frozenset(), "for one TTL nobody else spoke"


NOT_TWO: Final[dict[str, list[Said]]] = {
    "a bridge whose relay flaps": [said("tor", more=(tlv,)) for tlv in (RELAY, NO_RELAY) * 4],
    "a bridge whose EVB TLV comes and goes": [said("tor", more=more) for more in ((RELAY,), ()) * 4],
    "one that is renamed, and again": [said("tor", text=text) for text in ("a", "b", "c", "d", "c")],
    "one that is renamed and renamed back": [said("tor", text=text) for text in ("a", "b", "a")],
    "one that repeats itself": [ONE] * 6,
}


@pytest.mark.parametrize("frames", NOT_TWO.values(), ids=NOT_TWO.keys())
def test_one_agent_is_not_taken_for_two(frames: list[Said]) -> None:
    subject = agent()
    for turn, frame in enumerate(frames):
        hear(subject, frame, 10.0 * turn)
        assert subject.shared(10.0 * turn) == frozenset()


# --- the parts


@settings(deadline=None)
@given(st.integers(1, 10), st.floats(0.1, 50), st.lists(st.floats(0.0, 5.0), max_size=60))
def test_an_allowance_never_gives_more_than_its_burst_and_rate(most: int, rate: float, gaps: list[float]) -> None:
    allowance, now, taken = Allowance(most, rate, 0.0), 0.0, 0
    for gap in gaps:
        now += gap
        taken += allowance.take(now)
        assert taken <= most + now * rate + 1e-6
        assert allowance.next >= now
    assert allowance.take(allowance.next)


def test_relay_words_are_the_evb_tlvs_of_either_version() -> None:
    assert relay_words(said("tor").payload) == b""
    assert RELAY.encode()[2:] in relay_words(said("tor", more=(RELAY,)).payload)
    both = relay_words(said("tor", more=(RELAY, DRAFT)).payload)
    assert RELAY.encode() in both
    assert DRAFT.encode() in both

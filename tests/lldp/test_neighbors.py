"""The table of neighbors: by identity and by octets, bounded, each until its TTL ends."""

from __future__ import annotations

import math

from hypothesis import given, settings
from hypothesis import strategies as st

from evbagent.lldp.neighbors import Neighbors
from tests.lldp.peers import Said, said

TOR = said("tor", ttl=120)


def holding(*frames: Said, limit: int = 4) -> Neighbors:
    neighbors = Neighbors(limit)
    for frame in frames:
        assert neighbors.store(frame.pdu, frame.heard, 0.0)
    return neighbors


def test_an_empty_table_has_nobody_and_waits_for_nothing() -> None:
    neighbors = holding()
    assert (len(neighbors), list(neighbors), neighbors.deadline) == (0, [], math.inf)
    assert (neighbors.find(TOR.pdu.msap.octets), neighbors.same(TOR.octets)) == (None, None)


def test_a_neighbor_is_found_by_identity_and_by_its_last_octets() -> None:
    neighbors = holding(TOR)
    found = neighbors.find(TOR.pdu.msap.octets)
    assert found is not None
    assert found is neighbors.same(TOR.octets)
    assert (found.msap, found.pdu, found.heard, found.expires) == (TOR.pdu.msap, TOR.pdu, TOR.heard, 120.0)


def test_a_newer_frame_replaces_all_that_was_known() -> None:
    newer = said("tor", ttl=60, text="renamed")
    neighbors = holding(TOR, newer)
    assert [neighbor.pdu for neighbor in neighbors] == [newer.pdu]
    assert neighbors.same(TOR.octets) is None
    assert neighbors.deadline == 60.0


def test_the_deadline_is_that_of_the_first_to_expire() -> None:
    neighbors = holding(TOR, said("spine", ttl=20), said("leaf", ttl=40))
    assert neighbors.deadline == 20.0


def test_a_neighbor_expires_exactly_when_its_ttl_has_run() -> None:
    neighbors = holding(TOR, said("spine", ttl=20))
    assert neighbors.expired(19.999) == []
    assert [neighbor.pdu.ttl for neighbor in neighbors.expired(20.0)] == [20]
    assert [neighbor.pdu.ttl for neighbor in neighbors.expired(120.0)] == [120, 20]


def test_a_refresh_starts_the_ttl_again() -> None:
    neighbors = holding(TOR)
    (tor,) = neighbors
    neighbors.refresh(tor, 100.0)
    assert neighbors.deadline == 220.0


def test_a_neighbor_tells_when_it_was_heard_first_and_last() -> None:
    neighbors = holding(TOR)
    (tor,) = neighbors
    assert (tor.first_heard, tor.last_heard) == (0.0, 0.0)
    neighbors.refresh(tor, 30.0)
    assert (tor.first_heard, tor.last_heard) == (0.0, 30.0)
    newer = said("tor", text="renamed")
    neighbors.store(newer.pdu, newer.heard, 60.0)
    assert [(tor.first_heard, tor.last_heard) for tor in neighbors] == [(0.0, 60.0)]
    neighbors.delete(tor)
    neighbors.store(newer.pdu, newer.heard, 90.0)
    assert [(tor.first_heard, tor.last_heard) for tor in neighbors] == [(90.0, 90.0)]


def test_a_full_table_takes_news_of_its_own_and_nobody_new() -> None:
    neighbors = holding(TOR, limit=1)
    other, newer = said("spine"), said("tor", text="renamed")
    assert not neighbors.store(other.pdu, other.heard, 1.0)
    assert neighbors.store(newer.pdu, newer.heard, 1.0)
    assert [neighbor.pdu for neighbor in neighbors] == [newer.pdu]


def test_a_deleted_neighbor_is_gone_by_both_names() -> None:
    neighbors = holding(TOR, said("spine"))
    tor = neighbors.find(TOR.pdu.msap.octets)
    assert tor is not None
    neighbors.delete(tor)
    assert (len(neighbors), neighbors.find(TOR.pdu.msap.octets), neighbors.same(TOR.octets)) == (1, None, None)


steps = st.tuples(st.sampled_from(["store", "delete"]), st.sampled_from("abcd"), st.sampled_from(["", "x", "y"]))


@settings(deadline=None)
@given(st.lists(steps, max_size=40), st.integers(1, 3))
def test_both_ways_to_a_neighbor_always_agree(told: list[tuple[str, str, str]], limit: int) -> None:
    neighbors = Neighbors(limit)
    heard: set[bytes] = set()
    for step, who, text in told:
        frame = said(who, text=text)
        heard.add(frame.octets)
        known = neighbors.find(frame.pdu.msap.octets)
        if step == "store":
            room = known is not None or len(neighbors) < limit
            assert neighbors.store(frame.pdu, frame.heard, 0.0) is room
        elif known is not None:
            neighbors.delete(known)
        assert len(neighbors) <= limit
        by_octets = {octets for octets in heard if neighbors.same(octets) is not None}
        assert by_octets == {neighbor.heard.octets for neighbor in neighbors}
        assert all(
            neighbors.find(neighbor.msap.octets) is neighbors.same(neighbor.heard.octets) for neighbor in neighbors
        )

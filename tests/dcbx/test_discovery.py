"""DCBX of one port over time: who comes, goes and changes, and what the kernel says meanwhile."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evbagent.dcb import DcbxMismatch, DcbxMode, DcbxSource, DcbxVersion, KernelDcb
from evbagent.dcbx.discovery import Discovery
from evbagent.effects import Effect, Moved
from evbagent.events import Change
from evbagent.status import DcbxStatus, PeerStatus
from evbagent.wire.ethernet import Scope
from evbagent.wire.tlv import Tlv
from tests.support.dcbx import APPLICATIONS, CEE, CIN, IEEE, KERNEL, PFC, VLANS
from tests.support.frames import BYSTANDER, OTHER, SWITCH, Peer, bridge

NEAREST = Scope.NEAREST_BRIDGE
TOR1 = PeerStatus("00:00:5e:00:53:01", "ge-0/0/1", "switch1")
TOR2 = PeerStatus("00:00:5e:00:53:02", "ge-0/0/2", "switch2")
ADDED, UPDATED, REFRESHED = Change.ADDED, Change.UPDATED, Change.REFRESHED

Step = Callable[[Discovery], list[Effect]]


def hears(change: Change, *tlvs: Tlv, by: Peer = SWITCH, scope: Scope = NEAREST) -> Step:
    return lambda discovery: discovery.peer(by.change(change, *tlvs, scope=scope))


def asks(answer: KernelDcb | None) -> Step:
    return lambda discovery: discovery.kernel(answer)


def cut(discovery: Discovery) -> list[Effect]:
    return discovery.clear()


def after(*steps: Step) -> tuple[Discovery, list[Effect]]:
    """Those steps, and the effects of the last one."""
    discovery = Discovery("eth0")
    effects: list[Effect] = []
    for step in steps:
        effects = step(discovery)
    return discovery, effects


def short(status: DcbxStatus) -> tuple[object, ...]:
    """Neighbors, the single one, its version and who heard it."""
    return status.peers, status.peer, None if status.offer is None else status.offer.version, status.source


NOBODY = (0, None, None, None)
BY_TOR1 = (1, TOR1, DcbxVersion.IEEE, DcbxSource.LLDP)
FROM_FIRMWARE = KernelDcb(DcbxMode.LLD_MANAGED | DcbxMode.IEEE, KERNEL.ieee, ieee_peer=KERNEL.ieee)

STORIES: dict[str, tuple[Sequence[Step], tuple[object, ...]]] = {
    "silence": ([], NOBODY),
    "a switch": ([hears(ADDED, *IEEE)], BY_TOR1),
    "a neighbor without DCBX": ([hears(ADDED, bridge())], NOBODY),
    "application VLANs alone": ([hears(ADDED, VLANS.tlv())], NOBODY),
    "DCBX on another scope": ([hears(ADDED, *IEEE, scope=Scope.NEAREST_CUSTOMER_BRIDGE)], NOBODY),
    "DCBX on the third scope": ([hears(ADDED, *IEEE, scope=Scope.NEAREST_NON_TPMR_BRIDGE)], NOBODY),
    "a neighbor that begins to": (
        [hears(ADDED), hears(UPDATED, CEE.tlv())],
        (1, TOR1, DcbxVersion.CEE, DcbxSource.LLDP),
    ),
    "a neighbor that no longer does": ([hears(ADDED, *IEEE), hears(UPDATED, bridge())], NOBODY),
    "another version": (
        [hears(ADDED, *IEEE), hears(UPDATED, CIN.tlv())],
        (1, TOR1, DcbxVersion.CIN, DcbxSource.LLDP),
    ),
    "it repeats itself": ([hears(ADDED, *IEEE), hears(REFRESHED, *IEEE)], BY_TOR1),
    "its time ended": ([hears(ADDED, *IEEE), hears(Change.EXPIRED, *IEEE)], NOBODY),
    "it said goodbye": ([hears(ADDED, *IEEE), hears(Change.SHUT_DOWN, *IEEE)], NOBODY),
    "it gave way": ([hears(ADDED, *IEEE), hears(Change.EVICTED, *IEEE)], NOBODY),
    "frames were lost": ([hears(ADDED, *IEEE), hears(Change.CLEARED, *IEEE)], NOBODY),
    "the link went": ([hears(ADDED, *IEEE), cut], NOBODY),
    "a stranger went": ([hears(ADDED, *IEEE), hears(Change.EXPIRED, *IEEE, by=OTHER)], BY_TOR1),
    "two speak": ([hears(ADDED, *IEEE), hears(ADDED, CEE.tlv(), by=OTHER)], (2, None, None, None)),
    "two, and one without DCBX": ([hears(ADDED, *IEEE), hears(ADDED, bridge(), by=OTHER)], BY_TOR1),
    "one of two is left": (
        [hears(ADDED, *IEEE), hears(ADDED, CEE.tlv(), by=OTHER), hears(Change.EXPIRED, *IEEE)],
        (1, TOR2, DcbxVersion.CEE, DcbxSource.LLDP),
    ),
    "firmware heard it": ([asks(FROM_FIRMWARE)], (0, None, DcbxVersion.IEEE, DcbxSource.FIRMWARE)),
    "we hear it too": (
        [asks(FROM_FIRMWARE), hears(ADDED, CEE.tlv())],
        (1, TOR1, DcbxVersion.CEE, DcbxSource.LLDP),
    ),
    "we hear two": (
        [asks(FROM_FIRMWARE), hears(ADDED, CEE.tlv()), hears(ADDED, CEE.tlv(), by=OTHER)],
        (2, None, None, None),
    ),
    "firmware ends": ([asks(FROM_FIRMWARE), asks(KERNEL)], NOBODY),
}


@pytest.mark.parametrize(("steps", "known"), STORIES.values(), ids=STORIES.keys())
def test_an_offer_counts_while_one_neighbor_makes_it(steps: Sequence[Step], known: tuple[object, ...]) -> None:
    discovery, _ = after(*steps)
    assert short(discovery.status) == known


def moved(old: str, new: str, why: str = "no mismatch known") -> list[Effect]:
    return [Moved("dcbx", "eth0", old, new, why)]


TOLD: dict[str, tuple[Sequence[Step], list[Effect]]] = {
    "a switch": ([hears(ADDED, *IEEE)], moved("none", "ieee")),
    "another offer of it": ([hears(ADDED, *IEEE), hears(UPDATED, PFC.tlv())], []),
    "another version": ([hears(ADDED, *IEEE), hears(UPDATED, CEE.tlv())], moved("ieee", "cee")),
    "two speak": (
        [hears(ADDED, *IEEE), hears(ADDED, *IEEE, by=OTHER)],
        moved("ieee", "multiple", "multiple_peers"),
    ),
    "one is left": (
        [hears(ADDED, *IEEE), hears(ADDED, *IEEE, by=OTHER), hears(Change.EXPIRED, by=OTHER)],
        moved("multiple", "ieee"),
    ),
    "a third one": (
        [hears(ADDED, *IEEE), hears(ADDED, *IEEE, by=OTHER), hears(ADDED, *IEEE, by=BYSTANDER)],
        [],
    ),
    "it is gone": ([hears(ADDED, *IEEE), cut], moved("ieee", "none")),
    "it does not fit": (
        [asks(KERNEL), hears(ADDED, CEE.tlv())],
        moved("none", "cee", "version"),
    ),
    "the kernel answers": ([hears(ADDED, *IEEE), asks(KERNEL)], []),
}


@pytest.mark.parametrize(("steps", "effects"), TOLD.values(), ids=TOLD.keys())
def test_the_log_tells_who_speaks_and_not_every_word(steps: Sequence[Step], effects: list[Effect]) -> None:
    assert after(*steps)[1] == effects


SAME: dict[str, tuple[Sequence[Step], Step]] = {
    "it repeats itself": ([hears(ADDED, *IEEE)], hears(REFRESHED, *IEEE)),
    "another TLV of it changed": ([hears(ADDED, *IEEE)], hears(UPDATED, *IEEE, bridge())),
    "the same in another order": (
        [hears(ADDED, PFC.tlv(), APPLICATIONS.tlv())],
        hears(UPDATED, APPLICATIONS.tlv(), PFC.tlv()),
    ),
    "another scope": ([hears(ADDED, *IEEE)], hears(ADDED, CEE.tlv(), by=OTHER, scope=Scope.NEAREST_CUSTOMER_BRIDGE)),
    "a neighbor without DCBX": ([hears(ADDED, *IEEE)], hears(ADDED, by=OTHER)),
    "the kernel has what it had": ([hears(ADDED, *IEEE), asks(KERNEL)], asks(replace(KERNEL))),
    "down without a neighbor": ([asks(KERNEL)], cut),
}


@pytest.mark.parametrize(("steps", "step"), SAME.values(), ids=SAME.keys())
def test_without_news_the_status_is_the_same_object(steps: Sequence[Step], step: Step) -> None:
    discovery, _ = after(*steps)
    before = discovery.status
    assert step(discovery) == []
    assert discovery.status is before


def test_a_neighbor_is_compared_with_what_the_kernel_says_now() -> None:
    def kinds() -> set[DcbxMismatch]:
        return {finding.kind for finding in discovery.status.mismatches}

    discovery, _ = after(hears(ADDED, *IEEE))
    assert kinds() == set()
    assert DcbxMismatch.PFC_ENABLED in discovery.status.unknown
    discovery.kernel(KERNEL)
    assert kinds() == set()
    assert discovery.status.unknown == (DcbxMismatch.PEER_ERROR,)
    assert KERNEL.ieee is not None
    discovery.kernel(replace(KERNEL, ieee=replace(KERNEL.ieee, applications=None, pfc=None), mode=DcbxMode.CEE))
    assert kinds() == {DcbxMismatch.FIRMWARE_AGENT, DcbxMismatch.VERSION}
    assert (discovery.status.mode, discovery.status.own) == (DcbxMode.CEE, None)
    assert discovery.status.firmware_agent is True
    discovery.kernel(None)
    assert kinds() == set()
    assert discovery.status.mode is None


PEERS = st.sampled_from([SWITCH, OTHER, BYSTANDER])
OFFERS = st.sampled_from([(), IEEE, (CEE.tlv(),), (CIN.tlv(), PFC.tlv()), (bridge(),)])
EVENTS = st.tuples(st.sampled_from(Change), PEERS, OFFERS, st.sampled_from(Scope))


@given(st.lists(EVENTS, max_size=12))
def test_an_offer_needs_exactly_one_peer_whatever_happens(
    events: list[tuple[Change, Peer, tuple[Tlv, ...], Scope]],
) -> None:
    discovery = Discovery("eth0")
    for change, peer, tlvs, scope in events:
        before = discovery.status
        hears(change, *tlvs, by=peer, scope=scope)(discovery)
        status = discovery.status
        assert (status.offer is None) == (status.peer is None) == (status.source is None) == (status.peers != 1)
        assert (status == before) == (status is before)
        assert status.peers <= 3

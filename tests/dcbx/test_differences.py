"""Where an offer and the kernel differ; what one side does not say is unknown, and never a mismatch."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evbagent.dcb import (
    STRICT_GROUP,
    Application,
    Applications,
    Bits,
    Dcb,
    DcbxMismatch,
    DcbxMode,
    DcbxVersion,
    Ets,
    KernelDcb,
    Pfc,
    Selector,
)
from evbagent.dcbx.differences import findings
from evbagent.status import PeerStatus
from tests.support.dcbx import KERNEL, OWN, enabled

K = DcbxMismatch
TOR1, TOR2 = PeerStatus("00:00:5e:00:53:01", "1/1", "tor1"), PeerStatus("00:00:5e:00:53:02", "1/2", None)
COMPARED = {
    K.PFC_ENABLED,
    K.ETS_CLASSES,
    K.ETS_BANDWIDTH,
    K.ETS_ALGORITHM,
    K.APPLICATION_MISSING,
    K.APPLICATION_PRIORITY,
    K.NOBODY_WILLING,
}

assert OWN.ets is not None
assert OWN.pfc is not None
ETS = replace(OWN.ets, bits=Bits(willing=False))
OFFER = replace(OWN, ets=ETS, recommendation=replace(ETS, bits=Bits()), pfc=replace(OWN.pfc, bits=Bits(willing=False)))
ON = Bits(willing=True, enable=True, error=False)
OFF, FIRM, FAILED = replace(ON, enable=False), replace(ON, willing=False), replace(ON, error=True)


def offered(**changes: object) -> Dcb:
    return replace(OFFER, **changes)  # type: ignore[arg-type]  # names and types are checked by what then differs


def kernel(**changes: object) -> KernelDcb:
    return replace(KERNEL, ieee=replace(OWN, **changes))  # type: ignore[arg-type]


def ets(prio_tc: Sequence[int | None], bandwidth: Sequence[int], tsa: Sequence[int], bits: Bits = ON) -> Ets:
    return Ets(bits, tuple(prio_tc), (*bandwidth, *[0] * (8 - len(bandwidth))), (*tsa, *[0] * (8 - len(tsa))))


def applications(*entries: Application, bits: Bits | None = None) -> Applications:
    return Applications(bits or Bits(), entries)


FCOE = Application(Selector.ETHERTYPE, 0x8906, (3,))
ISCSI = Application(Selector.TCP, 3260, (4,))
CEE = Dcb(
    DcbxVersion.CEE,
    ets((0, 0, 0, 1, 0, 0, 0, STRICT_GROUP), (60, 40), [2] * 8, FIRM),
    None,
    Pfc(FIRM, enabled(3)),
    applications(FCOE, bits=FIRM),
)
CEE_KERNEL = KernelDcb(DcbxMode.HOST | DcbxMode.CEE, cee=CEE)


def judged(offer: Dcb | None, answer: KernelDcb | None) -> dict[DcbxMismatch, str]:
    """What does not fit, with its words."""
    found = findings([TOR1], offer, answer)
    assert [finding.kind for finding in found] == list(DcbxMismatch)
    return {finding.kind: finding.detail for finding in found if finding.holds}


MISMATCHES: dict[str, tuple[Dcb, KernelDcb, dict[DcbxMismatch, str]]] = {
    "nothing differs": (OFFER, KERNEL, {}),
    "CEE, and nothing differs": (CEE, CEE_KERNEL, {}),
    "PFC that the kernel does not have": (
        offered(pfc=Pfc(Bits(willing=False), enabled(3, 4, 5))),
        KERNEL,
        {K.PFC_ENABLED: "priority 4, 5: on at the peer, off here"},
    ),
    "PFC that only the kernel has": (
        OFFER,
        kernel(pfc=Pfc(Bits(), enabled(2, 3))),
        {K.PFC_ENABLED: "priority 2: off at the peer, on here"},
    ),
    "a priority in another class": (
        OFFER,
        kernel(ets=ets((0, 0, 0, 1, 1, 0, 0, 2), (60, 40), (2, 2), ON)),
        {
            K.ETS_CLASSES: "priority 4: class 0 at the peer, class 1 here",
            K.ETS_BANDWIDTH: "priority 4: 60 % at the peer, 40 % here",
        },
    ),
    "classes numbered otherwise": (
        OFFER,
        kernel(ets=ets((1, 1, 1, 0, 1, 1, 1, 2), (40, 60), (2, 2), ON)),
        {
            K.ETS_CLASSES: "priority 0, 1, 2, 4, 5, 6: class 0 at the peer, class 1 here;"
            " priority 3: class 1 at the peer, class 0 here"
        },
    ),
    "another share": (
        OFFER,
        kernel(ets=ets((0, 0, 0, 1, 0, 0, 0, 2), (50, 50), (2, 2), ON)),
        {
            K.ETS_BANDWIDTH: "priority 0, 1, 2, 4, 5, 6: 60 % at the peer, 50 % here;"
            " priority 3: 40 % at the peer, 50 % here"
        },
    ),
    "another algorithm": (
        OFFER,
        kernel(ets=ets((0, 0, 0, 1, 0, 0, 0, 2), (100, 0), (2, 0, 7), ON)),
        {
            K.ETS_BANDWIDTH: "priority 0, 1, 2, 4, 5, 6: 60 % at the peer, 100 % here",
            K.ETS_ALGORITHM: "priority 3: ets at the peer, strict here;"
            " priority 7: strict at the peer, algorithm 7 here",
        },
    ),
    "a class that no priority is in": (
        OFFER,
        kernel(ets=ets((0, 0, 0, 1, 0, 0, 0, 2), (60, 40, 0, 99), (2, 2, 0, 255), ON)),
        {},
    ),
    "a recommendation counts before what the peer itself uses": (
        offered(recommendation=ets((0, 0, 0, 1, 0, 0, 0, 2), (30, 70), (2, 2), Bits())),
        kernel(ets=ets((0, 0, 0, 1, 0, 0, 0, 2), (30, 70), (2, 2), ON)),
        {},
    ),
    "a recommendation of nothing is none": (
        offered(recommendation=ets([0] * 8, [], [], Bits())),
        KERNEL,
        {},
    ),
    "without a recommendation, what it uses itself counts": (
        offered(recommendation=None),
        kernel(ets=ets((0, 0, 0, 1, 0, 0, 0, 2), (30, 70), (2, 2), ON)),
        {
            K.ETS_BANDWIDTH: "priority 0, 1, 2, 4, 5, 6: 60 % at the peer, 30 % here;"
            " priority 3: 40 % at the peer, 70 % here"
        },
    ),
    "priorities that the peer has no class for": (
        offered(recommendation=None, ets=ets((0, 0, 0, 1, None, None, None, None), (60, 40), (2, 2))),
        KERNEL,
        {},
    ),
    "an application without its priority": (
        offered(applications=applications(FCOE, ISCSI, Application(Selector.DSCP, 46, (6, 7)))),
        KERNEL,
        {K.APPLICATION_MISSING: "dscp 46: priority 6, 7 at the peer"},
    ),
    "an application with another priority": (
        offered(applications=applications(replace(FCOE, priorities=(5,)), replace(ISCSI, priorities=()))),
        KERNEL,
        {
            K.APPLICATION_PRIORITY: "ethertype 8906: priority 5 at the peer, 3 here;"
            " tcp 3260: priority none at the peer, 4 here"
        },
    ),
    "an application that only the host knows": (offered(applications=applications(FCOE)), KERNEL, {}),
    "many differences are counted": (
        offered(applications=applications(*(Application(Selector.UDP, port, (1,)) for port in range(1, 8)))),
        KERNEL,
        {
            K.APPLICATION_MISSING: "udp 1: priority 1 at the peer; udp 2: priority 1 at the peer;"
            " udp 3: priority 1 at the peer; udp 4: priority 1 at the peer; and 3 more"
        },
    ),
    "nobody is willing": (
        OFFER,
        kernel(ets=ets((0, 0, 0, 1, 0, 0, 0, 0), (60, 40), (2, 2), Bits(willing=False))),
        {
            K.ETS_CLASSES: "priority 7: class 2 at the peer, class 0 here",
            K.ETS_ALGORITHM: "priority 7: strict at the peer, ets here",
            K.NOBODY_WILLING: "ets: neither side is willing",
        },
    ),
    "nobody is willing, and nothing differs": (OFFER, kernel(ets=replace(ETS, bits=Bits(willing=False))), {}),
    "nobody is willing in CEE": (
        replace(CEE, pfc=Pfc(FIRM, enabled(4)), applications=applications(replace(FCOE, priorities=(4,)), bits=FIRM)),
        CEE_KERNEL,
        {
            K.PFC_ENABLED: "priority 3: off at the peer, on here; priority 4: on at the peer, off here",
            K.APPLICATION_PRIORITY: "ethertype 8906: priority 4 at the peer, 3 here",
            K.NOBODY_WILLING: "pfc: neither side is willing; applications: neither side is willing",
        },
    ),
    "one side is willing": (
        replace(CEE, pfc=Pfc(ON, enabled(4))),
        CEE_KERNEL,
        {K.PFC_ENABLED: "priority 3: off at the peer, on here; priority 4: on at the peer, off here"},
    ),
    "a peer that could not agree": (
        replace(CEE, pfc=Pfc(FAILED, enabled(3)), applications=applications(FCOE, bits=FAILED)),
        CEE_KERNEL,
        {K.PEER_ERROR: "pfc: the peer could not agree; applications: the peer could not agree"},
    ),
    "the peer speaks CEE, the kernel IEEE": (
        CEE,
        KERNEL,
        {K.VERSION: "the peer speaks cee, the kernel is set to ieee"},
    ),
    "the peer speaks CIN, the kernel IEEE": (
        replace(CEE, version=DcbxVersion.CIN),
        KERNEL,
        {K.VERSION: "the peer speaks cin, the kernel is set to ieee"},
    ),
    "the peer speaks IEEE, the kernel CEE": (
        OFFER,
        CEE_KERNEL,
        {K.VERSION: "the peer speaks ieee, the kernel is set to cee"},
    ),
    "CIN goes with CEE": (replace(CEE, version=DcbxVersion.CIN), CEE_KERNEL, {}),
    "firmware speaks DCBX": (
        OFFER,
        replace(KERNEL, mode=DcbxMode.LLD_MANAGED | DcbxMode.IEEE),
        {K.FIRMWARE_AGENT: "the interface's firmware speaks DCBX, and may keep LLDP to itself"},
    ),
}


@pytest.mark.parametrize(("offer", "answer", "kinds"), MISMATCHES.values(), ids=MISMATCHES.keys())
def test_a_mismatch_has_its_kind_and_says_what_differs(
    offer: Dcb, answer: KernelDcb, kinds: dict[DcbxMismatch, str]
) -> None:
    assert judged(offer, answer) == kinds


BARE = Dcb(DcbxVersion.IEEE)
UNKNOWN: dict[str, tuple[Dcb | None, KernelDcb | None, set[DcbxMismatch]]] = {
    "everything is known of CEE": (CEE, CEE_KERNEL, set()),
    "IEEE has no error bit": (OFFER, KERNEL, {K.PEER_ERROR}),
    "nobody offers": (None, KERNEL, COMPARED | {K.VERSION, K.PEER_ERROR}),
    "the driver does not answer": (OFFER, None, COMPARED | {K.VERSION, K.PEER_ERROR, K.FIRMWARE_AGENT}),
    "the driver has a mode and nothing else": (OFFER, KernelDcb(KERNEL.mode), COMPARED | {K.PEER_ERROR}),
    "the driver has all but a mode": (
        OFFER,
        replace(KERNEL, mode=None),
        {K.FIRMWARE_AGENT, K.VERSION, K.PEER_ERROR},
    ),
    "a mode without flags": (OFFER, replace(KERNEL, mode=DcbxMode(0)), {K.FIRMWARE_AGENT, K.VERSION, K.PEER_ERROR}),
    "a mode without a version": (OFFER, replace(KERNEL, mode=DcbxMode.HOST), {K.VERSION, K.PEER_ERROR}),
    "an offer without anything": (BARE, KERNEL, COMPARED | {K.PEER_ERROR}),
    "a kernel without anything": (OFFER, replace(KERNEL, ieee=BARE), COMPARED | {K.PEER_ERROR}),
    "features that the peer leaves to themselves": (
        replace(
            CEE,
            ets=replace(ETS, bits=OFF),
            pfc=Pfc(OFF, enabled(7)),
            applications=applications(ISCSI, bits=OFF),
        ),
        CEE_KERNEL,
        COMPARED,
    ),
    "features that the host leaves to themselves": (
        CEE,
        replace(CEE_KERNEL, cee=replace(CEE, ets=replace(ETS, bits=OFF), pfc=Pfc(OFF, enabled(7)), applications=None)),
        COMPARED,
    ),
    "what one version means the other does not have": (
        CEE,
        KERNEL,
        {K.ETS_CLASSES, K.APPLICATION_MISSING, K.APPLICATION_PRIORITY},
    ),
    "who is willing to do what is not there": (
        replace(OFFER, ets=None),
        KERNEL,
        {K.NOBODY_WILLING, K.PEER_ERROR},
    ),
}


@pytest.mark.parametrize(("offer", "answer", "kinds"), UNKNOWN.values(), ids=UNKNOWN.keys())
def test_what_one_side_does_not_say_is_unknown(
    offer: Dcb | None, answer: KernelDcb | None, kinds: set[DcbxMismatch]
) -> None:
    found = findings([TOR1], offer, answer)
    assert {finding.kind for finding in found if finding.holds is None} == kinds


def test_several_peers_are_named() -> None:
    found = {finding.kind: finding for finding in findings([TOR1, TOR2], None, KERNEL)}
    multiple = found[K.MULTIPLE_PEERS]
    assert (multiple.holds, multiple.detail) == (True, "tor1 1/1; 00:00:5e:00:53:02 1/2")
    assert {kind for kind, finding in found.items() if finding.holds is None} == COMPARED | {K.VERSION, K.PEER_ERROR}


KERNELS: dict[str, tuple[KernelDcb, Dcb | None, Dcb | None]] = {
    "set to IEEE": (replace(KERNEL, cee=CEE, ieee_peer=OFFER, cee_peer=CEE), OWN, OFFER),
    "set to CEE": (replace(KERNEL, mode=DcbxMode.CEE, cee=CEE, ieee_peer=OFFER, cee_peer=CEE), CEE, CEE),
    "set to both": (replace(KERNEL, mode=DcbxMode.IEEE | DcbxMode.CEE, cee=CEE, cee_peer=CEE), OWN, CEE),
    "nobody says": (KernelDcb(None, None, CEE, OFFER, CEE), CEE, OFFER),
    "set to CEE, and answers in IEEE": (replace(KERNEL, mode=DcbxMode.CEE, ieee_peer=OFFER), None, None),
}


@pytest.mark.parametrize(("answer", "own", "peer"), KERNELS.values(), ids=KERNELS.keys())
def test_a_kernel_that_answers_twice_counts_as_it_is_set(answer: KernelDcb, own: Dcb | None, peer: Dcb | None) -> None:
    assert (answer.own, answer.peer) == (own, peer)


MODES: dict[str, tuple[DcbxMode | None, bool | None]] = {
    "not said": (None, None),
    "no flag": (DcbxMode(0), None),
    "the host": (DcbxMode.HOST | DcbxMode.IEEE | DcbxMode.CEE, False),
    "firmware": (DcbxMode.LLD_MANAGED | DcbxMode.CEE | DcbxMode.STATIC, True),
    "not the host": (DcbxMode.IEEE | DcbxMode.CEE, True),
    "both": (DcbxMode.HOST | DcbxMode.LLD_MANAGED, False),
}


@pytest.mark.parametrize(("mode", "firmware"), MODES.values(), ids=MODES.keys())
def test_firmware_speaks_where_the_host_does_not(mode: DcbxMode | None, firmware: bool | None) -> None:
    assert KernelDcb(mode).firmware_agent is firmware


BITS = st.builds(Bits, *[st.sampled_from([None, False, True])] * 3)
TC = st.sampled_from([None, *range(8), STRICT_GROUP])


def eight(each: st.SearchStrategy[int]) -> st.SearchStrategy[tuple[int, ...]]:
    return st.lists(each, min_size=8, max_size=8).map(tuple)


SIDES = st.builds(
    Dcb,
    st.sampled_from(DcbxVersion),
    st.none()
    | st.builds(
        Ets,
        BITS,
        st.lists(TC, min_size=8, max_size=8).map(tuple),
        eight(st.integers(0, 255)),
        eight(st.integers(0, 255)),
    ),
    st.none(),
    st.none() | st.builds(Pfc, BITS, st.lists(st.booleans(), min_size=8, max_size=8).map(tuple)),
    st.none()
    | st.builds(
        Applications.of,
        BITS,
        st.lists(
            st.tuples(st.sampled_from([None, *Selector]), st.integers(0, 3), st.lists(st.integers(0, 7), max_size=3)),
            max_size=6,
        ),
    ),
)


@settings(deadline=None)
@given(SIDES)
def test_who_has_what_is_offered_differs_in_nothing(side: Dcb) -> None:
    for answer in (KernelDcb(None, ieee=side), KernelDcb(None, cee=side)):
        assert judged(replace(side), answer).keys() <= {K.PEER_ERROR}


@given(SIDES, SIDES)
def test_a_difference_is_one_from_either_side(one: Dcb, other: Dcb) -> None:
    symmetric = {K.PFC_ENABLED, K.ETS_CLASSES, K.ETS_BANDWIDTH, K.ETS_ALGORITHM, K.APPLICATION_PRIORITY}
    there = {f.kind: f.holds for f in findings([TOR1], one, KernelDcb(None, ieee=other)) if f.kind in symmetric}
    here = {f.kind: f.holds for f in findings([TOR1], other, KernelDcb(None, ieee=one)) if f.kind in symmetric}
    known = {kind for kind in symmetric if there[kind] is not None and here[kind] is not None}
    assert {kind: there[kind] for kind in known} == {kind: here[kind] for kind in known}

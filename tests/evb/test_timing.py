"""The larger of both ends' ECP and VDP parameters holds, and ROL says whose it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evbagent.evb.timing import DEFAULTS, Timing
from evbagent.wire.evb import BridgeStatus, Evb, EvbMode, StationStatus
from evbagent.wire.evb_draft import DraftMode, EvbDraft
from tests.support.frames import octets

OURS = Timing(retries=3, rte=14, rwd=20, rka=20)
QUIET = BridgeStatus(), StationStatus()


def offer(retries: int, rte: int, rwd: int, rka: int) -> Evb:
    remote = Evb(EvbMode.BRIDGE, retries=retries, rte=rte, rwd=rwd, rka=rka)
    return OURS.offer(EvbMode.STATION, *QUIET, remote)


REMOTES = {
    # remote R, RTE, RWD, RKA -> our octets for ECP, RWD with mode, RKA
    "nothing is larger": ((2, 8, 19, 19), "6E 94 14"),
    "a tie is not larger": ((3, 14, 20, 20), "6E 94 14"),
    "R is larger": ((7, 14, 20, 20), "EE 94 14"),
    "RTE is larger": ((3, 16, 20, 20), "70 94 14"),
    "RWD is larger": ((3, 14, 21, 20), "6E B5 14"),
    "RKA is larger": ((3, 14, 20, 31), "6E 94 3F"),
    "each for itself": ((0, 31, 0, 21), "7F 94 35"),
}


@pytest.mark.parametrize(("remote", "tail"), REMOTES.values(), ids=REMOTES.keys())
def test_what_is_sent_is_the_larger_value_and_rol_marks_the_remote_one(
    remote: tuple[int, int, int, int], tail: str
) -> None:
    assert octets(offer(*remote).tlv()) == f"00 00 {tail}"


def test_without_a_neighbor_our_own_values_hold() -> None:
    assert octets(DEFAULTS.offer(EvbMode.STATION, *QUIET, None).tlv()) == "00 00 6E 94 14"


DRAFTS = {
    # RTE of the neighbor's draft TLVs -> ours
    "nobody": ([], 14),
    "none given": ([0], 14),
    "smaller": ([8], 14),
    "larger": ([15], 15),
    "two scopes": ([15, 31], 31),
}


@pytest.mark.parametrize(("remote", "ours"), DRAFTS.values(), ids=DRAFTS.keys())
def test_the_draft_has_rte_alone_and_the_larger_one_is_sent(remote: list[int], ours: int) -> None:
    heard = [EvbDraft(DraftMode.STANDARD, rte=rte) for rte in remote]
    sent = OURS.offer_draft(DraftMode.REFLECTIVE_RELAY, DraftMode.STANDARD, heard)
    assert sent == EvbDraft(DraftMode.REFLECTIVE_RELAY, configured_mode=DraftMode.STANDARD, rte=ours)


retries, exponents = st.integers(0, 7), st.integers(0, 31)


@given(
    st.builds(Timing, retries, exponents, exponents, exponents),
    st.builds(Timing, retries, exponents, exponents, exponents),
)
def test_both_ends_agree_once_each_has_heard_the_other(one: Timing, other: Timing) -> None:
    first = one.offer(EvbMode.STATION, *QUIET, None)
    answer = other.offer(EvbMode.BRIDGE, *QUIET, first)
    agreed = one.offer(EvbMode.STATION, *QUIET, answer)
    assert (agreed.retries, agreed.rte, agreed.rwd, agreed.rka) == (
        max(one.retries, other.retries),
        max(one.rte, other.rte),
        max(one.rwd, other.rwd),
        max(one.rka, other.rka),
    )
    assert (agreed.remote_rwd, agreed.remote_rka) == (other.rwd > one.rwd, other.rka > one.rka)

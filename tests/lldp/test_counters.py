"""The statistics of an agent, under their names in 802.1AB-2016 9.2.6."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evbagent.lldp.counters import Counters
from evbagent.wire.ethernet import DiscardReason
from evbagent.wire.lldpdu import Fault, Lldpdu
from tests.lldp.peers import said

PDU: Final = said("tor").pdu
OVERRUN: Final = Fault(None, None, "a TLV runs past the end of the frame")
BAD_NAME: Final = Fault(5, None, "a TLV of this type stands there already")
BAD_END: Final = Fault(0, None, "the End TLV has 1 octets")


def with_faults(*faults: Fault, unrecognized: int = 0) -> Lldpdu:
    return Lldpdu(PDU.chassis, PDU.port, PDU.ttl, PDU.optional, faults, unrecognized)


def shown(counters: Counters) -> dict[str, Any]:
    """Those that moved."""
    return {name: value for name, value in asdict(counters.status).items() if value}


def test_nothing_is_counted_at_first() -> None:
    assert shown(Counters()) == {}


ACCEPTED: Final[dict[str, tuple[Lldpdu, dict[str, int]]]] = {
    "faultless": (PDU, {"frames_in_total": 1}),
    "with unknown TLVs": (with_faults(unrecognized=2), {"frames_in_total": 1, "tlvs_unrecognized_total": 2}),
    "with bad TLVs, one frame in error": (
        with_faults(BAD_NAME, OVERRUN),
        {"frames_in_total": 1, "frames_in_errors_total": 1, "tlvs_discarded_total": 2},
    ),
    "with a bad End, which costs no TLV": (
        with_faults(BAD_END),
        {"frames_in_total": 1, "frames_in_errors_total": 1},
    ),
}


@pytest.mark.parametrize(("pdu", "moved"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_an_accepted_lldpdu_moves_these_counters(pdu: Lldpdu, moved: dict[str, int]) -> None:
    counters = Counters()
    counters.accepted(pdu)
    assert shown(counters) == moved


def test_a_discarded_lldpdu_is_in_and_in_error() -> None:
    counters = Counters()
    counters.discarded(DiscardReason.BAD_TTL)
    assert shown(counters) == {
        "frames_in_total": 1,
        "frames_discarded_total": 1,
        "frames_in_errors_total": 1,
        "discards": {"bad_ttl": 1},
    }


def test_a_neighbor_too_many_made_no_error() -> None:
    counters = Counters()
    counters.discarded(DiscardReason.TOO_MANY_NEIGHBORS)
    assert shown(counters) == {
        "frames_in_total": 1,
        "frames_discarded_total": 1,
        "discards": {"too_many_neighbors": 1},
    }


def test_an_ignored_frame_moves_no_counter_of_the_standard() -> None:
    counters = Counters()
    counters.ignored(DiscardReason.OWN)
    counters.ignored(DiscardReason.OWN)
    assert shown(counters) == {"discards": {"own": 2}}


reasons = st.sampled_from(DiscardReason)


@settings(deadline=None)
@given(st.lists(reasons), st.lists(reasons), st.lists(st.sampled_from([pdu for pdu, _ in ACCEPTED.values()])))
def test_every_frame_in_was_accepted_or_discarded_for_a_reason(
    discarded: list[DiscardReason], ignored: list[DiscardReason], accepted: list[Lldpdu]
) -> None:
    counters = Counters()
    for reason in discarded:
        counters.discarded(reason)
    for reason in ignored:
        counters.ignored(reason)
    for pdu in accepted:
        counters.accepted(pdu)
    status = counters.status
    assert status.frames_in_total == len(accepted) + len(discarded)
    assert status.frames_discarded_total == len(discarded)
    assert sum(status.discards.values()) == len(discarded) + len(ignored)
    assert status.frames_in_errors_total <= status.frames_in_total

"""What the API says about neighbors and frames: wall clock for loop times, and no more trust than the agent has."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec
import pytest

from evbagent import shapes
from evbagent.answers import captured, neighbor, port
from evbagent.capture import Captured
from evbagent.policy.document import Moment
from evbagent.status import LldpCounters, NeighborStatus
from evbagent.uplink import Uplink, UplinkSettings
from evbagent.wire.dcbx import Pfc
from evbagent.wire.evb import BridgeStatus, Evb, EvbMode, StationStatus
from evbagent.wire.evb_draft import DraftMode, EvbDraft
from evbagent.wire.tlv import Tlv
from tests.support.frames import BYSTANDER, CUSTOMER, HOST, IDENTITY, OTHER, SWITCH, Peer, agents, bridge, station

NOON: Final = datetime(2026, 1, 2, 12, 0, 0, 250_000, tzinfo=UTC)
NOW: Final = Moment(1000.0, NOON)


def heard(octets: bytes, first: float = 900.0, last: float = 990.0, ttl: int = 121) -> NeighborStatus:
    return NeighborStatus("eth0", CUSTOMER.value, SWITCH.address, octets, first, last, last + ttl, 3, True)


def test_a_neighbor_is_told_with_its_names_and_the_times_on_the_wall() -> None:
    octets = SWITCH.frame(bridge(), ttl=121)
    told = neighbor(heard(octets), NOW)
    assert (told.port, told.scope, told.source) == ("eth0", "nearest-customer-bridge", str(SWITCH.address))
    assert (told.chassis_id, told.port_id, told.system_name) == ("00:00:5e:00:53:01", "ge-0/0/1", "switch1")
    assert (told.first_heard, told.last_heard) == (NOON - timedelta(seconds=100), NOON - timedelta(seconds=10))
    assert (told.age_seconds, told.ttl, told.expires_in_seconds) == (100.0, 121, 111.0)
    assert (told.rate_limited, told.shared_identity) == (3, True)
    assert told.frame["verdict"] == "valid"
    assert told.frame["evb"]["rr_control"] is True


def test_a_neighbor_that_is_due_expires_in_no_time_and_not_in_less() -> None:
    assert neighbor(heard(SWITCH.frame(ttl=5), ttl=5), NOW).expires_in_seconds == 0.0


DRAFT: Final = EvbDraft(DraftMode.REFLECTIVE_RELAY | DraftMode.STANDARD, configured_mode=DraftMode.STANDARD)
SAID: Final[dict[str, tuple[tuple[Tlv, ...], shapes.Evb | None]]] = {
    "nothing": ((), None),
    "a bridge with relay on": ((bridge(),), shapes.Evb("ratified", "bridge", True, True, True)),
    "a bridge that could": ((bridge(control=False),), shapes.Evb("ratified", "bridge", True, False, True)),
    "a bridge that can't": (
        (bridge(capable=False, control=False, echo=StationStatus()),),
        shapes.Evb("ratified", "bridge", False, False, False),
    ),
    "a station": ((station(),), shapes.Evb("ratified", "station", False, False, True)),
    "neither": ((Evb(EvbMode.NOT_SUPPORTED).tlv(),), shapes.Evb("ratified", "none", False, False, False)),
    "a mode to come": (
        (Evb(EvbMode.RESERVED, BridgeStatus(True)).tlv(),),
        shapes.Evb("ratified", "reserved", True, False, False),
    ),
    "the draft": ((DRAFT.tlv(),), shapes.Evb("draft", None, True, False, None)),
    "both": ((DRAFT.tlv(), bridge()), shapes.Evb("ratified", "bridge", True, True, True)),
}


@pytest.mark.parametrize(("tlvs", "evb"), SAID.values(), ids=SAID.keys())
def test_evb_is_told_in_its_version(tlvs: tuple[Tlv, ...], evb: shapes.Evb | None) -> None:
    octets = SWITCH.frame(*tlvs)
    assert neighbor(heard(octets), NOW).evb == evb
    assert captured(Captured(0.0, sent=False, octets=octets), frozenset(), NOW).evb == evb


def test_dcbx_is_told_by_its_versions() -> None:
    pfc = Pfc(willing=False, mbc=False, cap=8, enabled=(False,) * 8)
    assert neighbor(heard(SWITCH.frame(pfc.tlv())), NOW).dcbx == ("ieee",)
    assert neighbor(heard(SWITCH.frame()), NOW).dcbx == ()


HOSTILE: Final = Peer(SWITCH.address, "p\x1b[31m", "\u202eliar\x9b\u2066\n")


def test_no_text_of_a_peer_can_do_anything_to_a_terminal() -> None:
    told = neighbor(heard(HOSTILE.frame()), NOW)
    assert (told.port_id, told.system_name) == (r"p\x1b[31m", r"\u202eliar\x9b\u2066\n")
    assert msgspec.json.encode(told).isascii()


def test_a_port_tells_what_it_discarded_and_whom_it_turned_away() -> None:
    counters = LldpCounters(1, 9, 4, 2, 0, 0, 0, {"too_many_neighbors": 3, "bad_ttl": 1})
    (quiet,) = Uplink("eth0", UplinkSettings(), IDENTITY, agents(), 0.0).ports(0.0)
    scopes = (replace(quiet.scopes[0], scope=CUSTOMER.value, neighbors=32, too_many_neighbors=True, counters=counters),)
    status = replace(quiet, carrier=True, scopes=scopes, discards={"tagged": 2}, missed=7, overflowed=5)
    told = shapes.Scope(CUSTOMER.value, 32, 9, {"too_many_neighbors": 3, "bad_ttl": 1}, True, 3)
    assert port(status) == shapes.Port("eth0", True, (told,), {"tagged": 2}, 7, 5)


TAG: Final = b"\x81\x00\x60\x05"
PRIORITY: Final = b"\x81\x00\xe0\x00"
FRAMES: Final = {
    # what crossed -> direction and verdict
    "heard": (Captured(0.0, sent=False, octets=SWITCH.frame()), "in", "valid"),
    "sent": (Captured(0.0, sent=True, octets=BYSTANDER.frame(source=HOST)), "out", "sent"),
    "ours, reflected": (Captured(0.0, sent=False, octets=BYSTANDER.frame(source=HOST)), "in", "own"),
    "a guest's, reflected": (Captured(0.0, sent=False, octets=OTHER.frame()), "in", "own"),
    "of a VLAN": (Captured(0.0, sent=False, octets=SWITCH.frame(), tag=TAG), "in", "tagged"),
    "with a priority": (Captured(0.0, sent=False, octets=SWITCH.frame(), tag=PRIORITY), "in", "valid"),
    "broken": (Captured(0.0, sent=False, octets=SWITCH.frame()[:16]), "in", "missing_mandatory"),
    "cut": (Captured(0.0, sent=False, octets=SWITCH.frame()[:10]), "in", "truncated"),
}


@pytest.mark.parametrize(("frame", "direction", "verdict"), FRAMES.values(), ids=FRAMES.keys())
def test_a_frame_is_told_with_its_direction_and_what_became_of_it(
    frame: Captured, direction: str, verdict: str
) -> None:
    told = captured(frame, frozenset({HOST, OTHER.address}), NOW)
    assert (told.direction, told.verdict) == (direction, verdict)
    assert bytes.fromhex(told.octets) == frame.whole


def test_a_frame_is_told_with_the_kernels_stamp_to_the_microsecond() -> None:
    crossed = NOON - timedelta(seconds=90, microseconds=1)
    told = captured(Captured(crossed.timestamp(), sent=False, octets=SWITCH.frame()), frozenset(), NOW)
    assert (told.time, told.age_seconds) == (crossed, 90.0)


def test_what_is_encoded_is_what_a_client_decodes() -> None:
    answer = shapes.Neighbors(shapes.NEIGHBORS_SCHEMA, (), (neighbor(heard(SWITCH.frame(bridge())), NOW),))
    assert msgspec.json.decode(msgspec.json.encode(answer), type=shapes.Neighbors) == answer

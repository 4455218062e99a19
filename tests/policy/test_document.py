"""The policy document: one shape for an uplink, keys never absent, times that others can read."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evbagent import __version__
from evbagent.policy.document import POLICY_SCHEMA, STATUS_SCHEMA, Moment, abandoned, document, status_of
from evbagent.status import (
    AttachmentStatus,
    Backend,
    ConfiguredMode,
    Explanation,
    Fact,
    Fallback,
    MacvlanMode,
    Mode,
    Obstacle,
    PeerStatus,
    Pending,
    Reach,
    Reason,
    ReflectiveRelay,
    RelayStatus,
    State,
    UplinkStatus,
    Would,
)

NOON = datetime(2026, 11, 22, 12, 0, 0, 250_000, tzinfo=UTC)
MOMENT = Moment(loop=1000.0, wall=NOON)

SETTLED = UplinkStatus(
    name="eth0",
    ports=("eth0",),
    configured_mode=ConfiguredMode.AUTO,
    reflective_relay=ReflectiveRelay.AUTO,
    fallback=Fallback.VEB,
    apply=True,
    mode=Mode.VEPA,
    backend=Backend.MACVTAP,
    state=State.SETTLED,
    reason=Reason.RR_ACTIVE,
    since=987.5,
    relay=RelayStatus(
        capable=True,
        requested=True,
        operational=True,
        echoed=True,
        verified=None,
        source="evb_tlv",
        version="ratified",
        peers=1,
        crowded=False,
        peer=PeerStatus("00:00:5e:00:53:01", "ge-0/0/1", "switch1"),
    ),
    attachments=(
        AttachmentStatus("macvtap0", 7, Reach.MANAGED, MacvlanMode.VEPA, MacvlanMode.VEPA),
        AttachmentStatus("macvtap1", 8, Reach.CHOSEN, MacvlanMode.PRIVATE, None),
        AttachmentStatus("macvtap2", 9, Reach.FOREIGN, None, None),
    ),
    would=None,
    explanation=Explanation(
        policy="ask",
        rows=(4,),
        mode=Mode.VEPA,
        reason=Reason.RR_ACTIVE,
        sentence="the switch reflects",
        facts=(Fact("link", "up", 900.0), Fact("peers", 1, 985.25)),
    ),
)
SILENT = RelayStatus(None, False, None, None, None, None, None, 0, False, None)
OBSERVING = replace(
    SETTLED,
    name="eth1",
    ports=("eth1",),
    configured_mode=ConfiguredMode.OBSERVE,
    apply=False,
    mode=Mode.VEB,
    state=State.OBSERVING,
    reason=Reason.POLICY,
    since=1000.0,
    relay=SILENT,
    attachments=(),
    would=Would(Mode.VEPA, Reason.RR_ACTIVE),
    explanation=Explanation(
        policy="no",
        rows=(9, 10),
        reason=Reason.POLICY,
        sentence="nobody wants it",
        cure="want it",
        obstacles=(Obstacle("holding_up", "wait for it", "wait", Reason.HOLDING_UP),),
        facts=(Fact("requested", False, 1000.0),),
        pending=(Pending("holding_up", 1002.5),),
    ),
)

ETH0: dict[str, Any] = {
    "name": "eth0",
    "ports": ["eth0"],
    "configured": {"mode": "auto", "reflective_relay": "auto", "fallback": "veb", "apply": True},
    "effective": {"mode": "vepa", "backend": "macvtap"},
    "state": "settled",
    "reason": "rr_active",
    "since": "2026-11-22T11:59:47.750+00:00",
    "age_seconds": 12.5,
    "relay": {
        "capable": True,
        "requested": True,
        "operational": True,
        "echoed": True,
        "verified": None,
        "source": "evb_tlv",
        "version": "ratified",
        "peers": 1,
        "crowded": False,
        "peer": {"chassis_id": "00:00:5e:00:53:01", "port_id": "ge-0/0/1", "system_name": "switch1"},
    },
    "attachments": [
        {"name": "macvtap0", "ifindex": 7, "reach": "managed", "mode": "vepa", "wanted": "vepa"},
        {"name": "macvtap1", "ifindex": 8, "reach": "chosen", "mode": "private", "wanted": None},
        {"name": "macvtap2", "ifindex": 9, "reach": "foreign", "mode": None, "wanted": None},
    ],
    "would": None,
    "dcbx": [],
    "explanation": {
        "policy": "ask",
        "row": [4],
        "mode": "vepa",
        "reason": "rr_active",
        "sentence": "the switch reflects",
        "cure": None,
        "obstacles": [],
        "evidence": [
            {"what": "link", "value": "up", "since": "2026-11-22T11:58:20.250+00:00", "age_seconds": 100.0},
            {"what": "peers", "value": 1, "since": "2026-11-22T11:59:45.500+00:00", "age_seconds": 14.75},
        ],
        "pending": [],
    },
}
ETH1: dict[str, Any] = {
    "name": "eth1",
    "ports": ["eth1"],
    "configured": {"mode": "observe", "reflective_relay": "auto", "fallback": "veb", "apply": False},
    "effective": {"mode": "veb", "backend": "macvtap"},
    "state": "observing",
    "reason": "policy",
    "since": "2026-11-22T12:00:00.250+00:00",
    "age_seconds": 0.0,
    "relay": {
        "capable": None,
        "requested": False,
        "operational": None,
        "echoed": None,
        "verified": None,
        "source": None,
        "version": None,
        "peers": 0,
        "crowded": False,
        "peer": None,
    },
    "attachments": [],
    "would": {"mode": "vepa", "reason": "rr_active"},
    "dcbx": [],
    "explanation": {
        "policy": "no",
        "row": [9, 10],
        "mode": "veb",
        "reason": "policy",
        "sentence": "nobody wants it",
        "cure": "want it",
        "obstacles": [{"label": "holding_up", "sentence": "wait for it", "cure": "wait"}],
        "evidence": [
            {"what": "requested", "value": False, "since": "2026-11-22T12:00:00.250+00:00", "age_seconds": 0.0},
        ],
        "pending": [{"what": "holding_up", "due": "2026-11-22T12:00:02.750+00:00"}],
    },
}


def aged(uplink: dict[str, Any], seconds: float, *evidence: float) -> dict[str, Any]:
    """The uplink of a status, with its age and those of its evidence."""
    facts = [
        {**fact, "age_seconds": each} for fact, each in zip(uplink["explanation"]["evidence"], evidence, strict=True)
    ]
    return {**uplink, "age_seconds": seconds, "explanation": {**uplink["explanation"], "evidence": facts}}


def made(*uplinks: UplinkStatus, moment: Moment = MOMENT) -> dict[str, Any]:
    return document(uplinks, host="host1", generation=3, moment=moment)


def test_the_document_has_exactly_this_shape() -> None:
    assert made(SETTLED, OBSERVING) == {
        "schema": "evbagent/policy/1",
        "agent": {"name": "evbagent", "version": __version__, "guard": False},
        "host": "host1",
        "generation": 3,
        "written_at": "2026-11-22T12:00:00.250+00:00",
        "stale": False,
        "uplinks": {"eth0": ETH0, "eth1": ETH1},
    }
    assert list(made(SETTLED)["uplinks"]["eth0"]) == list(ETH0)  # in an order that people can read


def test_the_document_says_whether_a_guard_watches() -> None:
    guarded = document([SETTLED], host="host1", generation=3, moment=MOMENT, guarded=True)
    assert guarded["agent"]["guard"] is True
    assert {**guarded, "agent": None} == {**made(SETTLED), "agent": None}


def test_a_document_without_uplinks_has_an_empty_object() -> None:
    assert made()["uplinks"] == {}


UPLINKS = {"settled": SETTLED, "observing": OBSERVING, "nobody named": replace(SETTLED, relay=SILENT)}


@pytest.mark.parametrize("uplink", UPLINKS.values(), ids=UPLINKS.keys())
def test_json_keeps_all_of_it(uplink: UplinkStatus) -> None:
    assert json.loads(json.dumps(made(uplink), allow_nan=False)) == made(uplink)


def test_what_is_not_known_is_null_and_not_absent() -> None:
    def keys(value: object) -> object:
        if isinstance(value, dict):
            return {key: keys(each) for key, each in value.items() if key not in ("peer", "would")}
        return None

    settled, observing = made(SETTLED)["uplinks"]["eth0"], made(OBSERVING)["uplinks"]["eth1"]
    assert keys(settled) == keys(observing)
    assert (observing["relay"]["peer"], settled["would"]) == (None, None)


LATER = NOON + timedelta(minutes=1)
RELEASED: dict[str, Any] = {
    **ETH0,
    "effective": {"mode": "veb", "backend": "macvtap"},
    "state": "settled",
    "reason": "released",
    "since": "2026-11-22T12:01:00.250+00:00",
    "age_seconds": 0.0,
    "relay": ETH1["relay"],
    "attachments": [
        {"name": "macvtap0", "ifindex": 7, "reach": "managed", "mode": "bridge", "wanted": None},
        {"name": "macvtap1", "ifindex": 8, "reach": "chosen", "mode": "private", "wanted": None},
        {"name": "macvtap2", "ifindex": 9, "reach": "foreign", "mode": None, "wanted": None},
    ],
    "explanation": {
        "policy": "ask",
        "row": [],
        "mode": "veb",
        "reason": "released",
        "sentence": "the daemon is gone, and nobody watches any more",
        "cure": "start the daemon",
        "obstacles": [],
        "evidence": [],
        "pending": [],
    },
}


def test_a_document_that_its_daemon_has_abandoned_is_stale_and_says_what_the_kernel_has() -> None:
    before = made(SETTLED, OBSERVING)
    modes = {"eth0": {"macvtap0": "bridge", "macvtap1": "private", "macvtap2": "bridge"}, "eth9": {}}
    assert abandoned(before, modes, LATER) == {
        **before,
        "generation": 4,
        "written_at": "2026-11-22T12:01:00.250+00:00",
        "stale": True,
        "uplinks": {"eth0": RELEASED, "eth1": ETH1},
    }
    assert before == made(SETTLED, OBSERVING)


def test_a_guest_that_does_not_leave_vepa_is_told_in_it_and_one_that_has_gone_is_not() -> None:
    eth0 = abandoned(made(SETTLED), {"eth0": {"macvtap0": "vepa"}}, LATER)["uplinks"]["eth0"]
    assert (eth0["effective"]["mode"], eth0["state"], eth0["reason"]) == ("vepa", "leaving", "released")
    assert [each["name"] for each in eth0["attachments"]] == ["macvtap0", "macvtap2"]


TOKYO = timezone(timedelta(hours=9))
WALLS = {
    "UTC": (NOON, "2026-11-22T12:00:00.250+00:00"),
    "another zone": (NOON.astimezone(TOKYO), "2026-11-22T21:00:00.250+09:00"),
    "whole seconds": (NOON.replace(microsecond=0), "2026-11-22T12:00:00.000+00:00"),
    "finer than milliseconds": (NOON.replace(microsecond=250_999), "2026-11-22T12:00:00.250+00:00"),
}


@pytest.mark.parametrize(("wall", "written"), WALLS.values(), ids=WALLS.keys())
def test_times_are_written_as_rfc_3339_has_them(wall: datetime, written: str) -> None:
    assert made(moment=Moment(0.0, wall))["written_at"] == written


def test_the_status_is_a_list_of_the_same_uplinks_with_their_ages_of_now() -> None:
    later = NOON + timedelta(seconds=30, milliseconds=1)
    assert status_of(made(SETTLED, OBSERVING), later) == {
        "schema": "evbagent/status/1",
        "uplinks": [aged(ETH0, 42.501, 130.001, 44.751), aged(ETH1, 30.001, 30.001)],
    }


def test_a_clock_that_was_set_back_makes_nothing_younger_than_new() -> None:
    (eth0,) = status_of(made(SETTLED), NOON - timedelta(days=1))["uplinks"]
    assert eth0["age_seconds"] == 0.0


def test_the_document_that_was_read_stays_as_it_was() -> None:
    policy = made(SETTLED)
    status_of(policy, NOON + timedelta(hours=1))
    assert policy == made(SETTLED)


def test_schemas_are_versioned() -> None:
    assert (POLICY_SCHEMA, STATUS_SCHEMA) == ("evbagent/policy/1", "evbagent/status/1")


@given(st.floats(0, 1e7), st.floats(0, 1e6))
def test_a_status_read_from_json_has_the_age_that_time_gave_it(since: float, passed: float) -> None:
    moment = Moment(loop=since + passed, wall=NOON)
    policy = json.loads(json.dumps(made(replace(SETTLED, since=since), moment=moment)))
    (eth0,) = status_of(policy, NOON)["uplinks"]
    assert eth0["age_seconds"] == pytest.approx(passed, abs=0.002)
    assert policy["uplinks"]["eth0"]["age_seconds"] == pytest.approx(passed, abs=0.001)

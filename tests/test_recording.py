"""The lines of a recording: what each input looks like, that none is left out, and what is no recording."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import fields
from typing import Any, cast, get_args

import pytest

from evbagent import __version__
from evbagent.dcb import DcbxMode, KernelDcb
from evbagent.effects import Actuated, Effect, SendFrame, SendProbe, SetHairpin, SetModes
from evbagent.entry import EntrySettings
from evbagent.events import LinkState
from evbagent.legacy import Flaps, Goodbye, Known, Legacy
from evbagent.plain import plain
from evbagent.probe.attempt import ProbeSettings
from evbagent.recording import (
    Again,
    Answer,
    DcbAnswered,
    Deadline,
    Expectation,
    Inherited,
    Input,
    Line,
    Links,
    Malformed,
    Missed,
    Origin,
    Overflowed,
    ProbeOrigin,
    ProbesMissed,
    Received,
    Released,
    Slept,
    Start,
    parse,
    wish_key,
)
from evbagent.status import DraftUse, MacvlanMode
from evbagent.uplink import Uplink, UplinkSettings
from tests.support.frames import HOST, IDENTITY, agents

PROBE = ProbeOrigin(bytes(32), bytes(8), ProbeSettings(interval=0.5))
ORIGIN = Origin("eth0", UplinkSettings(), IDENTITY, agents(), EntrySettings(), DraftUse.ON, PROBE)
START = Start("2026-01-02T03:04:05.000+00:00", 12345, 0.25, ORIGIN)
PORT = LinkState(2, "eth0", HOST, up=True, carrier=True, carrier_ups=1)
PORT_VALUES = {
    "ifindex": 2,
    "name": "eth0",
    "address": "02:00:00:00:00:01",
    "up": True,
    "carrier": True,
    "carrier_ups": 1,
    "kind": None,
    "lower": None,
    "master": None,
    "mode": None,
    "stp": False,
    "hairpin": None,
    "foreign": False,
}
LEFT = Legacy("eth0", 2, 1, True, (Known("0180", 12400.5),), (Goodbye(2, "0181"),), Flaps((12000.0,), None, 600.0))
MODES = SetModes("eth0", {7: MacvlanMode.VEPA})

LINES: dict[str, tuple[Line, dict[str, Any]]] = {
    "links": (
        Line(0.5, None, Links(PORT, (PORT,))),
        {"at": 0.5, "input": "link", "port": PORT_VALUES, "attachments": [PORT_VALUES], "others": []},
    ),
    "no links": (
        Line(0.5, None, Links(None, (), frozenset({HOST}))),
        {"at": 0.5, "input": "link", "port": None, "attachments": [], "others": [str(HOST)]},
    ),
    "the same links": (Line(30.5, None, Again()), {"at": 30.5, "input": "link_again"}),
    "a frame": (
        Line(1.25, None, Received(b"\x01\x80", 5, 12346.2)),
        {"at": 1.25, "input": "receive", "octets": "0180", "vlan": 5, "arrived": 12346.2},
    ),
    "probes lost": (Line(2.0, None, ProbesMissed()), {"at": 2.0, "input": "probes_missed"}),
    "what a driver says": (
        Line(2.0, None, DcbAnswered(KernelDcb(DcbxMode.HOST | DcbxMode.IEEE))),
        {
            "at": 2.0,
            "input": "dcb",
            "kernel": {"mode": 9, "ieee": None, "cee": None, "ieee_peer": None, "cee_peer": None},
        },
    ),
    "frames lost": (Line(2.0, None, Missed(3)), {"at": 2.0, "input": "missed", "count": 3}),
    "frames of no account lost": (Line(2.0, None, Overflowed(3)), {"at": 2.0, "input": "overflowed", "count": 3}),
    "a suspension": (Line(9.0, None, Slept(60.5)), {"at": 9.0, "input": "slept", "seconds": 60.5}),
    "a timer": (Line(3.1, 3.0, Deadline(True)), {"at": 3.1, "input": "deadline", "due": 3.0, "drained": True}),
    "the end": (Line(9.0, 8.0, Released()), {"at": 9.0, "input": "release", "due": 8.0}),
    "what the daemon before left": (
        Line(0.25, None, Inherited(LEFT)),
        {
            "at": 0.25,
            "input": "inherit",
            "legacy": {
                "name": "eth0",
                "ifindex": 2,
                "carrier_ups": 1,
                "vepa": True,
                "neighbors": [{"frame": "0180", "expires": 12400.5}],
                "goodbyes": [{"ifindex": 2, "frame": "0181"}],
                "flaps": {"entries": [12000.0], "locked_until": None, "next_lockout": 600.0},
            },
        },
    ),
    "an answer": (
        Line(1.5, None, Answer.of(Actuated(MODES, {7: 16}, modes={7: MacvlanMode.BRIDGE}))),
        {
            "at": 1.5,
            "input": "actuated",
            "wish": {"set_modes": {"uplink": "eth0", "modes": {"7": "vepa"}}},
            "errors": {"7": 16},
            "modes": {"7": "bridge"},
            "hairpin": None,
            "sent": None,
        },
    ),
}


@pytest.mark.parametrize(("line", "values"), LINES.values(), ids=LINES.keys())
def test_a_line_has_exactly_this_shape_and_is_read_as_it_was_written(line: Line, values: dict[str, Any]) -> None:
    octets = line.line()
    assert json.loads(octets) == values
    assert octets.count(b"\n") == 1
    assert octets.endswith(b"\n")
    assert parse(octets, __version__) == line


def test_the_first_line_tells_what_the_uplink_is_made_of() -> None:
    values = json.loads(START.line())
    assert list(values) == ["schema", *(field.name for field in fields(Start))]
    assert (values["schema"], values["version"], values["loop"], values["at"]) == (
        "evbagent/record/1",
        __version__,
        12345,
        0.25,
    )
    assert values["origin"]["agents"]["nearest-customer-bridge"]["timing"]["interval"] == 30.0
    assert Start.parse(START.line()) == START
    assert START.core().status.since == 12345.25


def test_nothing_that_an_uplink_is_made_of_is_left_out() -> None:
    assert inspect.signature(Uplink).parameters.keys() - {"now"} == {field.name for field in fields(Origin)}


def test_nothing_that_an_uplink_is_told_is_left_out() -> None:
    asked = {"ports", "neighbors", "legacy"}  # what only answers
    told = {name for name, _ in inspect.getmembers(Uplink, inspect.isfunction) if not name.startswith("_")} - asked
    assert {kind.KIND for kind in (*get_args(Input), Answer)} == {
        "deadline" if name == "on_deadline" else name for name in told
    }


class Told:
    """In an uplink's place: which of its methods was called, with which arguments by name."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, object]]] = []

    def __getattr__(self, name: str) -> Callable[..., list[Effect]]:
        def called(*args: object, **keywords: object) -> list[Effect]:
            bound = inspect.signature(getattr(Uplink, name)).bind(self, *args, **keywords).arguments
            self.calls.append((name, {key: value for key, value in bound.items() if key != "self"}))
            return []

        return called


EVENTS = [line.event for line, _ in LINES.values() if isinstance(line.event, Input)]


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.KIND)
def test_the_core_is_told_all_that_was_recorded(event: Input) -> None:
    core = Told()
    event.apply(cast(Uplink, core), 7.0)
    ((_, arguments),) = core.calls
    recorded = {field.name: getattr(event, field.name) for field in fields(event)}
    assert {name: value for name, value in arguments.items() if name != "now"} == recorded
    assert arguments.get("now") == (None if event.KIND == "overflowed" else 7.0)


def test_there_is_a_line_of_each_kind() -> None:
    assert {type(event) for event in EVENTS} == set(get_args(Input))


def test_nothing_of_an_outcome_is_left_out() -> None:
    here = {"effect": "wish", "at": "sent"}
    assert {here.get(field.name, field.name) for field in fields(Actuated)} == {field.name for field in fields(Answer)}


OUTCOMES = [
    Actuated(MODES, {}, modes=None),
    Actuated(SetHairpin(2, on=True), {2: 1}, hairpin=False),
    Actuated(SendFrame(2, "nearest-bridge", b"\x01"), {2: 100}),
    Actuated(SendProbe(2, 7, b"\x01", b"\x02"), {}, at=12345.6789),
]


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: type(outcome.effect).__name__)
def test_an_answer_to_the_same_wish_is_the_outcome(outcome: Actuated) -> None:
    assert Answer.of(outcome).to(outcome.effect) == outcome


def test_a_wish_is_known_by_all_but_its_octets() -> None:
    one, other = SendFrame(2, "nearest-bridge", b"\x01"), SendFrame(2, "nearest-bridge", b"\x02")
    assert wish_key(one) == wish_key(other) == {"send_frame": {"port": 2, "scope": "nearest-bridge"}}
    assert wish_key(one) != wish_key(SendFrame(3, "nearest-bridge", b"\x01"))
    assert wish_key(MODES) != wish_key(SetModes("eth0", {7: MacvlanMode.BRIDGE}))


def test_what_people_expect_may_have_a_time() -> None:
    assert parse(b'{"expect": {"mode": "veb"}}', __version__) == Expectation(None, {"mode": "veb"})
    assert parse(b'{"at": 5, "expect": {}}', __version__) == Expectation(5.0, {})


WRONG: dict[str, tuple[bytes, str]] = {
    "no JSON": (b"{", "it is no JSON: Input data was truncated"),
    "no object": (b"[]\n", "it is no JSON object"),
    "no input": (
        b'{"at": 1}',
        "there is no input None (there are link, dcb, receive, probes_missed, missed, ",
    ),
    "an input of another kind": (b'{"at": 1, "input": []}', "there is no input [] (there are"),
    "no time": (b'{"input": "deadline"}', "at is missing"),
    "a time that is none": (b'{"at": "now", "input": "deadline"}', 'at is "now": Expected `float`'),
    "a key too many": (b'{"at": 1, "input": "deadline", "count": 3}', 'there is no key "count" (there are drained)'),
    "a key too few": (b'{"at": 1, "input": "missed"}', "count is missing"),
    "no octets": (b'{"at": 1, "input": "receive", "octets": "0g", "vlan": null}', 'octets is "0g": non-hexadecimal'),
    "an expectation that is none": (b'{"expect": 1}', "expect is 1: Expected `object`"),
    "an expectation with more": (b'{"expect": {}, "input": "link"}', 'there is no key "input" (there are at, expect)'),
    "too deep": (b'{"expect":' * 100_000, "it is no JSON: "),
    "digits without end": (
        b'{"at": ' + b"9" * 10_000 + b', "input": "deadline"}',
        "it is no JSON: Integer value out of range",
    ),
}


@pytest.mark.parametrize(("text", "reason"), WRONG.values(), ids=WRONG.keys())
def test_a_line_that_is_none_is_said_to_be_none(text: bytes, reason: str) -> None:
    with pytest.raises(Malformed) as raised:
        parse(text, __version__)
    assert str(raised.value).startswith(reason)


def test_an_input_that_only_another_version_knows_is_said_with_both_versions() -> None:
    with pytest.raises(Malformed, match=rf"no input 'probed' .*; version 9\.9 wrote it, and this is {__version__}$"):
        parse(b'{"at": 1, "input": "probed"}', "9.9")


NO_START: dict[str, tuple[dict[str, Any], str]] = {
    "another schema": ({"schema": "evbagent/record/2"}, "has the schema 'evbagent/record/1', this one has '"),
    "a setting of a later version": ({"origin": {"mood": 1}, "version": "9.9"}, "; version 9.9 wrote it, and"),
    "a clock before the beginning": ({"loop": -1}, "the clock does not begin at -1 s"),
    "no agents": ({"origin": {**plain(ORIGIN), "agents": 1}}, "origin.agents is 1"),
}


@pytest.mark.parametrize(("changes", "reason"), NO_START.values(), ids=NO_START.keys())
def test_a_first_line_that_is_none_is_said_to_be_none(changes: dict[str, Any], reason: str) -> None:
    values = {**json.loads(START.line()), **changes}
    with pytest.raises(Malformed) as raised:
        Start.parse(json.dumps(values).encode())
    assert reason in str(raised.value)

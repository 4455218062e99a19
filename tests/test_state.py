"""The state file: what was written is read, and what is not whole or not ours is no state."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evbagent.legacy import Flaps, Goodbye, Known, Legacy
from evbagent.state import STATE_SCHEMA, Boot, SavedState, StateError

HERE = Boot("0b0e8a3c-7a54-4d4e-9b5e-3f1c2d4e5f60", 4026531840, 12.5)
ETH0 = Legacy("eth0", 2, 3, True, (Known("0180c2", 120.5),), (Goodbye(2, "0180"),), Flaps((1.5,), 700.0, 600.0))
STATE = SavedState(HERE, 99.25, False, (ETH0, Legacy("eth1", 3, 1, False)), "0f" * 32)

SHAPE: dict[str, Any] = {
    "schema": STATE_SCHEMA,
    "version": STATE.version,
    "boot": {"id": HERE.id, "namespace": 4026531840, "asleep": 12.5},
    "started": 99.25,
    "released": False,
    "uplinks": [
        {
            "name": "eth0",
            "ifindex": 2,
            "carrier_ups": 3,
            "vepa": True,
            "neighbors": [{"frame": "0180c2", "expires": 120.5}],
            "goodbyes": [{"ifindex": 2, "frame": "0180"}],
            "flaps": {"entries": [1.5], "locked_until": 700.0, "next_lockout": 600.0},
        },
        {
            "name": "eth1",
            "ifindex": 3,
            "carrier_ups": 1,
            "vepa": False,
            "neighbors": [],
            "goodbyes": [],
            "flaps": {"entries": [], "locked_until": None, "next_lockout": None},
        },
    ],
    "probe_key": "0f" * 32,
}


def test_the_file_has_exactly_this_shape() -> None:
    text = STATE.encode().decode()
    assert json.loads(text) == SHAPE
    assert text.startswith('{\n "schema": "evbagent/state/1"')
    assert text.endswith("}\n")


def test_what_was_written_is_read() -> None:
    assert SavedState.decode(STATE.encode()) == STATE


def test_a_later_version_may_say_more() -> None:
    more = {**SHAPE, "uplinks": [{**uplink, "probe": "0011"} for uplink in SHAPE["uplinks"]], "later": 1}
    assert SavedState.decode(json.dumps(more).encode()) == STATE


@pytest.mark.parametrize("cut", range(0, len(STATE.encode()) - 2, 7))
def test_half_a_file_is_no_state(cut: int) -> None:
    with pytest.raises(StateError):
        SavedState.decode(STATE.encode()[:cut])


def uplink(**fields: Any) -> Callable[[], bytes]:
    return lambda: json.dumps({**SHAPE, "uplinks": [{**SHAPE["uplinks"][0], **fields}]}).encode()


def head(**fields: Any) -> Callable[[], bytes]:
    return lambda: json.dumps({**SHAPE, **fields}).encode()


FOREIGN: dict[str, tuple[Callable[[], bytes], str]] = {
    "nothing": (lambda: b"", "truncated"),
    "no JSON": (lambda: b"\xff\xfe", "malformed"),
    "a list": (lambda: b"[]", "array"),
    "nested without end": (lambda: b"[" * 100_000, "array"),
    "another schema": (head(schema="evbagent/state/2"), "$.schema"),
    "no uplinks": (head(uplinks=None), "$.uplinks"),
    "uplinks without end": (head(uplinks=[SHAPE["uplinks"][1]] * 4097), "$.uplinks"),
    "a key too short": (head(probe_key="0f" * 31), "$.probe_key"),
    "a start before the boot": (head(started=-1.0), "$.started"),
    "a name that is none": (uplink(name=""), "name"),
    "a name too long for an interface": (uplink(name="x" * 16), "name"),
    "no ifindex": (uplink(ifindex=0), "ifindex"),
    "an ifindex too large": (uplink(ifindex=1 << 31), "ifindex"),
    "half an octet": (uplink(goodbyes=[{"ifindex": 2, "frame": "018"}]), "frame"),
    "a frame too long": (uplink(goodbyes=[{"ifindex": 2, "frame": "00" * 2049}]), "frame"),
    "goodbyes without end": (uplink(goodbyes=[{"ifindex": 2, "frame": "00"}] * 17), "goodbyes"),
    "an expiry beyond all times": (uplink(neighbors=[{"frame": "00", "expires": 1e300}]), "expires"),
    "flaps without end": (uplink(flaps={"entries": [1.0] * 101}), "entries"),
}


@pytest.mark.parametrize(("content", "word"), FOREIGN.values(), ids=FOREIGN.keys())
def test_what_is_not_ours_is_no_state_and_the_reason_names_the_place(content: Callable[[], bytes], word: str) -> None:
    with pytest.raises(StateError, match=word.replace("$", r"\$")):
        SavedState.decode(content())


@given(st.binary(max_size=200))
def test_no_octets_raise_anything_else(content: bytes) -> None:
    with pytest.raises(StateError):
        SavedState.decode(content)


REFUSALS: dict[str, tuple[Boot, str | None, str | None]] = {
    # here and now: why its interfaces are not those of today, why nobody may go on from there
    "the same boot": (HERE, None, None),
    "the same boot, its clocks read at two moments": (replace(HERE, asleep=12.6), None, None),
    "another boot": (replace(HERE, id="another"), "the machine was booted since", "the machine was booted since"),
    "another network namespace": (
        replace(HERE, namespace=1),
        "it is of another network namespace",
        "it is of another network namespace",
    ),
    "a sleep since": (replace(HERE, asleep=14.0), None, "the machine slept since"),
}


@pytest.mark.parametrize(("here", "elsewhere", "refusal"), REFUSALS.values(), ids=REFUSALS.keys())
def test_what_is_of_another_place_or_time_is_not_gone_on_with(
    here: Boot, elsewhere: str | None, refusal: str | None
) -> None:
    assert (STATE.elsewhere(here), STATE.refusal(here)) == (elsewhere, refusal)

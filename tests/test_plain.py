"""Frozen values as JSON values and back: nothing is lost, and nothing that does not belong is taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, Flag
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evbagent.events import LinkState
from evbagent.plain import Misfit, plain, restored
from evbagent.status import MacvlanMode
from evbagent.wire.octets import MacAddress


class Bits(Flag):
    ONE = 1
    TWO = 2


class Color(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Inner:
    number: float
    text: str = "none"


@dataclass(frozen=True, slots=True)
class Everything:
    octets: bytes
    address: MacAddress | None
    color: Color
    flag: bool
    inner: Inner
    many: tuple[Inner, ...]
    by_number: Mapping[int, Color]
    by_color: Mapping[Color, int] | None
    bits: Bits
    some: frozenset[MacAddress]
    maybe: tuple[int | None, ...] = ()


VALUE = Everything(
    octets=b"\x01\xff",
    address=MacAddress.parse("02:00:00:00:00:01"),
    color=Color.BLUE,
    flag=True,
    inner=Inner(0.1, "ä"),
    many=(Inner(1.0), Inner(2.5, "x")),
    by_number={7: Color.RED},
    by_color={Color.BLUE: 3},
    bits=Bits.ONE | Bits.TWO,
    some=frozenset({MacAddress.parse("02:00:00:00:00:02"), MacAddress.parse("02:00:00:00:00:01")}),
    maybe=(1, None),
)
VALUES: dict[str, Any] = {
    "octets": "01ff",
    "address": "02:00:00:00:00:01",
    "color": "blue",
    "flag": True,
    "inner": {"number": 0.1, "text": "ä"},
    "many": [{"number": 1.0, "text": "none"}, {"number": 2.5, "text": "x"}],
    "by_number": {"7": "red"},
    "by_color": {"blue": 3},
    "bits": 3,
    "some": ["02:00:00:00:00:01", "02:00:00:00:00:02"],
    "maybe": [1, None],
}


def test_values_have_exactly_this_shape_and_come_back_from_it() -> None:
    assert plain(VALUE) == VALUES
    assert restored(Everything, VALUES) == VALUE


def test_what_has_a_default_may_be_left_out() -> None:
    assert restored(Inner, {"number": 1}) == Inner(1.0, "none")


WRONG: dict[str, tuple[object, str]] = {
    "no object": ([], "it is [], and not keys with values"),
    "a key that is not known": ({**VALUES, "more": 1}, 'there is no key "more" (there are octets, address,'),
    "a key that is missing": ({key: VALUES[key] for key in VALUES if key != "color"}, "color is missing"),
    "a word that is none": ({**VALUES, "color": "green"}, 'color is "green": Invalid enum value'),
    "text for a number": ({**VALUES, "inner": {"number": "1"}}, 'inner.number is "1": Expected `float`'),
    "a key inside": ({**VALUES, "inner": {"numbr": 1}}, 'there is no key "numbr" in inner (there are number, text)'),
    "one of many": ({**VALUES, "many": [{"number": 1}, {}]}, "many[1].number is missing"),
    "an object for many": ({**VALUES, "many": {}}, "many is {}: Expected `array`"),
    "a key that is no number": ({**VALUES, "by_number": {"x": "red"}}, 'by_number is "x": Expected `int`'),
    "a value below a key": ({**VALUES, "by_number": {"7": "green"}}, 'by_number.7 is "green": Invalid'),
    "null where something belongs": ({**VALUES, "flag": None}, "flag is null: Expected `bool`"),
    "a bit that means nothing": ({**VALUES, "bits": 4}, "bits is 4: <flag 'Bits'> invalid value 4"),
    "half an octet": ({**VALUES, "octets": "0"}, 'octets is "0": non-hexadecimal'),
    "a number for octets": ({**VALUES, "octets": 1}, "octets is 1: Expected `str`"),
    "half an address": ({**VALUES, "address": "02:00"}, "address is \"02:00\": '02:00' is no MAC address"),
    "something long": ({**VALUES, "color": "x" * 99}, f'color is "{"x" * 56}...: Invalid'),
}


@pytest.mark.parametrize(("values", "reason"), WRONG.values(), ids=WRONG.keys())
def test_what_does_not_fit_is_said_with_its_place_and_its_value(values: Any, reason: str) -> None:
    with pytest.raises(Misfit) as raised:
        restored(Everything, values)
    assert str(raised.value).startswith(reason)


links = st.builds(
    LinkState,
    ifindex=st.integers(1, 2**31 - 1),
    name=st.text(st.characters(exclude_categories=["Cs"]), max_size=15),
    address=st.none() | st.binary(min_size=6, max_size=6).map(MacAddress),
    up=st.booleans(),
    carrier=st.booleans(),
    carrier_ups=st.integers(0, 2**32 - 1),
    kind=st.none() | st.sampled_from(["veth", "macvlan"]),
    lower=st.none() | st.integers(1, 2**31 - 1),
    master=st.none() | st.integers(1, 2**31 - 1),
    mode=st.none() | st.sampled_from(MacvlanMode),
    hairpin=st.none() | st.booleans(),
    foreign=st.booleans(),
)


@given(links)
def test_links_go_through_json_and_stay_as_they_are(link: LinkState) -> None:
    assert restored(LinkState, msgspec.json.decode(msgspec.json.encode(plain(link)))) == link


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
known_keys = st.dictionaries(st.sampled_from(sorted(VALUES)), json_values)


@given(known_keys.map(lambda changes: {**VALUES, **changes}) | json_values)
def test_whatever_the_values_they_fit_or_are_said_not_to(values: Any) -> None:
    try:
        value = restored(Everything, values)
    except Misfit:
        return
    assert restored(Everything, plain(value)) == value

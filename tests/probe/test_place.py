"""The probe's own address: nobody else's, and always the same."""

from __future__ import annotations

from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from evbagent.events import LinkState
from evbagent.probe.place import Place, probe_address
from evbagent.wire.octets import MacAddress
from tests.wire.strategies import mac_addresses

KEY: Final = bytes(range(32))


def link(address: MacAddress) -> LinkState:
    return LinkState(2, "eth0", address, up=True, carrier=True, carrier_ups=1)


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=64), st.integers(1, 0xFFFFFFFF), st.lists(mac_addresses, max_size=5))
def test_it_is_unicast_and_assigned_by_an_administrator(key: bytes, port: int, taken: list[MacAddress]) -> None:
    address = probe_address(key, port, taken)
    assert address.octets[0] & 0x0F == 0x02
    assert address not in taken
    assert address == probe_address(key, port, taken)


def test_each_port_and_each_start_has_its_own() -> None:
    addresses = {probe_address(key, port, ()) for key in (KEY, KEY[::-1]) for port in range(1, 101)}
    assert len(addresses) == 200


def test_it_gives_way_to_whoever_has_it() -> None:
    taken: set[MacAddress] = set()
    for _ in range(20):
        address = probe_address(KEY, 2, taken)
        assert address not in taken
        taken.add(address)


def test_it_is_never_the_ports_own() -> None:
    first = probe_address(KEY, 2, ())
    place = Place.of(link(first), KEY, ())
    assert place is not None
    assert place.probe_address == probe_address(KEY, 2, {first})


def test_it_is_never_a_guests() -> None:
    first = probe_address(KEY, 2, ())
    place = Place.of(link(MacAddress.parse("02:00:00:00:00:01")), KEY, [first])
    assert place is not None
    assert place.probe_address == probe_address(KEY, 2, {first})

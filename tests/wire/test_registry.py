"""Every class of TLV: what it holds comes back from its octets, and no octets make it hold what could not be sent."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evbagent.wire.basic import ChassisId, PortId
from evbagent.wire.lldpdu import Lldpdu
from evbagent.wire.octets import Cursor, OctetsError
from evbagent.wire.registry import BASIC, ORGANIZATIONAL, VENDORS, Kind
from evbagent.wire.tlv import Repeated, Tlv
from tests.wire.strategies import KINDS, values

CHASSIS: Final = ChassisId(7, b"c")
PORT: Final = PortId(7, b"p")
FREE: Final = {
    "vlan_name",
    "port_protocol_vlan_id",
    "protocol_identity",
    "application_priority",
    "application_vlan",
    "med_network_policy",
    "med_location",
    "management_address",
}
STRICT: Final = {
    "evb",
    "evb_draft",
    "cdcp",
    "ets_configuration",
    "ets_recommendation",
    "pfc",
    "cee",
    "cin",
}

each_kind = pytest.mark.parametrize("kind", KINDS, ids=[kind.NAME for kind in KINDS])


def of(kind: type[Kind], information: bytes) -> Tlv:
    """A TLV of that kind with these octets in it, right or wrong."""
    for number, basic in BASIC.items():
        if basic is kind:
            return Tlv(number, information)
    return next(Tlv.organizational(key, information) for key, each in ORGANIZATIONAL.items() if each is kind)


def received(*tlvs: Tlv) -> Lldpdu:
    return Lldpdu.decode(Lldpdu(CHASSIS, PORT, 120, tlvs).encode())


def test_every_class_of_the_registry_is_tested_here_under_a_name_of_its_own() -> None:
    assert set(KINDS) == {*BASIC.values(), *ORGANIZATIONAL.values()}
    assert len({kind.NAME for kind in KINDS}) == len(KINDS)


@each_kind
def test_a_class_stands_in_the_registry_under_its_own_key(kind: type[Kind]) -> None:
    for number, basic in BASIC.items():
        assert number == basic.TYPE
    for key, organizational in ORGANIZATIONAL.items():
        assert key == organizational.KEY
    most = 511 if kind in BASIC.values() else 507
    assert 0 <= kind.LENGTHS[0] <= kind.LENGTHS[-1] <= most


@settings(deadline=None, max_examples=300)
@given(values)
def test_a_value_comes_back_from_its_octets(value: Kind) -> None:
    tlv = value.tlv()
    assert type(value).decode(Tlv.decode(Cursor(tlv.encode())).information) == value
    pdu = received(tlv)
    assert (pdu.optional, pdu.faults, pdu.unrecognized) == ((tlv,), (), 0)


def at_reception(kind: type[Kind], information: bytes) -> Kind | None:
    """What a reader gets of these octets, None where the TLV was discarded."""
    pdu = received(of(kind, information))
    assert len(pdu.optional) + len(pdu.faults) == 1
    return kind.decode(pdu.optional[0].information) if pdu.optional else None


@each_kind
@settings(deadline=None, max_examples=50)
@given(data=st.data())
def test_octets_of_a_legal_length_are_a_value_that_could_be_sent_or_a_fault_said_at_once(
    kind: type[Kind], data: st.DataObject
) -> None:
    length = data.draw(st.sampled_from(kind.LENGTHS))
    value = at_reception(kind, data.draw(st.binary(min_size=length, max_size=length)))
    assert value is not None or kind.CHECKED
    if value is not None:
        assert at_reception(kind, value.tlv().information.rest()) == value


@settings(deadline=None, max_examples=300)
@given(values, st.data())
def test_a_value_cut_or_with_one_bit_flipped_is_another_value_or_a_fault(value: Kind, data: st.DataObject) -> None:
    kind, octets = type(value), bytearray(value.tlv().information.rest())
    if octets:
        at = data.draw(st.integers(0, len(octets) * 8 - 1))
        octets[at // 8] ^= 1 << at % 8
    for information in (bytes(octets), bytes(octets)[: data.draw(st.integers(0, len(octets)))]):
        said = at_reception(kind, information)
        assert said is None or at_reception(kind, said.tlv().information.rest()) == said


@each_kind
@settings(deadline=None, max_examples=25)
@given(octets=st.binary(max_size=60))
def test_no_octets_cause_any_other_exception(kind: type[Kind], octets: bytes) -> None:
    try:
        value = kind.decode(Cursor(octets))
    except OctetsError:
        return
    assert type(value).decode(value.tlv().information) == value


@each_kind
def test_tlvs_that_stand_there_twice_count_as_their_class_says(kind: type[Kind]) -> None:
    tlv = of(kind, GOOD.get(kind.NAME, bytes(kind.LENGTHS[0])))
    pdu = received(tlv, tlv)
    expected = Repeated.ALL_COUNT if kind.NAME in FREE else Repeated.FIRST_COUNTS
    if kind.NAME in STRICT:
        expected = Repeated.NONE_COUNTS
    kept, reason = {
        Repeated.ALL_COUNT: (2, None),
        Repeated.FIRST_COUNTS: (1, f"{kind.NAME} stands there already"),
        Repeated.NONE_COUNTS: (0, f"{kind.NAME} stands there 2 times, so none of them counts"),
    }[expected]
    assert (pdu.optional, [fault.reason for fault in pdu.faults]) == ((tlv,) * kept, [reason] * (2 - kept))


# Octets that the class takes, where zeros of the least length are none.
GOOD: Final = {
    "management_address": bytes.fromhex("02 01 00 02 00000007 00"),
    "cdcp": bytes.fromhex("880000a7 001001"),
    "cee": bytes.fromhex("020a 0000 00000001 00000000"),
    "cin": bytes.fromhex("020a 0000 00000001 00000000"),
}


@settings(deadline=None, max_examples=200)
@given(values, st.data())
def test_a_number_outside_its_field_is_refused(value: Any, data: st.DataObject) -> None:
    numbers = [field.name for field in fields(value) if type(getattr(value, field.name)) is int]
    if numbers:
        name = data.draw(st.sampled_from(numbers))
        arguments = {field.name: getattr(value, field.name) for field in fields(value)}
        for wrong in (-1, 2**32):
            with pytest.raises(OctetsError, match=r"is [01]\.\.[0-9]+, not"):
                type(value)(**{**arguments, name: wrong})


def test_vendors_have_an_oui_and_a_name_that_can_be_shown() -> None:
    assert all(len(oui) == 3 and name.isprintable() for oui, name in VENDORS.items())
    assert {kind.KEY.oui for kind in ORGANIZATIONAL.values()} <= VENDORS.keys()

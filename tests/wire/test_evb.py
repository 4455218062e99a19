"""The EVB TLV bit by bit: octets known by heart, every field in its place, reserved bits zero out and ignored in."""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evbagent.wire.evb import BridgeStatus, Evb, EvbMode, RrStatus, StationStatus
from evbagent.wire.octets import Cursor, OctetsError
from tests.wire.strategies import evbs

ON: Final = BridgeStatus(rr_capable=True, rr_control=True)
ASKS: Final = StationStatus(rr_request=True, rr_status=RrStatus.UNKNOWN)

GOLDEN = {
    "station asks, has heard nothing": (Evb(EvbMode.STATION, station=ASKS), "FE09 0080C20D 00 07 6E 94 14"),
    "bridge has it on, echoes us": (Evb(EvbMode.BRIDGE, ON, ASKS), "FE09 0080C20D 03 07 6E 54 14"),
    "bridge could": (Evb(EvbMode.BRIDGE, BridgeStatus(rr_capable=True)), "FE09 0080C20D 02 00 6E 54 14"),
    "station confirms, both numbers the bridge's": (
        Evb(
            EvbMode.STATION,
            ON,
            StationStatus(rr_request=True, rr_status=RrStatus.TRUE),
            remote_rwd=True,
            remote_rka=True,
        ),
        "FE09 0080C20D 03 05 6E B4 34",
    ),
    "all bits": (
        Evb(
            EvbMode.RESERVED,
            BridgeStatus(rr_capable=True, rr_control=True, group_id=True),
            StationStatus(rr_request=True, rr_status=RrStatus.UNKNOWN, group_id=True),
            retries=7,
            rte=31,
            rwd=31,
            rka=31,
            remote_rwd=True,
            remote_rka=True,
        ),
        "FE09 0080C20D 07 0F FF FF 3F",
    ),
}


@pytest.mark.parametrize(("evb", "octets"), GOLDEN.values(), ids=GOLDEN.keys())
def test_an_evb_tlv_has_these_octets(evb: Evb, octets: str) -> None:
    assert evb.tlv().encode() == bytes.fromhex(octets)


NOTHING: Final[dict[str, Any]] = {"mode": EvbMode.NOT_SUPPORTED, "retries": 0, "rte": 0, "rwd": 0, "rka": 0}

BITS: dict[str, tuple[str, dict[str, Any]]] = {
    "BGID": ("04 00 00 00 00", {"bridge": BridgeStatus(group_id=True)}),
    "RRCAP": ("02 00 00 00 00", {"bridge": BridgeStatus(rr_capable=True)}),
    "RRCTR": ("01 00 00 00 00", {"bridge": BridgeStatus(rr_control=True)}),
    "SGID": ("00 08 00 00 00", {"station": StationStatus(group_id=True)}),
    "RRREQ": ("00 04 00 00 00", {"station": StationStatus(rr_request=True)}),
    "RRSTAT true": ("00 01 00 00 00", {"station": StationStatus(rr_status=RrStatus.TRUE)}),
    "RRSTAT undefined": ("00 02 00 00 00", {"station": StationStatus(rr_status=RrStatus.UNDEFINED)}),
    "R, lowest bit": ("00 00 20 00 00", {"retries": 1}),
    "RTE, highest bit": ("00 00 10 00 00", {"rte": 16}),
    "mode bridge": ("00 00 00 40 00", {"mode": EvbMode.BRIDGE}),
    "mode station": ("00 00 00 80 00", {"mode": EvbMode.STATION}),
    "ROL of RWD": ("00 00 00 20 00", {"remote_rwd": True}),
    "RWD, highest bit": ("00 00 00 10 00", {"rwd": 16}),
    "ROL of RKA": ("00 00 00 00 20", {"remote_rka": True}),
    "RKA, highest bit": ("00 00 00 00 10", {"rka": 16}),
    "nothing": ("00 00 00 00 00", {}),
    "reserved bits": ("F8 F0 00 00 C0", {}),
    "what a later revision appends": ("00 00 00 00 00 FF FF", {}),
}


@pytest.mark.parametrize(("octets", "fields"), BITS.values(), ids=BITS.keys())
def test_a_bit_means_its_field_and_no_other(octets: str, fields: dict[str, Any]) -> None:
    assert Evb.decode(Cursor(bytes.fromhex(octets))) == Evb(**{**NOTHING, **fields})


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("retries", -1, "R is 0..7, not -1"),
        ("retries", 8, "R is 0..7, not 8"),
        ("rte", -1, "RTE is 0..31, not -1"),
        ("rte", 32, "RTE is 0..31, not 32"),
        ("rwd", -1, "RWD is 0..31, not -1"),
        ("rwd", 32, "RWD is 0..31, not 32"),
        ("rka", -1, "RKA is 0..31, not -1"),
        ("rka", 32, "RKA is 0..31, not 32"),
    ],
)
def test_a_number_that_does_not_fit_is_refused_by_its_name(field: str, value: int, text: str) -> None:
    with pytest.raises(OctetsError, match=f"^{text}$"):
        Evb(**{**NOTHING, field: value})


@pytest.mark.parametrize("length", range(5))
def test_fewer_than_five_octets_are_refused(length: int) -> None:
    with pytest.raises(OctetsError, match="1 octets wanted, 0 left"):
        Evb.decode(Cursor(bytes(length)))


@settings(deadline=None)
@given(evbs, st.binary(max_size=20))
def test_an_evb_tlv_comes_back_whatever_a_later_revision_appends(evb: Evb, appended: bytes) -> None:
    assert Evb.decode(Cursor(evb.tlv().information.rest() + appended)) == evb


@settings(deadline=None)
@given(st.binary(min_size=5, max_size=5))
def test_any_five_octets_are_an_evb_tlv_and_go_out_without_reserved_bits(octets: bytes) -> None:
    sent = Evb.decode(Cursor(octets)).tlv().information.rest()
    assert sent == bytes(octet & mask for octet, mask in zip(octets, b"\x07\x0f\xff\xff\x3f", strict=True))

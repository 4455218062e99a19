"""ECP and VDP, ratified and drafted: octets known by heart, and for all others what is wrong with them."""

from __future__ import annotations

from typing import Any, Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evbagent.wire.ecp import DraftEcp, Ecp, EcpOperation
from evbagent.wire.octets import Cursor, MacAddress, OctetsError
from evbagent.wire.vdp import DraftVdp, DraftVsi, Filter, FilterFormat, Vdp, Vsi, VsiIdFormat, VsiType
from tests.wire.vectors import ECP, Vector

GUEST: Final = MacAddress.parse("52:54:00:12:34:56")
UUID: Final = "fa9b7fffb0a04893abcdbeef4ff18f8f"
MANAGER: Final = "0a10 0000000000000000 0000 ffff c0000201"
HEAD: Final = f"00 000102 01 05 {UUID}"
DRAFT: Final = f"02 00 01 000102 01 {UUID} 02 0001 525400123456 0064"


def vsi(**fields: Any) -> Vsi:
    """The one that most rows differ from."""
    known: dict[str, Any] = {
        "type": VsiType.ASSOCIATE,
        "status": 0,
        "type_id": 258,
        "type_version": 1,
        "id_format": VsiIdFormat.UUID,
        "id": bytes.fromhex(UUID),
        "filter_format": FilterFormat.MAC_VID,
        "filters": (Filter(100, mac=GUEST),),
    }
    return Vsi(**{**known, **fields})


# --- the header

HEADERS = {
    "request of VDP": ("1001 0001", Ecp(1, EcpOperation.REQUEST, 1, 1), None),
    "acknowledgment": ("1401 0001", Ecp(1, EcpOperation.ACK, 1, 1), None),
    "port extender": ("1002 ffff aa", Ecp(1, 0, 2, 65535, b"\xaa"), None),
    "version to come": ("2001 0001", Ecp(2, 0, 1, 1), "ECP version 2 is not known, only 1"),
    "reserved operation": ("1801 0001", Ecp(1, 2, 1, 1), "ECP operation 2 is reserved"),
    "unknown subtype": ("13ff 0001", Ecp(1, 0, 1023, 1), "ECP subtype 1023 is not known"),
}


@pytest.mark.parametrize(("octets", "ecp", "fault"), HEADERS.values(), ids=HEADERS.keys())
def test_a_header_is_read_and_what_nobody_acknowledges_says_why(octets: str, ecp: Ecp, fault: str | None) -> None:
    assert Ecp.decode(Cursor(bytes.fromhex(octets))) == ecp
    assert ecp.fault == fault


DRAFT_HEADERS = {
    "request": ("001b3f 00 0000 00 0001", DraftEcp(0, 0, 1), None),
    "acknowledgment": ("001b3f 00 0000 01 0004 0000", DraftEcp(1, 0, 4, b"\0\0"), None),
    "unknown mode": ("001b3f 00 0000 02 0001", DraftEcp(2, 0, 1), "draft ECP mode 2 is not known"),
    "unknown subtype": ("001b3f 00 0001 00 0001", DraftEcp(0, 1, 1), "draft ECP subtype 1 is not known"),
    "another protocol of the OUI": ("001b3f 01 0000 00 0001", None, None),
    "another OUI": ("0080c2 00", None, None),
}


@pytest.mark.parametrize(("octets", "ecp", "fault"), DRAFT_HEADERS.values(), ids=DRAFT_HEADERS.keys())
def test_a_draft_header_is_read_and_no_other_protocol_is(octets: str, ecp: DraftEcp | None, fault: str | None) -> None:
    found = DraftEcp.decode(Cursor(bytes.fromhex(octets)))
    assert found == ecp
    assert (found and found.fault) == fault
    assert (found and found.version) == (None if ecp is None else 0)


@pytest.mark.parametrize("length", range(4))
def test_fewer_than_four_octets_are_no_header(length: int) -> None:
    with pytest.raises(OctetsError, match="octets wanted"):
        Ecp.decode(Cursor(bytes.fromhex("10010001")[:length]))


@pytest.mark.parametrize("length", range(9))
def test_fewer_than_nine_octets_are_no_draft_header(length: int) -> None:
    with pytest.raises(OctetsError, match="octets wanted"):
        DraftEcp.decode(Cursor(bytes.fromhex("001b3f000000000001")[:length]))


MISFITS: dict[str, tuple[type[Ecp | DraftEcp], dict[str, int], str]] = {
    "version": (Ecp, {"version": 16}, "an ECP version is 0..15, not 16"),
    "operation": (Ecp, {"operation": 4}, "an ECP operation is 0..3, not 4"),
    "subtype": (Ecp, {"subtype": 1024}, "an ECP subtype is 0..1023, not 1024"),
    "sequence": (Ecp, {"sequence": -1}, "an ECP sequence number is 0..65535, not -1"),
    "draft mode": (DraftEcp, {"operation": 256}, "a draft ECP mode is 0..255, not 256"),
    "draft subtype": (DraftEcp, {"subtype": 65536}, "a draft ECP subtype is 0..65535, not 65536"),
    "draft sequence": (DraftEcp, {"sequence": 65536}, "a draft ECP sequence number is 0..65535, not 65536"),
}


@pytest.mark.parametrize(("kind", "fields", "text"), MISFITS.values(), ids=MISFITS.keys())
def test_a_number_that_does_not_fit_is_refused_by_its_name(kind: Any, fields: dict[str, int], text: str) -> None:
    version = {"version": 1} if kind is Ecp else {}
    with pytest.raises(OctetsError, match=f"^{text}$"):
        kind(**{**version, "operation": 0, "subtype": 0, "sequence": 0, **fields})


# --- VDP

PAYLOADS: dict[str, tuple[str, tuple[Vsi, ...], list[str]]] = {
    "associate": (f"{MANAGER} 0621 {HEAD} 02 0001 525400123456 0064", (vsi(),), []),
    "answer with a priority": (
        f"{MANAGER} 0621 40 000102 01 05 {UUID} 02 0001 525400123456 b064",
        (vsi(status=0x40, filters=(Filter(100, pcp=3, ps=True, mac=GUEST),)),),
        [],
    ),
    "by VID": (
        f"{MANAGER} 021d {HEAD} 01 0002 0064 0fff",
        (vsi(type=VsiType.PRE_ASSOCIATE, filter_format=1, filters=(Filter(100), Filter(4095))),),
        [],
    ),
    "by group": (
        f"{MANAGER} 041f {HEAD} 03 0001 00001234 0000",
        (vsi(type=VsiType.PRE_ASSOCIATE_RR, filter_format=3, filters=(Filter(0, group=4660),)),),
        [],
    ),
    "by group and MAC": (
        f"{MANAGER} 0825 {HEAD} 04 0001 00001234 525400123456 0064",
        (vsi(type=VsiType.DE_ASSOCIATE, filter_format=4, filters=(Filter(100, mac=GUEST, group=4660),)),),
        [],
    ),
    "two, one of somebody's TLVs between, and padding": (
        f"{MANAGER} 061b {HEAD} 01 0001 0001 fe04 001b21ff 061b {HEAD} 01 0001 0002 0000 ffff",
        (vsi(filter_format=1, filters=(Filter(1),)), vsi(filter_format=1, filters=(Filter(2),))),
        [],
    ),
    "a manager and nothing else": (MANAGER, (), []),
    "one octet of padding": (f"{MANAGER} 00", (), []),
    "nothing": ("", (), ["the VSI manager ID stands there 0 times, not once"]),
    "two managers": (f"{MANAGER} {MANAGER}", (), ["the VSI manager ID stands there 2 times, not once"]),
    "the manager last": (
        f"061b {HEAD} 01 0001 0001 {MANAGER}",
        (),
        ["the VSI manager ID does not stand at the front"],
    ),
    "a short manager": ("0a04 c0000201", (), ["a VSI manager ID has 16 octets, not 4"]),
    "a count too high": (
        f"{MANAGER} 0621 {HEAD} 02 0002 525400123456 0064",
        (),
        ["2 filter entries of format 2 take 16 octets, not 8"],
    ),
    "octets behind the entries": (
        f"{MANAGER} 061c {HEAD} 01 0001 0064 00",
        (),
        ["1 filter entries of format 1 take 2 octets, not 3"],
    ),
    "no entry": (f"{MANAGER} 0619 {HEAD} 01 0000", (), ["there is at least one filter entry, not 0"]),
    "a reserved filter format": (f"{MANAGER} 061b {HEAD} 05 0001 0064", (), ["filter format 5 is reserved"]),
    "a short VSI beside a good one": (
        f"{MANAGER} 0602 0000 061b {HEAD} 01 0001 0001",
        (vsi(filter_format=1, filters=(Filter(1),)),),
        ["3 octets wanted, 1 left"],
    ),
    "a TLV past the end": (
        f"{MANAGER} 06ff {HEAD}",
        (),
        ["a TLV runs past the end of the frame: 255 octets wanted, 22 left"],
    ),
    "one octet too many": (f"{MANAGER} 06", (), ["a TLV runs past the end of the frame: 2 octets wanted, 1 left"]),
}


@pytest.mark.parametrize(("octets", "vsis", "reasons"), PAYLOADS.values(), ids=PAYLOADS.keys())
def test_a_payload_has_these_vsis_and_faults(octets: str, vsis: tuple[Vsi, ...], reasons: list[str]) -> None:
    vdp = Vdp.decode(bytes.fromhex(octets))
    assert (vdp.vsis, [fault.reason for fault in vdp.faults]) == (vsis, reasons)


IDENTITIES = {
    "IPv4, mapped": (1, "00000000000000000000ffffc0000201", "192.0.2.1"),
    "IPv6": (2, "20010db8000000000000000000000001", "2001:db8::1"),
    "MAC, of which nobody says where": (3, "52540012345600000000000000000000", "52540012345600000000000000000000"),
    "local": (4, "6775657374" + "00" * 11, "6775657374" + "00" * 11),
    "UUID": (5, UUID, "fa9b7fff-b0a0-4893-abcd-beef4ff18f8f"),
    "reserved": (9, "ff" * 16, "ff" * 16),
}


@pytest.mark.parametrize(("form", "octets", "text"), IDENTITIES.values(), ids=IDENTITIES.keys())
def test_a_vsi_is_named_as_its_format_says(form: int, octets: str, text: str) -> None:
    assert vsi(id_format=form, id=bytes.fromhex(octets)).id_text == text


@pytest.mark.parametrize(
    ("octets", "text"),
    [
        (MANAGER, "192.0.2.1"),
        ("0a10" + "00" * 16, "::"),
        ("0a10 20010db8000000000000000000000001", "2001:db8::1"),
        ("", None),
    ],
)
def test_a_manager_is_an_address(octets: str, text: str | None) -> None:
    assert Vdp.decode(bytes.fromhex(octets)).manager_text == text


ASSOCIATED: Final = DraftVsi(2, 0, 1, 258, 1, bytes.fromhex(UUID), 2, (Filter(100, mac=GUEST),))

DRAFT_PAYLOADS: dict[str, tuple[str, tuple[DraftVsi, ...], list[str]]] = {
    "associate": (f"fe26 001b3f02 {DRAFT} 0000", (ASSOCIATED,), []),
    "nothing, as lldpad sends it": ("0000", (), []),
    "another TLV": ("fe05 0080c20d00 0000", (), []),
    "another filter format": (
        f"fe20 001b3f02 02 00 01 000102 01 {UUID} 01 0001 0064",
        (),
        ["the draft knows filter format 2 alone, not 1"],
    ),
    "cut short": ("fe06 001b3f02 0200", (), ["1 octets wanted, 0 left"]),
    "past the end": ("fe26 001b3f02", (), ["a TLV runs past the end of the frame: 38 octets wanted, 4 left"]),
}


@pytest.mark.parametrize(("octets", "vsis", "reasons"), DRAFT_PAYLOADS.values(), ids=DRAFT_PAYLOADS.keys())
def test_a_draft_payload_has_these_vsis_and_faults(octets: str, vsis: tuple[DraftVsi, ...], reasons: list[str]) -> None:
    vdp = DraftVdp.decode(bytes.fromhex(octets))
    assert (vdp.vsis, [fault.reason for fault in vdp.faults]) == (vsis, reasons)


def test_a_draft_vsi_is_named_by_its_uuid() -> None:
    assert ASSOCIATED.id_text == "fa9b7fff-b0a0-4893-abcd-beef4ff18f8f"


# --- whatever octets


def ranges(vdp: Vdp | DraftVdp) -> list[tuple[int, int, int]]:
    return [(entry.vid, entry.pcp, entry.group or 0) for one in vdp.vsis for entry in one.filters]


@pytest.mark.parametrize("vector", ECP, ids=str)
def test_a_frame_cut_anywhere_or_with_a_flipped_bit_has_no_value_out_of_its_range(vector: Vector) -> None:
    payload = vector.octets[23 if vector.octets[13] == 0xB7 else 18 :]
    flipped = (
        bytes(octet ^ (1 << bit % 8 if at == bit // 8 else 0) for at, octet in enumerate(payload))
        for bit in range(len(payload) * 8)
    )
    for octets in [payload[:length] for length in range(len(payload) + 1)] + list(flipped):
        for vdp in (Vdp.decode(octets), DraftVdp.decode(octets)):
            assert all(vid < 4096 and pcp < 8 and group < 1 << 32 for vid, pcp, group in ranges(vdp))
            assert all(fault.reason.isprintable() for fault in vdp.faults)


@settings(deadline=None)
@given(st.binary(max_size=600), st.booleans())
def test_any_payload_has_vsis_or_says_what_is_ignored(tail: bytes, managed: bool) -> None:
    payload = bytes.fromhex(MANAGER) + tail if managed else tail
    vdp = Vdp.decode(payload)
    assert vdp.vsis == () or vdp.manager is not None
    assert 2 * len(ranges(vdp)) <= len(payload)
    assert 2 * len(ranges(DraftVdp.decode(payload))) <= len(payload)

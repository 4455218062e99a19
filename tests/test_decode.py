"""`evbagent decode`: every key in every answer, the verdicts, and nothing of a peer's that could harm a terminal."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result
from hypothesis import given, settings
from hypothesis import strategies as st

from evbagent.cli import main
from evbagent.decode import SCHEMA, decode
from evbagent.wire.ethernet import DiscardReason
from tests.support.answers import check, cut_or_flipped
from tests.wire.vectors import ECP, LLDP, VECTORS, Vector

KEYS: Final = [
    *("verdict", "discard_reason", "destination", "source", "scope", "vlan", "chassis_id", "port_id", "ttl"),
    *("port_description", "system_name", "system_description", "capabilities", "capabilities_enabled"),
    *("management_addresses", "tlvs", "org_tlvs", "evb", "evb_draft", "cdcp", "dcbx", "ecp", "faults"),
]
NESTED: Final = {
    "chassis_id": {"subtype", "subtype_name", "value", "hex"},
    "port_id": {"subtype", "subtype_name", "value", "hex"},
    "management_addresses": {"family", "address", "interface_subtype", "interface_number", "oid"},
    "org_tlvs": {"oui", "subtype", "name", "fields", "hex"},
    "evb": {
        *("rr_capable", "rr_control", "bridge_group_id", "rr_request", "rr_status", "station_group_id", "retries"),
        *("rte", "mode", "remote_rwd", "rwd", "remote_rka", "rka"),
    },
    "evb_draft": {
        *("supported_mode", "supported_capabilities", "configured_mode", "configured_capabilities"),
        *("supported_vsis", "configured_vsis", "rte"),
    },
    "cdcp": {"role", "s_component", "channel_capacity", "channels"},
    "dcbx": {"ieee", "cee", "cin"},
    "dcbx.ieee": {"ets_config", "ets_recommended", "pfc", "applications"},
    "dcbx.ieee.ets_config": {"willing", "cbs", "max_tcs", "prio_tc", "tc_bandwidth", "tc_tsa"},
    "dcbx.ieee.ets_recommended": {"willing", "cbs", "max_tcs", "prio_tc", "tc_bandwidth", "tc_tsa"},
    "dcbx.ieee.pfc": {"willing", "mbc", "cap", "enabled"},
    "dcbx.ieee.applications": {"priority", "selector", "protocol"},
    "dcbx.cee": {"control", "priority_groups", "pfc", "applications"},
    "dcbx.cee.control": {"oper_version", "max_version", "seq_no", "ack_no"},
    "dcbx.cee.priority_groups": {"header", "pgid", "percent", "num_tcs"},
    "dcbx.cee.pfc": {"header", "enabled", "num_tcs"},
    "dcbx.cee.pfc.header": {"enable", "willing", "error"},
    "dcbx.cee.applications": {"header", "applications"},
    "dcbx.cin": {"control", "priority_groups", "pfc", "applications"},
    "dcbx.cin.pfc": {"header", "enabled", "num_tcs"},
    "ecp": {"version", "operation", "subtype", "sequence", "vdp"},
    "ecp.vdp": {
        *("type", "status", "vsi_type_id", "vsi_type_version", "vsi_id_format", "vsi_id", "filter_format", "filters"),
    },
    "ecp.vdp.filters": {"group", "mac", "vid", "pcp", "ps"},
    "faults": {"type", "oui", "subtype", "reason"},
}


def values(answer: Any, path: str) -> list[dict[str, Any]]:
    """What stands at that path in the answer, in a list or by itself; nothing where it is null."""
    found: list[Any] = [answer]
    for part in path.split("."):
        steps = [each[part] for each in found if each is not None]
        found = [each for step in steps for each in (step if isinstance(step, list) else [step])]
    return [each for each in found if each is not None]


@pytest.mark.parametrize("path", NESTED)
def test_a_value_has_all_its_keys_wherever_it_is(path: str) -> None:
    found = [value for vector in VECTORS for value in values(decode(vector.octets), path)]
    assert found
    assert [value.keys() for value in found] == [NESTED[path]] * len(found)


@pytest.mark.parametrize("vector", VECTORS, ids=str)
def test_an_answer_has_all_its_keys_in_their_order(vector: Vector) -> None:
    assert list(decode(vector.octets)) == KEYS


@pytest.mark.parametrize("vector", LLDP, ids=str)
def test_a_frame_is_valid_or_discarded_as_its_vector_says(vector: Vector) -> None:
    answer = decode(vector.octets)
    assert answer["verdict"] == ("discarded" if vector.verdict == "invalid-frame" else "valid")
    assert (answer["discard_reason"] is None) == (answer["verdict"] == "valid")
    assert bool(answer["faults"]) == (vector.verdict in ("invalid-frame", "valid-partial"))


# --- frames

CUSTOMER: Final = "0180c2000000 02005e005301"
MANDATORY: Final = "88cc 0202 0763 0402 0770 0602 0078"


def answered(text: str) -> dict[str, Any]:
    return decode(bytes.fromhex(text))


VERDICTS: dict[str, tuple[str, tuple[str, str | None, int | None]]] = {
    "untagged": (f"{CUSTOMER} {MANDATORY}", ("valid", None, None)),
    "priority-tagged": (f"{CUSTOMER} 8100 e000 {MANDATORY}", ("valid", None, 0)),
    "in a VLAN, which the daemon discards": (f"{CUSTOMER} 8100 e064 {MANDATORY}", ("valid", None, 100)),
    "in an S-channel": (f"{CUSTOMER} 88a8 0065 {MANDATORY}", ("valid", None, 101)),
    "in a VLAN of an S-channel": (f"{CUSTOMER} 88a8 0065 8100 0064 {MANDATORY}", ("valid", None, 101)),
    "nothing": ("", ("discarded", "truncated", None)),
    "addresses only": (CUSTOMER, ("discarded", "truncated", None)),
    "a tag only": (f"{CUSTOMER} 8100 e064", ("discarded", "truncated", None)),
    "no TLV": (f"{CUSTOMER} 88cc", ("discarded", "missing_mandatory", None)),
    "IPv4": (f"{CUSTOMER} 0800 4500", ("not_lldp", "not_lldp", None)),
    "IPv4 in a VLAN": (f"{CUSTOMER} 8100 0064 0800 4500", ("not_lldp", "not_lldp", 100)),
    "ECP": (f"{CUSTOMER} 8940 14010001", ("not_lldp", None, None)),
    "half an ECP header": (f"{CUSTOMER} 8940 1401", ("discarded", "truncated", None)),
    "ECP of the draft": (f"{CUSTOMER} 88b7 001b3f00 0000 01 0001", ("not_lldp", None, None)),
    "another protocol of an OUI": (f"{CUSTOMER} 88b7 0080c200 0000", ("not_lldp", "not_lldp", None)),
}


@pytest.mark.parametrize(("text", "verdict"), VERDICTS.values(), ids=VERDICTS.keys())
def test_a_frame_gets_its_verdict_and_shows_its_vlan(text: str, verdict: tuple[str, str | None, int | None]) -> None:
    answer = answered(text)
    assert (answer["verdict"], answer["discard_reason"], answer["vlan"]) == verdict
    assert answer["discard_reason"] in {None, *(reason.value for reason in DiscardReason)}


def test_a_discarded_frame_says_what_could_be_read_of_it() -> None:
    answer = answered(f"{CUSTOMER} 88cc 0202 0763 0602 0078 0402 0770 0000")
    assert (answer["source"], answer["scope"]) == ("02:00:5e:00:53:01", "nearest-customer-bridge")
    assert answer["tlvs"] == [[1, 2], [3, 2], [2, 2], [0, 0]]
    assert [fault["reason"] for fault in answer["faults"]] == ["TLV 2 has type 3, not 2"]


def test_tlvs_have_the_lengths_of_the_wire() -> None:
    """A long TTL, a TLV that is discarded, an End that is none: all as they came, and nothing behind the End."""
    answer = answered(f"{CUSTOMER} 88cc 0202 0763 0402 0770 0604 0078 0000 0e02 0014 0002 0000 0a01 61")
    assert answer["tlvs"] == [[1, 2], [2, 2], [3, 4], [7, 2], [0, 2]]
    assert answer["ttl"] == 120
    assert [fault["type"] for fault in answer["faults"]] == [0, 7]


IDENTITIES = {
    "a MAC address": ("0207 04 02005e005301", (4, "mac", "02:00:5e:00:53:01", "02005e005301")),
    "an IPv4 address, its family apart": ("0206 05 01 c0000201", (5, "network_address", "192.0.2.1", "c0000201")),
    "a name that ends as C has it": ("0204 06 613100", (6, "interface_name", "a1", "613100")),
    "a name of nothing else": ("0202 06 00", (6, "interface_name", "\\x00", "00")),
    "a reserved subtype": ("0203 2a 6131", (42, "reserved", "a1", "6131")),
}


@pytest.mark.parametrize(("tlv", "shown"), IDENTITIES.values(), ids=IDENTITIES.keys())
def test_a_chassis_is_shown_by_kind_by_text_and_by_octets(tlv: str, shown: tuple[int, str, str, str]) -> None:
    chassis = answered(f"{CUSTOMER} 88cc {tlv} 0402 0770 0602 0078")["chassis_id"]
    assert tuple(chassis.values()) == shown


HOSTILE = {
    "colors": ("1b5b33316d", "\\x1b[31m"),
    "lines": ("610d0a62", "a\\r\\nb"),
    "a NUL within": ("610062", "a\\x00b"),
    "NULs at the end": ("61620000", "ab"),
    "right to left": ("61e280ae62", "a\\u202eb"),
    "no UTF-8": ("61ff", "a\\xff"),
    "UTF-8": ("c3a4", "ä"),
    "nothing": ("", ""),
}


@pytest.mark.parametrize(("octets", "shown"), HOSTILE.values(), ids=HOSTILE.keys())
def test_text_of_the_peer_is_shown_escaped(octets: str, shown: str) -> None:
    length = f"{len(octets) // 2:02x}"
    answer = answered(f"{CUSTOMER} {MANDATORY} 08{length}{octets} 0a{length}{octets} 0c{length}{octets}")
    assert [answer[name] for name in ("port_description", "system_name", "system_description")] == [shown] * 3


ORGANIZATIONS: dict[str, tuple[str, tuple[str, str | None, dict[str, Any], str]]] = {
    "read": ("fe06 0080c201 0064", ("00-80-C2", "port_vlan_id", {"vid": 100}, "0064")),
    "with text": ("fe08 0080c203 0064 01 61", ("00-80-C2", "vlan_name", {"vid": 100, "text": "a"}, "00640161")),
    "with octets": ("fe07 0080c204 02 8902", ("00-80-C2", "protocol_identity", {"identity": "8902"}, "028902")),
    "a vendor known by name": ("fe05 00000c01 ff", ("00-00-0C", "Cisco", {}, "ff")),
    "nobody known": ("fe05 02000001 ff", ("02-00-00", None, {}, "ff")),
    "discarded": ("fe05 0080c201 64", ("00-80-C2", "port_vlan_id", {}, "64")),
}


@pytest.mark.parametrize(("tlv", "shown"), ORGANIZATIONS.values(), ids=ORGANIZATIONS.keys())
def test_every_organizations_tlv_is_listed(tlv: str, shown: tuple[str, str | None, dict[str, Any], str]) -> None:
    (found,) = answered(f"{CUSTOMER} {MANDATORY} {tlv}")["org_tlvs"]
    assert (found["oui"], found["name"], found["fields"], found["hex"]) == shown


CIN: Final = (
    "fe2c 001b2101 020a 0000 00000001 00000002 0605 0000 c000 08 0a05 0000 8000 08 0a05 0000 a001 10 0c05 0000 8001 80"
)


def test_the_applications_of_cin_are_told_apart_by_subtype() -> None:
    cin = answered(f"{CUSTOMER} {MANDATORY} {CIN}")["dcbx"]["cin"]
    flags = {"enable": True, "willing": False}
    assert [(each["subtype"], each["header"]) for each in cin["applications"]] == [
        (0, {**flags, "error": False}),
        (1, {**flags, "error": True}),
    ]
    assert cin["pfc"] == {
        "header": {"enable": True, "willing": True, "error": False},
        "enabled": [priority == 3 for priority in range(8)],
        "num_tcs": None,
    }


# --- ECP

VDP: dict[str, dict[str, Any]] = {
    "ecp_vdp_assoc_req": {"type": 3, "status": 0, "vsi_type_id": 258, "vsi_type_version": 1, "vsi_id_format": 5},
    "ecp_vdp_assoc_rsp_ok": {"type": 3, "status": 0x40},
    "ecp_vdp_assoc_rsp_fail": {"type": 4, "status": 0x43},
    "ecp_vdp_preassoc_group": {"type": 1, "status": 0x10, "filter_format": 4},
    "vdp_unsolicited_deassoc": {"type": 4, "status": 0},
    "ecp0_vdp0_assoc": {"type": 2, "status": 0, "vsi_type_id": 258, "vsi_id_format": None, "filter_format": 2},
}
NO_VDP: Final = {
    "ecp_ack": [],
    "ecp_bad_version": ["ECP version 2 is not known, only 1"],
    "ecp_bad_subtype": ["ECP subtype 1023 is not known"],
    "ecp_vdp_count_mismatch": ["2 filter entries of format 2 take 16 octets, not 8"],
}


@pytest.mark.parametrize("vector", ECP, ids=str)
def test_an_ecp_frame_says_what_its_vector_states(vector: Vector) -> None:
    answer = decode(vector.octets)
    ecp, header = answer["ecp"], vector.fields.get("ecp") or vector.fields.get("ecp0") or {}
    numbers = {"version": ecp["version"], "subtype": ecp["subtype"], "seq": ecp["sequence"]}
    words = {**numbers, "op": ecp["operation"], "mode": ecp["operation"]}
    stated = {key: {"request": 0, "ack": 1}.get(value, value) for key, value in header.items()}
    assert {key: words[key] for key in stated} == stated
    assert [fault["reason"] for fault in answer["faults"]] == NO_VDP.get(vector.name, [])
    expected = [] if vector.name in NO_VDP else [VDP[vector.name]]
    assert [{key: vsi[key] for key in VDP[vector.name]} for vsi in ecp["vdp"]] == expected


def test_the_filters_of_a_guest_are_shown_whole() -> None:
    found = {vector.name: decode(vector.octets)["ecp"]["vdp"] for vector in ECP}
    guest = {"group": None, "mac": "52:54:00:12:34:56", "vid": 100, "pcp": 0, "ps": False}
    assert found["ecp_vdp_assoc_req"][0]["vsi_id"] == "fa9b7fff-b0a0-4893-abcd-beef4ff18f8f"
    assert found["ecp_vdp_assoc_req"][0]["filters"] == [guest]
    assert found["ecp_vdp_assoc_rsp_ok"][0]["filters"] == [{**guest, "pcp": 3, "ps": True}]
    assert found["ecp_vdp_preassoc_group"][0]["filters"] == [{**guest, "group": 4660, "vid": 0}]
    assert found["ecp0_vdp0_assoc"][0]["filters"] == [guest]


# --- whatever octets


def texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for each in value.values() for text in texts(each)]
    if isinstance(value, list):
        return [text for each in value for text in texts(each)]
    return [value] if isinstance(value, str) else []


def checked(octets: bytes) -> None:
    answer = decode(octets)
    assert list(answer) == KEYS
    assert json.loads(json.dumps(answer)) == answer
    assert all(map(str.isprintable, texts(answer)))


@pytest.mark.parametrize("vector", VECTORS, ids=str)
def test_a_frame_cut_anywhere_or_with_a_flipped_bit_has_a_whole_answer(vector: Vector) -> None:
    for length in range(len(vector.octets)):
        checked(vector.octets[:length])
    for bit in range(len(vector.octets) * 8):
        octets = bytearray(vector.octets)
        octets[bit // 8] ^= 1 << bit % 8
        checked(bytes(octets))


ETHERTYPES: Final = st.sampled_from(
    [b"\x88\xcc", b"\x89\x40", b"\x88\xb7\x00\x1b\x3f\x00", b"\x81\x00\x00\x01\x88\xcc"]
)


@settings(deadline=None)
@given(ETHERTYPES, st.booleans(), st.binary(max_size=400))
def test_any_frame_has_a_whole_answer(ethertype: bytes, mandatory: bool, tail: bytes) -> None:
    lldp = ethertype.endswith(b"\xcc") and mandatory
    checked(bytes(12) + ethertype + (bytes.fromhex(MANDATORY)[2:] if lldp else b"") + tail)


# --- the command


def run(*arguments: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(main, ["decode", *arguments], input=stdin)


ASKING: Final = f"{CUSTOMER} {MANDATORY} fe09 0080c20d 00 07 6e 94 14 0000"
OTHER: Final = f"{CUSTOMER} 0800 4500"


def pcap(*packets: str) -> bytes:
    records = (struct.pack("<4I", 0, 0, len(octets), len(octets)) + octets for octets in map(bytes.fromhex, packets))
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1) + b"".join(records)


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    file = tmp_path / "capture.pcap"
    file.write_bytes(pcap(ASKING, OTHER))
    return file


def test_hex_and_a_capture_are_one_document(capture: Path) -> None:
    done = run("--hex", OTHER, "--pcap", str(capture), "-f", "json")
    document = json.loads(done.stdout)
    assert (done.exit_code, done.stderr) == (0, "")
    assert document == {"schema": SCHEMA, "frames": [answered(OTHER), answered(ASKING), answered(OTHER)]}


@pytest.mark.parametrize("text", [ASKING, ASKING.replace(" ", ":"), "0x" + ASKING.replace(" ", "-"), ASKING.upper()])
def test_digits_are_taken_however_they_are_set_apart(text: str) -> None:
    assert json.loads(run("--hex", text, "-f", "json").stdout)["frames"] == [answered(ASKING)]


def test_lines_of_standard_input_are_frames() -> None:
    done = run("-f", "json", stdin=f"{ASKING}\n\n{OTHER}\n".encode())
    assert json.loads(done.stdout)["frames"] == [answered(ASKING), answered(OTHER)]


def test_a_capture_may_come_from_standard_input() -> None:
    assert json.loads(run("--pcap", "-", "-f", "json", stdin=pcap(ASKING)).stdout)["frames"] == [answered(ASKING)]


def test_a_table_shows_what_is_there_and_nothing_twice() -> None:
    done = run("--hex", ASKING, "--hex", OTHER)
    first, second = (text.splitlines() for text in done.stdout.split("\n\n"))
    assert "chassis_id   c (local)" in first
    assert "tlvs         1:2 2:2 3:2 127:9 0:0" in first
    assert "  rr_request        yes" in first
    assert not any("org_tlvs" in line or "system_name" in line for line in first)
    assert second[:2] == ["verdict         not_lldp", "discard_reason  not_lldp"]


def test_a_table_shows_tlvs_that_have_no_place_of_their_own() -> None:
    done = run("--hex", f"{CUSTOMER} {MANDATORY} fe06 0080c201 0064 fe05 00000c01 ff")
    assert "  oui=00-80-C2 subtype=1 name=port_vlan_id fields=(vid=100)" in done.stdout.splitlines()
    assert "  oui=00-00-0C subtype=1 name=Cisco hex=ff" in done.stdout.splitlines()


@pytest.mark.parametrize("vector", VECTORS, ids=str)
def test_no_value_of_a_frame_cut_anywhere_or_with_a_flipped_bit_is_out_of_its_range(vector: Vector) -> None:
    check(vector.octets)
    for octets in cut_or_flipped(vector.octets):
        check(octets)


@pytest.mark.parametrize("vector", VECTORS, ids=str)
def test_a_table_of_any_frame_is_lines_of_printable_text(vector: Vector) -> None:
    done = run("--hex", vector.octets.hex())
    assert done.exit_code == 0
    assert all(map(str.isprintable, done.stdout.splitlines()))


REFUSED: dict[str, tuple[list[str], int, str]] = {
    "no frame": ([], 2, "there is no frame to decode: give --hex, --pcap, or lines on standard input"),
    "no digits": (["--hex", "xyz"], 2, "'xyz' is not hexadecimal: pairs of 0-9 and a-f are wanted"),
    "no capture": (
        ["--pcap", "-"],
        1,
        "standard input can't be read: it begins with nothing, as neither pcap nor pcapng does",
    ),
}


@pytest.mark.parametrize(("arguments", "code", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_cannot_be_decoded_is_refused_in_both_formats(arguments: list[str], code: int, message: str) -> None:
    table, document = run(*arguments), run(*arguments, "-f", "json")
    assert (table.exit_code, table.stderr, table.stdout) == (code, f"evbagent: {message}\n", "")
    assert (document.exit_code, json.loads(document.stdout)["error"]["message"]) == (code, message)


@pytest.mark.parametrize("form", ["json", "table"])
def test_frames_in_front_of_a_fault_are_shown_and_the_fault_is_said(form: str, capture: Path) -> None:
    capture.write_bytes(pcap(ASKING, OTHER)[:-1])
    done = run("--pcap", str(capture), "-f", form)
    assert done.exit_code == 1
    assert done.stderr.startswith(f"evbagent: {capture} can't be read to its end: packet 2 is cut off:")
    assert done.stdout.count("nearest-customer-bridge") == 1
    assert form == "table" or json.loads(done.stdout)["frames"] == [answered(ASKING)]


def test_decoding_starts_without_the_daemon() -> None:
    """Nor with what makes it slow to start: the event loop, netlink, YAML, metrics."""
    script = "import sys, evbagent.cli.decode; print(*sorted(sys.modules), sep='\\n')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60)
    loaded = set(done.stdout.splitlines())
    assert "evbagent.decode" in loaded
    assert (
        loaded & {"asyncio", "pyroute2", "yaml", "prometheus_client", "rich", "evbagent.daemon", "evbagent.port"}
        == set()
    )

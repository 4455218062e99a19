"""Frames that nobody here wrote: the valid ones say what others read in them, and none of the rest does harm.

They lie beside the repository (`tests/support/shared.py`) and are not copied into it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from evbagent.decode import decode
from evbagent.pcap import frames
from evbagent.wire.basic import printable
from evbagent.wire.ethernet import FrameDiscarded
from evbagent.wire.lldpdu import MAX_OCTETS, Lldpdu, LldpduTooLong
from evbagent.wire.registry import BASIC, ORGANIZATIONAL
from tests.support.answers import LIMITS, check, cut_or_flipped, numbers, resent, texts
from tests.support.shared import CorpusFrame, captures, corpus, mutants

Json = dict[str, Any]


@pytest.fixture(scope="module")
def valid() -> list[CorpusFrame]:
    return [frame for frame in corpus() if frame.valid]


@pytest.fixture(scope="module")
def malformed() -> list[CorpusFrame]:
    return [frame for frame in corpus() if not frame.valid]


def test_the_corpus_is_as_large_as_it_says(valid: list[CorpusFrame], malformed: list[CorpusFrame]) -> None:
    assert (len(valid), len(malformed), len(mutants())) == (109, 48, 1180)


# --- what the oracle read, in our words


def identity(oracle: Json, ours: Json) -> Json:
    """Without a reading of the oracle (`hex:`) the digits alone are compared; C's end of a string is no text."""
    same = {"subtype": oracle["subtype"], "hex": oracle["hex"]}
    literal = oracle["value"].startswith("hex:")
    return ours | same if literal else ours | same | {"value": oracle["value"]}


def text(name: str) -> Callable[[Json, Json], str | None]:
    return lambda oracle, _ours: None if name not in oracle else printable(oracle[name].encode())


def management(oracle: Json, _ours: Json) -> list[Json]:
    return [
        {
            "family": each["subtype"],
            "address": (
                bytes.fromhex(each["address"][4:]).hex(":") if each["address"].startswith("hex:") else each["address"]
            ),
            "interface_subtype": each["if_subtype"],
            "interface_number": each["if_number"],
            "oid": each["oid"],
        }
        for each in oracle["management_addresses"]
    ]


def organizations(oracle: Json, ours: Json) -> list[Json]:
    """Their OUI, subtype and octets; what we call and read in them is compared where the oracle reads it too."""
    names = [{"name": each["name"], "fields": each["fields"]} for each in ours["org_tlvs"]]
    return [theirs | name for theirs, name in zip(oracle["org_tlvs"], names, strict=False)]


def ets(theirs: Json | None, flags: bool) -> Json | None:
    """A recommendation has no flags; classes 0 stand for 8."""
    if theirs is None:
        return None
    if not flags:
        return theirs | dict.fromkeys(("willing", "cbs", "max_tcs"))
    return theirs | {"max_tcs": theirs["max_tcs"] or 8}


def ieee(oracle: Json, _ours: Json) -> Json | None:
    dcbx = oracle.get("dcbx", {})
    if not dcbx.keys() & {"ets_config", "ets_recommended", "pfc", "app"}:
        return None
    return {
        "ets_config": ets(dcbx.get("ets_config"), flags=True),
        "ets_recommended": ets(dcbx.get("ets_recommended"), flags=False),
        "pfc": dcbx.get("pfc"),
        "applications": dcbx.get("app", []),
    }


def cee(oracle: Json, _ours: Json) -> Json | None:
    features = {feature["type"]: feature for feature in oracle.get("dcbx", {}).get("cee", [])}
    if not features:
        return None
    control, groups, pfc, applications = (features.get(kind) for kind in (1, 2, 3, 4))
    assert control is not None
    return {
        "control": {
            "oper_version": control["version"],
            "max_version": control["max_version"],
            "seq_no": control["control.seq"],
            "ack_no": control["control.ack"],
        },
        "priority_groups": groups
        and {
            "header": header(groups),
            "pgid": [groups[f"feature.pg.pgid_prio{priority}"] for priority in range(8)],
            "percent": [groups[f"feature.pg.per{group}"] for group in range(8)],
            "num_tcs": groups["feature.pg.numtcs"],
        },
        "pfc": pfc
        and {
            "header": header(pfc),
            "enabled": [pfc[f"feature.pfc.prio{priority}"] for priority in range(8)],
            "num_tcs": pfc["feature.pfc.numtcs"],
        },
        "applications": applications
        and {
            "header": header(applications),
            "applications": [
                {
                    "protocol": protocol,
                    "selector": selector,
                    "oui": f"00-{oui >> 8:02X}-{oui & 0xFF:02X}",
                    "priorities": [priority == only for priority in range(8)],
                }
                for protocol, selector, oui, only in zip(
                    *(several(applications[f"feature.app.{name}"]) for name in ("proto", "sf", "oui", "prio")),
                    strict=True,
                )
            ],
        },
    }


def header(feature: Json) -> Json:
    flags = {"enable": "enabled", "willing": "willing", "error": "error"}
    return {ours: feature[f"feature.{theirs}"] for ours, theirs in flags.items()}


def several(value: int | list[int]) -> list[int]:
    """tshark has a list only where there is more than one."""
    return value if isinstance(value, list) else [value]


def evb(oracle: Json, _ours: Json) -> Json | None:
    theirs = oracle.get("evb", {}).get("evb", {}).get("tcpdump")
    names = {
        "rr_capable": "rrcap",
        "rr_control": "rrctr",
        "bridge_group_id": "bgid",
        "rr_request": "rrreq",
        "rr_status": "rrstat",
        "station_group_id": "sgid",
        "retries": "r",
        "rte": "rte",
        "mode": "evb_mode",
        "remote_rwd": "rwd_rol",
        "rwd": "rwd",
        "remote_rka": "rka_rol",
        "rka": "rka",
    }
    return theirs and {ours: theirs[name] for ours, name in names.items()}


FIELDS: Final[dict[str, Callable[[Json, Json], object]]] = {
    "verdict": lambda _oracle, _ours: "valid",
    "faults": lambda _oracle, _ours: [],
    "destination": lambda oracle, _ours: oracle["eth"]["dst"],
    "source": lambda oracle, _ours: oracle["eth"]["src"],
    "chassis_id": lambda oracle, ours: identity(oracle["chassis_id"], ours["chassis_id"]),
    "port_id": lambda oracle, ours: identity(oracle["port_id"], ours["port_id"]),
    "ttl": lambda oracle, _ours: oracle["ttl"],
    "port_description": text("port_description"),
    "system_name": text("system_name"),
    "system_description": text("system_description"),
    "capabilities": lambda oracle, _ours: oracle.get("capabilities", []),
    "capabilities_enabled": lambda oracle, _ours: oracle.get("capabilities_enabled", []),
    "management_addresses": management,
    "tlvs": lambda oracle, _ours: oracle["tlvs"],
    "org_tlvs": organizations,
    "evb": evb,
    "dcbx.ieee": ieee,
    "dcbx.cee": cee,
}

BEHIND_CIN: Final = "tshark gives up at the feature of CIN that it doesn't know, and misses the TLVs behind it"

# Where we say something else, and why that is not our fault: field, frame.
EXCEPTIONS: Final = {
    ("tlvs", "Lf61e8376"): BEHIND_CIN,
    ("org_tlvs", "Lf61e8376"): BEHIND_CIN,
    ("med_asset_id", "Lf6e4363d"): "tshark cuts the text at its first NUL and hides what stands behind it",
}


def read(octets: bytes, name: str) -> Any:
    value: Any = decode(octets)
    for part in name.split("."):
        value = value[part]
    return value


@pytest.mark.parametrize("name", FIELDS)
def test_a_valid_frame_says_what_others_read_in_it(name: str, valid: list[CorpusFrame]) -> None:
    different = {
        (name, frame.id)
        for frame in valid
        if read(frame.octets, name) != FIELDS[name](frame.oracle, decode(frame.octets))
    }
    assert different == {exception for exception in EXCEPTIONS if exception[0] == name}


def test_each_kind_of_reading_stands_in_enough_frames(valid: list[CorpusFrame]) -> None:
    """What is compared must be there: otherwise nothing equals nothing."""
    found = [{name: FIELDS[name](frame.oracle, decode(frame.octets)) for name in FIELDS} for frame in valid]
    counted = {name: sum(bool(each[name]) for each in found) for name in ("evb", "dcbx.ieee", "dcbx.cee")}
    assert counted == {"evb": 32, "dcbx.ieee": 9, "dcbx.cee": 3}


def test_the_cin_tlv_that_the_oracle_misreads_is_read(valid: list[CorpusFrame]) -> None:
    (cin,) = [found for frame in valid if (found := read(frame.octets, "dcbx.cin")) is not None]
    assert cin["control"] == {"oper_version": 0, "max_version": 0, "seq_no": 1, "ack_no": 0}
    assert cin["priority_groups"]["percent"] == [100, 0, 0, 0, 0, 0, 0, 0]
    assert [each["percent"] for each in cin["priority_groups"]["priorities"]] == [13, 13, 13, 13, 12, 12, 12, 12]


def test_frames_in_a_vlan_show_it(valid: list[CorpusFrame]) -> None:
    vlans = {frame.id: read(frame.octets, "vlan") for frame in valid}
    assert {name: vlan for name, vlan in vlans.items() if vlan is not None} == {"La2d504ed": 9, "Ld23445b7": 1}


def flag(reading: Json, name: str) -> bool:
    return bool(int(reading[name]))


# What tshark reads in the TLVs that have no field of their own in an answer: group, reading, and our fields of it.
READINGS: Final[dict[str, tuple[str, str, Callable[[Any], list[Json]]]]] = {
    "port_vlan_id": ("vlan", "pvid", lambda pvid: [{"vid": int(pvid)}]),
    "port_protocol_vlan_id": (
        "vlan",
        "ppvids",
        lambda found: [
            {"supported": bool(one["flags"] & 2), "enabled": bool(one["flags"] & 4), "vid": one["vid"]} for one in found
        ],
    ),
    "vlan_name": ("vlan", "names", lambda found: [{"vid": one["vid"], "text": one["name"]} for one in found]),
    "protocol_identity": ("vlan", "protocols", lambda found: [{"identity": one} for one in found]),
    "max_frame_size": ("dot3", "max_frame", lambda one: [{"size": int(one["max_frame_size"])}]),
    "mac_phy": (
        "dot3",
        "mac_phy",
        lambda one: [
            {
                "autonegotiation_supported": flag(one, "mac_phy_auto_neg_status.supported"),
                "autonegotiation_enabled": flag(one, "mac_phy_auto_neg_status.enabled"),
                "advertised": int(one["pmd_auto_neg_advertised_caps"], 16),
            }
        ],
    ),
    "link_aggregation_dot3": (
        "dot3",
        "link_aggregation",
        lambda one: [
            {
                "capable": flag(one, "aggregation_status.cap"),
                "aggregated": flag(one, "aggregation_status.enabled"),
                "port_id": int(one["aggregated_port_id"]),
            }
        ],
    ),
    "power_via_mdi": (
        "dot3",
        "power",
        lambda one: [
            {
                "pse": flag(one, "mdi_power_support.port_class"),
                "supported": flag(one, "mdi_power_support.supported"),
                "enabled": flag(one, "mdi_power_support.enabled"),
                "pairs_controllable": flag(one, "mdi_power_support.pse_pairs"),
                "pairs": int(one["mdi_pse_pair"]),
                "power_class": int(one["mdi_power_class"]),
            }
        ],
    ),
    "med_capabilities": (
        "med",
        "capabilities",
        lambda one: [{"capabilities": int(one["subtype.caps"], 16), "device_class": int(one["subtype.class"])}],
    ),
    "med_network_policy": (
        "med",
        "policies",
        lambda found: [
            {
                "application": int(one["app_type"]),
                "unknown": flag(one, "policy_flag"),
                "tagged": flag(one, "tag_flag"),
                "vid": int(one["vlan_id"]),
                "priority": int(one["l2_prio"]),
                "dscp": int(one["dscp"]),
            }
            for one in found
        ],
    ),
    "med_extended_power": (
        "med",
        "power",
        lambda one: [
            {
                "power_type": int(one["power.type"]),
                "source": int(one["power.source"]),
                "priority": int(one["power.prio"]),
                "power": int(one["power.value"]),
            }
        ],
    ),
    **{
        f"med_{ours}": ("med", reading, lambda one: [{"text": next(iter(one.values()))}])
        for ours, reading in {
            "hardware_revision": "hardware",
            "firmware_revision": "firmware",
            "software_revision": "software",
            "serial_number": "serial",
            "model": "model",
            "asset_id": "asset",
        }.items()
    },
}


@pytest.mark.parametrize("name", READINGS)
def test_the_other_tlvs_are_read_as_tshark_reads_them(name: str, valid: list[CorpusFrame]) -> None:
    group, reading, expected = READINGS[name]
    found = [frame for frame in valid if reading in frame.oracle.get(group, {})]
    assert found
    different = set()
    for frame in found:
        stated = expected(frame.oracle[group][reading])
        ours = [each["fields"] for each in read(frame.octets, "org_tlvs") if each["name"] == name]
        if [{key: each[key] for key in stated[0]} for each in ours] != stated:
            different.add((name, frame.id))
    assert different == {exception for exception in EXCEPTIONS if exception[0] == name}


# --- what is no LLDPDU, and what is one all the same

# Verdict or reason of the discard, and faults. "Malformed" is the word of whoever made the frame: a missing End TLV
# is legal (802.1AB-2009 on), an unknown TLV may hold what it likes, and good TLVs in front of a bad one are kept.
MALFORMED: Final[dict[str, tuple[str, list[str]]]] = {
    "L55877b3f": ("valid", []),
    "L765ef6ef": ("bad_chassis_id", ["an identity has 1..255 octets, not 0"]),
    "L133583ec": ("duplicate_mandatory", ["TLV 2 has type 1, not 2"]),
    "Le47a0d98": ("missing_mandatory", ["TLV 2: 255 octets wanted, 0 left"]),
    "Lff1da5f4": ("missing_mandatory", ["TLV 1: 2 octets wanted, 1 left"]),
    "Lf41ca65e": ("bad_chassis_id", ["an identity has 1..255 octets, not 0"]),
    "L3faf0f43": ("duplicate_mandatory", ["TLV 3 has type 2, not 3"]),
    "L6f8638dc": ("wrong_order", ["TLV 1 has type 127, not 1"]),
    "Lc8458e69": ("valid", []),
    "Le6cf2228": ("valid", ["vlan_name: 7 octets wanted, 0 left"]),
    "L7dc308ca": ("wrong_order", ["TLV 1 has type 127, not 1"]),
    "Lca4fc3fc": (
        "valid",
        [
            "max_frame_size has 2..2 octets, not 0",
            "port_vlan_id has 2..2 octets, not 0",
            "management_vlan_id has 2..2 octets, not 0",
        ],
    ),
    "Laffd8422": ("valid", ["management_address has 9..167 octets, not 2"]),
    "L3ae5dc06": ("wrong_order", ["TLV 1 has type 8, not 1"]),
    "Lae3440e3": ("wrong_order", ["TLV 1 has type 127, not 1"]),
    "L295f55e1": ("wrong_order", ["TLV 1 has type 127, not 1"]),
    "L0f9a3b4c": ("valid", []),
    "La76597a0": ("wrong_order", ["TLV 1 has type 3, not 1"]),
    "L7002890f": ("valid", []),
    "L9659ab95": ("missing_mandatory", ["TLV 2: 2 octets wanted, 0 left"]),
    "L1f74be14": ("duplicate_mandatory", ["TLV 2 has type 1, not 2"]),
    "Ld459cca3": ("missing_mandatory", ["it ends before TLV 1"]),
    "L83e66569": ("valid", []),
    "L33cbb78e": ("missing_mandatory", ["TLV 1: 2 octets wanted, 1 left"]),
    "L379b24ab": ("missing_mandatory", ["TLV 2: 2 octets wanted, 0 left"]),
    "L9a1b7278": ("wrong_order", ["TLV 1 has type 2, not 1"]),
    "Lb2ece6eb": ("missing_mandatory", ["TLV 2: 4 octets wanted, 3 left"]),
    "Lc1fdf73a": ("missing_mandatory", ["TLV 2: 260 octets wanted, 16 left"]),
    "L5c41ee48": ("missing_mandatory", ["TLV 2: 4 octets wanted, 0 left"]),
    "L319b61c8": ("missing_mandatory", ["TLV 2: 4 octets wanted, 2 left"]),
    "L449dcbda": ("missing_mandatory", ["it ends before TLV 3"]),
    "Lb3cb04d2": ("valid", ["system_name stands there already"]),
    "L9bd030e8": ("valid", ["a TLV runs past the end of the frame: 260 octets wanted, 6 left"]),
    "L0ddd95f7": ("valid", ["the End TLV has 1 octets"]),
    "Laae63c11": ("missing_mandatory", ["TLV 1: 511 octets wanted, 145 left"]),
    "Lfcea1260": ("bad_chassis_id", ["1 octets wanted, 0 left"]),
    "Lf19860da": ("missing_mandatory", ["TLV 2: 250 octets wanted, 142 left"]),
    "Ldf74cc0f": ("bad_chassis_id", ["an identity has 1..255 octets, not 256"]),
    "L9c2163f9": ("valid", []),
    "L4d68966b": ("valid", []),
    "L15baed6b": ("valid", []),
    "L32857eb5": ("duplicate_mandatory", ["chassis ID, port ID or TTL stands there twice"]),
    "L29f1e3ca": ("missing_mandatory", ["it ends before TLV 3"]),
    "L8e83bd82": ("wrong_order", ["TLV 1 has type 24, not 1"]),
    "L86c557bf": ("valid", []),
    "La78e302f": ("valid", ["the End TLV has 194 octets", "cdcp: an S-channel stands there twice"]),
    "L52e6ec4a": ("wrong_order", ["TLV 1 has type 127, not 1"]),
    "Lde99deda": ("wrong_order", ["TLV 1 has type 127, not 1"]),
}


def test_a_malformed_frame_gets_its_verdict_and_its_faults(malformed: list[CorpusFrame]) -> None:
    answers = {frame.id: decode(frame.octets) for frame in malformed}
    found = {
        name: (answer["discard_reason"] or answer["verdict"], [fault["reason"] for fault in answer["faults"]])
        for name, answer in answers.items()
    }
    assert found == MALFORMED


# --- what was changed on purpose


def everything() -> dict[str, bytes]:
    return {frame.id: frame.octets for frame in corpus()} | dict(mutants())


def test_no_value_of_any_mutant_is_out_of_its_range() -> None:
    beyond = {
        (frame, name, value)
        for frame, octets in everything().items()
        for name, value in numbers(decode(octets))
        if not 0 <= value <= LIMITS[name]
    }
    assert beyond == set()


def test_no_text_of_any_mutant_could_move_a_cursor() -> None:
    assert [
        frame for frame, octets in everything().items() if not all(map(str.isprintable, texts(decode(octets))))
    ] == []


def test_a_mutant_is_valid_or_discarded_for_a_stated_reason() -> None:
    answers = [decode(octets) for _, octets in mutants()]
    assert {(answer["verdict"], answer["discard_reason"] is None) for answer in answers} == {
        ("valid", True),
        ("discarded", False),
    }
    assert all(answer["faults"] for answer in answers if answer["verdict"] == "discarded")


def test_what_is_kept_of_a_mutant_could_be_sent_and_is_then_without_fault() -> None:
    for name, octets in mutants():
        try:
            pdu = Lldpdu.decode(payload(octets))
            again = Lldpdu.decode(pdu.encode())
        except FrameDiscarded:
            assert decode(octets)["verdict"] == "discarded", name
        except LldpduTooLong:
            assert len(payload(octets)) > MAX_OCTETS, name  # a jumbo frame may bring more than we may send
        else:
            assert (again.msap, again.ttl, again.optional, again.faults) == (pdu.msap, pdu.ttl, pdu.optional, ()), name


# --- and back


def payload(octets: bytes) -> bytes:
    """What follows the EtherType, behind one tag where there is one."""
    return octets[18 if octets[12:14] == b"\x81\x00" else 14 :]


def test_a_valid_frame_comes_back_octet_for_octet(valid: list[CorpusFrame]) -> None:
    """As far as it holds an LLDPDU: what follows the End TLV is padding or somebody's trailer."""
    for frame in valid:
        again = Lldpdu.decode(payload(frame.octets)).encode()
        assert payload(frame.octets)[: len(again)] == again, frame.id


RESERVED_BIT: Final = "bit 0 of its flags is reserved, and reserved bits go out as zero"

NOT_THE_SAME: Final = {
    ("Lf61e8376", "cin"): "it holds a feature (8, the MTU) that nobody describes: kept as octets, not as a value",
    ("La2d504ed", "cee"): "its features stand in another order than ours",
    ("Le135ae21", "port_protocol_vlan_id"): RESERVED_BIT,
    ("L6d5a957b", "port_protocol_vlan_id"): RESERVED_BIT,
    ("L077c1e0c", "port_protocol_vlan_id"): RESERVED_BIT,
}


def test_a_value_comes_back_octet_for_octet_or_it_is_said_why_not(valid: list[CorpusFrame]) -> None:
    different = {
        (frame.id, ORGANIZATIONAL[tlv.key].NAME if tlv.key else str(tlv.type))
        for frame in valid
        for tlv in Lldpdu.decode(payload(frame.octets)).optional
        if resent(tlv) != tlv
    }
    assert different == NOT_THE_SAME.keys()


def test_most_tlvs_of_the_corpus_are_read_and_not_just_kept(valid: list[CorpusFrame]) -> None:
    tlvs = [tlv for frame in valid for tlv in Lldpdu.decode(payload(frame.octets)).optional]
    known = [tlv for tlv in tlvs if tlv.type in BASIC or tlv.key in ORGANIZATIONAL]
    assert len(known) > 0.8 * len(tlvs)


# --- the captures of lldpad

NOBODY, GRANTED, OFFERED = "00 07 68 94 14", "03 05 68 74 34", "02 00 68 54 14"
AGREED: Final = "03 05 68 b4 34"
FIRST: Final = "40 07 40 00 00 00 00 00 0f"  # what the draft says before it has heard anybody
DRAFT: Final = "40 07 40 07 0c df 00 00 0f"

# What bridge and station say one after the other (repetitions apart), as reference/lldpad.md has it: the octets of
# the EVB TLV, "no EVB" for an LLDPDU without, "shutdown" for a TTL of 0.
DIALOGUES: Final[dict[str, tuple[list[str], list[str]]]] = {
    "evb22-rr-granted": ([OFFERED, "03 07 68 74 34", GRANTED], [NOBODY, AGREED]),
    "evb22-rr-unsupported": (
        ["00 00 68 54 14", "00 07 68 74 34", "00 04 68 74 34"],
        [NOBODY, "00 04 68 b4 34"],
    ),
    "evb22-rr-withdrawn": (
        [
            *("03 04 68 74 34", GRANTED, "00 05 68 74 34", "00 04 68 74 34", "03 04 68 74 34", GRANTED),
            *("02 01 68 74 34", "02 00 68 74 34", "no EVB"),
        ],
        [AGREED, "00 04 68 b4 34", AGREED, "03 01 68 b4 34", "02 00 68 b4 34"],
    ),
    "evb22-shutdown": (
        [
            *(OFFERED, "03 07 68 74 34", GRANTED, "shutdown"),
            *(OFFERED, "03 04 68 74 34", GRANTED, "shutdown"),
            *(OFFERED, "03 04 68 74 34", GRANTED),
        ],
        [NOBODY, AGREED, "02 04 68 b4 34", AGREED, NOBODY, "02 04 68 b4 34", AGREED],
    ),
    "evb22-silent-ttl10": ([OFFERED, "03 07 68 74 34", GRANTED], [NOBODY, AGREED, NOBODY]),
    "evb22-tlv-dropped": ([OFFERED, "03 07 68 74 34", GRANTED, "no EVB"], [NOBODY, AGREED]),
    "evb22-carrier-loss": (
        [OFFERED, "03 04 68 74 34", GRANTED] * 2,
        ["02 04 68 b4 34", AGREED] * 2,
    ),
    "evb22-vdp-ecp": ([OFFERED, "03 04 68 74 34", GRANTED], ["02 04 68 b4 34", AGREED]),
    "evb-mismatch": ([FIRST], [NOBODY]),
    "evb-draft-rr-granted": ([FIRST, DRAFT], [FIRST, DRAFT]),
    "evb-draft-rr-unsupported": (
        ["80 07 80 00 00 00 00 00 0f", "80 07 80 07 0c df 00 00 0f"],
        [FIRST, "40 07 80 07 0c df 00 00 0f"],
    ),
    "evb-draft-rr-withdrawn": (["40 07 80 07 0c df 00 00 0f", DRAFT, "shutdown"], [DRAFT]),
    "evb-draft-vdp-ecp": ([FIRST, DRAFT], [DRAFT]),
    "dcbx-ieee": (["no EVB"], ["no EVB"]),
    "dcbx-cee": (["no EVB"], ["no EVB"]),
}


def facts(answer: Json) -> str:
    """The decoded fields as the octets that they mean, put together here and not by the encoder."""
    evb, draft = answer["evb"], answer["evb_draft"]
    if answer["ttl"] == 0:
        return "shutdown"
    if evb is not None:
        return bytes(
            [
                evb["bridge_group_id"] * 4 + evb["rr_capable"] * 2 + evb["rr_control"],
                evb["station_group_id"] * 8 + evb["rr_request"] * 4 + evb["rr_status"],
                evb["retries"] * 32 + evb["rte"],
                evb["mode"] * 64 + evb["remote_rwd"] * 32 + evb["rwd"],
                evb["remote_rka"] * 32 + evb["rka"],
            ]
        ).hex(" ")
    if draft is not None:
        modes = ("supported_mode", "supported_capabilities", "configured_mode", "configured_capabilities")
        vsis = (divmod(draft[name], 256) for name in ("supported_vsis", "configured_vsis"))
        return bytes([*(draft[name] for name in modes), *(each for pair in vsis for each in pair), draft["rte"]]).hex(
            " "
        )
    return "no EVB"


def said(octets: bytes, by: str) -> list[str]:
    """What the end with that octet in its address says, repetitions left out."""
    found: list[str] = []
    for answer in map(decode, frames(octets)):
        if answer["verdict"] == "valid" and answer["source"].split(":")[4] == by:
            found += [] if found[-1:] == [facts(answer)] else [facts(answer)]
    return found


def test_lldpad_says_in_every_capture_what_is_known_of_it() -> None:
    found = {name: (said(octets, "b0"), said(octets, "51")) for name, octets in captures().items()}
    assert found == {name: DIALOGUES[name.removesuffix("-br").removesuffix("-st")] for name in found}
    assert len(found) == 28


def test_no_frame_of_lldpad_has_a_fault() -> None:
    answers = [decode(frame) for octets in captures().values() for frame in frames(octets)]
    assert [answer["faults"] for answer in answers if answer["faults"]] == []
    assert {answer["verdict"] for answer in answers if answer["ecp"] is None} == {"valid"}


def test_a_frame_of_lldpad_and_every_value_in_it_come_back_octet_for_octet() -> None:
    found = [frame for octets in captures().values() for frame in frames(octets) if frame[12:14] == b"\x88\xcc"]
    for octets in found:
        pdu = Lldpdu.decode(payload(octets))
        assert payload(octets).startswith(pdu.encode())
        assert tuple(map(resent, pdu.optional)) == pdu.optional
    assert len(found) == 615


def exchange(name: str) -> list[tuple[int, int, int, list[Json]]]:
    found = (decode(frame)["ecp"] for frame in frames(captures()[name]))
    return [(ecp["version"], ecp["operation"], ecp["sequence"], ecp["vdp"]) for ecp in found if ecp is not None]


def vsi(type_: int, status: int, **fields: Any) -> Json:
    known = {
        "type": type_,
        "status": status,
        "vsi_type_id": 5,
        "vsi_type_version": 8,
        "vsi_id_format": 5,
        "vsi_id": "fa9b7fff-b0a0-4893-8e0e-beef4ff18f8f",
        "filter_format": 2,
        "filters": [{"group": None, "mac": "52:54:00:c7:3e:ce", "vid": 3, "pcp": 0, "ps": False}],
    }
    return known | fields


def test_a_guest_is_associated_and_no_longer_each_acknowledged_and_answered() -> None:
    assert exchange("evb22-vdp-ecp") == [
        (1, 0, 1, [vsi(3, 0x00)]),
        (1, 1, 1, []),
        (1, 0, 1, [vsi(3, 0x40)]),
        (1, 1, 1, []),
        (1, 0, 2, [vsi(4, 0x00)]),
        (1, 1, 2, []),
        (1, 0, 2, [vsi(4, 0x40)]),
        (1, 1, 2, []),
    ]


def test_the_draft_sends_empty_requests_before_it_associates() -> None:
    found = exchange("evb-draft-vdp-ecp")
    assert [(version, operation, sequence) for version, operation, sequence, _ in found] == [
        *((0, 0, 1), (0, 0, 2), (0, 0, 1), (0, 1, 1), (0, 0, 3), (0, 1, 3), (0, 0, 4), (0, 1, 4)),
    ]
    associate = vsi(2, 0, vsi_type_id=0x123456, vsi_type_version=1, vsi_id_format=None)
    assert [vdp for _, _, _, vdp in found if vdp] == [[associate]]


SHARED: Final = {
    "prio_tc": [0, 0, 0, 1, 0, 0, 0, 2],
    "tc_bandwidth": [60, 40, 0, 0, 0, 0, 0, 0],
    "tc_tsa": [2, 2, 0, 0, 0, 0, 0, 0],
}
FCOE: Final = {"priority": 3, "selector": 1, "protocol": 0x8906}
ISCSI: Final = {"priority": 4, "selector": 2, "protocol": 3260}


def last_dcbx(name: str, by: str) -> Json:
    """What the end with that octet in its address offers in the end."""
    answers = [decode(frame) for frame in frames(captures()[name])]
    offers = [each for each in answers if each["source"].split(":")[4] == by and each["scope"] == "nearest-bridge"]
    dcbx: Json = offers[-1]["dcbx"]
    return dcbx


@pytest.mark.parametrize("end", ["br", "st"])
def test_the_station_adopts_what_the_bridge_recommends(end: str) -> None:
    bridge, station = last_dcbx(f"dcbx-ieee-{end}", "b0")["ieee"], last_dcbx(f"dcbx-ieee-{end}", "51")["ieee"]
    assert bridge["ets_config"] == SHARED | {"willing": False, "cbs": False, "max_tcs": 8}
    assert station["ets_config"] == SHARED | {"willing": True, "cbs": False, "max_tcs": 8}
    assert bridge["ets_recommended"] == SHARED | {"willing": None, "cbs": None, "max_tcs": None}
    assert [pfc["willing"] for pfc in (bridge["pfc"], station["pfc"])] == [False, True]
    assert bridge["pfc"]["enabled"] == station["pfc"]["enabled"] == [priority == 3 for priority in range(8)]
    assert bridge["applications"] == [FCOE, ISCSI]
    assert station["applications"] == [ISCSI, FCOE]


@pytest.mark.parametrize("end", ["br", "st"])
def test_the_station_acknowledges_what_the_bridge_changed_in_cee(end: str) -> None:
    bridge, station = last_dcbx(f"dcbx-cee-{end}", "b0")["cee"], last_dcbx(f"dcbx-cee-{end}", "51")["cee"]
    assert bridge["control"] == {"oper_version": 0, "max_version": 0, "seq_no": 3, "ack_no": 1}
    assert station["control"] == {"oper_version": 0, "max_version": 0, "seq_no": 1, "ack_no": 3}
    assert bridge["priority_groups"]["header"] == {"enable": True, "willing": False, "error": False}
    assert bridge["priority_groups"]["percent"] == [60, 40, 0, 0, 0, 0, 0, 0]
    assert station["priority_groups"]["pgid"] == [0, 1, 2, 3, 4, 5, 6, 7]
    assert bridge["pfc"]["enabled"] == [priority == 3 for priority in range(8)]
    assert [each["protocol"] for each in station["applications"]["applications"]] == [0x8906, 3260, 0x8914]


@pytest.mark.slow
def test_a_frame_of_lldpad_cut_anywhere_or_with_a_flipped_bit_does_no_harm() -> None:
    for octets in {frame for capture in captures().values() for frame in frames(capture)}:
        for damaged in cut_or_flipped(octets):
            check(damaged)

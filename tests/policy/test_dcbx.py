"""DCBX in the policy document: the same keys whatever is known, and null for what nobody said."""

import json
from typing import Any

import pytest

from evbagent.dcb import DcbxMode, KernelDcb
from evbagent.policy.dcbx import dcbx
from evbagent.status import DcbxStatus
from tests.support.dcbx import CEE, CIN, IEEE, KERNEL, VLANS, status
from tests.support.frames import BYSTANDER, OTHER

TABLES = {
    "prio_tc": [0, 0, 0, 1, 0, 0, 0, 2],
    "bandwidth": [60, 40, 0, 0, 0, 0, 0, 0],
    "tsa": ["ets", "ets", "strict", "strict", "strict", "strict", "strict", "strict"],
}
ON_3 = [False, False, False, True, False, False, False, False]
FIRM, NOT_SAID = {"willing": False, "enable": None, "error": None}, {"willing": None, "enable": None, "error": None}
APPLICATIONS = [
    {"selector": "ethertype", "protocol": 0x8906, "priorities": [3]},
    {"selector": "tcp", "protocol": 3260, "priorities": [4]},
]
SWITCH = {"chassis_id": "00:00:5e:00:53:01", "port_id": "ge-0/0/1", "system_name": "switch1"}


def test_an_offer_and_what_the_kernel_has_stand_side_by_side() -> None:
    assert dcbx(status(*IEEE, VLANS.tlv(), kernel=KERNEL)) == {
        "port": "eth0",
        "version": "ieee",
        "source": "lldp",
        "peers": 1,
        "peer": SWITCH,
        "firmware_agent": False,
        "mismatches": [],
        "unknown": ["peer_error"],
        "offer": {
            "ets": {**FIRM, "max_tcs": 8, "cbs": False, **TABLES},
            "recommendation": {**NOT_SAID, "max_tcs": None, "cbs": None, **TABLES},
            "pfc": {**FIRM, "cap": 8, "mbc": False, "enabled": ON_3},
            "applications": {**NOT_SAID, "entries": APPLICATIONS},
            "application_vlans": [{"selector": "ethertype", "protocol": 0x8906, "vid": 1002}],
        },
        "kernel": {
            "mode": ["host", "ieee"],
            "ets": {**FIRM, "willing": True, "max_tcs": 8, "cbs": False, **TABLES},
            "recommendation": None,
            "pfc": {**NOT_SAID, "cap": 8, "mbc": False, "enabled": ON_3},
            "applications": {**NOT_SAID, "entries": APPLICATIONS},
            "application_vlans": [],
        },
    }


def test_nobody_heard_and_nobody_answering_is_null() -> None:
    assert dcbx(status()) == {
        "port": "eth0",
        "version": None,
        "source": None,
        "peers": 0,
        "peer": None,
        "firmware_agent": None,
        "mismatches": [],
        "unknown": [
            *("firmware_agent", "version", "peer_error", "pfc_enabled", "ets_classes", "ets_bandwidth"),
            *("ets_algorithm", "application_missing", "application_priority", "nobody_willing"),
        ],
        "offer": None,
        "kernel": None,
    }


def test_several_peers_are_a_mismatch_that_names_them() -> None:
    entry = dcbx(status(*IEEE, others=[OTHER, BYSTANDER]))
    assert (entry["peers"], entry["peer"], entry["offer"], entry["version"]) == (3, None, None, None)
    names = "switch1 ge-0/0/1; switch2 ge-0/0/2; 00:00:5e:00:53:03 eth7"
    assert entry["mismatches"] == [{"kind": "multiple_peers", "detail": names}]


def test_a_mode_without_settings_has_the_keys_all_the_same() -> None:
    kernel = dcbx(status(CEE.tlv(), kernel=KernelDcb(DcbxMode.LLD_MANAGED | DcbxMode.CEE)))["kernel"]
    assert kernel == {
        "mode": ["lld_managed", "cee"],
        "ets": None,
        "recommendation": None,
        "pfc": None,
        "applications": None,
        "application_vlans": [],
    }
    assert dcbx(status(kernel=KernelDcb(None, KERNEL.ieee)))["kernel"]["mode"] is None


ENTRIES = {
    "nobody": status(),
    "IEEE": status(*IEEE, kernel=KERNEL),
    "CEE": status(CEE.tlv(), kernel=KERNEL),
    "CIN": status(CIN.tlv()),
    "several": status(*IEEE, others=[OTHER]),
}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES.keys())
def test_json_keeps_all_of_it_and_the_keys_never_change(entry: DcbxStatus) -> None:
    def keys(value: Any) -> Any:
        return dict.fromkeys(value) if isinstance(value, dict) else None

    made = dcbx(entry)
    assert json.loads(json.dumps(made, allow_nan=False)) == made
    assert list(made) == list(dcbx(status()))
    for side in ("offer", "kernel"):
        whole = dcbx(status(*IEEE, kernel=KERNEL))[side]
        assert made[side] is None or set(made[side]) == set(whole)

"""DCBX as Prometheus scrapes it: a series for what is known, and none for what is not."""

import pytest

from evbagent.daemon.dcbx_metrics import dcbx_metrics
from evbagent.dcb import DcbxMode, KernelDcb
from evbagent.status import DcbxStatus
from tests.support.dcbx import CEE, IEEE, KERNEL, enabled, status
from tests.support.frames import OTHER


def series(port: DcbxStatus) -> dict[str, float]:
    """Samples by name and values of labels behind the port, as in `mismatch version`."""
    found = {}
    for family in dcbx_metrics([port]):
        for sample in family.samples:
            assert sample.name.startswith("evbagent_dcbx_")
            assert next(iter(sample.labels.items())) == ("port", "eth0")
            _, *labels = sample.labels.values()
            found[" ".join([sample.name.removeprefix("evbagent_dcbx_"), *labels])] = sample.value
    return found


def with_prefix(port: DcbxStatus, prefix: str) -> dict[str, float]:
    return {name: value for name, value in series(port).items() if name.startswith(prefix)}


def test_where_nothing_is_known_there_are_no_peers_and_nothing_else() -> None:
    assert series(status()) == {"peers": 0.0, "mismatch multiple_peers": 0.0}


def test_both_sides_have_series_of_their_own() -> None:
    port = status(CEE.tlv(), kernel=KERNEL)
    assert with_prefix(port, "peer_info") == {"peer_info cee lldp": 1.0}
    flags = {f"pfc_enabled {side} {n}": float(on) for side in ("peer", "kernel") for n, on in enumerate(enabled(3))}
    assert with_prefix(port, "pfc_enabled") == flags
    assert with_prefix(port, "ets_bandwidth_ratio") == {
        "ets_bandwidth_ratio peer 0": 0.6,
        "ets_bandwidth_ratio peer 1": 0.4,
        "ets_bandwidth_ratio kernel 0": 0.6,
        "ets_bandwidth_ratio kernel 1": 0.4,
    }
    assert with_prefix(port, "willing") == {
        "willing peer ets": 0.0,
        "willing peer pfc": 0.0,
        "willing peer applications": 0.0,
        "willing kernel ets": 1.0,
    }


MISMATCHES = {
    "all judged but what IEEE does not say": (
        status(*IEEE, kernel=KERNEL),
        set(),
        {
            *("multiple_peers", "version", "pfc_enabled", "ets_classes", "ets_bandwidth", "ets_algorithm"),
            *("application_missing", "application_priority", "nobody_willing"),
        },
    ),
    "another version": (
        status(CEE.tlv(), kernel=KERNEL),
        {"version"},
        {"multiple_peers", "peer_error", "pfc_enabled", "ets_bandwidth", "ets_algorithm", "nobody_willing"},
    ),
    "several peers": (status(*IEEE, kernel=KERNEL, others=[OTHER]), {"multiple_peers"}, set()),
}


@pytest.mark.parametrize(("port", "ones", "zeros"), MISMATCHES.values(), ids=MISMATCHES.keys())
def test_a_mismatch_is_one_or_zero_or_absent_while_unknown(port: DcbxStatus, ones: set[str], zeros: set[str]) -> None:
    values = dict.fromkeys(ones, 1.0) | dict.fromkeys(zeros, 0.0)
    assert with_prefix(port, "mismatch") == {f"mismatch {kind}": value for kind, value in values.items()}


MODES = {
    "the host": (KernelDcb(DcbxMode.HOST), {"firmware_agent": 0.0}),
    "firmware": (KernelDcb(DcbxMode.LLD_MANAGED), {"firmware_agent": 1.0}),
    "nobody says": (None, {}),
}


@pytest.mark.parametrize(("kernel", "known"), MODES.values(), ids=MODES.keys())
def test_a_firmware_agent_is_a_flag_of_its_own(kernel: KernelDcb | None, known: dict[str, float]) -> None:
    assert with_prefix(status(kernel=kernel), "firmware") == known

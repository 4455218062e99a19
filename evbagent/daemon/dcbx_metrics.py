"""Prometheus metrics of DCBX: what a port's peer offers beside what the kernel has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily, Metric

from evbagent.dcb import Dcb, DcbxMismatch
from evbagent.status import DcbxStatus

__all__ = ["dcbx_metrics"]

_ABSENT: Final = "Absent while unknown."


def dcbx_metrics(ports: Iterable[DcbxStatus]) -> Iterator[Metric]:
    """Families with a series for each port and, where both have it, for `side` peer and kernel."""
    ports = list(ports)
    yield _peers(ports)
    yield _info(ports)
    yield _willing(ports)
    yield _pfc(ports)
    yield _bandwidth(ports)
    yield _mismatches(ports)
    yield _firmware(ports)


def _sides(port: DcbxStatus) -> Iterator[tuple[str, Dcb]]:
    for name, side in (("peer", port.offer), ("kernel", port.own)):
        if side is not None:
            yield name, side


def _peers(ports: Iterable[DcbxStatus]) -> Metric:
    family = GaugeMetricFamily(
        "evbagent_dcbx_peers", "Neighbors that speak DCBX; with several no offer counts.", labels=["port"]
    )
    for port in ports:
        family.add_metric([port.port], port.peers)
    return family


def _info(ports: Iterable[DcbxStatus]) -> Metric:
    family = InfoMetricFamily("evbagent_dcbx_peer", "Which DCBX the peer speaks, and who heard it.", labels=["port"])
    for port in ports:
        if port.offer is not None and port.source is not None:
            family.add_metric([port.port], {"version": port.offer.version.value, "source": port.source.value})
    return family


def _willing(ports: Iterable[DcbxStatus]) -> Metric:
    family = GaugeMetricFamily(
        "evbagent_dcbx_willing",
        f"Whether that side takes what the other has. {_ABSENT}",
        labels=["port", "side", "feature"],
    )
    for port in ports:
        for name, side in _sides(port):
            for feature, bits in side.features.items():
                if bits is not None and bits.willing is not None:
                    family.add_metric([port.port, name, feature.value], float(bits.willing))
    return family


def _pfc(ports: Iterable[DcbxStatus]) -> Metric:
    family = GaugeMetricFamily(
        "evbagent_dcbx_pfc_enabled",
        f"Whether the priority has flow control. {_ABSENT}",
        labels=["port", "side", "priority"],
    )
    for port in ports:
        for name, side in _sides(port):
            for priority, enabled in enumerate(() if side.pfc is None else side.pfc.enabled):
                family.add_metric([port.port, name, str(priority)], float(enabled))
    return family


def _bandwidth(ports: Iterable[DcbxStatus]) -> Metric:
    family = GaugeMetricFamily(
        "evbagent_dcbx_ets_bandwidth_ratio",
        "The share of a traffic class that has priorities and shares the link.",
        labels=["port", "side", "traffic_class"],
    )
    for port in ports:
        for name, side in _sides(port):
            for tc, percent in ({} if side.ets is None else side.ets.sharing).items():
                family.add_metric([port.port, name, str(tc)], percent / 100)
    return family


def _mismatches(ports: Iterable[DcbxStatus]) -> Metric:
    family = GaugeMetricFamily(
        "evbagent_dcbx_mismatch", f"Whether peer and kernel differ so. {_ABSENT}", labels=["port", "kind"]
    )
    for port in ports:
        for finding in port.findings:
            if finding.holds is not None and finding.kind is not DcbxMismatch.FIRMWARE_AGENT:
                family.add_metric([port.port, finding.kind.value], float(finding.holds))
    return family


def _firmware(ports: Iterable[DcbxStatus]) -> Metric:
    family = GaugeMetricFamily(
        "evbagent_dcbx_firmware_agent",
        f"Whether the interface's firmware speaks DCBX, and may keep LLDP to itself. {_ABSENT}",
        labels=["port"],
    )
    for port in ports:
        if port.firmware_agent is not None:
            family.add_metric([port.port], float(port.firmware_agent))
    return family

"""Prometheus metrics: a collector that renders a status snapshot at scrape time, and their listener."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from typing import Final

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from evbagent import __version__
from evbagent.daemon.dcbx_metrics import dcbx_metrics
from evbagent.status import ConfiguredMode, DaemonStatus, Histogram, Mode, PortStatus, Reason, State, UplinkStatus

__all__ = ["MetricsServer", "Renderer"]

_PATIENCE: Final = 5.0  # seconds that a scrape waits for a snapshot
_COUNTERS: Final = (
    ("frames_out", "LLDPDUs sent (statsFramesOutTotal)"),
    ("frames_in", "LLDPDUs received (statsFramesInTotal)"),
    ("frames_discarded", "LLDPDUs discarded (statsFramesDiscardedTotal)"),
    ("frames_in_errors", "LLDPDUs with detectable errors (statsFramesInErrorsTotal)"),
    ("tlvs_discarded", "TLVs discarded (statsTLVsDiscardedTotal)"),
    ("tlvs_unrecognized", "TLVs of unknown type (statsTLVsUnrecognizedTotal)"),
    ("ageouts", "Neighbors whose TTL ended (statsAgeoutsTotal)"),
)


class Renderer(Collector):
    """A snapshot as metric families; nothing is kept between scrapes, so a stale series can't be."""

    def __init__(self, snapshot: Callable[[], DaemonStatus]) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterator[Metric]:
        status = self._snapshot()
        yield InfoMetricFamily("evbagent_build", "The agent that answers.", {"version": __version__})
        yield from _uplinks(status.uplinks)
        yield from _ports(status.ports)
        yield from dcbx_metrics(port.dcbx for port in status.ports)
        transitions = CounterMetricFamily(
            "evbagent_transitions", "Changes of mode, as read back.", labels=["uplink", "from", "to", "reason"]
        )
        for labels, count in sorted(status.transitions.items()):
            transitions.add_metric(labels, count)
        yield transitions
        errors = CounterMetricFamily(
            "evbagent_mode_change_errors", "Batches after which an attachment had another mode.", labels=["uplink"]
        )
        for uplink, count in sorted(status.mode_errors.items()):
            errors.add_metric([uplink], count)
        yield errors
        drifts = CounterMetricFamily(
            "evbagent_attachment_drifts", "Attachments that somebody else gave another mode.", labels=["uplink"]
        )
        for uplink, count in sorted(status.drifts.items()):
            drifts.add_metric([uplink], count)
        yield drifts
        yield CounterMetricFamily(
            "evbagent_policy_write_errors", "Policy documents that could not be written.", status.policy_errors
        )
        reactions = status.reactions
        yield HistogramMetricFamily(
            "evbagent_reaction_seconds",
            "From the kernel's receive stamp, or from expiry, to the modes read back.",
            buckets=_buckets(reactions),
            sum_value=reactions.sum,
        )


def _uplinks(uplinks: Iterable[UplinkStatus]) -> Iterator[Metric]:
    uplinks = list(uplinks)
    yield _states("evbagent_uplink_mode", "How guests are bridged.", "mode", Mode, [(u.name, u.mode) for u in uplinks])
    yield _states(
        "evbagent_uplink_mode_configured",
        "What was asked for.",
        "mode",
        ConfiguredMode,
        [(u.name, u.configured_mode) for u in uplinks],
    )
    yield _states(
        "evbagent_uplink_state", "How far it is on its way there.", "state", State, [(u.name, u.state) for u in uplinks]
    )
    yield _states(
        "evbagent_uplink_reason", "Why the mode is so.", "reason", Reason, [(u.name, u.reason) for u in uplinks]
    )
    for name, text, known in (
        ("capable", "Whether the switch port can reflect.", [(u.name, u.relay.capable) for u in uplinks]),
        ("requested", "Whether relay is asked for.", [(u.name, u.relay.requested) for u in uplinks]),
        ("operational", "Whether the switch says that it reflects.", [(u.name, u.relay.operational) for u in uplinks]),
    ):
        family = GaugeMetricFamily(f"evbagent_relay_{name}", f"{text} Absent while unknown.", labels=["uplink"])
        for uplink, value in known:
            if value is not None:
                family.add_metric([uplink], float(value))
        yield family
    degraded = GaugeMetricFamily(
        "evbagent_uplink_degraded", "Whether mode vepa is configured and not there.", labels=["uplink"]
    )
    for u in uplinks:
        degraded.add_metric([u.name], float(u.degraded))
    yield degraded
    yield _attachments(uplinks)


def _states(name: str, text: str, label: str, kind: type[Enum], values: Iterable[tuple[str, Enum]]) -> Metric:
    """A series for each state, 1 for the one that holds; the label is called as people ask for it."""
    family = GaugeMetricFamily(name, text, labels=["uplink", label])
    for uplink, value in values:
        for member in kind:
            family.add_metric([uplink, member.value], float(member is value))
    return family


def _attachments(uplinks: Iterable[UplinkStatus]) -> Metric:
    family = GaugeMetricFamily("evbagent_attachments", "Guests' devices.", labels=["uplink", "reach", "mode"])
    for uplink in uplinks:
        counts: dict[tuple[str, str], int] = {}
        for attachment in uplink.attachments:
            key = attachment.reach.value, "unknown" if attachment.mode is None else attachment.mode.value
            counts[key] = counts.get(key, 0) + 1
        for (reach, mode), count in sorted(counts.items()):
            family.add_metric([uplink.name, reach, mode], count)
    return family


def _ports(ports: Iterable[PortStatus]) -> Iterator[Metric]:
    ports = list(ports)
    neighbors = GaugeMetricFamily("evbagent_neighbors", "Live LLDP neighbors.", labels=["port", "scope"])
    discards = CounterMetricFamily(
        "evbagent_lldp_discards", "Frames that went no further.", labels=["port", "scope", "reason"]
    )
    too_many = GaugeMetricFamily(
        "evbagent_too_many_neighbors", "Whether a neighbor found no room in the table.", labels=["port", "scope"]
    )
    families = {
        name: CounterMetricFamily(f"evbagent_lldp_{name}", f"{text}.", labels=["port", "scope"])
        for name, text in _COUNTERS
    }
    missed = CounterMetricFamily(
        "evbagent_frames_missed", "Frames lost unheard, after which everybody had to be heard anew.", labels=["port"]
    )
    overflowed = CounterMetricFamily(
        "evbagent_frames_overflowed", "Frames lost unheard, none of them from an EVB neighbor.", labels=["port"]
    )
    shared = GaugeMetricFamily(
        "evbagent_shared_identities", "Neighbors that are two agents under one identity.", labels=["port", "scope"]
    )
    for port in ports:
        missed.add_metric([port.name], port.missed)
        overflowed.add_metric([port.name], port.overflowed)
        for reason, count in sorted(port.discards.items()):
            discards.add_metric([port.name, "none", reason], count)
        for scope in port.scopes:
            labels = [port.name, scope.scope]
            neighbors.add_metric(labels, scope.neighbors)
            too_many.add_metric(labels, float(scope.too_many_neighbors))
            shared.add_metric(labels, scope.shared_identities)
            for reason, count in sorted(scope.counters.discards.items()):
                discards.add_metric([*labels, reason], count)
            for name, family in families.items():
                family.add_metric(labels, getattr(scope.counters, f"{name}_total"))
    yield from _probes(ports)
    yield neighbors
    yield too_many
    yield shared
    yield discards
    yield missed
    yield overflowed
    yield from families.values()


def _probes(ports: Iterable[PortStatus]) -> Iterator[Metric]:
    frames = CounterMetricFamily("evbagent_probe_frames", "Probes by what became of them.", labels=["port", "outcome"])
    verified = GaugeMetricFamily(
        "evbagent_relay_verified", "Whether probes come back. Absent while unknown.", labels=["port"]
    )
    away = HistogramMetricFamily("evbagent_probe_round_trip_seconds", "How long probes were away.", labels=["port"])
    for port in ports:
        probe = port.probe
        if probe is None:
            continue
        for outcome in ("sent", "reflected", "missed", "voided"):
            frames.add_metric([port.name, outcome], getattr(probe, outcome))
        for reason, count in sorted(probe.discards.items()):
            frames.add_metric([port.name, reason], count)
        if probe.verified is not None:
            verified.add_metric([port.name], float(probe.verified))
        trips = probe.round_trips
        away.add_metric([port.name], _buckets(trips), trips.sum)
    yield frames
    yield verified
    yield away


def _buckets(histogram: Histogram) -> list[tuple[str, float]]:
    finite = [(str(bound), float(count)) for bound, count in zip(histogram.bounds, histogram.counts, strict=True)]
    return [*finite, ("+Inf", float(histogram.total))]


class MetricsServer:
    """Answers scrapes in threads of its own; each asks the loop for a snapshot, which is all that the loop does."""

    def __init__(self, listen: str, snapshot: Callable[[], DaemonStatus]) -> None:
        """`listen` is HOST:PORT, port 0 takes a free one. Raises `OSError` where it can't be had."""
        loop = asyncio.get_running_loop()

        async def ask() -> DaemonStatus:
            return snapshot()

        registry = CollectorRegistry(auto_describe=False)
        host, _, port = listen.rpartition(":")
        registry.register(Renderer(lambda: asyncio.run_coroutine_threadsafe(ask(), loop).result(_PATIENCE)))
        self._server, self._thread = start_http_server(int(port), host.strip("[]"), registry)
        self.address = f"{host}:{self._server.server_port}"

    async def close(self) -> None:
        """Stop listening."""
        await asyncio.to_thread(self._server.shutdown)
        self._server.server_close()
        self._thread.join()

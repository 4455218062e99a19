"""What tests ask a lab about its daemon: the policy document in words, and metrics as they are scraped."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from evbagent.lab import Lab
from evbagent.lab.namespaces import Namespace
from evbagent.status import MacvlanMode

__all__ = [
    "METRICS",
    "Scrape",
    "attachment",
    "bridged",
    "relay",
    "said",
    "sampled",
    "scrape",
    "steady",
    "through_the_switch",
]

METRICS: Final = "127.0.0.1:9817"
_PATIENCE: Final = 10.0  # seconds for a scrape
_GLANCE: Final = 0.01
_SPOKEN: Final = {MacvlanMode.VEPA: "vepa", MacvlanMode.BRIDGE: "veb"}


def said(lab: Lab) -> str | None:
    """Mode, state and reason in the policy document; None before there is one."""
    uplink = lab.agent.uplink
    return None if uplink is None else f"{uplink['effective']['mode']}, {uplink['state']}, {uplink['reason']}"


def relay(lab: Lab) -> dict[str, Any]:
    """What the policy document says about the switch port; empty before there is one."""
    uplink = lab.agent.uplink
    return {} if uplink is None else uplink["relay"]


async def bridged(lab: Lab, mode: MacvlanMode, reason: str, seconds: float = 10.0) -> float:
    """Wait until the kernel has every guest in that mode, and the daemon says that it is settled and why."""
    words = f"{_SPOKEN[mode]}, settled, {reason}"
    what = f"every guest in {mode.value} and the daemon saying '{words}'"
    return await lab.until(lambda: lab.all_in(mode) and said(lab) == words, seconds, what)


def attachment(lab: Lab, name: str) -> dict[str, Any] | None:
    """An attachment's entry in the policy document."""
    uplink = lab.agent.uplink
    entries: list[dict[str, Any]] = [] if uplink is None else uplink["attachments"]
    return next((entry for entry in entries if entry["name"] == name), None)


@asynccontextmanager
async def sampled(lab: Lab, look: Callable[[], object], limit: float = 90.0) -> AsyncIterator[list[object]]:
    """Look again and again while the block runs; all different things that were seen, in their order."""
    seen: list[object] = []
    over = asyncio.Event()

    def step() -> bool:
        value = look()
        if value not in seen:
            seen.append(value)
        return over.is_set()

    watch = asyncio.create_task(lab.until(step, limit, "the end of what is watched"))
    try:
        yield seen
    finally:
        over.set()
        await watch


async def steady(lab: Lab, look: Callable[[], object], seconds: float) -> None:
    """For that long, `look()` sees the same thing."""
    end = time.monotonic() + seconds
    async with sampled(lab, look) as seen:
        await lab.until(lambda: len(seen) > 1 or time.monotonic() >= end, seconds + 10.0, "the time to pass")
    assert len(seen) == 1, f"{seen}\n{lab.agent_log()}"


async def through_the_switch(lab: Lab, frames: int = 200) -> None:
    """The guests reach each other, and each of their frames is counted in at the switch port."""
    before = lab.via_switch()
    exchange = await lab.exchange(frames)
    assert (exchange.lost, exchange.duplicated) == (0, 0)
    assert lab.via_switch() - before >= exchange.sent == frames


class Scrape:
    """One answer of the metrics listener."""

    def __init__(self, text: str) -> None:
        self._samples: list[Sample] = [
            sample for family in text_string_to_metric_families(text) for sample in family.samples
        ]

    @property
    def names(self) -> set[str]:
        return {sample.name for sample in self._samples}

    def sum(self, name: str, **labels: str) -> float:
        """Over the samples of that name that have these labels, whatever else they have."""
        return sum(s.value for s in self._samples if s.name == name and labels.items() <= s.labels.items())

    def holding(self, name: str, label: str) -> list[str]:
        """The values of that label for which the series is 1."""
        return [sample.labels[label] for sample in self._samples if sample.name == name and sample.value == 1]


def _connected(host: str, port: int) -> socket.socket:
    """The listener comes last when a daemon starts, and takes a moment to import."""
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            return socket.create_connection((host, port), timeout=_PATIENCE)
        except ConnectionRefusedError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_GLANCE)


def scrape(namespace: Namespace, listen: str = METRICS) -> Scrape:
    """As Prometheus would, from inside that namespace."""
    host, _, port = listen.rpartition(":")
    with namespace.entered():
        sock = _connected(host, int(port))
    with contextlib.closing(http.client.HTTPConnection(host)) as connection:
        connection.sock = sock
        connection.request("GET", "/metrics")
        response = connection.getresponse()
        assert response.status == http.client.OK
        return Scrape(response.read().decode())

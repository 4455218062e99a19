"""What clients may see of the daemon: read on the loop that owns it, handed out as frozen values."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from evbagent.capture import Captured
from evbagent.daemon.runner import Runner
from evbagent.policy.document import Moment
from evbagent.status import NeighborStatus, PortStatus, UplinkStatus
from evbagent.uplink import Uplink
from evbagent.wire.octets import MacAddress

__all__ = ["Heard", "Recent", "View"]


class Heard(NamedTuple):
    """The ports, and who is known on them."""

    ports: tuple[PortStatus, ...]
    neighbors: tuple[NeighborStatus, ...]


class Recent(NamedTuple):
    """The last frames of a port, how many there have been, and the addresses that are its own and its guests'."""

    frames: tuple[Captured, ...]
    total: int
    own: frozenset[MacAddress]


class View:
    """Looks at the daemon's own tables; every call is one on the daemon's loop."""

    def __init__(self, uplinks: Mapping[str, Uplink], runners: Mapping[str, Runner]) -> None:
        self._uplinks = uplinks
        self._runners = runners

    def moment(self) -> Moment:
        return Moment(asyncio.get_running_loop().time(), datetime.now(UTC).astimezone())

    def uplinks(self) -> tuple[UplinkStatus, ...]:
        return tuple(uplink.status for uplink in self._uplinks.values())

    def ports(self) -> tuple[str, ...]:
        """Their names."""
        return tuple(self._runners)

    def heard(self) -> Heard:
        now = asyncio.get_running_loop().time()
        uplinks = self._uplinks.values()
        return Heard(
            tuple(port for uplink in uplinks for port in uplink.ports(now)),
            tuple(neighbor for uplink in uplinks for neighbor in uplink.neighbors(now)),
        )

    def recent(self, port: str) -> Recent | None:
        """None where there is no such port."""
        runner = self._runners.get(port)
        if runner is None:
            return None
        return Recent(runner.recent.frames, runner.recent.total, self._uplinks[port].own)

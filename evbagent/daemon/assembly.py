"""What an uplink's core is made of, as the configuration wants it; all that is random in it is drawn here."""

from __future__ import annotations

import os
import random
from typing import Final

from evbagent.config import Settings
from evbagent.lldp.agent import AgentSettings
from evbagent.lldp.timers import TransmitSettings
from evbagent.port import Identity
from evbagent.probe.attempt import ProbeSettings
from evbagent.recording import Origin, ProbeOrigin
from evbagent.status import ConfiguredMode
from evbagent.uplink import UplinkSettings
from evbagent.wire.ethernet import Scope

__all__ = ["Assembly"]

_SEED_OCTETS: Final = 8
_PHASES: Final = (0.25, 1.0)  # shares of the interval between which a port's periodic frames begin


class Assembly:
    """Says what cores are made of; `key` (32 octets) signs all probes, and their nonces are new with each start."""

    def __init__(self, settings: Settings, identity: Identity, key: bytes) -> None:
        self._settings = settings
        self._identity = identity
        self._key = key

    def origin(self, name: str, wanted: UplinkSettings) -> Origin:
        """What the core of that uplink is made of."""
        settings = self._settings
        return Origin(
            name,
            wanted,
            self._identity,
            self._agents(wanted, random.uniform(*_PHASES)),
            settings.entry,
            draft=settings.evb.draft,
            probe=self._probe(wanted),
        )

    def _probe(self, wanted: UplinkSettings) -> ProbeOrigin | None:
        """None where nothing may be sent, or the operator wants none."""
        probe = self._settings.probe
        if not probe.enabled or wanted.mode is ConfiguredMode.OBSERVE:
            return None
        return ProbeOrigin(self._key, os.urandom(_SEED_OCTETS), ProbeSettings(interval=probe.interval))

    def _agents(self, uplink: UplinkSettings, phase: float) -> dict[Scope, AgentSettings]:
        """What a port's LLDP agents are told; `phase` is a share of the interval, the same for all agents of a port.

        One that only observes is silent: beside another agent on this host it would be a second station to the switch.
        """
        lldp = self._settings.lldp
        timing = TransmitSettings(
            interval=lldp.interval,
            hold=lldp.hold,
            fast_interval=lldp.fast_interval,
            fast_init=lldp.fast_start,
            credit=lldp.credit,
            phase=lldp.interval * phase,
        )
        transmit = () if uplink.mode is ConfiguredMode.OBSERVE else lldp.transmit
        limit = self._settings.neighbors.limit
        return {
            scope: AgentSettings(scope in transmit, scope in lldp.receive, limit, timing)
            for scope in Scope
            if scope in transmit or scope in lldp.receive
        }

"""One switch port: a port of a Linux bridge for which we are the EVB bridge, and whose hairpin flag we own; pure."""

from __future__ import annotations

from collections.abc import Mapping

from evbagent.effects import Actuated, Effect, SendFrame, SetHairpin
from evbagent.evb.bridge import Bridge
from evbagent.events import LinkState
from evbagent.lldp.agent import AgentSettings
from evbagent.port import Identity, Port
from evbagent.wire.ethernet import Scope
from evbagent.wire.evb import RrStatus
from evbagent.wire.octets import MacAddress

__all__ = ["SwitchPort"]


class SwitchPort:
    """The machinery of an uplink in the other role."""

    def __init__(self, name: str, *, capable: bool, identity: Identity, agents: Mapping[Scope, AgentSettings]) -> None:
        self.name = name
        self._bridge = Bridge(name, capable=capable)
        self._port = Port(name, identity, agents, self._bridge)

    @property
    def deadline(self) -> float:
        """When `on_deadline` has something to do, the loop's clock in seconds."""
        return self._port.deadline

    @property
    def relay(self) -> bool:
        """Whether relay is announced as on (operReflectiveRelayControl)."""
        return self._bridge.status.rr_control

    @property
    def confirmed(self) -> bool:
        """Whether the station has said that it sees relay on."""
        station = self._bridge.station
        return station is not None and station.station.rr_status is RrStatus.TRUE

    def receive(self, octets: bytes, vlan: int | None, now: float, arrived: float | None = None) -> list[Effect]:
        """One frame that came in on the port."""
        return self._wished(self._port.receive(octets, vlan, now, arrived))

    def probes_missed(self, now: float) -> list[Effect]:
        """A switch port has no probe of its own."""
        return []

    @property
    def vital(self) -> frozenset[MacAddress]:
        """Sources whose frames must be heard whatever else arrives."""
        return self._port.vital

    def overflowed(self, count: int) -> None:
        """So many frames were lost, none of them from a `vital` source."""
        self._port.overflowed(count)

    def missed(self, count: int, now: float) -> list[Effect]:
        """So many frames were lost unheard: whether the station still asks for relay is unknown."""
        return self._wished(self._port.missed(count, now))

    def slept(self, seconds: float, now: float) -> list[Effect]:
        """The machine was suspended: the station has to be heard anew."""
        return self._wished(self._port.slept(seconds, now))

    def link(self, state: LinkState | None, now: float) -> list[Effect]:
        """The port as the kernel has it now, with its hairpin flag."""
        self._bridge.port = 0 if state is None else state.ifindex
        self._bridge.hairpin = None if state is None else state.hairpin
        effects = self._port.link(state, frozenset(), now)
        return self._wished([*effects, *self._settle(now)])

    def offer(self, *, capable: bool, now: float) -> list[Effect]:
        """Offer relay from now on, or withdraw it (reflectiveRelayCapable)."""
        self._bridge.capable = capable
        return self._wished(self._settle(now))

    def on_deadline(self, now: float, *, drained: bool = False) -> list[Effect]:
        """Time has come for something."""
        return self._wished(self._port.on_deadline(now, drained=drained))

    def release(self, now: float) -> list[Effect]:
        """The switch agent stops and says so; relay that nobody announces is not left on."""
        return [*self._port.withdraw(now), *self.offer(capable=False, now=now)]

    def actuated(self, outcome: Actuated, now: float) -> list[Effect]:
        """What became of a wish: relay is announced once the kernel's flag has been read back."""
        if isinstance(outcome.effect, SendFrame):
            self._port.actuated(outcome, now)
            return []
        if not isinstance(outcome.effect, SetHairpin):
            return []
        self._bridge.hairpin = outcome.hairpin
        return self._wished(self._settle(now))

    def _settle(self, now: float) -> list[Effect]:
        return [*self._bridge.run(now), *self._port.refresh(now)]

    def _wished(self, effects: list[Effect]) -> list[Effect]:
        """The last word about the flag, if there is a port to have one.

        Of several stations that are given up at once the last is alone for a moment, and relay is not for that.
        """
        wishes = [effect for effect in effects if isinstance(effect, SetHairpin)]
        last = wishes[-1] if wishes and self._port.ifindex is not None else None
        return [effect for effect in effects if effect is last or not isinstance(effect, SetHairpin)]

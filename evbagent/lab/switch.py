"""The first-hop switch's agent: our own EVB bridge in front of a real bridge port."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from evbagent.daemon.journal import Journal
from evbagent.daemon.runner import Runner
from evbagent.effects import Actuated, SetHairpin, SetModes
from evbagent.events import LinkState
from evbagent.lab.namespaces import Namespace
from evbagent.lab.topology import SWITCH_ADDRESS, SWITCH_PORT
from evbagent.linux.kernel import Kernel
from evbagent.linux.links import LinkEvents, LinkTable
from evbagent.linux.rtnetlink import RouteSocket
from evbagent.lldp.agent import AgentSettings
from evbagent.lldp.timers import TransmitSettings
from evbagent.port import Identity
from evbagent.switchport import SwitchPort
from evbagent.wire.ethernet import Scope
from evbagent.wire.octets import MacAddress

__all__ = ["Switch", "SwitchSettings"]


@dataclass(frozen=True, slots=True)
class SwitchSettings:
    """`interval` (seconds) and `hold` make the TTL; `keep_hairpin` leaves the flag on when relay is withdrawn."""

    chassis: MacAddress = SWITCH_ADDRESS
    capable: bool = True
    interval: float = 30.0
    hold: int = 4
    keep_hairpin: bool = False


class Switch:
    """Offers relay on one port, the one where the cable is, and can be made to misbehave."""

    def __init__(self, namespace: Namespace, journal: Journal) -> None:
        self.port = SWITCH_PORT
        self._namespace = namespace
        self._journal = journal
        with namespace.entered():
            self._route = RouteSocket()
        self._links = LinkTable(self._route)
        self._core: SwitchPort | None = None
        self._runner: Runner | None = None
        self._events: LinkEvents | None = None

    async def start(self, settings: SwitchSettings | None = None) -> None:
        """The agent begins to speak on the port."""
        settings = settings or SwitchSettings()
        loop = asyncio.get_running_loop()
        timing = TransmitSettings(interval=settings.interval, hold=settings.hold, phase=settings.interval)
        agent = AgentSettings(transmit=True, receive=True, limit=32, timing=timing)
        core = SwitchPort(
            self.port,
            capable=settings.capable,
            identity=Identity(settings.chassis, "lab-switch"),
            agents={Scope.NEAREST_CUSTOMER_BRIDGE: agent},
        )
        kernel = Kernel(self._route, self._links)
        self._core = core
        self._runner = Runner(
            core,
            _KeepsHairpin(kernel) if settings.keep_hairpin else kernel,
            self._journal,
            publish=lambda: None,
            reaction=lambda _: None,
        )
        with self._namespace.entered():
            self._events = LinkEvents()
        loop.add_reader(self._events, self._on_links)
        self._look()

    def offer(self, *, relay: bool) -> None:
        """Offer relay, or withdraw it, while running."""
        assert self._core is not None and self._runner is not None, "start the switch first"
        self._runner.perform(self._core.offer(capable=relay, now=asyncio.get_running_loop().time()))

    @property
    def granted(self) -> bool:
        """Whether relay is announced as on."""
        return self._core is not None and self._core.relay

    @property
    def confirmed(self) -> bool:
        """Whether the station says that it sees relay on."""
        return self._core is not None and self._core.confirmed

    @property
    def hairpin(self) -> bool:
        """The kernel's flag, now."""
        return bool(self._port().hairpin)

    def set_hairpin(self, *, on: bool) -> None:
        """Behind the agent's back."""
        self._route.set_hairpin(self._port().ifindex, on=on)

    def stop(self) -> None:
        """The agent ends as it should: with a shutdown LLDPDU, and relay off."""
        if self._runner is not None:
            self._runner.release()
        self._forget()

    def die(self) -> None:
        """The agent ends without a word; the kernel keeps reflecting."""
        self._forget()

    def close(self) -> None:
        self._forget()
        self._route.close()

    def _forget(self) -> None:
        if self._runner is not None:
            self._runner.close()
        if self._events is not None:
            asyncio.get_running_loop().remove_reader(self._events)
            self._events.close()
        self._runner = self._core = self._events = None

    def _port(self) -> LinkState:
        self._links.refresh()
        port = self._links.named(self.port)
        assert port is not None, "the lab's cable is there as long as the lab"
        return port

    def _on_links(self) -> None:
        if self._events is not None:
            self._events.drain()
            self._look()

    def _look(self) -> None:
        assert self._core is not None and self._runner is not None
        port = self._port()
        with self._namespace.entered():
            self._runner.attach(port, everything=self._links.needs_everything(port))
        self._runner.perform(self._core.link(port, asyncio.get_running_loop().time()))


class _KeepsHairpin:
    """Performs everything but turning hairpin off: a switch that withdraws its word and reflects on."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def set_modes(self, wish: SetModes) -> Actuated:
        return self._kernel.set_modes(wish)

    def set_hairpin(self, wish: SetHairpin) -> Actuated:
        return self._kernel.set_hairpin(SetHairpin(wish.port, on=True) if not wish.on else wish)

"""The lab as one thing: made on entry, gone without a trace on exit."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from evbagent.daemon.journal import Journal
from evbagent.lab import topology
from evbagent.lab.agent import AgentProcess
from evbagent.lab.guests import Exchange, Flow
from evbagent.lab.namespaces import Namespace
from evbagent.lab.switch import Switch
from evbagent.linux.rtnetlink import RouteSocket
from evbagent.status import MacvlanMode
from evbagent.wire.octets import MacAddress

__all__ = ["Lab", "LabTimeout"]

_GLANCE = 0.005  # seconds between looks at a predicate


class LabTimeout(Exception):
    """What was waited for did not come true."""


class Lab:
    """A switch, a host on its port, and guests on the host's uplink.

    Needs CAP_SYS_ADMIN and CAP_NET_ADMIN, as root has them and everybody in a user namespace of their own. With `stp`
    off, the switch floods 01-80-C2-00-00-00 as Linux bridges then do.
    """

    def __init__(self, guests: int = 2, *, stp: bool = True, journal: Journal | None = None) -> None:
        self._count = guests
        self._stp = stp
        self._journal = journal
        self._stack = contextlib.AsyncExitStack()
        self.guests: dict[str, MacAddress] = {}

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="evbagent-lab-")))
            journal = self._journal
            if journal is None:
                journal = Journal(stack.enter_context((self.folder / "switch.log").open("wb")).fileno())
            self.host_namespace, self.switch_namespace = Namespace("host"), Namespace("switch")
            stack.callback(self.host_namespace.close)
            stack.callback(self.switch_namespace.close)
            for namespace in (self.host_namespace, self.switch_namespace):
                topology.quiet(namespace)
            topology.cable(self.host_namespace, self.switch_namespace)
            topology.make_switch(self.switch_namespace, stp=self._stp)
            for number in range(1, self._count + 1):
                self.add_guest(number)
            with self.host_namespace.entered():
                self._route = RouteSocket()
            stack.callback(self._route.close)
            self.switch = Switch(self.switch_namespace, journal)
            stack.callback(self.switch.close)
            self.agent = AgentProcess(self.host_namespace, self.folder)
            stack.push_async_callback(self.agent.close)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    def add_guest(self, number: int, mode: MacvlanMode = MacvlanMode.BRIDGE) -> str:
        """One more guest; its device's name."""
        name = topology.add_guest(self.host_namespace, number, mode)
        if mode in (MacvlanMode.BRIDGE, MacvlanMode.VEPA):
            self.guests[name] = topology.guest_address(number)
        return name

    def modes(self) -> dict[str, MacvlanMode]:
        """The modes of all macvlans on the host, as the kernel has them."""
        return {link.name: link.mode for link in self._route.links().values() if link.mode is not None}

    def all_in(self, mode: MacvlanMode) -> bool:
        """Whether every guest that traffic uses is in that mode."""
        modes = self.modes()
        return all(modes.get(name) is mode for name in self.guests)

    def unplug(self) -> None:
        """The cable is out: no carrier at the host."""
        topology.set_up(self.switch_namespace, self.switch.port, up=False)

    def plug(self, port: str | None = None) -> None:
        """The cable is in again: where it was, or in another port of the switch, where no agent speaks yet."""
        if port is not None:
            self.switch.die()
            topology.move_port(self.switch_namespace, self.switch.port, port)
            self.switch.port = port
        topology.set_up(self.switch_namespace, self.switch.port, up=True)

    def via_switch(self) -> int:
        """How many frames the kernel has counted in at the switch port."""
        return topology.received_packets(self.switch_namespace, self.switch.port)

    def flow(self, *, rate: float = 1000.0) -> Flow:
        """Traffic among all guests, frames a second; not started yet."""
        return Flow(self.host_namespace, self.guests, rate=rate)

    async def exchange(self, frames: int = 200, *, rate: float = 1000.0) -> Exchange:
        """That many frames among the guests."""
        flow = self.flow(rate=rate)
        flow.start(frames)
        return await asyncio.to_thread(flow.finish)

    async def until(self, true: Callable[[], object], seconds: float, what: str) -> float:
        """Wait until `true()` is; how long it took. Raises `LabTimeout` with `what`, and the end of the agent's log."""
        began = time.monotonic()
        while not true():
            if time.monotonic() - began > seconds:
                raise LabTimeout(f"waited {seconds:g} s for {what}\n{self.agent_log()}")
            await asyncio.sleep(_GLANCE)
        return time.monotonic() - began

    def agent_log(self, lines: int = 12) -> str:
        """The end of what the daemon said."""
        log = self.agent.log
        return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else ""

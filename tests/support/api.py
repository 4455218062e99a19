"""The API as the daemon serves it, for one uplink without a daemon around it, and raw requests to it."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, NamedTuple

from evbagent.capture import Captured
from evbagent.daemon.api.server import ApiServer
from evbagent.daemon.journal import Journal
from evbagent.daemon.runner import Runner
from evbagent.daemon.view import View
from evbagent.events import LinkState
from evbagent.linux.files import LocalSocket
from evbagent.linux.kernel import Kernel
from evbagent.linux.links import LinkTable
from evbagent.linux.rtnetlink import RouteSocket
from evbagent.status import ConfiguredMode
from evbagent.uplink import Uplink, UplinkSettings
from tests.support.frames import HOST, IDENTITY, agents

__all__ = ["Answer", "Served", "answered", "ask", "connected", "get", "serving"]

_PORT: Final = LinkState(2, "eth0", HOST, up=True, carrier=True, carrier_ups=1)
_PATIENCE: Final = 10.0  # seconds for each step of a request
_AGO: Final = 10.0  # seconds since all that was heard
_PLAIN: Final = "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


class Answer(NamedTuple):
    """A response, its body as JSON."""

    status: int
    headers: dict[str, str]
    body: Any

    @property
    def error(self) -> tuple[int, str]:
        """Status and label of a refusal."""
        assert self.body.keys() == {"error"}
        assert self.body["error"].keys() == {"code", "message", "hint"}
        return self.status, self.body["error"]["code"]


def connected(path: Path) -> socket.socket:
    """A connection on which nothing has been said."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.connect(str(path))  # waits where many others come at the same time
    sock.settimeout(_PATIENCE)
    return sock


def answered(sock: socket.socket) -> Answer:
    """The next response on the connection."""
    response = http.client.HTTPResponse(sock)
    response.begin()
    assert response.headers["content-type"] == "application/json"
    body = response.read()
    return Answer(response.status, {k.lower(): v for k, v in response.headers.items()}, json.loads(body))


def ask(path: Path, request: bytes) -> Answer:
    """These octets, and what is answered to them."""
    with connected(path) as sock:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it may be refused before it is at its end
            sock.sendall(request)
        return answered(sock)


def get(path: Path, url: str) -> Answer:
    """A plain GET."""
    return ask(path, _PLAIN.format(path=url).encode())


class Served:
    """One uplink that observes, and what it is told."""

    def __init__(self, folder: Path, uplink: Uplink, runner: Runner, now: float) -> None:
        self.socket = folder / "api.sock"
        self.config = folder / "evbagent.yaml"
        self._journal = folder / "journal"
        self.uplink = uplink
        self._runner = runner
        self._now = now

    def hear(self, octets: bytes, stamp: float = 1_700_000_000.0, tag: bytes = b"", later: float = 0.0) -> None:
        """A frame comes in, so many seconds after the start."""
        self._runner.recent.add(Captured(stamp, False, octets, tag))
        self._runner.perform(self.uplink.receive(octets, None, self._now + later))

    def unplug(self) -> None:
        """The port has no carrier any more."""
        self._runner.perform(self.uplink.link(replace(_PORT, carrier=False), (), self._now))

    def journal(self) -> list[str]:
        """What was said about it."""
        return self._journal.read_text().splitlines()


@contextlib.asynccontextmanager
async def serving(
    folder: Path, *, limit: int = 32, patience: float = 10.0, view: type[View] = View
) -> AsyncIterator[Served]:
    """Its socket and a configuration that names it are in `folder`; what it hears came 10 s ago."""
    now = asyncio.get_running_loop().time() - _AGO
    observing = UplinkSettings(mode=ConfiguredMode.OBSERVE)
    settings = {scope: replace(agent, limit=limit) for scope, agent in agents(()).items()}
    uplink = Uplink("eth0", observing, IDENTITY, settings, now)
    (folder / "evbagent.yaml").write_text(f"run_dir: {folder}\n")
    with contextlib.ExitStack() as stack:
        journal = Journal(stack.enter_context((folder / "journal").open("wb")).fileno())
        route = stack.enter_context(contextlib.closing(RouteSocket()))
        links = LinkTable(route)
        runner = Runner(uplink, Kernel(route, links), journal, publish=lambda: None, reaction=lambda _: None)
        stack.callback(runner.close)
        runner.perform(uplink.link(_PORT, (), now))
        door = stack.enter_context(contextlib.closing(LocalSocket(folder / "api.sock", 0o660, backlog=64)))
        server = ApiServer(door.socket, view({"eth0": uplink}, {"eth0": runner}), journal, patience=patience)
        try:
            yield Served(folder, uplink, runner, now)
        finally:
            await server.close()

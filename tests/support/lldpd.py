"""Vincent Bernat's lldpd as a process in a namespace: the neighbor that knows LLDP and nothing of EVB."""

from __future__ import annotations

import asyncio
import json
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from evbagent.lab.namespaces import Namespace
from tests.support import peers

__all__ = ["Lldpd"]

_PATIENCE: Final = 10.0  # seconds until it answers
_GLANCE: Final = 0.02
# It drops to a user of its own and into a folder under /run, which only an installation makes. Mounts that nobody else
# sees take their place: $1 and $2 are the users and groups with _lldpd among them.
_PRIVATE: Final = """
mount --bind "$1" /etc/passwd && mount --bind "$2" /etc/group && shift 2 &&
mount -t tmpfs tmpfs /run && mkdir /run/lldpd && exec "$@"
"""
# It reads these before it begins to speak; settings made later leave a timer that already runs as it is.
_CONFIGURATION: Final = "configure lldp agent-type nearest-customer-bridge\nconfigure lldp tx-interval 1\n"
_USER, _GROUP = "_lldpd:x:64999:64999::/run/lldpd:/usr/sbin/nologin", "_lldpd:x:64999:"


class Lldpd:
    """One lldpd on one port, on the nearest-customer-bridge scope; leaving the context ends it."""

    def __init__(self, namespace: Namespace, folder: Path, port: str) -> None:
        self._namespace = namespace
        self._folder = folder
        self._port = port
        self._process: asyncio.subprocess.Process | None = None
        self._socket = folder / "lldpd.socket"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.wait()

    async def start(self) -> None:
        """Run it and wait until it answers; it sends every second."""
        log = self._folder / "lldpd.log"
        users = [self._with("passwd", _USER), self._with("group", _GROUP)]
        config = self._folder / "lldpd.conf"
        config.write_text(_CONFIGURATION)
        options = ("-d", "-I", self._port, "-C", self._port, "-u", str(self._socket), "-O", str(config))
        private = ["unshare", "--mount", "setpriv", "--pdeathsig", "KILL", "sh", "-c", _PRIVATE, "sh", *users]
        with log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self._namespace.command(*private, *peers.command("lldpd", *options)),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=peers.environment("lldpd"),
                pass_fds=(self._namespace.descriptor,),
            )
        deadline = time.monotonic() + _PATIENCE
        while "nearest customer bridge" not in self._lldpcli("show", "configuration"):
            if self._process.returncode is not None or time.monotonic() > deadline:
                raise TimeoutError(f"lldpd does not answer:\n{log.read_text(errors='replace')}")
            await asyncio.sleep(_GLANCE)

    def neighbors(self, *, details: bool = False) -> list[dict[str, Any]]:
        """`lldpcli -f json0 show neighbors`: the neighbors of the port, as lldpd has them."""
        return self._interfaces("neighbors", *(["details"] if details else []))

    def statistics(self) -> dict[str, int]:
        """What it counts on the port: `rx`, `rx_discarded_cnt`, `rx_unrecognized_cnt` and others."""
        (counted,) = self._interfaces("statistics")
        counters = {name: counter for name, counter in counted.items() if name != "name"}
        return {name: int(counter[name]) for name, (counter,) in counters.items()}

    def _interfaces(self, *what: str) -> list[dict[str, Any]]:
        answer = json.loads(self._lldpcli("-f", "json0", "show", *what) or "{}")
        return [interface for part in answer.get("lldp", []) for interface in part.get("interface", [])]

    def _lldpcli(self, *args: str) -> str:
        """What it prints; empty where it fails."""
        done = subprocess.run(
            peers.command("lldpcli", "-u", str(self._socket), *args),
            env=peers.environment("lldpcli"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
        return done.stdout if done.returncode == 0 else ""

    def _with(self, name: str, line: str) -> str:
        """A copy of a file under /etc with one more line."""
        file = self._folder / name
        file.write_text(f"{Path('/etc', name).read_text().rstrip()}\n{line}\n")
        return str(file)

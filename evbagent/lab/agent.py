"""The shipped daemon as a process in the host's namespace, with the two capabilities it needs and no others."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Any

import msgspec
import yaml

from evbagent.lab.namespaces import Namespace
from evbagent.lab.topology import UPLINK

__all__ = ["HOLD_UP", "AgentProcess"]

HOLD_UP = 0.2  # seconds; a lab need not be as patient as a production host


class AgentProcess:
    """`settings` are merged over the lab's own; `module` is what runs (`python -m MODULE run`)."""

    def __init__(self, namespace: Namespace, folder: Path) -> None:
        self._namespace = namespace
        self._folder = folder
        self._process: asyncio.subprocess.Process | None = None
        self.settings: dict[str, Any] = {"uplinks": {UPLINK: {"mode": "auto"}}, "hold_up": HOLD_UP}
        self.module = "evbagent"
        self.run_dir = folder / "run"
        self.log = folder / "agent.log"

    @property
    def config(self) -> Path:
        return self._folder / "evbagent.yaml"

    @property
    def pid(self) -> int:
        assert self._process is not None, "start the agent first"
        return self._process.pid

    async def start(self) -> None:
        """Write the configuration and run the daemon; what it says goes to `log`."""
        settings = {"run_dir": str(self.run_dir), "metrics": {"listen": "127.0.0.1:9817"}, **self.settings}
        self.config.write_text(yaml.safe_dump(settings))
        drop = ["setpriv", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all,+net_raw,+net_admin"]
        drop += ["--pdeathsig=KILL"]  # a lab that is killed leaves no daemon behind
        daemon = [sys.executable, "-m", self.module, "run", "--config", str(self.config)]
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._namespace.command(*drop, *daemon),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(self._namespace.descriptor,),
            )

    async def stop(self) -> int:
        """SIGTERM: release. Its exit code."""
        return await self._end(signal.SIGTERM)

    async def kill(self) -> int:
        """SIGKILL: nobody watches any more."""
        return await self._end(signal.SIGKILL)

    async def close(self) -> None:
        """Whatever state it is in."""
        if self._process is not None and self._process.returncode is None:
            await self.kill()

    async def _end(self, how: signal.Signals) -> int:
        assert self._process is not None, "start the agent first"
        if self._process.returncode is None:
            self._process.send_signal(how)
        return await self._process.wait()

    @property
    def ended(self) -> int | None:
        """Its exit code, None while it runs."""
        return None if self._process is None else self._process.returncode

    @property
    def policy(self) -> dict[str, Any] | None:
        """The policy document, None before the first one."""
        try:
            document: dict[str, Any] = msgspec.json.decode((self.run_dir / "policy.json").read_bytes())
        except FileNotFoundError:
            return None
        return document

    @property
    def uplink(self) -> dict[str, Any] | None:
        """The uplink's part of the policy document."""
        policy = self.policy
        return None if policy is None else policy["uplinks"].get(UPLINK)

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

__all__ = ["HOLD_UP", "AgentProcess", "Process"]

HOLD_UP = 0.2  # seconds; a lab need not be as patient as a production host


class Process:
    """One verb of the command line, started and ended as often as wanted; what it says goes to `log`."""

    def __init__(self, namespace: Namespace, log: Path) -> None:
        self._namespace = namespace
        self._process: asyncio.subprocess.Process | None = None
        self.log = log

    @property
    def pid(self) -> int:
        assert self._process is not None, "start it first"
        return self._process.pid

    @property
    def ended(self) -> int | None:
        """Its exit code, None while it runs."""
        return None if self._process is None else self._process.returncode

    async def run(self, module: str, *args: str) -> None:
        """`python -m MODULE ARGS`; it ends with us, whatever ends us."""
        drop = ["setpriv", "--no-new-privs", "--inh-caps=-all", "--bounding-set=-all,+net_raw,+net_admin"]
        drop += ["--pdeathsig=KILL"]
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *self._namespace.command(*drop, sys.executable, "-m", module, *args),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                pass_fds=(self._namespace.descriptor,),
            )

    async def end(self, how: signal.Signals) -> int:
        """Send that, and wait; its exit code."""
        assert self._process is not None, "start it first"
        if self._process.returncode is None:
            self._process.send_signal(how)
        return await self._process.wait()

    async def close(self) -> None:
        """Whatever state it is in."""
        if self._process is not None:
            await self.end(signal.SIGKILL)


class AgentProcess(Process):
    """`settings` are merged over the lab's own, `module` is what runs (`python -m MODULE run`), `guard` beside it."""

    def __init__(self, namespace: Namespace, folder: Path) -> None:
        super().__init__(namespace, folder / "agent.log")
        self._folder = folder
        self.settings: dict[str, Any] = {"uplinks": {UPLINK: {"mode": "auto"}}, "hold_up": HOLD_UP}
        self.module = "evbagent"
        self.run_dir = folder / "run"
        self.guard = Process(namespace, folder / "guard.log")

    @property
    def config(self) -> Path:
        return self._folder / "evbagent.yaml"

    async def start(self) -> None:
        """Write the configuration and run the daemon."""
        self._configure()
        await self.run(self.module, "run", "--config", str(self.config))

    async def start_guard(self) -> None:
        """Run the guard, by the same configuration."""
        self._configure()
        await self.guard.run("evbagent", "guard", "--config", str(self.config))

    def _configure(self) -> None:
        settings = {"run_dir": str(self.run_dir), "metrics": {"listen": "127.0.0.1:9817"}, **self.settings}
        self.config.write_text(yaml.safe_dump(settings))

    async def stop(self) -> int:
        """SIGTERM: hand over while a guard watches, else release. Its exit code."""
        return await self.end(signal.SIGTERM)

    async def kill(self) -> int:
        """SIGKILL: nobody watches any more, unless a guard does."""
        return await self.end(signal.SIGKILL)

    async def close(self) -> None:
        """Daemon and guard, whatever state they are in."""
        await self.guard.close()
        await super().close()

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

"""Open-LLDP's lldpad as a process in a namespace: the EVB bridge, or station, that others deploy."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

from evbagent.lab.namespaces import Namespace
from evbagent.lab.topology import BRIDGE
from tests.support import peers

__all__ = ["Lldpad", "Role", "Version"]

Role = Literal["bridge", "station"]
Version = Literal["ratified", "draft"]
_PATIENCE: Final = 10.0  # seconds until it answers
_GLANCE: Final = 0.02
# Its control socket belongs to the network namespace, but its lock (/dev/shm) and its run folder to the mounts: with
# both of them private, it neither finds nor disturbs another one.
_PRIVATE: Final = 'mount -t tmpfs tmpfs /dev/shm && mount -t tmpfs tmpfs /run && exec "$@"'
# EVB on the nearest customer bridge and nowhere else, DCBX on the nearest bridge (adminStatus: 0 off, 3 both ways).
_CONFIGURATION: Final = """
dcbx : {{ version = "1.0"; dcbx_version = 2; }};
lldp : {{ {port} : {{ {nearest} }}; {bridge} : {{ adminStatus = 0; }}; }};
nearest_customer_bridge : {{ {port} : {{ adminStatus = 3;
  tlvid00000003 : {{ value = {ttl}; }};
  {evb}
}}; }};
"""
_RATIFIED: Final = """tlvid0080c20d : {{ enableTx = true; evbmode = "{role}"; {relay} = {rr}; evbgpid = false;
    ecpretries = 3; ecprte = 8; vdprwd = 20; vdprka = 20; }};"""
# It speaks one version on a port, and the draft knows no role.
_DRAFT: Final = """tlvid001b3f00 : {{ enableTx = true; fmode = "{fmode}"; capabilities = "{capabilities}";
    vsis = "3295"; rte = "15"; }};"""
_SILENT: Final = "adminStatus = 0;"
_DCBX: Final = """adminStatus = 3;
  tlvid0080c209 : { enableTx = true; willing = 0; }; tlvid0080c20a : { enableTx = true; };
  tlvid0080c20b : { enableTx = true; willing = 0; }; tlvid0080c20c : { enableTx = true; };"""
_RELAY_KEY: Final = {"bridge": "evbrrcap", "station": "evbrrreq"}
_TLV_NAMES: Final[dict[Version, str]] = {"ratified": "evb", "draft": "evbCfg"}


class Lldpad:
    """One lldpad, speaking on one port; leaving the context ends it, whatever state it is in.

    With a fake `driver` it speaks DCBX on the port as well (IEEE, not willing), which it does on no veth otherwise; on
    the lab's bridge, for which the fake answers too, it does not, for that would be a second peer.
    """

    def __init__(self, namespace: Namespace, folder: Path, port: str, driver: Path | None = None) -> None:
        self._driver = driver
        self._namespace = namespace
        self._folder = folder
        self._port = port
        self._process: asyncio.subprocess.Process | None = None
        self._version: Version = "ratified"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.returncode is None:
            await self.kill()

    async def start(self, role: Role = "bridge", *, rr: bool = True, ttl: int = 120) -> None:
        """Run it and wait until it speaks EVB. `rr`: offer (bridge) or request (station) relay; it sends every 30 s."""
        self._version = "ratified"
        await self._run(_RATIFIED.format(role=role, relay=_RELAY_KEY[role], rr=str(rr).lower()), ttl)

    async def start_draft(self, *, rr: bool = True, capabilities: str = "rte,ecp,vdp", ttl: int = 120) -> None:
        """Run it and wait until it speaks the draft. `rr`: whether it supports relay."""
        self._version = "draft"
        fmode = "reflectiverelay" if rr else "bridge"
        await self._run(_DRAFT.format(fmode=fmode, capabilities=capabilities), ttl)

    async def _run(self, evb: str, ttl: int) -> None:
        config, log = self._folder / "lldpad.conf", self._folder / "lldpad.log"
        nearest = _SILENT if self._driver is None else _DCBX
        config.write_text(_CONFIGURATION.format(port=self._port, ttl=ttl, evb=evb, nearest=nearest, bridge=BRIDGE))
        lldpad = peers.command("lldpad", "-p", "-t", "-V", "4", "-f", str(config))
        private = ["unshare", "--mount", "setpriv", "--pdeathsig", "KILL", "sh", "-c", _PRIVATE, "sh"]
        with log.open("ab") as output:
            self._process = await asyncio.create_subprocess_exec(
                *self._namespace.command(*private, *lldpad),  # each one replaces the one before: it is one process
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                env=peers.environment("lldpad") | ({} if self._driver is None else {"LD_PRELOAD": str(self._driver)}),
                pass_fds=(self._namespace.descriptor,),
            )
        deadline = time.monotonic() + _PATIENCE
        while not self._answers():
            if self._process.returncode is not None or time.monotonic() > deadline:
                raise TimeoutError(f"lldpad does not speak EVB:\n{log.read_text(errors='replace')}")
            await asyncio.sleep(_GLANCE)

    def tool(self, *args: str) -> str:
        """What `lldptool ARGS` prints; raises `CalledProcessError` where it fails."""
        done = self._lldptool(*args)
        done.check_returncode()
        return done.stdout

    def evb(self) -> str:
        """The EVB TLV that it sends now, in lldptool's words; empty where it sends none."""
        return self.tool("-t", *self._tlv)

    def heard(self) -> str:
        """The EVB TLV that it heard last, in lldptool's words."""
        return self.tool("-t", "-n", *self._tlv)

    def neighbor(self) -> str:
        """All that it heard last, TLV by TLV in lldptool's words."""
        return self.tool("-t", "-n", "-i", self._port, "-g", "ncb")

    def statistics(self) -> str:
        """What it counts, a line each."""
        return self.tool("-S", "-i", self._port, "-g", "ncb")

    @property
    def alive(self) -> bool:
        """Whether it still runs, and answers."""
        return self._process is not None and self._process.returncode is None and self._answers()

    @property
    def _tlv(self) -> tuple[str, ...]:
        return "-i", self._port, "-g", "ncb", "-V", _TLV_NAMES[self._version]

    def set_evb(self, setting: str) -> None:
        """Change one setting of the EVB TLV at run time, for example `evbrrcap=no`; it is told within a second."""
        self.tool("-T", *self._tlv, "-c", setting)

    def set_dcbx(self, tlv: str, *settings: str) -> None:
        """Change one of the DCBX TLVs at run time, for example `PFC`, `enabled=3`; it is told within a second."""
        self.tool("-T", "-i", self._port, "-V", tlv, *settings)

    async def stop(self) -> None:
        """SIGTERM: it says goodbye (TTL 0) and ends."""
        await self._end(signal.SIGTERM)

    async def kill(self) -> None:
        """SIGKILL: it ends without a word."""
        await self._end(signal.SIGKILL)

    async def _end(self, how: signal.Signals) -> None:
        assert self._process is not None, "start it first"
        self._process.send_signal(how)
        await self._process.wait()

    def _answers(self) -> bool:
        assert self._process is not None
        running = self._lldptool("-p").stdout.strip() == str(self._process.pid)
        return running and bool(self._lldptool("-t", *self._tlv).stdout)

    def _lldptool(self, *args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self._namespace.command(*peers.command("lldptool", *args)),
            env=peers.environment("lldptool"),
            pass_fds=(self._namespace.descriptor,),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",  # it prints octets as they are
            timeout=_PATIENCE,
            check=False,
        )

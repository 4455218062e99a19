"""Faults for real, in a lab; each says for how many seconds guests in VEPA had no relay."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Awaitable, Callable
from typing import Final

from evbagent.lab import Lab
from evbagent.lab.switch import SwitchSettings
from evbagent.lab.topology import SWITCH_PORT, UPLINK, edit, index_of
from evbagent.linux.files import Pulse
from evbagent.status import MacvlanMode
from evbagent.wire.evb import BridgeStatus, Evb, EvbMode
from evbagent.wire.octets import MacAddress
from tests.support.observing import bridged, said
from tests.support.taps import Tap, lldp_frame

__all__ = ["FAULTS", "Fault", "well"]

Fault = Callable[[Lab, random.Random], Awaitable[float]]
_PATIENCE: Final = 20.0
_STRANGER: Final = MacAddress.parse("02:66:00:00:00:01")
_EVB: Final = Evb(EvbMode.BRIDGE, BridgeStatus(rr_capable=True, rr_control=True))


async def relay_dies_silently(lab: Lab, chance: random.Random) -> float:
    lab.switch.die()
    await asyncio.to_thread(time.sleep, chance.uniform(0.0, 0.3))
    began = time.monotonic()
    lab.switch.set_hairpin(on=False)
    await lab.until(lambda: lab.all_in(MacvlanMode.BRIDGE), _PATIENCE, "every guest in bridge mode")
    without = time.monotonic() - began
    lab.switch.set_hairpin(on=True)
    await lab.switch.start(SwitchSettings(keep_hairpin=True))
    return without


async def relay_is_withdrawn(lab: Lab, chance: random.Random) -> float:
    began = time.monotonic()
    lab.switch.offer(relay=False)
    await lab.until(lambda: lab.all_in(MacvlanMode.BRIDGE), _PATIENCE, "every guest in bridge mode")
    without = time.monotonic() - began
    lab.switch.offer(relay=True)
    return without


async def switch_agent_restarts(lab: Lab, chance: random.Random) -> float:
    lab.switch.die()
    await asyncio.to_thread(time.sleep, chance.uniform(0.0, 1.0))
    await lab.switch.start(SwitchSettings(keep_hairpin=True))
    return 0.0


async def stranger_speaks_evb(lab: Lab, chance: random.Random) -> float:
    with Tap(lab.switch_namespace, SWITCH_PORT) as tap:
        tap.send(lldp_frame(_STRANGER, chassis=_STRANGER, ttl=1, evb=_EVB))
    await lab.until(lambda: "multiple_peers" in (said(lab) or ""), _PATIENCE, "the stranger to be noticed")
    return 0.0


async def strangers_flood(lab: Lab, chance: random.Random) -> float:
    start = chance.randrange(1 << 24)

    def flood() -> None:
        with Tap(lab.switch_namespace, SWITCH_PORT) as tap:
            for number in range(10_000):
                address = MacAddress(b"\x02\x66" + (start + number).to_bytes(4, "big"))
                tap.send(lldp_frame(address, chassis=address, ttl=chance.choice([1, 120])))

    await asyncio.to_thread(flood)
    return 0.0


async def probes_are_replayed(lab: Lab, chance: random.Random) -> float:
    with Tap(lab.switch_namespace, SWITCH_PORT) as tap:
        await lab.until(lambda: len(_probes(tap)) > 2, _PATIENCE, "probes on the wire")
        for octets in _probes(tap) * 100:
            tap.send(octets)
    return 0.0


def _probes(tap: Tap) -> list[bytes]:
    return [frame.octets for frame in tap.seen if frame.octets[12:14] == b"\x88\xb5" and not frame.outgoing]


async def guest_comes_and_goes(lab: Lab, chance: random.Random) -> float:
    number = chance.randrange(10, 60)
    name = lab.add_guest(number, chance.choice([MacvlanMode.BRIDGE, MacvlanMode.VEPA]))
    try:
        await lab.until(lambda: lab.modes().get(name) is MacvlanMode.VEPA, _PATIENCE, "the new guest in vepa")
    finally:
        del lab.guests[name]
        edit(lab.host_namespace, lambda ip: ip.link("del", index=index_of(ip, name)))
    return 0.0


async def somebody_changes_a_mode(lab: Lab, chance: random.Random) -> float:
    name = chance.choice(list(lab.guests))

    def change(ip: object) -> None:
        ip.link("set", index=index_of(ip, name), kind="macvlan", macvlan_mode="bridge")  # type: ignore[attr-defined]

    edit(lab.host_namespace, change)
    await lab.until(lambda: lab.all_in(MacvlanMode.VEPA), _PATIENCE, "it to be put right")
    return 0.0


async def daemon_stalls(lab: Lab, chance: random.Random) -> float:
    os.kill(lab.agent.pid, signal.SIGSTOP)
    try:
        await asyncio.to_thread(time.sleep, chance.uniform(0.05, 0.5))
    finally:
        os.kill(lab.agent.pid, signal.SIGCONT)
    return 0.0


async def daemon_is_killed(lab: Lab, chance: random.Random) -> float:
    await lab.agent.kill()
    await asyncio.to_thread(time.sleep, chance.uniform(0.0, 0.5))
    await _start(lab)
    return 0.0


async def daemon_restarts(lab: Lab, chance: random.Random) -> float:
    await lab.agent.stop()
    await _start(lab)
    return 0.0


async def _start(lab: Lab) -> None:
    await lab.agent.start()
    pulse = lab.agent.run_dir / "alive.sock"
    await lab.until(lambda: Pulse.beats(pulse), _PATIENCE, "the daemon to run again")


async def uplink_is_renamed(lab: Lab, chance: random.Random) -> float:
    def rename(old: str, new: str) -> None:
        edit(lab.host_namespace, lambda ip: ip.link("set", index=index_of(ip, old), ifname=new))

    rename(UPLINK, "uplink9")
    try:
        await lab.until(lambda: lab.all_in(MacvlanMode.BRIDGE), _PATIENCE, "every guest in bridge mode")
    finally:
        rename("uplink9", UPLINK)
    return 0.0


FAULTS: Final[tuple[Fault, ...]] = (
    relay_dies_silently,
    relay_is_withdrawn,
    switch_agent_restarts,
    stranger_speaks_evb,
    strangers_flood,
    probes_are_replayed,
    guest_comes_and_goes,
    somebody_changes_a_mode,
    daemon_stalls,
    daemon_is_killed,
    daemon_restarts,
    uplink_is_renamed,
)


async def well(lab: Lab) -> None:
    """All is as it should be again."""
    await bridged(lab, MacvlanMode.VEPA, "rr_active", 3 * _PATIENCE)

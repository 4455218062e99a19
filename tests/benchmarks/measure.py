"""What is measured: start, link up, and the withdrawal of relay, each on a real link."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from functools import partial
from typing import Any

from evbagent.client import Client
from evbagent.lab import Lab, topology
from evbagent.linux.rtnetlink import RouteSocket
from evbagent.status import MacvlanMode
from evbagent.wire.octets import MacAddress
from tests.benchmarks.figures import Figure
from tests.benchmarks.wire_end import WireEnd
from tests.support import peers
from tests.support.load import Flood
from tests.support.observing import scrape
from tests.support.taps import Tap, lldp_frame

__all__ = ["flood", "link_up", "start", "withdrawal"]

_MS = 1000.0
_PATIENCE = 10.0


async def start(repetitions: int) -> list[Figure]:
    """Process start to the first LLDPDU on the wire, beside an interpreter that imports asyncio and ends."""
    first, bare = [], []
    async with Lab(2) as lab:
        wire = WireEnd(lab.switch_namespace)
        for _ in range(repetitions):
            wire.drain()
            began = time.time()
            await lab.agent.start()
            frame = await asyncio.to_thread(wire.hear, _PATIENCE)
            first.append((frame.stamp - began) * _MS)
            await lab.until(lambda: lab.agent.policy is not None, _PATIENCE, "the policy document")
            await lab.agent.stop()
            (lab.agent.run_dir / "policy.json").unlink()
            began = time.time()
            await asyncio.to_thread(subprocess.run, [sys.executable, "-c", "import asyncio"], check=True)
            bare.append((time.time() - began) * _MS)
        wire.close()
    beside = "python -c 'import asyncio', whole process"
    return [Figure("process start to first LLDPDU", first, beside), Figure(beside, bare)]


async def link_up(repetitions: int) -> list[Figure]:
    """Carrier to relay agreed on both sides, with our own switch; beside carrier to our first LLDPDU."""
    agreed, first = [], []
    async with Lab(2, stp=False) as lab:
        await lab.switch.start()
        await lab.agent.start()
        await lab.until(lambda: lab.switch.confirmed, _PATIENCE, "relay")
        wire = WireEnd(lab.switch_namespace)
        for _ in range(repetitions):
            lab.unplug()
            await lab.until(lambda: _reason(lab) in ("peer_lost", "no_peer"), _PATIENCE, "the agent to see the link go")
            wire.drain()
            began = time.time()
            lab.plug()
            await lab.until(lambda: lab.switch.confirmed, _PATIENCE, "relay again")
            agreed.append((time.time() - began) * _MS)
            first.append((wire.hear(_PATIENCE).stamp - began) * _MS)
            await lab.until(lambda: lab.all_in(MacvlanMode.VEPA), _PATIENCE, "VEPA")
        wire.close()
    beside = "link up to first LLDPDU"
    return [Figure("link up to relay agreed with our own switch", agreed, beside), Figure(beside, first)]


def _reason(lab: Lab) -> str | None:
    uplink = lab.agent.uplink
    return None if uplink is None else str(uplink["reason"])


async def withdrawal(attachments: int, repetitions: int) -> list[Figure]:
    """Kernel receive stamp of the withdrawal to the last mode read back, beside the kernel's own cost of the change."""
    samples = []
    async with Lab(attachments) as lab:
        lab.agent.settings |= {"hold_up": 0, "flap": {"limit": 100}}
        lab.switch.set_hairpin(on=True)
        wire = WireEnd(lab.switch_namespace)
        await lab.agent.start()
        await lab.until(lambda: lab.agent.policy is not None, _PATIENCE, "the agent")
        for _ in range(repetitions):
            await _flip(lab, wire, relay=True)
            before = await asyncio.to_thread(_reaction, lab)
            await _flip(lab, wire, relay=False)
            after = await asyncio.to_thread(_reaction, lab)
            assert after[0] == before[0] + 1, "one withdrawal is one reaction"
            samples.append((after[1] - before[1]) * _MS)
        await lab.agent.stop()
        wire.close()
        kernel, library, tool = _kernel_cost(lab, repetitions)
    name = f"{attachments} attachments: "
    beside = name + "kernel's own cost (one batch, not read back)"
    figures = [Figure(name + "withdrawal, stamp to modes read back", samples, beside), Figure(beside, kernel)]
    figures.append(Figure(name + "pyroute2, one request each", library, beside))
    return figures + ([Figure(name + "ip -batch", tool, beside)] if tool else [])


async def flood(repetitions: int) -> list[Figure]:
    """What the daemon answers while strangers flood the port at full rate, and the withdrawal in the middle of it."""
    busy, reactions = [], []
    frames = [_stranger(number) for number in range(50_000)]
    async with Lab(2) as lab:
        lab.agent.settings |= {"hold_up": 0, "flap": {"limit": 100}}
        await lab.switch.start()
        await lab.agent.start()
        client = Client(lab.agent.run_dir / "api.sock")
        await lab.until(lambda: lab.all_in(MacvlanMode.VEPA), _PATIENCE, "VEPA")
        quiet = [await asyncio.to_thread(_answer, client) for _ in range(repetitions)]
        for _ in range(max(1, repetitions // 4)):
            with Tap(lab.switch_namespace, topology.SWITCH_PORT) as tap:
                storm = Flood(tap, frames, 200_000)
                storm.start()
                await lab.until(lambda: storm.sent > 20_000, _PATIENCE, "the flood")  # noqa: B023
                before = await asyncio.to_thread(_reaction, lab)
                while storm.sent < 100_000:
                    busy.append(await asyncio.to_thread(_answer, client))
                lab.switch.offer(relay=False)
                await lab.until(lambda: lab.all_in(MacvlanMode.BRIDGE), _PATIENCE, "VEB")
                after = await asyncio.to_thread(_reaction, lab)
                reactions.append((after[1] - before[1]) * _MS)
                await lab.until(lambda: storm.over, 6 * _PATIENCE, "the end of the flood")  # noqa: B023
            lab.switch.offer(relay=True)
            await lab.until(lambda: lab.all_in(MacvlanMode.VEPA), _PATIENCE, "VEPA again")
    beside = "an answer of the API, quiet"
    name = "in a flood of 50,000 neighbors: "
    return [
        Figure(name + "an answer of the API", busy, beside),
        Figure(beside, quiet),
        Figure(name + "withdrawal, stamp to modes read back", reactions),
    ]


def _stranger(number: int) -> bytes:
    address = MacAddress(b"\x02\x66" + number.to_bytes(4, "big"))
    return lldp_frame(address, chassis=address)


def _answer(client: Client) -> float:
    began = time.perf_counter()
    client.neighbors()
    return (time.perf_counter() - began) * _MS


async def _flip(lab: Lab, wire: WireEnd, *, relay: bool) -> None:
    wire.say(relay=relay)
    mode, wanted = (MacvlanMode.VEPA, "rr_active") if relay else (MacvlanMode.BRIDGE, "rr_withdrawn")
    await lab.until(lambda: _reason(lab) == wanted, _PATIENCE, wanted)
    assert lab.all_in(mode), f"the agent says {wanted}, the kernel has {lab.modes()}"


def _reaction(lab: Lab) -> tuple[int, float]:
    """Count and sum of the agent's reaction times."""
    metrics = scrape(lab.host_namespace)
    return int(metrics.sum("evbagent_reaction_seconds_count")), metrics.sum("evbagent_reaction_seconds_sum")


def _kernel_cost(lab: Lab, repetitions: int) -> tuple[list[float], list[float], list[float]]:
    """The same change of all attachments by a bare batch, by pyroute2, and by iproute2's batch mode, in ms."""
    with lab.host_namespace.entered():
        route = RouteSocket()
    guests = {link.ifindex: link for link in route.links().values() if link.mode is not None}
    batch, library, tool = [], [], []
    for number in range(2 * repetitions):
        mode = (MacvlanMode.VEPA, MacvlanMode.BRIDGE)[number % 2]
        began = time.perf_counter()
        route.set_modes(dict.fromkeys(guests, ("macvlan", mode)))
        batch.append((time.perf_counter() - began) * _MS)
    for mode in (MacvlanMode.VEPA, MacvlanMode.BRIDGE):
        library.append(topology.edit(lab.host_namespace, partial(_by_library, guests=list(guests), mode=mode)))
        if peers.find("ip") is not None:
            tool.append(_by_tool(lab, [link.name for link in guests.values()], mode))
    route.close()
    return batch, library, tool


def _by_library(ip: Any, guests: list[int], mode: MacvlanMode) -> float:
    began = time.perf_counter()
    for index in guests:
        ip.link("set", index=index, kind="macvlan", macvlan_mode=mode.value)
    return (time.perf_counter() - began) * _MS


def _by_tool(lab: Lab, names: list[str], mode: MacvlanMode) -> float:
    lines = "".join(f"link set {name} type macvlan mode {mode.value}\n" for name in names)
    argv = lab.host_namespace.command(*peers.command("ip", "-batch", "-"))
    descriptor = lab.host_namespace.descriptor
    began = time.perf_counter()
    subprocess.run(argv, input=lines.encode(), check=True, pass_fds=(descriptor,), env=peers.environment("ip"))
    return (time.perf_counter() - began) * _MS

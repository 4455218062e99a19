"""A hostile neighbor floods the port: the switch is still heard, nothing grows, and everything is accounted for."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from evbagent.lab import Lab
from evbagent.lab.topology import SWITCH_PORT
from evbagent.status import MacvlanMode
from evbagent.wire.ethernet import ETHERTYPE_LLDP, Frame, Scope
from evbagent.wire.octets import MacAddress
from tests.support.load import Flood
from tests.support.observing import bridged, said, sampled, scrape
from tests.support.taps import Tap, lldp_frame

pytestmark = [pytest.mark.netns, pytest.mark.slow]

FRAMES: Final = 100_000
NEIGHBOR: Final = MacAddress.parse("02:66:00:00:00:01")
SEED: Final = 802_1


def address(number: int) -> MacAddress:
    return MacAddress(b"\x02\x66" + number.to_bytes(4, "big"))


def changing(number: int) -> bytes:
    return lldp_frame(NEIGHBOR, chassis=NEIGHBOR, name=f"name {number}")


def distinct(number: int) -> bytes:
    return lldp_frame(address(number), chassis=address(number))


def junk(number: int) -> bytes:
    payload = random.Random(SEED + number).randbytes(46)
    return Frame(Scope.NEAREST_CUSTOMER_BRIDGE.address, NEIGHBOR, ETHERTYPE_LLDP, payload).encode()


FLOODS: Final[dict[str, tuple[Callable[[int], bytes], int]]] = {
    "one neighbor that repeats itself": (changing, 1),
    "one neighbor that changes each time": (changing, 1_000),
    "50,000 neighbors": (distinct, 50_000),
    "junk": (junk, 1_000),
}


def memory(pid: int) -> int:
    """Octets that are resident."""
    line = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024


def accounted(lab: Lab) -> int:
    """Frames that the agent's counters know of, whatever became of them."""
    metrics = scrape(lab.host_namespace)
    known = ("lldp_frames_in_total", "frames_missed_total", "frames_overflowed_total")
    return int(sum(metrics.sum(f"evbagent_{name}") for name in known))


@pytest.mark.parametrize(("frame", "different"), FLOODS.values(), ids=FLOODS.keys())
def test_a_flood_neither_hides_the_switch_nor_bloats_the_agent(frame: Callable[[int], bytes], different: int) -> None:
    frames = [frame(number) for number in range(different)]

    async def scene() -> None:
        async with Lab() as lab:
            await lab.switch.start()
            await lab.agent.start()
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            scrape(lab.host_namespace)  # whatever the first one imports and allocates
            before, known = memory(lab.agent.pid), accounted(lab)
            with Tap(lab.switch_namespace, SWITCH_PORT) as tap:
                flood = Flood(tap, frames, FRAMES)
                flood.start()
                async with sampled(lab, lambda: said(lab)) as seen:
                    await lab.until(lambda: flood.over, 60.0, "the flood to end")
                    await lab.until(lambda: accounted(lab) >= known + FRAMES, 30.0, "every frame to be accounted for")
            assert seen == ["vepa, settled, rr_active"], "the switch was lost"
            assert accounted(lab) <= known + FRAMES + 4, "frames that nobody sent are accounted for"
            assert memory(lab.agent.pid) - before < 5 * 1024 * 1024

    asyncio.run(scene())


@pytest.mark.parametrize(("frame", "different"), FLOODS.values(), ids=FLOODS.keys())
def test_a_withdrawal_in_the_middle_of_a_flood_flips_the_guests_before_it_ends(
    frame: Callable[[int], bytes], different: int
) -> None:
    frames = [frame(number) for number in range(different)]

    async def scene() -> None:
        async with Lab() as lab:
            await lab.switch.start()
            await lab.agent.start()
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            with Tap(lab.switch_namespace, SWITCH_PORT) as tap:
                flood = Flood(tap, frames, 4 * FRAMES)
                flood.start()
                await lab.until(lambda: flood.sent > FRAMES // 2, 30.0, "the flood to be at its height")
                lab.switch.offer(relay=False)
                await lab.until(lambda: lab.all_in(MacvlanMode.BRIDGE), 30.0, "every guest in bridge mode")
                ended = flood.over
                await lab.until(lambda: flood.over, 120.0, "the flood to end")
            assert not ended, "the guests were flipped, but only when the flood was over"
            await bridged(lab, MacvlanMode.BRIDGE, "rr_withdrawn")

    asyncio.run(scene())

"""With Open-LLDP's lldpad as the switch: relay is agreed, refused, and taken away in every way that it can be."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import pytest

from evbagent.lab import Lab
from evbagent.lab.topology import HOST_ADDRESS, SWITCH_ADDRESS, SWITCH_PORT, UPLINK
from evbagent.status import MacvlanMode
from evbagent.wire.evb import BridgeStatus, Evb, EvbMode, RrStatus, StationStatus
from evbagent.wire.octets import MacAddress
from tests.support import peers
from tests.support.lldpad import Lldpad
from tests.support.observing import bridged, relay, said, scrape, steady, through_the_switch
from tests.support.taps import Captured, Tap, lldp_frame

pytestmark = [pytest.mark.netns, pytest.mark.peer]

STRANGER: Final = MacAddress.parse("02:00:00:00:00:bb")
REACTION: Final = 0.2  # seconds from a frame's arrival to the modes in the kernel, as far as a poll can tell
ON: Final = BridgeStatus(rr_capable=True, rr_control=True)
ASKED: Final = StationStatus(rr_request=True, rr_status=RrStatus.TRUE)


@pytest.fixture(autouse=True)
def _peer() -> None:
    peers.require("lldpad")


@asynccontextmanager
async def facing_lldpad(guests: int = 2) -> AsyncIterator[tuple[Lab, Lldpad]]:
    """A lab whose switch port reflects and has lldpad for its agent, not started yet."""
    async with Lab(guests) as lab, Lldpad(lab.switch_namespace, lab.folder, SWITCH_PORT) as lldpad:
        lab.switch.set_hairpin(on=True)
        yield lab, lldpad


def test_relay_is_agreed_with_a_capable_switch() -> None:
    async def scene() -> None:
        async with facing_lldpad() as (lab, lldpad):
            await lldpad.start()
            await lab.agent.start()
            await lab.until(
                lambda: "bridge:rrcap,rrctr(0x3)\n\tstation:rrreq,rrstat(0x5)\n" in lldpad.evb(),
                15.0,  # two seconds where nothing else runs: lldpad's ticks
                "lldpad to say RRCAP, RRCTR, RRREQ and RRSTAT true",
            )
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            await through_the_switch(lab)
            known = relay(lab)
            assert (known["capable"], known["requested"], known["operational"], known["echoed"]) == (True,) * 4
            assert known["peer"]["chassis_id"] == str(SWITCH_ADDRESS)

    asyncio.run(scene())


@pytest.mark.slow
def test_a_switch_that_cannot_reflect_leaves_guests_in_the_host_without_flapping() -> None:
    async def scene() -> None:
        async with facing_lldpad() as (lab, lldpad):
            await lldpad.start(rr=False)
            await lab.agent.start()
            await bridged(lab, MacvlanMode.BRIDGE, "rr_not_capable")
            await steady(lab, lambda: (lab.modes(), said(lab)), 40.0)
            metrics = scrape(lab.host_namespace)
            assert "evbagent_reaction_seconds_count" in metrics.names  # the answer is a whole one
            assert metrics.sum("evbagent_transitions_total") == 0
            assert re.search(r"bridge:\(00\)\n\tstation:rrreq\(0x4\)", lldpad.evb())

    asyncio.run(scene())


async def withdraw(lldpad: Lldpad) -> None:
    lldpad.set_evb("evbrrcap=no")


async def drop_the_tlv(lldpad: Lldpad) -> None:
    lldpad.set_evb("enableTx=no")


def without_relay(frame: Captured) -> bool:
    return frame.evb is not None and not frame.evb.bridge.rr_control


LOSSES: dict[str, tuple[Callable[[Lldpad], Awaitable[None]], Callable[[Captured], bool], str]] = {
    "relay withdrawn": (withdraw, without_relay, "rr_withdrawn"),
    "TLV dropped": (drop_the_tlv, lambda frame: frame.pdu.ttl > 0 and frame.evb is None, "peer_lost"),
    "stopped, TTL 0": (Lldpad.stop, lambda frame: frame.pdu.ttl == 0, "peer_lost"),
}


async def out_of_vepa(lab: Lab, seconds: float = 5.0) -> float:
    """Wait until the kernel has every guest in bridge mode; the wall clock then."""
    await lab.until(lambda: lab.all_in(MacvlanMode.BRIDGE), seconds, "every guest in bridge mode")
    return time.time()


@pytest.mark.parametrize(("act", "takes_relay_away", "reason"), LOSSES.values(), ids=LOSSES.keys())
def test_guests_leave_vepa_on_the_very_frame_that_takes_relay_away(
    act: Callable[[Lldpad], Awaitable[None]], takes_relay_away: Callable[[Captured], bool], reason: str
) -> None:
    async def scene() -> None:
        async with facing_lldpad() as (lab, lldpad):
            await lldpad.start()
            await lab.agent.start()
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            with Tap(lab.host_namespace, UPLINK) as tap:
                watch = asyncio.create_task(out_of_vepa(lab))
                await act(lldpad)
                left = await watch
                arrived = next(frame.stamp for frame in tap.heard if takes_relay_away(frame))
            assert 0 <= left - arrived < REACTION
            await bridged(lab, MacvlanMode.BRIDGE, reason)

    asyncio.run(scene())


@pytest.mark.slow
def test_guests_leave_vepa_when_the_ttl_of_a_switch_that_died_silently_ends() -> None:
    async def scene() -> None:
        async with facing_lldpad() as (lab, lldpad):
            lab.agent.settings["probe"] = {"enabled": False}  # probes would still come back
            await lldpad.start(ttl=10)
            with Tap(lab.host_namespace, UPLINK) as tap:
                await lab.agent.start()
                await bridged(lab, MacvlanMode.VEPA, "rr_active")
                await lldpad.kill()
                left = await out_of_vepa(lab, 12.0)
                last = [frame for frame in tap.heard if frame.source != HOST_ADDRESS][-1]  # ours are reflected
            assert last.pdu.ttl == 10
            assert -0.1 <= left - (last.stamp + 10.0) <= 2.0
            await bridged(lab, MacvlanMode.BRIDGE, "peer_lost")

    asyncio.run(scene())


def test_a_second_evb_neighbor_ends_vepa_until_its_ttl_does() -> None:
    async def scene() -> None:
        async with facing_lldpad() as (lab, lldpad):
            await lldpad.start()
            await lab.agent.start()
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            with Tap(lab.switch_namespace, SWITCH_PORT) as tap:
                tap.send(lldp_frame(STRANGER, chassis=STRANGER, ttl=2, evb=Evb(EvbMode.BRIDGE, ON, ASKED)))
                sent = time.monotonic()
                await bridged(lab, MacvlanMode.BRIDGE, "multiple_peers", 1.0)
                await bridged(lab, MacvlanMode.VEPA, "rr_active")
                assert time.monotonic() - sent >= 2.0

    asyncio.run(scene())


def test_a_station_for_a_peer_is_no_switch() -> None:
    async def scene() -> None:
        async with facing_lldpad() as (lab, lldpad):
            await lldpad.start("station")
            await lab.agent.start()
            await bridged(lab, MacvlanMode.BRIDGE, "peer_is_station")
            await steady(lab, lambda: (lab.modes(), said(lab)), 2.0)

    asyncio.run(scene())

"""The probe in the daemon: a relay that dies without a word is found out, and nothing else is taken for it."""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import threading
import time
from typing import Final

import pytest

from evbagent.lab import Lab
from evbagent.lab.switch import SwitchSettings
from evbagent.lab.topology import HOST_ADDRESS, SWITCH_PORT, UPLINK
from evbagent.status import MacvlanMode
from tests.support.load import burning
from tests.support.observing import bridged, relay, said, sampled, scrape, steady, through_the_switch
from tests.support.taps import Tap

pytestmark = [pytest.mark.netns, pytest.mark.slow]

PROBE: Final = b"\x88\xb5"


async def in_vepa(lab: Lab, settings: SwitchSettings | None = None) -> None:
    await lab.switch.start(settings)
    await lab.agent.start()
    await bridged(lab, MacvlanMode.VEPA, "rr_active")


def test_relay_that_is_off_behind_everybodys_back_ends_vepa_and_comes_back_when_it_is_on() -> None:
    async def scene() -> None:
        async with Lab() as lab:
            lab.agent.settings["flap"] = {"limit": 100}
            await in_vepa(lab)
            assert relay(lab)["verified"] is True
            lab.switch.die()  # its last word says that relay is on, for two minutes
            took = []
            for _ in range(20):
                began = time.monotonic()
                lab.switch.set_hairpin(on=False)
                await lab.until(lambda: lab.all_in(MacvlanMode.BRIDGE), 5.0, "every guest in bridge mode")
                took.append(time.monotonic() - began)
                await bridged(lab, MacvlanMode.BRIDGE, "probe_failed")
                lab.switch.set_hairpin(on=True)
                await bridged(lab, MacvlanMode.VEPA, "rr_active", 10.0)
            print(f"found out after {statistics.median(took):.3f} s (median), {max(took):.3f} s (worst)")
            assert (relay(lab)["operational"], relay(lab)["verified"]) == (True, True)

    asyncio.run(scene())


@pytest.mark.parametrize("loaded", [False, True], ids=["idle", "both cores loaded"])
def test_guests_lose_no_more_than_the_time_that_relay_was_off(loaded: bool) -> None:
    async def scene() -> None:
        async with Lab() as lab:
            await in_vepa(lab)
            lab.switch.die()
            with burning(2 if loaded else 0):
                flow = lab.flow(rate=1000.0)
                flow.start()
                try:
                    await lab.until(lambda: flow.sent > 200, 10.0, "traffic to be under way")
                    began = time.monotonic()
                    lab.switch.set_hairpin(on=False)
                    await lab.until(lambda: lab.all_in(MacvlanMode.BRIDGE), 5.0, "every guest in bridge mode")
                    took = time.monotonic() - began
                finally:
                    exchange = await asyncio.to_thread(flow.stop)
            print(f"{exchange.lost} of {exchange.sent} frames lost in {took:.3f} s")
            assert exchange.lost <= 1000.0 * (took + 0.05)
            await bridged(lab, MacvlanMode.BRIDGE, "probe_failed")

    asyncio.run(scene())


def test_a_stall_of_the_daemon_is_no_verdict() -> None:
    async def scene() -> None:
        async with Lab() as lab:
            await in_vepa(lab)
            async with sampled(lab, lambda: said(lab)) as seen:
                for _ in range(5):
                    os.kill(lab.agent.pid, signal.SIGSTOP)
                    try:
                        await asyncio.to_thread(stalled, 0.3)
                    finally:
                        os.kill(lab.agent.pid, signal.SIGCONT)
                    proofs = reflected(lab)
                    await lab.until(lambda: reflected(lab) > proofs + 1, 5.0, "probes to come back again")  # noqa: B023
            assert seen == ["vepa, settled, rr_active"]

    asyncio.run(scene())


def stalled(seconds: float) -> None:
    """The time that the test makes the daemon lose."""
    threading.Event().wait(seconds)


def reflected(lab: Lab) -> float:
    return scrape(lab.host_namespace).sum("evbagent_probe_frames_total", outcome="reflected")


def test_guests_traffic_at_full_rate_is_no_verdict() -> None:
    async def scene() -> None:
        async with Lab() as lab:
            await in_vepa(lab)
            proofs = reflected(lab)
            async with sampled(lab, lambda: said(lab)) as seen:
                exchange = await lab.exchange(20_000, rate=1e6)
                await lab.until(lambda: reflected(lab) > proofs + 20, 30.0, "twenty probes to come back")
            assert exchange.sent == 20_000
            assert seen == ["vepa, settled, rr_active"]

    asyncio.run(scene())


SHORT: Final = SwitchSettings(interval=1.0, hold=2)  # its word holds for 3 s


def test_a_switch_that_falls_silent_is_suspect_while_probes_come_back_and_lost_when_they_do_not() -> None:
    async def scene() -> None:
        async with Lab() as lab:
            await in_vepa(lab, SHORT)
            lab.switch.die()
            await lab.until(lambda: said(lab) == "vepa, suspect, probe_proven", 10.0, "the switch to be suspect")
            assert lab.all_in(MacvlanMode.VEPA)
            await through_the_switch(lab)
            began = time.monotonic()
            lab.switch.set_hairpin(on=False)
            await lab.until(lambda: lab.all_in(MacvlanMode.BRIDGE), 5.0, "every guest in bridge mode")
            print(f"found out after {time.monotonic() - began:.3f} s")
            await bridged(lab, MacvlanMode.BRIDGE, "peer_lost")
            lab.switch.set_hairpin(on=True)  # nobody announces it any more
            await steady(lab, lambda: said(lab), 2.0)

    asyncio.run(scene())


def test_without_the_probe_a_silent_switch_is_lost_at_expiry() -> None:
    async def scene() -> None:
        async with Lab() as lab:
            lab.agent.settings["probe"] = {"enabled": False}
            await in_vepa(lab, SHORT)
            with Tap(lab.switch_namespace, SWITCH_PORT) as tap:
                lab.switch.die()
                await bridged(lab, MacvlanMode.BRIDGE, "peer_lost", 5.0)
                assert not any(frame.octets[12:14] == PROBE for frame in tap.seen)

    asyncio.run(scene())


def test_a_mute_switch_that_reflects_is_believed_where_the_operator_says_so() -> None:
    async def scene() -> None:
        async with Lab() as lab:
            lab.agent.settings["uplinks"] = {UPLINK: {"reflective_relay": "probe"}}
            await lab.agent.start()
            await bridged(lab, MacvlanMode.BRIDGE, "no_peer")
            lab.switch.set_hairpin(on=True)
            await bridged(lab, MacvlanMode.VEPA, "probe_proven")
            assert relay(lab)["source"] == "probe"
            await through_the_switch(lab)
            lab.switch.set_hairpin(on=False)
            await bridged(lab, MacvlanMode.BRIDGE, "probe_failed")

    asyncio.run(scene())


def test_probes_that_others_send_count_for_nothing() -> None:
    async def scene() -> None:
        async with Lab() as lab:
            await in_vepa(lab)
            with Tap(lab.switch_namespace, SWITCH_PORT) as tap:
                await lab.until(lambda: len(ours(tap)) >= 4, 5.0, "probes on the wire")
                lab.switch.die()
                lab.switch.set_hairpin(on=False)
                forged = [frame[:-20] + bytes(20) for frame in ours(tap)]
                replayed = ours(tap)

                def again() -> bool:
                    """A neighbor that sends back what it has heard, over and over."""
                    for frame in (*forged, *replayed):
                        tap.send(frame)
                    return lab.all_in(MacvlanMode.BRIDGE)

                await lab.until(again, 5.0, "every guest in bridge mode")
            await bridged(lab, MacvlanMode.BRIDGE, "probe_failed")
            counted = scrape(lab.host_namespace)
            assert counted.sum("evbagent_probe_frames_total", outcome="probe_replayed") > 0

    asyncio.run(scene())


def ours(tap: Tap) -> list[bytes]:
    """The probes that have come in at the switch, without those that teach."""
    frames = [frame.octets for frame in tap.seen if frame.octets[12:14] == PROBE and not frame.outgoing]
    return [octets for octets in frames if octets[:6] == HOST_ADDRESS.octets]

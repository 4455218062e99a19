"""Guests' traffic while their bridging changes under them: a flip itself loses and duplicates nothing."""

from __future__ import annotations

import asyncio

import pytest

from evbagent.lab import Lab
from evbagent.lab.switch import SwitchSettings
from evbagent.status import MacvlanMode
from tests.support.observing import bridged, scrape, through_the_switch

pytestmark = [pytest.mark.netns, pytest.mark.slow]

FLIPS = 20


def test_twenty_flips_under_traffic_lose_and_duplicate_no_frame() -> None:
    async def scene() -> None:
        async with Lab() as lab:
            await lab.switch.start(SwitchSettings(keep_hairpin=True))  # what is lost now, the flips lose
            lab.agent.settings["flap"] = {"limit": 100}
            await lab.agent.start()
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            await through_the_switch(lab)
            flow = lab.flow(rate=1000.0)
            flow.start()
            try:
                for flip in range(FLIPS):
                    relay = flip % 2 == 1
                    lab.switch.offer(relay=relay)
                    mode, reason = (MacvlanMode.VEPA, "rr_active") if relay else (MacvlanMode.BRIDGE, "rr_withdrawn")
                    await bridged(lab, mode, reason, 10.0)
            finally:
                exchange = await asyncio.to_thread(flow.stop)
            assert (exchange.lost, exchange.duplicated) == (0, 0)
            assert exchange.sent >= 0.9 * 1000.0 * exchange.seconds > 0  # it was under way all the time
            assert scrape(lab.host_namespace).sum("evbagent_transitions_total") == FLIPS + 1

    asyncio.run(scene())

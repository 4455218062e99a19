"""What happens to the cable and around it: no carrier, another interface, bridges that swallow or reflect LLDP."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from evbagent.lab import Lab
from evbagent.lab.topology import (
    BRIDGE,
    HOST_ADDRESS,
    SWITCH_ADDRESS,
    SWITCH_PORT,
    UPLINK,
    add_guest,
    cable,
    edit,
    index_of,
    make_switch,
)
from evbagent.status import MacvlanMode
from tests.support import peers
from tests.support.lldpad import Lldpad
from tests.support.observing import bridged, relay, said, scrape, steady
from tests.support.taps import Tap

pytestmark = pytest.mark.netns


def test_guests_leave_vepa_without_carrier_and_return_with_it() -> None:
    async def scene() -> None:
        async with Lab() as lab:
            await lab.switch.start()
            await lab.agent.start()
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            lab.unplug()
            await lab.until(lambda: lab.all_in(MacvlanMode.BRIDGE), 1.0, "every guest in bridge mode")
            await lab.until(lambda: (said(lab) or "").startswith("veb, down"), 1.0, "the daemon to say that it is down")
            lab.plug()
            await bridged(lab, MacvlanMode.VEPA, "rr_active", 30.0)  # the port is not forwarding at once, with STP on

    asyncio.run(scene())


def test_an_uplink_that_is_deleted_and_made_anew_is_taken_up_again() -> None:
    def delete(ip: Any, name: str) -> None:
        ip.link("del", index=index_of(ip, name))

    async def scene() -> None:
        async with Lab() as lab:
            await lab.switch.start()
            await lab.agent.start()
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            lab.switch.die()  # the host sees no goodbye
            edit(lab.host_namespace, lambda ip: delete(ip, UPLINK))
            edit(lab.switch_namespace, lambda ip: delete(ip, BRIDGE))
            await lab.until(lambda: (said(lab) or "").startswith("veb, down"), 2.0, "the daemon to say that it is down")
            assert lab.agent.uplink is not None
            assert lab.agent.uplink["attachments"] == []
            cable(lab.host_namespace, lab.switch_namespace)
            make_switch(lab.switch_namespace)
            for number in (1, 2):
                add_guest(lab.host_namespace, number)
            await lab.switch.start()
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            assert lab.agent.ended is None

    asyncio.run(scene())


def test_our_own_frames_reflected_by_the_switch_are_no_neighbor() -> None:
    async def scene() -> None:
        async with Lab(stp=False) as lab:  # such a bridge floods the customer-bridge scope, with hairpin back to us too
            with Tap(lab.host_namespace, UPLINK) as tap:
                await lab.switch.start()
                await lab.agent.start()
                await bridged(lab, MacvlanMode.VEPA, "rr_active")
                await lab.until(
                    lambda: any(frame.source == HOST_ADDRESS for frame in tap.heard), 5.0, "a reflected LLDPDU"
                )
                await steady(lab, lambda: (lab.modes(), said(lab)), 2.0)
            metrics = scrape(lab.host_namespace)
            assert metrics.sum("evbagent_lldp_discards_total", reason="own") > 0
            assert metrics.sum("evbagent_neighbors") == 1
            assert metrics.sum("evbagent_transitions_total") == 1
            assert (relay(lab)["peers"], relay(lab)["crowded"]) == (1, False)
            assert relay(lab)["peer"]["chassis_id"] == str(SWITCH_ADDRESS)

    asyncio.run(scene())


def operational(lab: Lab, *, on: bool) -> bool:
    """Whether the daemon hears the switch, and hears that of its relay."""
    known = relay(lab)
    heard = known.get("peer") is not None and known["peer"]["chassis_id"] == str(SWITCH_ADDRESS)
    return heard and known["operational"] is on


def put_into_a_bridge(lab: Lab) -> None:
    """The uplink becomes a port of a Linux bridge without STP, which keeps 01-80-C2-00-00-00 from ETH_P_LLDP."""

    def build(ip: Any) -> None:
        ip.link("add", ifname="br-host", kind="bridge", br_stp_state=0, br_forward_delay=0, br_mcast_snooping=0)
        bridge = index_of(ip, "br-host")
        ip.link("set", index=bridge, state="up")
        ip.link("set", index=index_of(ip, UPLINK), master=bridge)

    edit(lab.host_namespace, build)


@pytest.mark.peer
@pytest.mark.parametrize("running", [False, True], ids=["from the start", "while the daemon runs"])
def test_the_switch_is_heard_on_a_port_of_a_bridge_without_stp(running: bool) -> None:
    peers.require("lldpad")

    async def scene() -> None:
        async with Lab(0) as lab, Lldpad(lab.switch_namespace, lab.folder, SWITCH_PORT) as lldpad:
            await lldpad.start()
            if not running:
                put_into_a_bridge(lab)
            await lab.agent.start()
            await lab.until(lambda: operational(lab, on=True), 5.0, "the switch to be heard, with relay on")
            if running:
                put_into_a_bridge(lab)
            lldpad.set_evb("evbrrcap=no")
            await lab.until(lambda: operational(lab, on=False), 3.0, "the switch to be heard, with relay off")

    asyncio.run(scene())

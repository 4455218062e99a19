"""What an operator may ask for, on real links: to take relay as it is, to believe him, and never to be hasty."""

from __future__ import annotations

import asyncio
import time
from typing import Any, Final

import pytest

from evbagent.lab import Lab
from evbagent.lab.topology import HOST_ADDRESS, SWITCH_PORT, UPLINK, edit, index_of
from evbagent.status import MacvlanMode
from tests.support import peers
from tests.support.lldpad import Lldpad
from tests.support.observing import bridged, relay, said, sampled, steady, through_the_switch

pytestmark = [pytest.mark.netns, pytest.mark.slow]

HOLD_UP: Final = 3.0  # hold_up's default
_NTF_MASTER, _NUD_NOARP = 0x04, 0x40  # an entry that nobody has to learn


def policy(lab: Lab, value: str) -> None:
    lab.agent.settings["uplinks"] = {UPLINK: {"reflective_relay": value}}


# --- passive and assume


@pytest.mark.peer
def test_passive_asks_a_real_switch_for_nothing_and_stays_in_the_host() -> None:
    peers.require("lldpad")

    async def scene() -> None:
        async with Lab() as lab, Lldpad(lab.switch_namespace, lab.folder, SWITCH_PORT) as lldpad:
            lab.switch.set_hairpin(on=True)
            policy(lab, "passive")
            await lldpad.start()
            await lab.agent.start()
            await bridged(lab, MacvlanMode.BRIDGE, "rr_not_requested")
            await steady(lab, lambda: (lab.modes(), said(lab)), 2.0)
            assert (relay(lab)["capable"], relay(lab)["requested"]) == (True, False)
            assert "rrreq" not in lldpad.evb()

    asyncio.run(scene())


ASSUMED: Final = {
    # what lldpad offers, None where it does not run, and what becomes of the operator's word
    "nobody speaks": (None, MacvlanMode.VEPA, "assumed"),
    "a switch that grants it": (True, MacvlanMode.VEPA, "rr_active"),
    "a switch that can not": (False, MacvlanMode.BRIDGE, "rr_contradicts"),
}


@pytest.mark.peer
@pytest.mark.parametrize(("offer", "mode", "reason"), ASSUMED.values(), ids=ASSUMED.keys())
def test_what_the_operator_assumes_holds_until_the_switch_says_otherwise(
    offer: bool | None, mode: MacvlanMode, reason: str
) -> None:
    peers.require("lldpad")

    async def scene() -> None:
        async with Lab() as lab, Lldpad(lab.switch_namespace, lab.folder, SWITCH_PORT) as lldpad:
            lab.switch.set_hairpin(on=True)
            policy(lab, "assume")
            if offer is not None:
                await lldpad.start(rr=offer)
            await lab.agent.start()
            await bridged(lab, mode, reason, 10.0)

    asyncio.run(scene())


def test_what_the_operator_assumes_ends_when_frames_no_longer_come_back() -> None:
    async def scene() -> None:
        async with Lab() as lab:
            lab.switch.set_hairpin(on=True)
            policy(lab, "assume")
            await lab.agent.start()
            await bridged(lab, MacvlanMode.VEPA, "assumed")
            assert relay(lab)["source"] == "operator"
            await through_the_switch(lab)
            lab.switch.set_hairpin(on=False)
            await bridged(lab, MacvlanMode.BRIDGE, "probe_failed")
            lab.switch.set_hairpin(on=True)
            await bridged(lab, MacvlanMode.VEPA, "assumed")

    asyncio.run(scene())


def test_what_the_operator_assumes_is_not_believed_where_frames_never_came_back() -> None:
    async def scene() -> None:
        async with Lab() as lab:
            policy(lab, "assume")
            async with sampled(lab, lambda: lab.all_in(MacvlanMode.BRIDGE)) as seen:
                await lab.agent.start()
                await bridged(lab, MacvlanMode.BRIDGE, "probe_failed")
            assert seen == [True]

    asyncio.run(scene())


# --- port security


def lock(ip: Any) -> None:
    """As a switch with port security does it: one address may use the port, and no other is learnt."""
    port = index_of(ip, SWITCH_PORT)
    ip.fdb("append", ifindex=port, lladdr=str(HOST_ADDRESS), flags=_NTF_MASTER, state=_NUD_NOARP)
    ip.brport("set", index=port, locked=1, learning=0)


def unlock(ip: Any) -> None:
    ip.brport("set", index=index_of(ip, SWITCH_PORT), locked=0, learning=1)


def test_a_port_that_lets_no_second_address_in_is_suspected_of_it() -> None:
    async def scene() -> None:
        async with Lab() as lab:
            edit(lab.switch_namespace, lock)
            await lab.switch.start()
            async with sampled(lab, lambda: lab.all_in(MacvlanMode.BRIDGE)) as seen:
                await lab.agent.start()
                await bridged(lab, MacvlanMode.BRIDGE, "port_security_suspected")
            assert seen == [True]
            assert (relay(lab)["operational"], relay(lab)["verified"]) == (True, False)
            edit(lab.switch_namespace, unlock)
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            await through_the_switch(lab)

    asyncio.run(scene())


# --- hold-up


@pytest.mark.peer
def test_relay_of_a_real_switch_has_to_be_on_for_hold_up_seconds_and_the_daemon_says_that_it_waits() -> None:
    peers.require("lldpad")
    waiting = "veb, entering, holding_up"

    async def scene() -> None:
        async with Lab() as lab, Lldpad(lab.switch_namespace, lab.folder, SWITCH_PORT) as lldpad:
            del lab.agent.settings["hold_up"]
            lab.switch.set_hairpin(on=True)
            await lldpad.start()
            await lab.agent.start()
            await lab.until(lambda: said(lab) == waiting, 5.0, f"the daemon to say '{waiting}'")
            began = time.monotonic()
            async with sampled(lab, lambda: said(lab)) as seen:
                await bridged(lab, MacvlanMode.VEPA, "rr_active")
            assert time.monotonic() - began >= 0.9 * HOLD_UP
            assert seen == [waiting, "vepa, settled, rr_active"]
            lldpad.set_evb("evbrrcap=no")
            await bridged(lab, MacvlanMode.BRIDGE, "rr_withdrawn", 2.0)

    asyncio.run(scene())

"""With Open-LLDP's lldpad as a switch of EVB's draft: it grants, refuses, withdraws, dies, and survives what we say."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import pytest

from evbagent.lab import Lab
from evbagent.lab.topology import HOST_ADDRESS, SWITCH_ADDRESS, SWITCH_PORT, UPLINK
from evbagent.status import MacvlanMode
from evbagent.wire.ethernet import Scope
from evbagent.wire.evb import BridgeStatus, Evb, EvbMode
from evbagent.wire.evb_draft import DraftMode, EvbDraft
from evbagent.wire.octets import MacAddress
from tests.support import peers
from tests.support.lldpad import Lldpad
from tests.support.observing import bridged, relay, said, scrape, steady, through_the_switch
from tests.support.taps import Captured, Tap, lldp_frame

pytestmark = [pytest.mark.netns, pytest.mark.peer]

STRANGER: Final = MacAddress.parse("02:00:00:00:00:bb")
REACTION: Final = 0.2  # seconds from a frame's arrival to the modes in the kernel, as far as a poll can tell
AGREED: Final = 20.0  # seconds; each of the two words that lldpad has to say takes it one of its ticks
RELAY, STANDARD = DraftMode.REFLECTIVE_RELAY, DraftMode.STANDARD
OFFER: Final = "configured forwarding mode: (0x40) reflective relay"


@pytest.fixture(autouse=True)
def _peer() -> None:
    peers.require("lldpad")


@asynccontextmanager
async def facing_lldpad(**settings: Any) -> AsyncIterator[tuple[Lab, Lldpad]]:
    """A lab whose switch port reflects and has lldpad for its agent, not started yet; and it is alive at the end."""
    async with Lab(2) as lab, Lldpad(lab.switch_namespace, lab.folder, SWITCH_PORT) as lldpad:
        lab.switch.set_hairpin(on=True)
        lab.agent.settings |= settings
        yield lab, lldpad


def draft_words(tap: Tap) -> list[DraftMode]:
    """What the switch called configured, word after word."""
    modes = [frame.draft.configured_mode for frame in tap.heard if frame.draft is not None]
    return [mode for n, mode in enumerate(modes) if n == 0 or mode != modes[n - 1]]


MEETINGS: Final = {
    # who is there first, what lldpad can do besides, evb.draft
    "the switch first": (True, "rte,ecp,vdp", "auto"),
    "the host first": (False, "rte,ecp,vdp", "auto"),
    "a switch that can do nothing besides": (True, "none", "auto"),
    "a host that speaks the draft first": (False, "rte,ecp,vdp", "on"),
}


@pytest.mark.parametrize(("switch_first", "capabilities", "use"), MEETINGS.values(), ids=MEETINGS.keys())
def test_relay_is_agreed_once_lldpad_has_followed(switch_first: bool, capabilities: str, use: str) -> None:
    async def scene() -> None:
        async with facing_lldpad(evb={"draft": use}) as (lab, lldpad):
            with Tap(lab.host_namespace, UPLINK) as tap:
                if switch_first:
                    await lldpad.start_draft(capabilities=capabilities)
                    await lab.agent.start()
                else:
                    await lab.agent.start()
                    await lab.until(lambda: said(lab) == "veb, settled, no_peer", 5.0, "the agent to run")
                    await lldpad.start_draft(capabilities=capabilities)
                await lab.until(lambda: lab.all_in(MacvlanMode.VEPA), AGREED, "every guest in vepa mode")
                assert draft_words(tap) == [RELAY, STANDARD, RELAY], "its first claim is worth nothing"
                told = [frame for frame in tap.told if frame.source == HOST_ADDRESS]
            assert all((frame.evb is None) != (frame.draft is None) for frame in told), "one version in an LLDPDU"
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            await through_the_switch(lab)
            known = relay(lab)
            assert (known["version"], known["operational"], known["echoed"]) == ("draft", True, None)
            assert known["peer"]["chassis_id"] == str(SWITCH_ADDRESS)
            assert OFFER in lldpad.evb()
            assert OFFER in lldpad.heard()
            assert lldpad.alive

    asyncio.run(scene())


@pytest.mark.slow
def test_a_switch_that_refuses_leaves_guests_in_the_host_without_flapping() -> None:
    async def scene() -> None:
        async with facing_lldpad() as (lab, lldpad):
            await lldpad.start_draft(rr=False)
            await lab.agent.start()
            await bridged(lab, MacvlanMode.BRIDGE, "rr_not_capable")
            await steady(lab, lambda: (lab.modes(), said(lab)), 8.0)
            assert scrape(lab.host_namespace).sum("evbagent_transitions_total") == 0
            assert "supported forwarding mode: (0x40) reflective relay" in lldpad.heard()
            assert "configured forwarding mode: (0x80) standard 802.1Q" in lldpad.heard()
            assert lldpad.alive

    asyncio.run(scene())


async def agree(lab: Lab, lldpad: Lldpad, *, ttl: int = 120) -> None:
    await lldpad.start_draft(ttl=ttl)
    await lab.agent.start()
    await bridged(lab, MacvlanMode.VEPA, "rr_active", AGREED)


async def withdraw(lldpad: Lldpad) -> None:
    lldpad.set_evb("fmode=bridge")


async def drop_the_tlv(lldpad: Lldpad) -> None:
    lldpad.set_evb("enableTx=no")


def without_relay(frame: Captured) -> bool:
    return frame.draft is not None and frame.draft.configured_mode != RELAY


LOSSES: dict[str, tuple[Callable[[Lldpad], Awaitable[None]], Callable[[Captured], bool], str]] = {
    "relay withdrawn": (withdraw, without_relay, "rr_withdrawn"),
    "TLV dropped": (drop_the_tlv, lambda frame: frame.pdu.ttl > 0 and frame.draft is None, "peer_lost"),
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
            await agree(lab, lldpad)
            with Tap(lab.host_namespace, UPLINK) as tap:
                watch = asyncio.create_task(out_of_vepa(lab))
                await act(lldpad)
                left = await watch
                arrived = next(frame.stamp for frame in tap.heard if takes_relay_away(frame))
            assert 0 <= left - arrived < REACTION
            await bridged(lab, MacvlanMode.BRIDGE, reason)

    asyncio.run(scene())


def test_relay_that_was_withdrawn_can_be_had_again() -> None:
    async def scene() -> None:
        async with facing_lldpad() as (lab, lldpad):
            await agree(lab, lldpad)
            await withdraw(lldpad)
            await bridged(lab, MacvlanMode.BRIDGE, "rr_withdrawn")
            lldpad.set_evb("fmode=reflectiverelay")
            await bridged(lab, MacvlanMode.VEPA, "rr_active", 2 * AGREED)
            assert lldpad.alive

    asyncio.run(scene())


@pytest.mark.slow
def test_guests_leave_vepa_when_the_ttl_of_a_switch_that_died_silently_ends() -> None:
    async def scene() -> None:
        async with facing_lldpad() as (lab, lldpad):
            lab.agent.settings["probe"] = {"enabled": False}  # probes would still come back
            with Tap(lab.host_namespace, UPLINK) as tap:
                await agree(lab, lldpad, ttl=10)
                await lldpad.kill()
                left = await out_of_vepa(lab, 12.0)
                last = [frame for frame in tap.heard if frame.source != HOST_ADDRESS][-1]  # ours are reflected
            assert last.pdu.ttl == 10
            assert -0.1 <= left - (last.stamp + 10.0) <= 2.0
            await bridged(lab, MacvlanMode.BRIDGE, "peer_lost")

    asyncio.run(scene())


STRANGERS: dict[str, tuple[Evb | EvbDraft, Scope]] = {
    "of the draft": (EvbDraft(STANDARD, configured_mode=STANDARD), Scope.NEAREST_CUSTOMER_BRIDGE),
    "of the draft, on the other scope": (EvbDraft(RELAY, configured_mode=RELAY), Scope.NEAREST_BRIDGE),
    "of the ratified version": (Evb(EvbMode.BRIDGE, BridgeStatus(True, True)), Scope.NEAREST_CUSTOMER_BRIDGE),
}


@pytest.mark.parametrize(("tlv", "scope"), STRANGERS.values(), ids=STRANGERS.keys())
def test_a_second_evb_neighbor_ends_vepa_until_its_ttl_does(tlv: Evb | EvbDraft, scope: Scope) -> None:
    async def scene() -> None:
        async with facing_lldpad() as (lab, lldpad):
            await agree(lab, lldpad)
            with Tap(lab.switch_namespace, SWITCH_PORT) as tap:
                tap.send(lldp_frame(STRANGER, chassis=STRANGER, ttl=2, evb=tlv, scope=scope))
                await bridged(lab, MacvlanMode.BRIDGE, "multiple_peers", 1.0)
            await bridged(lab, MacvlanMode.VEPA, "rr_active", 2.0 + AGREED)
            assert lldpad.alive

    asyncio.run(scene())


def test_where_the_draft_is_off_its_switch_is_none() -> None:
    async def scene() -> None:
        async with facing_lldpad(evb={"draft": "off"}) as (lab, lldpad):
            await lldpad.start_draft()
            with Tap(lab.host_namespace, UPLINK) as tap:
                await lab.agent.start()
                await lab.until(lambda: len(tap.heard) >= 2 and said(lab), 5.0, "the switch to have spoken")
                await steady(lab, lambda: (lab.modes(), said(lab)), 3.0)
                told = tap.told
            assert said(lab) == "veb, settled, no_peer"
            assert {frame.draft for frame in told} == {None}

    asyncio.run(scene())


def test_a_ratified_switch_is_spoken_to_in_its_own_version_by_who_prefers_the_draft() -> None:
    async def scene() -> None:
        async with facing_lldpad(evb={"draft": "on"}) as (lab, lldpad):
            await lldpad.start()
            await lab.agent.start()
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            assert relay(lab)["version"] == "ratified"
            assert lldpad.alive

    asyncio.run(scene())


ANSWERED: Final[dict[str, tuple[list[str], bool]]] = {
    "where it is configured": (["nearest-bridge", "nearest-customer-bridge"], True),
    "nowhere else": (["nearest-customer-bridge"], False),
}


@pytest.mark.parametrize(("transmit", "answered"), ANSWERED.values(), ids=ANSWERED.keys())
def test_a_switch_of_the_draft_on_the_nearest_bridge_scope_is_answered(transmit: list[str], answered: bool) -> None:
    """lldpad speaks the draft on EVB's own scope alone, so this switch is made of frames."""

    def word(mode: DraftMode) -> bytes:
        tlv = EvbDraft(RELAY | STANDARD, configured_mode=mode)
        return lldp_frame(SWITCH_ADDRESS, chassis=SWITCH_ADDRESS, evb=tlv, scope=Scope.NEAREST_BRIDGE)

    def offers(frame: Captured, mode: DraftMode) -> bool:
        return nearest(frame) and frame.draft is not None and frame.draft.supported_mode == mode

    def nearest(frame: Captured) -> bool:
        return frame.octets[:6] == Scope.NEAREST_BRIDGE.address.octets

    async def scene() -> None:
        async with facing_lldpad(lldp={"transmit": transmit}) as (lab, _):
            await lab.agent.start()
            await lab.until(lambda: said(lab) == "veb, settled, no_peer", 5.0, "the agent to run")
            with Tap(lab.switch_namespace, SWITCH_PORT) as tap:

                async def exchange(mode: DraftMode, answer: DraftMode) -> None:
                    tap.send(word(mode))
                    if answered:
                        what = f"the host to support {answer!r}"
                        await lab.until(lambda: any(offers(frame, answer) for frame in tap.heard), 5.0, what)

                await exchange(RELAY, STANDARD)
                await exchange(STANDARD, RELAY)
                tap.send(word(RELAY))
                if answered:
                    await bridged(lab, MacvlanMode.VEPA, "rr_active")
                else:
                    await bridged(lab, MacvlanMode.BRIDGE, "rr_not_requested")
                    await steady(lab, lambda: (lab.modes(), said(lab)), 2.0)
                    assert not any(nearest(frame) for frame in tap.heard)

    asyncio.run(scene())

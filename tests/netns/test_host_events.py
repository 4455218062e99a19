"""What happens on hosts: links by the thousand, carrier that comes and goes, uplinks that leave and come back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest

from evbagent.lab import Lab
from evbagent.lab.topology import SWITCH_PORT, UPLINK, edit, index_of, set_up
from evbagent.status import MacvlanMode
from tests.support.observing import bridged, said, sampled

pytestmark = [pytest.mark.netns, pytest.mark.slow]

LINKS: Final = 10_000
FLAPS: Final = 100


def descriptors(lab: Lab) -> int:
    return len(list(Path(f"/proc/{lab.agent.pid}/fd").iterdir()))


def threads(lab: Lab) -> int:
    return len(list(Path(f"/proc/{lab.agent.pid}/task").iterdir()))


def listed(lab: Lab) -> list[str]:
    """The attachments that the daemon knows of."""
    return [] if lab.agent.uplink is None else [entry["name"] for entry in lab.agent.uplink["attachments"]]


def links_come_and_go(ip: Any) -> None:
    """On a link of their own, so that they go all at once."""
    ip.link("add", ifname="decoy0", kind="veth", peer={"ifname": "decoy1"})
    lower = index_of(ip, "decoy0")
    for number in range(LINKS):
        ip.link("add", ifname=f"d{number}", kind="macvlan", link=lower, macvlan_mode="bridge")
    ip.link("del", index=lower)


def guests_come_and_go(ip: Any) -> None:
    """On the uplink itself: attachments, every one of them."""
    lower = index_of(ip, UPLINK)
    for number in range(200):
        ip.link("add", ifname=f"g{number}", kind="macvlan", link=lower, macvlan_mode="bridge")
    for number in range(200):
        ip.link("del", index=index_of(ip, f"g{number}"))


HOSTS: Final[dict[str, Callable[[Any], None]]] = {
    "10,000 links": links_come_and_go,
    "200 guests": guests_come_and_go,
}


@pytest.mark.parametrize("happen", HOSTS.values(), ids=HOSTS.keys())
def test_links_that_come_and_go_leave_nothing_behind(happen: Callable[[Any], None]) -> None:
    async def scene() -> None:
        async with Lab() as lab:
            await lab.switch.start()
            await lab.agent.start()
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            before = descriptors(lab), threads(lab)
            async with sampled(lab, lambda: (said(lab) or "").split(",")[0]) as seen:
                await asyncio.to_thread(edit, lab.host_namespace, happen)
                await lab.until(lambda: listed(lab) == list(lab.guests), 30.0, "the guests and no others")
            assert seen == ["vepa"]
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            assert (descriptors(lab), threads(lab)) == before

    asyncio.run(scene())


def test_a_hundred_carrier_flaps_lock_nobody_out_and_leak_nothing() -> None:
    async def scene() -> None:
        async with Lab() as lab:
            await lab.switch.start()
            await lab.agent.start()
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            before = descriptors(lab), threads(lab)
            for flap in range(FLAPS):
                lab.unplug()
                if flap % 10 == 0:  # most of them are too short to be seen as two events
                    await lab.until(lambda: "down" in (said(lab) or ""), 5.0, "the daemon to see the link down")
                lab.plug()
            await bridged(lab, MacvlanMode.VEPA, "rr_active", 60.0)  # with STP on, the port has to listen and learn
            assert (descriptors(lab), threads(lab)) == before

    asyncio.run(scene())


def test_an_uplink_that_moves_to_another_namespace_and_back_is_taken_up_again() -> None:
    async def scene() -> None:
        async with Lab() as lab:
            await lab.switch.start()
            await lab.agent.start()
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            before = descriptors(lab)
            edit(lab.host_namespace, lambda ip: [ip.link("del", index=index_of(ip, name)) for name in lab.guests])
            away, here = lab.switch_namespace, lab.host_namespace
            edit(here, lambda ip: ip.link("set", index=index_of(ip, UPLINK), net_ns_fd=away.descriptor))
            await lab.until(lambda: "down" in (said(lab) or ""), 5.0, "the daemon to see that it is gone")
            edit(away, lambda ip: ip.link("set", index=index_of(ip, UPLINK), net_ns_fd=here.descriptor))
            set_up(here, UPLINK, up=True)
            set_up(away, SWITCH_PORT, up=True)
            for number in (1, 2):
                lab.add_guest(number)
            await bridged(lab, MacvlanMode.VEPA, "rr_active", 60.0)
            assert listed(lab) == list(lab.guests)
            assert descriptors(lab) == before

    asyncio.run(scene())

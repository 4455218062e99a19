"""Guests' devices: whose mode is managed and whose not, how they come and go, and that none of them is the switch."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final

import pytest

from evbagent.lab import Lab
from evbagent.lab.namespaces import Namespace
from evbagent.lab.topology import SWITCH_ADDRESS, SWITCH_PORT, UPLINK, add_guest, edit, guest_address, index_of
from evbagent.linux.rtnetlink import RouteSocket
from evbagent.status import MacvlanMode
from evbagent.wire.basic import ChassisId
from evbagent.wire.ethernet import ETHERTYPE_LLDP, Frame, Scope
from evbagent.wire.evb import BridgeStatus, Evb, EvbMode, RrStatus, StationStatus
from evbagent.wire.lldpdu import Lldpdu
from evbagent.wire.octets import MacAddress
from tests.support import peers
from tests.support.lldpad import Lldpad
from tests.support.observing import attachment, bridged, relay, said, sampled, scrape, steady
from tests.support.taps import Tap

pytestmark = pytest.mark.netns

CHOSEN: Final = {"guest3": MacvlanMode.PRIVATE, "guest4": MacvlanMode.SOURCE}


def shown(lab: Lab, name: str) -> tuple[str, str, str | None] | None:
    """Reach, mode and wanted mode of an attachment in the policy document."""
    entry = attachment(lab, name)
    return None if entry is None else (entry["reach"], entry["mode"], entry["wanted"])


def test_private_and_source_attachments_are_shown_and_never_touched() -> None:
    async def scene() -> None:
        async with Lab() as lab:
            for number, mode in ((3, MacvlanMode.PRIVATE), (4, MacvlanMode.SOURCE)):
                lab.add_guest(number, mode)
            async with sampled(lab, lambda: {n: mode for n, mode in lab.modes().items() if n in CHOSEN}) as seen:
                await lab.switch.start()
                await lab.agent.start()
                await bridged(lab, MacvlanMode.VEPA, "rr_active")
                for name, mode in CHOSEN.items():
                    assert shown(lab, name) == ("chosen", mode.value, None)
                lab.switch.offer(relay=False)
                await bridged(lab, MacvlanMode.BRIDGE, "rr_withdrawn")
                lab.switch.offer(relay=True)
                await bridged(lab, MacvlanMode.VEPA, "rr_active")
                assert await lab.agent.stop() == 0
                assert lab.all_in(MacvlanMode.BRIDGE)
            assert seen == [CHOSEN]

    asyncio.run(scene())


@contextlib.contextmanager
def another_namespace() -> Iterator[Namespace]:
    namespace = Namespace("guest")
    try:
        yield namespace
    finally:
        namespace.close()


def move(lab: Lab, name: str, into: Namespace) -> None:
    def change(ip: Any) -> None:
        ip.link("set", index=index_of(ip, name), net_ns_fd=into.descriptor)

    edit(lab.host_namespace, change)


def mode_there(namespace: Namespace, name: str) -> MacvlanMode | None:
    """The mode that a macvlan has, asked in its own namespace."""
    with namespace.entered(), contextlib.closing(RouteSocket()) as route:
        return next(link.mode for link in route.links().values() if link.name == name)


def test_an_attachment_in_another_namespace_is_foreign_and_not_changed() -> None:
    async def scene() -> None:
        async with Lab() as lab:
            with another_namespace() as elsewhere:
                name = add_guest(lab.host_namespace, 3)
                move(lab, name, elsewhere)
                await lab.switch.start()
                await lab.agent.start()
                await bridged(lab, MacvlanMode.VEPA, "rr_active")
                assert shown(lab, name) == ("foreign", "bridge", None)
                assert mode_there(elsewhere, name) is MacvlanMode.BRIDGE

    asyncio.run(scene())


def test_an_attachment_that_moves_to_another_namespace_becomes_foreign() -> None:
    async def scene() -> None:
        async with Lab() as lab:
            with another_namespace() as elsewhere:
                name = add_guest(lab.host_namespace, 3)
                await lab.switch.start()
                await lab.agent.start()
                await bridged(lab, MacvlanMode.VEPA, "rr_active")
                assert shown(lab, name) == ("managed", "vepa", "vepa")
                move(lab, name, elsewhere)
                await lab.until(lambda: shown(lab, name) == ("foreign", "vepa", None), 2.0, f"{name} to be foreign")
                lab.switch.offer(relay=False)
                await bridged(lab, MacvlanMode.BRIDGE, "rr_withdrawn")
                assert mode_there(elsewhere, name) is MacvlanMode.VEPA
                assert shown(lab, name) == ("foreign", "vepa", None)

    asyncio.run(scene())


def test_an_attachment_made_while_in_vepa_is_put_into_vepa_at_once_and_forgotten_when_it_goes() -> None:
    async def scene() -> None:
        async with Lab() as lab:
            await lab.switch.start()
            await lab.agent.start()
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            name = lab.add_guest(3)
            await lab.until(lambda: lab.modes()[name] is MacvlanMode.VEPA, 0.5, f"{name} to be in VEPA")
            await lab.until(lambda: shown(lab, name) == ("managed", "vepa", "vepa"), 0.5, f"{name} to be shown")
            edit(lab.host_namespace, lambda ip: ip.link("del", index=index_of(ip, name)))
            await lab.until(lambda: shown(lab, name) is None, 0.5, f"{name} to be forgotten")

    asyncio.run(scene())


STRANGER: Final = MacAddress.parse("02:00:00:00:00:bb")
OFF: Final = Evb(EvbMode.BRIDGE, BridgeStatus(rr_capable=True), StationStatus(rr_request=True))
ON: Final = Evb(EvbMode.BRIDGE, BridgeStatus(True, True), StationStatus(True, RrStatus.TRUE))
FORGERIES: Final[dict[str, Callable[[Lldpdu], Lldpdu]]] = {
    "relay withdrawn": lambda pdu: replace(pdu, optional=(OFF.tlv(),)),
    "EVB given up": lambda pdu: replace(pdu, optional=()),
    "goodbye": lambda pdu: replace(pdu, ttl=0, optional=()),
    "a second switch": lambda pdu: replace(pdu, chassis=ChassisId.mac(STRANGER), optional=(ON.tlv(),)),
}


def frame(source: MacAddress, pdu: Lldpdu) -> bytes:
    return Frame(Scope.NEAREST_CUSTOMER_BRIDGE.address, source, ETHERTYPE_LLDP, pdu.encode()).encode()


async def in_vain(lab: Lab) -> None:
    """Nothing has changed, and nothing does for a second."""
    await steady(lab, lambda: (lab.all_in(MacvlanMode.VEPA), said(lab), relay(lab)), 1.0)
    assert (lab.all_in(MacvlanMode.VEPA), said(lab)) == (True, "vepa, settled, rr_active")
    metrics = scrape(lab.host_namespace)
    assert metrics.sum("evbagent_transitions_total") == 1  # the one into VEPA
    assert metrics.sum("evbagent_neighbors") == 1


@pytest.mark.peer
@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_guest_that_plays_the_switch_changes_nothing(forge: Callable[[Lldpdu], Lldpdu]) -> None:
    peers.require("lldpad")

    async def scene() -> None:
        async with Lab() as lab, Lldpad(lab.switch_namespace, lab.folder, SWITCH_PORT) as lldpad:
            lab.switch.set_hairpin(on=True)
            await lldpad.start()
            with (
                Tap(lab.host_namespace, UPLINK) as uplink,
                Tap(lab.host_namespace, "guest1") as guest,
                Tap(lab.switch_namespace, SWITCH_PORT) as port,
            ):
                await lab.agent.start()
                await bridged(lab, MacvlanMode.VEPA, "rr_active")
                await lldpad.kill()  # its TTL holds on; from here on nobody but the host could react
                forged = [frame(source, forge(uplink.heard[-1].pdu)) for source in (guest_address(1), SWITCH_ADDRESS)]
                for octets in forged:
                    guest.send(octets)
                await lab.until(
                    lambda: {seen.octets for seen in port.heard} >= set(forged), 2.0, "the forgeries at the switch"
                )
                await in_vain(lab)

    asyncio.run(scene())


@pytest.mark.parametrize("forge", FORGERIES.values(), ids=FORGERIES.keys())
def test_a_guest_that_plays_the_switch_changes_nothing_where_its_frames_are_reflected(
    forge: Callable[[Lldpdu], Lldpdu],
) -> None:
    async def scene() -> None:
        async with Lab(stp=False) as lab:
            with Tap(lab.host_namespace, UPLINK) as uplink, Tap(lab.host_namespace, "guest1") as guest:
                await lab.switch.start()
                await lab.agent.start()
                await bridged(lab, MacvlanMode.VEPA, "rr_active")
                lab.switch.die()  # it goes on reflecting
                genuine = next(seen.pdu for seen in reversed(uplink.heard) if seen.source == SWITCH_ADDRESS)
                forged = frame(guest_address(1), forge(genuine))
                guest.send(forged)
                await lab.until(
                    lambda: forged in [seen.octets for seen in uplink.heard], 2.0, "the forgery to be reflected"
                )
                await in_vain(lab)

    asyncio.run(scene())

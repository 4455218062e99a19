"""DCBX on real links: offers come, change and go in what the daemon tells; no driver here says what it has."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from errno import ENODEV
from pathlib import Path
from typing import Any, Final

import pytest

from evbagent import pcap
from evbagent.lab import Lab
from evbagent.lab.topology import SWITCH_PORT, UPLINK
from evbagent.linux.dcbnl import DcbSocket
from evbagent.linux.netlink import NetlinkError
from evbagent.status import MacvlanMode
from evbagent.wire.ethernet import Frame, Scope
from evbagent.wire.octets import MacAddress
from tests.support import peers, shared
from tests.support.dcbx import CEE, IEEE, PFC
from tests.support.frames import OTHER, SWITCH
from tests.support.lldpad import Lldpad
from tests.support.observing import bridged, said, scrape, through_the_switch
from tests.support.taps import Tap

pytestmark = pytest.mark.netns

NEAREST: Final = Scope.NEAREST_BRIDGE
LLDPAD: Final = MacAddress.parse("02:00:00:00:b0:00")  # the bridge in the captures of two lldpads


@asynccontextmanager
async def observed() -> AsyncIterator[tuple[Lab, Tap]]:
    """A lab whose daemon has told what it knows, and the wire in front of it."""
    async with Lab() as lab:
        await lab.switch.start()
        await lab.agent.start()
        with Tap(lab.switch_namespace, SWITCH_PORT) as tap:
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            yield lab, tap


def dcbx(lab: Lab) -> dict[str, Any]:
    """What the policy document says about DCBX on the uplink's only port."""
    assert lab.agent.uplink is not None
    (entry,) = lab.agent.uplink["dcbx"]
    assert entry["port"] == UPLINK
    return dict(entry)


async def known(lab: Lab, version: str | None, peers: int) -> dict[str, Any]:
    """Wait until the daemon tells that; all that it tells then."""
    await lab.until(
        lambda: (dcbx(lab)["version"], dcbx(lab)["peers"]) == (version, peers), 5.0, f"{version} by {peers} peers"
    )
    return dcbx(lab)


def test_the_driver_of_a_veth_says_nothing_and_an_interface_that_is_not_there_is_an_error() -> None:
    async def scene() -> None:
        async with Lab() as lab:
            with lab.host_namespace.entered():
                drivers = DcbSocket()
            try:
                assert drivers.ask(UPLINK) is None  # EOPNOTSUPP to each question, which the kernel has understood
                with pytest.raises(NetlinkError) as gone:
                    drivers.ask("eth7")
                assert gone.value.errno == ENODEV
                assert drivers.ask(UPLINK) is None
            finally:
                drivers.close()

    asyncio.run(scene())


def test_an_offer_is_told_as_it_comes_changes_and_goes_and_moves_no_guest() -> None:
    async def scene() -> None:
        async with observed() as (lab, tap):
            before = dcbx(lab)
            assert (before["version"], before["peers"], before["offer"], before["kernel"]) == (None, 0, None, None)
            tap.send(SWITCH.frame(*IEEE, scope=NEAREST))
            entry = await known(lab, "ieee", 1)
            assert entry["peer"] == {
                "chassis_id": "00:00:5e:00:53:01",
                "port_id": "ge-0/0/1",
                "system_name": "switch1",
            }
            assert entry["offer"]["ets"]["bandwidth"] == [60, 40, 0, 0, 0, 0, 0, 0]
            assert entry["offer"]["pfc"]["enabled"].index(True) == 3
            assert (entry["mismatches"], "pfc_enabled" in entry["unknown"]) == ([], True)
            tap.send(SWITCH.frame(PFC.tlv(), scope=NEAREST))
            await lab.until(lambda: dcbx(lab)["offer"]["ets"] is None, 5.0, "an offer without ETS")
            tap.send(SWITCH.frame(ttl=0, scope=NEAREST))
            await known(lab, None, 0)
            assert said(lab) == "vepa, settled, rr_active"
            await through_the_switch(lab)

    asyncio.run(scene())


def test_two_peers_leave_no_offer_until_the_time_of_one_has_ended() -> None:
    async def scene() -> None:
        async with observed() as (lab, tap):
            tap.send(SWITCH.frame(*IEEE, scope=NEAREST))
            await known(lab, "ieee", 1)
            tap.send(OTHER.frame(CEE.tlv(), ttl=2, scope=NEAREST))
            entry = await known(lab, None, 2)
            assert (entry["peer"], entry["offer"]) == (None, None)
            names = "switch1 ge-0/0/1; switch2 ge-0/0/2"
            assert entry["mismatches"] == [{"kind": "multiple_peers", "detail": names}]
            metrics = scrape(lab.host_namespace)
            assert metrics.holding("evbagent_dcbx_mismatch", "kind") == ["multiple_peers"]
            await known(lab, "ieee", 1)

    asyncio.run(scene())


def test_other_scopes_and_a_link_that_went_leave_no_offer() -> None:
    async def scene() -> None:
        async with observed() as (lab, tap):
            tap.send(SWITCH.frame(*IEEE, scope=Scope.NEAREST_CUSTOMER_BRIDGE))
            tap.send(OTHER.frame(*IEEE, scope=NEAREST))
            entry = await known(lab, "ieee", 1)
            assert entry["peer"]["system_name"] == "switch2"
            metrics = scrape(lab.host_namespace)
            assert metrics.sum("evbagent_dcbx_peer_info", port=UPLINK, version="ieee", source="lldp") == 1
            assert metrics.sum("evbagent_dcbx_pfc_enabled", side="peer", priority="3") == 1
            assert "evbagent_dcbx_firmware_agent" not in metrics.names
            lab.unplug()
            await known(lab, None, 0)

    asyncio.run(scene())


CAPTURES: Final = {
    "IEEE": ("dcbx-ieee-br", "ieee", {"ethertype 35078": [3], "tcp 3260": [4]}),
    "CEE": ("dcbx-cee-br", "cee", {"ethertype 35078": [3], "ethertype 35092": [3], "port 3260": [4]}),
}


@pytest.mark.parametrize(("capture", "version", "applications"), CAPTURES.values(), ids=CAPTURES.keys())
def test_what_lldpad_offered_as_a_switch_is_told(
    capture: str, version: str, applications: dict[str, list[int]]
) -> None:
    heard = [Frame.decode(octets) for octets in pcap.frames(shared.captures()[capture])]
    last = [frame for frame in heard if frame.source == LLDPAD and frame.scope is NEAREST][-1]

    async def scene() -> None:
        async with observed() as (lab, tap):
            tap.send(last.encode())
            offer = (await known(lab, version, 1))["offer"]
            assert offer["ets"]["prio_tc"][3] == 1
            assert offer["ets"]["bandwidth"][:2] == [60, 40]
            assert (offer["pfc"]["enabled"].index(True), offer["pfc"]["willing"]) == (3, False)
            entries = offer["applications"]["entries"]
            told = {f"{entry['selector']} {entry['protocol']}": entry["priorities"] for entry in entries}
            assert told == applications

    asyncio.run(scene())


# --- with a driver that answers: none here does, so one is faked in front of the kernel


def kinds(lab: Lab) -> set[str]:
    return {mismatch["kind"] for mismatch in dcbx(lab)["mismatches"]}


UNSET: Final = {"pfc_enabled", "ets_classes", "ets_algorithm", "application_missing", "nobody_willing"}


def test_a_driver_that_answers_is_compared_with_the_offer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    driver = shared.fake_driver(tmp_path)

    async def scene() -> None:
        async with Lab() as lab:
            with monkeypatch.context() as context:
                context.setenv("LD_PRELOAD", str(driver))
                await lab.agent.start()
            await lab.until(lambda: lab.agent.policy and dcbx(lab)["kernel"], 5.0, "the driver's answer")
            kernel = dcbx(lab)["kernel"]
            assert kernel["mode"] == ["host", "cee", "ieee"]
            assert (kernel["ets"]["max_tcs"], kernel["pfc"]["cap"], kernel["applications"]["entries"]) == (8, 8, [])
            with Tap(lab.switch_namespace, SWITCH_PORT) as tap:
                tap.send(SWITCH.frame(*IEEE, scope=NEAREST))
                await known(lab, "ieee", 1)
            assert kinds(lab) == UNSET
            metrics = scrape(lab.host_namespace)
            assert set(metrics.holding("evbagent_dcbx_mismatch", "kind")) == UNSET
            assert metrics.sum("evbagent_dcbx_firmware_agent") == 0

    asyncio.run(scene())


@pytest.mark.peer
def test_lldpad_as_a_switch_offers_what_it_is_told_to(tmp_path: Path) -> None:
    peers.require("lldpad")
    driver = shared.fake_driver(tmp_path)
    shares = "tcbw=60,40,0,0,0,0,0,0"
    classes = "up2tc=0:0,1:0,2:0,3:1,4:0,5:0,6:0,7:2"
    algorithms = "tsa=0:ets,1:ets,2:strict,3:strict,4:strict,5:strict,6:strict,7:strict"

    async def scene() -> None:
        async with Lab() as lab, Lldpad(lab.switch_namespace, lab.folder, SWITCH_PORT, driver) as lldpad:
            lab.switch.set_hairpin(on=True)
            await lldpad.start()
            await lab.agent.start()
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            assert (await known(lab, "ieee", 1))["offer"]["pfc"]["enabled"] == [False] * 8
            for tlv in ("ETS-CFG", "ETS-REC"):
                lldpad.set_dcbx(tlv, algorithms, classes, shares)
            lldpad.set_dcbx("PFC", "enabled=3")
            await lab.until(lambda: dcbx(lab)["offer"]["pfc"]["enabled"][3], 5.0, "lldpad to tell of it")
            offer = dcbx(lab)["offer"]
            for part in ("ets", "recommendation"):
                assert offer[part]["prio_tc"] == [0, 0, 0, 1, 0, 0, 0, 2]
                assert offer[part]["bandwidth"] == [60, 40, 0, 0, 0, 0, 0, 0]
            assert offer["pfc"]["enabled"] == [priority == 3 for priority in range(8)]
            await lldpad.kill()
            lab.unplug()
            await known(lab, None, 0)

    asyncio.run(scene())

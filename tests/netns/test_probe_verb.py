"""`evbagent probe` on real links: what it finds, what it costs, and that a daemon beside it does not notice."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import Any, Final

import pytest

from evbagent.lab import Lab
from evbagent.lab.topology import HOST_ADDRESS, SWITCH_PORT, UPLINK, edit, index_of, set_up
from evbagent.status import MacvlanMode
from tests.support.observing import bridged, said, sampled, scrape
from tests.support.taps import Tap

pytestmark = pytest.mark.netns

PROBE: Final = b"\x88\xb5"
FRAMES: Final = "evbagent_probe_frames_total"
NO_RAW: Final = ("setpriv", "--inh-caps=-all", "--bounding-set=-net_raw")


async def probe(lab: Lab, *args: str, port: str = UPLINK, within: tuple[str, ...] = ()) -> tuple[int, dict[str, Any]]:
    """Exit code and answer."""
    command = lab.host_namespace.command(*within, sys.executable, "-m", "evbagent", "probe", port, *args, "-f", "json")
    done = await asyncio.to_thread(
        subprocess.run,
        command,
        pass_fds=(lab.host_namespace.descriptor,),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    answer: dict[str, Any] = json.loads(done.stdout)
    return done.returncode, answer


async def up(lab: Lab) -> None:
    """Once the kernel sends there: carrier alone is a little early."""

    def works() -> bool:
        (link,) = edit(lab.host_namespace, lambda ip: list(ip.get_links(index_of(ip, UPLINK))))
        return bool(link.get_attr("IFLA_OPERSTATE") == "UP")

    await lab.until(works, 5.0, "the uplink to be up")


@pytest.mark.parametrize("bridged_host", [False, True], ids=["a plain port", "a port of a host bridge"])
def test_it_tells_a_switch_that_reflects_from_one_that_does_not(bridged_host: bool) -> None:
    def build(ip: Any) -> None:
        ip.link("add", ifname="br-host", kind="bridge", br_stp_state=0, br_forward_delay=0)
        bridge = index_of(ip, "br-host")
        ip.link("set", index=bridge, state="up")
        ip.link("set", index=index_of(ip, UPLINK), master=bridge)

    async def scene() -> None:
        async with Lab(0) as lab:
            await up(lab)
            if bridged_host:
                edit(lab.host_namespace, build)
            for on in (False, True, False):
                lab.switch.set_hairpin(on=on)
                code, answer = await probe(lab)
                assert (code, answer["verified"]) == ((0, True) if on else (1, False))
                (only,) = answer["rounds"]
                assert only["verified"] is on
                if on:
                    assert 0 <= only["round_trip_seconds"] < 0.02
                else:
                    assert only["round_trip_seconds"] is None
                    assert only["frames"] >= 4  # a stall of ours makes it ask once more
                    assert len(answer["causes"]) > 1

    asyncio.run(scene())


def test_it_costs_the_switch_one_address_and_two_frames_a_round() -> None:
    async def scene() -> None:
        async with Lab(0) as lab:
            await up(lab)
            lab.switch.set_hairpin(on=True)
            with Tap(lab.switch_namespace, SWITCH_PORT) as port:
                code, answer = await probe(lab, "--count", "3")
                frames = [each.octets for each in port.seen if each.octets[12:14] == PROBE and not each.outgoing]
            assert (code, [each["verified"] for each in answer["rounds"]]) == (0, [True, True, True])
            assert len(frames) == 2 * sum(each["frames"] for each in answer["rounds"])
            assert {str(HOST_ADDRESS), answer["probe_address"]} == {octets[6:12].hex(":") for octets in frames}

    asyncio.run(scene())


def test_where_there_is_no_link_nothing_is_sent() -> None:
    async def scene() -> None:
        async with Lab(0) as lab:
            lab.unplug()
            code, answer = await probe(lab)
            assert (code, answer["error"]["message"]) == (1, "eth0 has no carrier: there is nothing to probe")
            set_up(lab.host_namespace, UPLINK, up=False)
            code, answer = await probe(lab)
            assert (code, answer["error"]["hint"]) == (1, "`ip link set eth0 up` turns it on")
            code, answer = await probe(lab, port="eth1")
            assert (code, answer["error"]["hint"]) == (5, "did you mean 'eth0'?")

    asyncio.run(scene())


def test_without_the_capability_it_names_it() -> None:
    async def scene() -> None:
        async with Lab(0) as lab:
            code, answer = await probe(lab, within=NO_RAW)
            assert (code, answer["error"]["code"]) == (4, "not_permitted")
            assert answer["error"]["message"].startswith("CAP_NET_RAW is missing")

    asyncio.run(scene())


@pytest.mark.slow
def test_a_daemon_beside_it_does_not_notice() -> None:
    async def scene() -> None:
        async with Lab() as lab:
            await lab.switch.start()
            await lab.agent.start()
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            async with sampled(lab, lambda: (lab.modes(), said(lab))) as seen:
                code, _ = await probe(lab, "--count", "8")
            assert (code, len(seen)) == (0, 1)
            lab.switch.die()
            lab.switch.set_hairpin(on=False)
            await bridged(lab, MacvlanMode.BRIDGE, "probe_failed")
            async with sampled(lab, lambda: (lab.modes(), said(lab))) as seen:
                code, _ = await probe(lab, "--count", "4")
            assert (code, len(seen)) == (1, 1)
            counted = scrape(lab.host_namespace)
            known = (counted.sum(FRAMES, outcome=each) for each in ("sent", "reflected", "missed", "voided"))
            assert counted.sum(FRAMES) == sum(known) > 0  # it has discarded nothing: it heard no probe but its own

    asyncio.run(scene())

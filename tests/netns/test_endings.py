"""Nobody is left behind in VEPA: not by a new name, a namesake elsewhere, or a reader of logs that has gone."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from evbagent.lab import Lab
from evbagent.lab.namespaces import Namespace
from evbagent.lab.switch import SwitchSettings
from evbagent.lab.topology import SWITCH_ADDRESS, SWITCH_PORT, UPLINK, edit, index_of
from evbagent.status import MacvlanMode
from evbagent.wire.octets import MacAddress
from tests.support.observing import attachment, bridged, said, scrape
from tests.support.taps import Captured, Tap, lldp_frame

pytestmark = pytest.mark.netns


DROWNED: Final = {
    # A neighbor's flood has a buffer of its own to fill; who takes the switch's address fills that of the switch.
    "by a neighbor": (lambda number: MacAddress(b"\x02\x11" + number.to_bytes(4, "big")), "overflowed"),
    "by one with the switch's address": (lambda _: SWITCH_ADDRESS, "missed"),
}


@pytest.mark.parametrize(("source", "counted"), DROWNED.values(), ids=DROWNED.keys())
def test_a_withdrawal_in_a_flood_while_the_loop_stalls_ends_vepa(
    source: Callable[[int], MacAddress], counted: str
) -> None:
    def noise(number: int) -> bytes:
        address = MacAddress(b"\x02\x11" + number.to_bytes(4, "big"))
        return lldp_frame(source(number), chassis=address, ttl=120)

    async def scene() -> None:
        async with Lab() as lab:
            await lab.switch.start(SwitchSettings(keep_hairpin=True))
            await lab.agent.start()
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            os.kill(lab.agent.pid, signal.SIGSTOP)  # the loop stalls, and the buffer overflows before the switch speaks
            try:
                with Tap(lab.switch_namespace, SWITCH_PORT) as flood:
                    for number in range(20_000):
                        flood.send(noise(number))
                with Tap(lab.switch_namespace, SWITCH_PORT) as tap:
                    lab.switch.offer(relay=False)
                    await lab.until(lambda: any(is_withdrawal(frame) for frame in tap.told), 5.0, "the withdrawal")
            finally:
                os.kill(lab.agent.pid, signal.SIGCONT)
            await lab.until(lambda: lab.all_in(MacvlanMode.BRIDGE), 2.0, "every guest in bridge mode")
            await lab.until(lambda: (said(lab) or "").startswith("veb, settled"), 2.0, "the daemon to say so")
            metrics = scrape(lab.host_namespace)
            lost = {name: metrics.sum(f"evbagent_frames_{name}_total") > 0 for name in ("missed", "overflowed")}
            assert lost == {"missed": counted == "missed", "overflowed": counted == "overflowed"}

    def is_withdrawal(frame: Captured) -> bool:
        return frame.evb is not None and frame.evb.bridge.rr_capable is False

    asyncio.run(scene())


def rename(lab: Lab, old: str, new: str) -> None:
    edit(lab.host_namespace, lambda ip: ip.link("set", index=index_of(ip, old), ifname=new))


def test_an_uplink_that_loses_its_name_is_no_uplink_and_its_guests_are_in_veb() -> None:
    async def scene() -> None:
        async with Lab() as lab:
            await lab.switch.start()
            await lab.agent.start()
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            rename(lab, UPLINK, "uplink9")
            await lab.until(lambda: lab.all_in(MacvlanMode.BRIDGE), 1.0, "every guest in bridge mode")
            await lab.until(lambda: (said(lab) or "").startswith("veb, down"), 1.0, "the daemon to say that it is down")
            assert lab.agent.uplink is not None
            assert [entry["mode"] for entry in lab.agent.uplink["attachments"]] == ["bridge", "bridge"]
            rename(lab, "uplink9", UPLINK)
            await bridged(lab, MacvlanMode.VEPA, "rr_active")

    asyncio.run(scene())


def test_an_uplink_whose_name_goes_to_another_interface_leaves_no_guest_behind() -> None:
    async def scene() -> None:
        async with Lab() as lab:
            await lab.switch.start()
            await lab.agent.start()
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            os.kill(lab.agent.pid, signal.SIGSTOP)  # so that the daemon sees the end of it only
            try:
                rename(lab, UPLINK, "uplink9")
                edit(lab.host_namespace, lambda ip: ip.link("add", ifname=UPLINK, kind="veth", peer={"ifname": "end"}))
            finally:
                os.kill(lab.agent.pid, signal.SIGCONT)
            await lab.until(lambda: lab.all_in(MacvlanMode.BRIDGE), 2.0, "every guest in bridge mode")

    asyncio.run(scene())


def test_a_run_folder_too_long_for_a_socket_is_refused_in_a_line(tmp_path: Path) -> None:
    folder = tmp_path / ("x" * 120)
    config = tmp_path / "evbagent.yaml"
    config.write_text(yaml.safe_dump({"run_dir": str(folder), "metrics": {"listen": None}}))
    run = [sys.executable, "-m", "evbagent", "run", "--config", str(config), "--uplink", "lo"]
    done = subprocess.run(["unshare", "--net", *run], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "alive.sock can't be made" in done.stderr
    assert "set another run_dir" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_macvlan_elsewhere_with_the_ifindex_of_a_guest_hides_nobody() -> None:
    def pod(ip: Any, index: int, elsewhere: Namespace) -> None:
        fields = {"kind": "macvlan", "macvlan_mode": "bridge", "link": index_of(ip, UPLINK)}
        ip.link("add", ifname="first", **fields)  # a move gives the namespace a number here: without, it is invisible
        ip.link("set", index=index_of(ip, "first"), net_ns_fd=elsewhere.descriptor)
        ip.link("add", ifname="pod", index=index, net_ns_fd=elsewhere.descriptor, **fields)

    async def scene() -> None:
        elsewhere = Namespace("elsewhere")
        async with Lab() as lab:
            index = edit(lab.host_namespace, lambda ip: index_of(ip, "guest1"))
            edit(lab.host_namespace, lambda ip: pod(ip, index, elsewhere))
            await lab.switch.start()
            await lab.agent.start()
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            foreign, own = attachment(lab, "pod"), attachment(lab, "guest1")
            assert foreign is not None
            assert own is not None
            assert (foreign["ifindex"], foreign["reach"], own["reach"]) == (own["ifindex"], "foreign", "managed")
            lab.switch.offer(relay=False)
            await bridged(lab, MacvlanMode.BRIDGE, "rr_withdrawn")
            await lab.agent.stop()
        elsewhere.close()

    asyncio.run(scene())


def test_a_daemon_whose_log_nobody_reads_any_more_releases_every_uplink() -> None:
    async def scene() -> None:
        async with Lab() as lab:
            await lab.switch.start()
            config = lab.folder / "closed.yaml"
            settings = {"uplinks": {UPLINK: {"mode": "auto"}}, "run_dir": str(lab.agent.run_dir)}
            config.write_text(yaml.safe_dump(settings))
            reader, writer = os.pipe()
            daemon = await asyncio.create_subprocess_exec(
                *lab.host_namespace.command(sys.executable, "-m", "evbagent", "run", "--config", str(config)),
                stdin=subprocess.DEVNULL,
                stderr=writer,
                pass_fds=(lab.host_namespace.descriptor,),
            )
            os.close(writer)
            try:
                await bridged(lab, MacvlanMode.VEPA, "rr_active")
                os.close(reader)
                daemon.send_signal(signal.SIGTERM)
                code = await asyncio.wait_for(daemon.wait(), 5)
            finally:
                if daemon.returncode is None:
                    daemon.kill()
                    await daemon.wait()
            assert code == 0
            assert lab.all_in(MacvlanMode.BRIDGE)
            assert (said(lab) or "").endswith("released")

    asyncio.run(scene())


def test_a_daemon_that_may_not_listen_says_so_whatever_its_capabilities_claim(tmp_path: Path) -> None:
    config = tmp_path / "evbagent.yaml"
    config.write_text(yaml.safe_dump({"run_dir": str(tmp_path / "run"), "metrics": {"listen": None}}))
    links = "ip link add eth0 type dummy 2>/dev/null || ip link add eth0 type veth peer name eth1; ip link set eth0 up"
    daemon = f"{sys.executable} -m evbagent run --config {config} --uplink eth0"
    # Root of a user namespace that does not own the network namespace: every capability, and none that counts here.
    script = f"{links}; exec unshare --user --map-root-user {daemon}"
    done = subprocess.run(["unshare", "--net", "sh", "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 4, done.stderr
    assert "eth0 can't be listened on" in done.stderr
    assert "CAP_NET_RAW" in done.stderr


def test_a_service_manager_that_can_not_be_told_is_no_reason_to_end() -> None:
    async def scene() -> None:
        async with Lab() as lab:
            os.environ["NOTIFY_SOCKET"] = str(lab.folder / "nobody")
            try:
                await lab.agent.start()
            finally:
                del os.environ["NOTIFY_SOCKET"]
            await lab.until(lambda: "the service manager can't be told" in lab.agent_log(), 5.0, "a line in the log")
            assert await lab.agent.stop() == 0

    asyncio.run(scene())

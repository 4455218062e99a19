"""What we send, others read: tshark, tcpdump and lldpd agree with us about every field that they know."""

from __future__ import annotations

import asyncio
import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest

from evbagent.lab import Lab
from evbagent.lab.topology import HOST_ADDRESS, SWITCH_ADDRESS, SWITCH_PORT, UPLINK
from evbagent.status import MacvlanMode
from evbagent.wire.evb import BridgeStatus, Evb, EvbMode, RrStatus, StationStatus
from tests.support import peers
from tests.support.lldpd import Lldpd
from tests.support.observing import bridged, relay, said, steady
from tests.support.taps import Captured, Tap, lldp_frame, write_pcap

pytestmark = [pytest.mark.netns, pytest.mark.peer]

NAME: Final = "host-one"
TTL: Final = 121
# Every bit of the TLV once set and once not, and every number at an end of its range.
EXTREMES: Final = (
    Evb(EvbMode.NOT_SUPPORTED, retries=0, rte=0, rwd=0, rka=0),
    Evb(EvbMode.BRIDGE, BridgeStatus(rr_capable=True), StationStatus(rr_request=True, rr_status=RrStatus.UNKNOWN)),
    Evb(EvbMode.STATION, BridgeStatus(rr_control=True), StationStatus(group_id=True), rte=31, remote_rwd=True),
    Evb(EvbMode.RESERVED, BridgeStatus(group_id=True), StationStatus(rr_status=RrStatus.TRUE), rka=31, remote_rka=True),
    Evb(EvbMode.STATION, BridgeStatus(True, True, True), StationStatus(True, RrStatus.UNDEFINED, True), 7, 1, 31, 1),
)


def dialogue() -> list[Captured]:
    """What the daemon and the lab's switch tell each other, from the first frame to the daemon's goodbye."""

    async def scene() -> list[Captured]:
        async with Lab() as lab:
            lab.agent.settings["system_name"] = NAME
            with Tap(lab.switch_namespace, SWITCH_PORT) as port:
                await lab.switch.start()
                await lab.agent.start()
                await bridged(lab, MacvlanMode.VEPA, "rr_active")
                await lab.until(lambda: lab.switch.confirmed, 5.0, "the station to confirm relay")
                assert await lab.agent.stop() == 0
                return [frame for frame in port.seen if frame.is_lldp]

    return asyncio.run(scene())


def read(program: str, file: Path, *args: str) -> str:
    """What a program prints about a capture file."""
    done = subprocess.run(
        peers.command(program, "-n", "-r", str(file), *args),
        env=peers.environment(program),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def test_tshark_reads_our_frames_and_finds_none_malformed(tmp_path: Path) -> None:
    peers.require("tshark")
    frames = [frame for frame in dialogue() if frame.source == HOST_ADDRESS]
    file = tmp_path / "daemon.pcap"
    write_pcap(file, [frame.octets for frame in frames])
    assert read("tshark", file, "-Y", "_ws.malformed || !lldp") == ""
    fields = ("lldp.chassis.id.mac", "lldp.port.id", "lldp.time_to_live", "lldp.tlv.system.name")
    columns = [word for field in fields for word in ("-e", field)]
    *told, goodbye = read("tshark", file, "-T", "fields", "-E", "separator=|", *columns).splitlines()
    assert len(told) >= 2
    assert set(told) == {f"{HOST_ADDRESS}|{UPLINK}|{TTL}|{NAME}"}
    assert goodbye == f"{HOST_ADDRESS}|{UPLINK}|0|"
    text = read("tshark", file, "-V")
    assert text.count("IEEE 802.1 Subtype: EVB (0x0d)") == len(told)
    assert "Port Id Subtype: Interface name (5)" in text


_TCPDUMP: Final = re.compile(
    r"""EVB\ Subtype\ \(13\)
    \s+EVB\ Bridge\ Status\s+RES:\ 0,\ BGID:\ (\d+),\ RRCAP:\ (\d+),\ RRCTR:\ (\d+)
    \s+EVB\ Station\ Status\s+RES:\ 0,\ SGID:\ (\d+),\ RRREQ:\ (\d+),\s*RRSTAT:\ (\d+)
    \s+R:\ (\d+),\ RTE:\ (\d+),\ EVB\ Mode:\ [^\[]+\[(\d+)\]
    \s+ROL:\ (\d+),\ RWD:\ (\d+),\ RES:\ 0,\ ROL:\ (\d+),\ RKA:\ (\d+)""",
    re.VERBOSE,
)


def numbers(evb: Evb) -> tuple[int, ...]:
    """The fields of the TLV in tcpdump's order."""
    bridge, station = evb.bridge, evb.station
    return (
        *(bridge.group_id, bridge.rr_capable, bridge.rr_control),
        *(station.group_id, station.rr_request, station.rr_status),
        *(evb.retries, evb.rte, evb.mode, evb.remote_rwd, evb.rwd, evb.remote_rka, evb.rka),
    )


def tcpdump_reads(file: Path) -> list[tuple[int, ...]]:
    """The EVB TLVs in a capture file, as tcpdump understands them."""
    return [tuple(map(int, match.groups())) for match in _TCPDUMP.finditer(read("tcpdump", file, "-vv"))]


def test_tcpdump_reads_the_same_evb_bits_in_a_dialogue_of_station_and_bridge(tmp_path: Path) -> None:
    peers.require("tcpdump")
    frames = dialogue()
    file = tmp_path / "dialogue.pcap"
    write_pcap(file, [frame.octets for frame in frames])
    written = [(frame.source, frame.evb) for frame in frames if frame.evb is not None]
    assert tcpdump_reads(file) == [numbers(evb) for _, evb in written]
    last = {source: evb for source, evb in written if evb.station.rr_request}
    agreed, asked = BridgeStatus(rr_capable=True, rr_control=True), StationStatus(True, RrStatus.TRUE)
    assert last[HOST_ADDRESS] == Evb(EvbMode.STATION, agreed, asked)
    assert last[SWITCH_ADDRESS] == Evb(EvbMode.BRIDGE, agreed, asked)


def test_tcpdump_reads_the_same_evb_bits_at_the_ends_of_their_ranges(tmp_path: Path) -> None:
    peers.require("tcpdump")
    file = tmp_path / "extremes.pcap"
    write_pcap(file, [lldp_frame(HOST_ADDRESS, chassis=HOST_ADDRESS, evb=evb) for evb in EXTREMES])
    assert tcpdump_reads(file) == [numbers(evb) for evb in EXTREMES]


def test_lldpd_lists_us_and_as_a_neighbor_without_evb_only_crowds_the_uplink() -> None:
    peers.require("lldpd")

    def summary(neighbor: dict[str, Any]) -> dict[str, Any]:
        """Identity and name, without the shells around them."""
        (chassis,), (port,) = neighbor["chassis"], neighbor["port"]
        return {
            "chassis": chassis["id"],
            "name": [name["value"] for name in chassis.get("name", [])],
            "port": port["id"],
            "ttl": [ttl["value"] for ttl in port["ttl"]],
        }

    ours = {
        "chassis": [{"type": "mac", "value": str(HOST_ADDRESS)}],
        "name": [NAME],
        "port": [{"type": "ifname", "value": UPLINK}],
        "ttl": [str(TTL)],
    }

    async def scene() -> None:
        async with Lab() as lab, Lldpd(lab.switch_namespace, lab.folder, SWITCH_PORT) as lldpd:
            lab.agent.settings["system_name"] = NAME
            await lab.switch.start()
            await lab.agent.start()
            await bridged(lab, MacvlanMode.VEPA, "rr_active")
            assert relay(lab)["crowded"] is False
            await lldpd.start()
            await lab.until(lambda: relay(lab)["crowded"], 5.0, "the uplink to be crowded")
            await lab.until(lldpd.neighbors, 5.0, "lldpd to list us")  # it came after our fast start
            assert [summary(neighbor) for neighbor in lldpd.neighbors()] == [ours]
            await steady(lab, lambda: (lab.modes(), said(lab)), 2.0)
            assert said(lab) == "vepa, settled, rr_active"
            assert (relay(lab)["peers"], relay(lab)["peer"]["chassis_id"]) == (1, str(SWITCH_ADDRESS))

    asyncio.run(scene())

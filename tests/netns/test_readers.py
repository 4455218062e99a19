"""What we send, others read: tshark, tcpdump and lldpd agree with us about every field that they know."""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import pytest

from evbagent.lab import Lab
from evbagent.lab.topology import HOST_ADDRESS, SWITCH_ADDRESS, SWITCH_PORT, UPLINK
from evbagent.status import MacvlanMode
from evbagent.wire import dot1, dot3, med
from evbagent.wire.basic import (
    ManagementAddress,
    PortDescription,
    SystemCapabilities,
    SystemDescription,
    SystemName,
)
from evbagent.wire.cdcp import Cdcp
from evbagent.wire.cee import Cee
from evbagent.wire.cin import Cin
from evbagent.wire.dcbx import ApplicationPriority, ApplicationVlan, EtsConfiguration, EtsRecommendation, Pfc
from evbagent.wire.evb import BridgeStatus, Evb, EvbMode, RrStatus, StationStatus
from evbagent.wire.evb_draft import EvbDraft
from evbagent.wire.registry import BASIC, ORGANIZATIONAL, Kind, Organizational
from evbagent.wire.tlv import OrgKey, Tlv
from tests.support import peers
from tests.support.frames import Peer
from tests.support.lldpad import Lldpad
from tests.support.lldpd import Lldpd
from tests.support.observing import bridged, relay, said, steady
from tests.support.taps import Captured, Tap, lldp_frame, write_pcap
from tests.wire.test_readers import VALUES

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


@dataclass(frozen=True, slots=True)
class Everything:
    """One LLDPDU with a TLV of every class that there is, in one frame of our own."""

    tlvs: tuple[Tlv, ...]
    octets: bytes

    @classmethod
    def make(cls) -> Self:
        first = {type(value): value.tlv() for value in reversed(VALUES.values())}
        assert first.keys() == {*BASIC.values(), *ORGANIZATIONAL.values()}
        assert len(first[Evb].value) == 9, "a longer one is written beyond a buffer of lldpad's"
        tlvs = tuple(reversed(first.values()))
        return cls(tlvs, Peer(HOST_ADDRESS, UPLINK).frame(*tlvs))


def paths(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every value in a neighbor of lldpd's with the names that lead to it."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from paths(each, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for each in value:
            yield from paths(each, path)
    else:
        yield path, value


IN_LLDPDS_WORDS: Final[dict[str, list[Any]]] = {
    "chassis.id.value": [str(HOST_ADDRESS)],
    "chassis.name.value": ["host1.example"],
    "chassis.descr.value": ["Linux"],
    "chassis.mgmt-ip.value": ["192.0.2.1"],
    "chassis.mgmt-iface.value": ["7"],
    "chassis.capability.type": ["Other", "Repeater", "Bridge", "Router", "Wlan", "Tel", "Docsis", "Station"],
    "chassis.capability.enabled": [False, False, True, False, False, False, False, True],
    "port.id.value": [UPLINK],
    "port.descr.value": ["to the rack's top"],
    "port.ttl.value": [str(TTL)],
    "port.mfs.value": ["9216"],
    "port.aggregation.value": ["9"],
    "port.auto-negotiation.supported": [True],
    "port.auto-negotiation.enabled": [False],
    "port.auto-negotiation.current.value": ["1000BaseTFD - Four-pair Category 5 UTP, full duplex mode"],
    "port.power.supported": [True],
    "port.power.enabled": [True],
    "port.power.paircontrol": [False],
    "port.power.device-type.value": ["PSE"],
    "port.power.pairs.value": ["signal"],
    "port.power.class.value": ["class 0"],
    "vlan.vlan-id": ["100", "10"],
    "vlan.pvid": [False, True],
    "vlan.value": ["blue"],
    "ppvid.value": ["1"],
    "ppvid.supported": [True],
    "ppvid.enabled": [False],
    "pi.value": ["88 8e 01"],
    "lldp-med.device-type.value": ["Network Connectivity Device"],
    "lldp-med.capability.type": ["Capabilities", "Policy", "Location", "MDI/PSE", "Inventory"],
    "lldp-med.policy.apptype": ["Voice"],
    "lldp-med.policy.defined": [True],
    "lldp-med.policy.vlan.vid": ["50"],
    "lldp-med.policy.pcp.value": ["5"],
    "lldp-med.policy.dscp.value": ["46"],
    "lldp-med.location.country.value": ["DE"],
    "lldp-med.location.city.value": ["Berlin"],
    "lldp-med.poe.device-type.value": ["PSE"],
    "lldp-med.poe.source.value": ["Primary Power Source"],
    "lldp-med.poe.priority.value": ["low"],
    "lldp-med.poe.power.value": ["6500"],
    "lldp-med.inventory.hardware.value": ["V02"],
    "lldp-med.inventory.firmware.value": ["1"],
    "lldp-med.inventory.software.value": ["2"],
    "lldp-med.inventory.serial.value": ["3"],
    "lldp-med.inventory.manufacturer.value": ["4"],
    "lldp-med.inventory.model.value": ["5"],
}
# What lldpd shows as octets: EVB and CDCP among them, the DCBX of all times, and three of 802.1's.
UNKNOWN_TO_LLDPD: Final[tuple[type[Organizational], ...]] = (
    *(dot1.ManagementVlanId, dot1.VidUsageDigest, dot1.LinkAggregation, dot1.CongestionNotification),
    *(EtsConfiguration, EtsRecommendation, Pfc, ApplicationPriority, ApplicationVlan, Cee, Cin),
    *(Evb, EvbDraft, Cdcp),
)


def test_lldpd_lists_every_tlv_of_ours_under_its_name_or_octet_for_octet() -> None:
    peers.require("lldpd")
    everything = Everything.make()

    async def scene() -> tuple[dict[str, Any], dict[str, int]]:
        async with Lab() as lab, Lldpd(lab.switch_namespace, lab.folder, SWITCH_PORT) as lldpd:
            await lldpd.start()
            with Tap(lab.host_namespace, UPLINK) as tap:
                tap.send(everything.octets)
                await lab.until(lldpd.neighbors, 20.0, "lldpd to list the neighbor")
                (neighbor,) = lldpd.neighbors(details=True)
                return neighbor, lldpd.statistics()

    neighbor, counted = asyncio.run(scene())
    found: dict[str, list[Any]] = {}
    for path, value in paths(neighbor):
        found.setdefault(path, []).append(value)
    assert {path: found.get(path) for path in IN_LLDPDS_WORDS} == IN_LLDPDS_WORDS
    unknown = {
        OrgKey(bytes.fromhex(each["oui"].replace(",", "")), int(each["subtype"])): each["value"]
        .replace(",", "")
        .lower()
        for part in neighbor["unknown-tlvs"]
        for each in part["unknown-tlv"]
    }
    keys = {kind.KEY for kind in UNKNOWN_TO_LLDPD}
    assert unknown == {tlv.key: tlv.information.rest().hex() for tlv in everything.tlvs if tlv.key in keys}
    assert (counted["rx"], counted["rx_discarded_cnt"], counted["rx_unrecognized_cnt"]) == (1, 0, len(keys))


IN_LLDPADS_WORDS: Final[dict[type[Kind], str]] = {
    PortDescription: "Port Description TLV\n\tto the rack's top",
    SystemName: "System Name TLV\n\thost1.example",
    SystemDescription: "System Description TLV\n\tLinux",
    SystemCapabilities: "Enabled capabilities: Bridge, Station Only",
    ManagementAddress: "Management Address TLV\n\tIPv4: 192.0.2.1\n\tIfindex: 7",
    dot1.PortVlanId: "Port VLAN ID TLV\n\tPVID: 10",
    dot1.ManagementVlanId: "Management VID TLV\n\tMgmt VID: 4094",
    dot1.PortProtocolVlanId: "Port and Protocol VLAN ID TLV\n\tPVID: 1, supported, not enabled",
    dot1.VlanName: "VLAN Name TLV\n\tVID 100: Name blue",
    dot1.ProtocolIdentity: "Protocol Identity TLV\n\t88.8e.01.",
    dot1.VidUsageDigest: "VID Usage Digest TLV",  # of which it shows a half, as a number, and the rest as a name
    dot1.LinkAggregation: "Aggregation capable\n\tCurrently not aggregated\n\tAggregated Port ID: 0",
    dot1.CongestionNotification: "OUI: 0x0080c2, Subtype: 8, Info: 0800",
    EtsConfiguration: "ETS Configuration TLV\n\t Willing: no\n\t CBS: not supported\n\t MAX_TCS: 3",
    EtsRecommendation: "PRIO_MAP:  0:15 1:1 2:2 3:3 4:4 5:5 6:6 7:7",
    Pfc: "PFC capable traffic classes: 2\n\t PFC enabled: 3",
    ApplicationPriority: "Prio 3 \t Sel 1 \t P-ID\t Ethertype: 0x8906",
    ApplicationVlan: "OUI: 0x0080c2, Subtype: 16, Info: 3ea18914fff70001",
    Cdcp: "OUI: 0x0080c2, Subtype: 14, Info: 880000a7001001002000fff000",
    EvbDraft: "supported forwarding mode: (0x40) reflective relay",
    Cee: "PGID Percentages: 0:60% 1:40%",
    Cin: "BWG Percentages: 0:100% 1:0%",
    Evb: "EVB Configuration TLV\n\tbridge:(00)\n\tstation:(00)\n\tretries:3 rte:14\n\tmode:station r/l:0 rwd:20",
    dot3.MacPhy: "Auto-negotiation supported and not enabled\n\tPMD auto-negotiation capabilities: 0x6c01",
    dot3.PowerViaMdi: "Power via MDI TLV\n\tPort class PSE\n\tPSE MDI power supported",
    dot3.LinkAggregation: "Aggregation capable\n\tCurrently aggregated\n\tAggregated Port ID: 9",
    dot3.MaxFrameSize: "Maximum Frame Size TLV\n\t9216",
    med.Capabilities: "Device Type:  netcon",
    med.NetworkPolicy: "LLDP-MED Network Policy TLV\n\t0140656e",
    med.Location: "LLDP-MED Location TLV\n\t020b02444503064265726c696e",
    med.ExtendedPower: "LLDP-MED Extended Power-via-MDI TLV\n\t130041",
    med.HardwareRevision: "LLDP-MED Hardware Revision TLV\n\tV02",
    med.FirmwareRevision: "LLDP-MED Firmware Revision TLV\n\t1",
    med.SoftwareRevision: "LLDP-MED Software Revision TLV\n\t2",
    med.SerialNumber: "LLDP-MED Serial Number TLV\n\t3",
    med.Manufacturer: "LLDP-MED Manufacturer Name TLV\n\t4",
    med.Model: "LLDP-MED Model Name TLV\n\t5",
    med.AssetId: "LLDP-MED Asset ID TLV",
}


def test_lldpad_takes_every_tlv_of_ours_and_discards_nothing() -> None:
    peers.require("lldpad")
    everything = Everything.make()

    async def scene() -> tuple[str, str]:
        async with Lab() as lab, Lldpad(lab.switch_namespace, lab.folder, SWITCH_PORT) as lldpad:
            await lldpad.start()
            with Tap(lab.host_namespace, UPLINK) as tap:
                tap.send(everything.octets)
                await lab.until(lambda: "host1.example" in lldpad.neighbor(), 20.0, "lldpad to show the neighbor")
                return lldpad.neighbor(), lldpad.statistics()

    shown, counted = asyncio.run(scene())
    assert IN_LLDPADS_WORDS.keys() == {*BASIC.values(), *ORGANIZATIONAL.values()}
    assert [words for words in IN_LLDPADS_WORDS.values() if words not in shown] == []
    for counter, count in (
        ("Frames Received ", 1),
        ("Discarded Frames", 0),
        ("Error Frames", 0),
        ("Discarded TLVs", 0),
    ):
        assert re.search(rf"^Total {counter}.*= {count}$", counted, re.MULTILINE), counted


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

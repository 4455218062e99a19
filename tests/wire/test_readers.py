"""What we encode, tshark and tcpdump decode to the same fields, class by class; where they can't, it is said why not.

ECP and VDP are missing, because nothing here sends them. EVB's bits, which tcpdump knows and tshark only names, are
compared in tests/netns/test_readers.py, in frames that really crossed a link.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import pytest

from evbagent.wire import dot1, dot3, med
from evbagent.wire.basic import (
    Capability,
    ManagementAddress,
    PortDescription,
    SystemCapabilities,
    SystemDescription,
    SystemName,
)
from evbagent.wire.cdcp import Cdcp
from evbagent.wire.cee import Cee, CeePfc, CeePriorityGroups, FeatureHeader
from evbagent.wire.cin import Cin
from evbagent.wire.dcbx import ApplicationPriority, ApplicationVlan, EtsConfiguration, EtsRecommendation, Pfc
from evbagent.wire.ethernet import Scope
from evbagent.wire.evb import Evb, EvbMode
from evbagent.wire.evb_draft import DraftCapability, DraftMode, EvbDraft
from evbagent.wire.registry import BASIC, ORGANIZATIONAL, Kind
from tests.support import peers
from tests.support.frames import BYSTANDER
from tests.support.taps import write_pcap
from tests.wire.test_organizational import GOLDEN

pytestmark = pytest.mark.peer

VALUES: Final[dict[str, Kind]] = {
    **{name: value for name, (value, _octets) in GOLDEN.items() if not isinstance(value, med.Location)},
    "EVB": Evb(EvbMode.STATION),
    "MED location, civic": med.Location(2, b"\x0b\x02DE\x03\x06Berlin"),
    "MED location, emergency call": med.Location(3, b"498912345678"),
    "port description": PortDescription(b"to the rack's top"),
    "system name": SystemName(b"host1.example"),
    "system description": SystemDescription(b"Linux"),
    "capabilities": SystemCapabilities(Capability(0x7FF), Capability.BRIDGE | Capability.STATION),
    "management address, IPv4": ManagementAddress(1, b"\xc0\0\2\1", 2, 7, b"\x2b\6\1"),
    "management address, IPv6": ManagementAddress(2, b"\x20\1\x0d\xb8" + bytes(11) + b"\1", 3, 2**32 - 1),
}
Fields = dict[str, object]


def read(program: str, file: Path, *args: str) -> str:
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


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A frame for each value, with nothing else that is optional in it."""
    file = tmp_path_factory.mktemp("readers") / "values.pcap"
    write_pcap(file, [BYSTANDER.frame(value.tlv(), scope=Scope.NEAREST_BRIDGE) for value in VALUES.values()])
    return file


# --- tshark


def leaves(value: Any, found: defaultdict[str, list[str]]) -> defaultdict[str, list[str]]:
    """The fields in an answer of tshark by their names, in their order, wherever they stand."""
    for name, each in value.items():
        for one in each if isinstance(each, list) else [each]:
            if isinstance(one, dict):
                leaves(one, found)
            else:
                found[name].append(one)
    return found


@pytest.fixture(scope="module")
def dissected(capture: Path) -> dict[str, dict[str, list[str]]]:
    peers.require("tshark")
    answers = json.loads(read("tshark", capture, "-T", "json", "--no-duplicate-keys"))
    layers = (answer["_source"]["layers"]["lldp"] for answer in answers)
    return {name: leaves(layer, defaultdict(list)) for name, layer in zip(VALUES, layers, strict=True)}


def numbered(name: str, values: Sequence[int]) -> Fields:
    return {f"{name}{number}": value for number, value in enumerate(values)}


def groups(value: EtsConfiguration | EtsRecommendation) -> Fields:
    return {
        **numbered("lldp.dcbx.feature.pg.pgid_prio", value.prio_tc),
        **numbered("lldp.dcbx.feature.pg.per", value.tc_bandwidth),
        **numbered("lldp.dcbx.ieee.ets.tsa", value.tc_tsa),
    }


def power(value: dot3.PowerViaMdi) -> Fields:
    support = "lldp.ieee.802_3.mdi_power_support."
    fields: Fields = {
        f"{support}port_class": value.pse,
        f"{support}supported": value.supported,
        f"{support}enabled": value.enabled,
        f"{support}pse_pairs": value.pairs_controllable,
        "lldp.ieee.802_3.mdi_pse_pair": value.pairs,
        "lldp.ieee.802_3.mdi_power_class": value.power_class,
    }
    if value.request is not None:
        fields |= {
            "lldp.ieee.802_3.mdi_power_type": value.request.power_type,
            "lldp.ieee.802_3.mdi_power_source": value.request.source,
            # tshark counts bit 2, which 802.3at reserved and 802.3bt made PD 4PID, to the priority
            "lldp.ieee.802_3.mdi_power_priority": value.request.both_modes << 2 | value.request.priority,
            "lldp.ieee.802_3.mdi_pde_requested": value.request.requested,
            "lldp.ieee.802_3.mdi_pse_allocated": value.request.allocated,
        }
    if value.four_pair is not None:
        more = value.four_pair
        fields |= {
            "lldp.ieee.802_3.bt_ds_pd_requested_power_value_mode_a": more.requested_a,
            "lldp.ieee.802_3.bt_ds_pd_requested_power_value_mode_b": more.requested_b,
            "lldp.ieee.802_3.bt_ds_pse_allocated_power_value_alt_a": more.allocated_a,
            "lldp.ieee.802_3.bt_ds_pse_allocated_power_value_alt_b": more.allocated_b,
            "lldp.ieee.802_3.bt_power_status": more.power_status,
            "lldp.ieee.802_3.bt_system_setup": more.system_setup,
            "lldp.ieee.802_3.bt_pse_maximum_available_power_value": more.maximum,
            "lldp.ieee.802_3.bt_autoclass": more.autoclass,
            "lldp.ieee.802_3.bt_power_down": more.power_down,
        }
    return fields


def draft(value: EvbDraft) -> Fields:
    def bits(name: str, mode: DraftMode, capabilities: DraftCapability) -> Fields:
        return {
            f"lldp.ieee.802_1qbg.evb_{name}_caps.std": DraftMode.STANDARD in mode,
            f"lldp.ieee.802_1qbg.evb_{name}_caps.rr": DraftMode.REFLECTIVE_RELAY in mode,
            f"lldp.ieee.802_1qbg.evb_{name}_caps.rte": DraftCapability.RTE in capabilities,
            f"lldp.ieee.802_1qbg.evb_{name}_caps.ecp": DraftCapability.ECP in capabilities,
            f"lldp.ieee.802_1qbg.evb_{name}_caps.vdp": DraftCapability.VDP in capabilities,
        }

    return {
        **bits("support", value.supported_mode, value.supported_capabilities),
        **bits("configure", value.configured_mode, value.configured_capabilities),
        "lldp.ieee.802_1qbg.evb_supported_vsi": value.supported_vsis,
        "lldp.ieee.802_1qbg.evb_configured_vsi": value.configured_vsis,
        "lldp.ieee.802_1qbg.evb_retrans_timer": value.rte,
    }


def cee(value: Cee) -> Fields:
    """What stands in several features is one list of them all."""
    features = [each for each in (value.priority_groups, value.pfc, value.applications) if each is not None]
    headers: list[FeatureHeader] = [feature.header for feature in features]
    applications = value.applications.applications if value.applications is not None else ()
    fields: Fields = {
        "lldp.dcbx.version": [value.control.oper_version, *(each.oper_version for each in headers)],
        "lldp.dcbx.max_version": [value.control.max_version, *(each.max_version for each in headers)],
        "lldp.dcbx.control.seq": value.control.seq_no,
        "lldp.dcbx.control.ack": value.control.ack_no,
        "lldp.dcbx.feature.enabled": [each.enable for each in headers],
        "lldp.dcbx.feature.willing": [each.willing for each in headers],
        "lldp.dcbx.feature.error": [each.error for each in headers],
        "lldp.dcbx.feature.app.proto": [each.protocol for each in applications],
        "lldp.dcbx.feature.app.sf": [each.selector for each in applications],
        "lldp.dcbx.feature.app.oui": [int.from_bytes(each.oui, "big") for each in applications],
        "lldp.dcbx.feature.app.prio": [n for each in applications for n, on in enumerate(each.priorities) if on],
    }
    if isinstance(value.priority_groups, CeePriorityGroups):
        fields |= numbered("lldp.dcbx.feature.pg.pgid_prio", value.priority_groups.pgid)
        fields |= numbered("lldp.dcbx.feature.pg.per", value.priority_groups.percent)
        fields |= {"lldp.dcbx.feature.pg.numtcs": value.priority_groups.num_tcs}
    if isinstance(value.pfc, CeePfc):
        fields |= numbered("lldp.dcbx.feature.pfc.prio", value.pfc.enabled)
        fields |= {"lldp.dcbx.feature.pfc.numtcs": value.pfc.num_tcs}
    return fields


def location(value: med.Location) -> Fields:
    said: Fields = {"lldp.media.loc.data_format": value.location_format}
    if value.location_format == 3:
        return said | {"lldp.media.ecs": value.data.decode()}
    return said | {
        "lldp.media.civic.what": value.data[1],
        "lldp.media.civic.country": value.data[2:4].decode(),
        "lldp.media.civic.type": value.data[4],
        "lldp.media.civic.value": value.data[6:].decode(),
    }


def address(value: ManagementAddress) -> Fields:
    return {
        "lldp.mgn.address.subtype": value.family,
        {1: "lldp.mgn.addr.ip4", 2: "lldp.mgn.addr.ip6"}[value.family]: str(value),
        "lldp.mgn.interface.subtype": value.interface_subtype,
        "lldp.mgn.interface.number": value.interface_number,
        "lldp.mgn.obj.id": [] if value.oid_text is None else value.oid_text,
    }


def text(name: str) -> Callable[[Any], Fields]:
    return lambda value: {name: str(value) or []}


# What tshark reads in a value of each class.
TSHARK: Final[dict[type[Kind], Callable[[Any], Fields]]] = {
    PortDescription: text("lldp.port.desc"),
    SystemName: text("lldp.tlv.system.name"),
    SystemDescription: text("lldp.tlv.system.desc"),
    SystemCapabilities: lambda value: {
        "lldp.tlv.system_cap": value.capable.value,
        "lldp.tlv.enable_system_cap": value.enabled.value,
    },
    ManagementAddress: address,
    dot1.PortVlanId: lambda value: {"lldp.ieee.802_1.port_vlan.id": value.vid},
    dot1.PortProtocolVlanId: lambda value: {
        "lldp.ieee.802_1.port_and_vlan_id_flag.supported": value.supported,
        "lldp.ieee.802_1.port_and_vlan_id_flag.enabled": value.enabled,
        "lldp.ieee.802_1.port_proto_vlan.id": value.vid,
    },
    dot1.VlanName: lambda value: {"lldp.ieee.802_1.vlan.id": value.vid, "lldp.ieee.802_1.vlan.name": str(value)},
    dot1.ProtocolIdentity: lambda value: {"lldp.ieee.802_1.proto.id": value.identity.hex(":")},
    dot1.LinkAggregation: lambda value: {
        "lldp.ieee.802_1.aggregation_status.cap": value.capable,
        "lldp.ieee.802_1.aggregation_status.enabled": value.aggregated,
        "lldp.ieee.802_1.aggregation_status.porttype": value.port_type,
        "lldp.ieee.802_1.aggregated_port_id": value.port_id,
    },
    dot1.CongestionNotification: lambda value: {
        **numbered("lldp.ieee.802_1qau.cnpv.prio", value.enabled),
        **numbered("lldp.ieee.802_1qau.ready.prio", value.ready),
    },
    EtsConfiguration: lambda value: {
        **groups(value),
        "lldp.dcbx.ieee.willing": value.willing,
        "lldp.dcbx.ieee.ets.cbs": value.cbs,
        "lldp.dcbx.ieee.ets.maxtcs": value.max_tcs % 8,  # 0 stands for 8
    },
    EtsRecommendation: groups,
    Pfc: lambda value: {
        **numbered("lldp.dcbx.feature.pfc.prio", value.enabled),
        "lldp.dcbx.ieee.willing": value.willing,
        "lldp.dcbx.ieee.pfc.mbc": value.mbc,
        "lldp.dcbx.ieee.pfc.numtcs": value.cap,
    },
    ApplicationPriority: lambda value: {
        "lldp.dcbx.ieee.app.prio": [each.priority for each in value.applications],
        "lldp.dcbx.iee.app.sf": [each.selector for each in value.applications],
        "lldp.dcbx.feature.app.proto": [each.protocol for each in value.applications],
    },
    Cee: cee,
    EvbDraft: draft,
    dot3.MacPhy: lambda value: {
        "lldp.ieee.802_3.mac_phy_auto_neg_status.supported": value.autonegotiation_supported,
        "lldp.ieee.802_3.mac_phy_auto_neg_status.enabled": value.autonegotiation_enabled,
        "lldp.ieee.802_3.pmd_auto_neg_advertised_caps": value.advertised,
        "lldp.ieee.802_3.pmd_mau_type": value.mau_type,
    },
    dot3.PowerViaMdi: power,
    dot3.LinkAggregation: lambda value: {
        "lldp.ieee.802_3.aggregation_status.cap": value.capable,
        "lldp.ieee.802_3.aggregation_status.enabled": value.aggregated,
        "lldp.ieee.802_3.aggregated_port_id": value.port_id,
    },
    dot3.MaxFrameSize: lambda value: {"lldp.ieee.802_3.max_frame_size": value.size},
    med.Capabilities: lambda value: {
        "lldp.media.subtype.caps": value.capabilities,
        "lldp.media.subtype.class": value.device_class,
    },
    med.NetworkPolicy: lambda value: {
        "lldp.media.app_type": value.application,
        "lldp.media.policy_flag": value.unknown,
        "lldp.media.tag_flag": value.tagged,
        "lldp.media.vlan_id": value.vid,
        "lldp.media.l2_prio": value.priority,
        "lldp.media.dscp": value.dscp,
    },
    med.Location: location,
    med.ExtendedPower: lambda value: {
        "lldp.media.power.type": value.power_type,
        "lldp.media.power.source": value.source,
        "lldp.media.power.prio": value.priority,
        "lldp.media.power.value": value.power,
    },
    med.HardwareRevision: text("lldp.media.hardware"),
    med.FirmwareRevision: text("lldp.media.firmware"),
    med.SoftwareRevision: text("lldp.media.software"),
    med.SerialNumber: text("lldp.media.sn"),
    med.Manufacturer: text("lldp.media.manufacturer"),
    med.Model: text("lldp.media.model"),
    med.AssetId: text("lldp.media.asset"),
}
NAMED_ONLY: Final = "tshark knows its name and none of its fields"
TSHARK_CANNOT: Final[dict[type[Kind], str]] = {
    dot1.ManagementVlanId: NAMED_ONLY,
    dot1.VidUsageDigest: NAMED_ONLY,
    ApplicationVlan: NAMED_ONLY,
    Evb: NAMED_ONLY,
    Cdcp: NAMED_ONLY,
    Cin: "tshark expects the features of CEE, which are longer and of other shapes",
}


def every_class() -> set[type[Kind]]:
    return {*BASIC.values(), *ORGANIZATIONAL.values()}


def test_every_class_is_compared_or_has_its_reason_not_to_be() -> None:
    assert {type(value) for value in VALUES.values()} == every_class()
    assert TSHARK.keys() | TSHARK_CANNOT.keys() == every_class() == TCPDUMP.keys() | TCPDUMP_CANNOT.keys()
    assert not TSHARK.keys() & TSHARK_CANNOT.keys()
    assert not TCPDUMP.keys() & TCPDUMP_CANNOT.keys()


def shown(expected: object) -> list[object]:
    return list(expected) if isinstance(expected, list) else [expected]


@pytest.mark.parametrize("name", [name for name, value in VALUES.items() if type(value) in TSHARK])
def test_tshark_reads_the_same_fields(name: str, dissected: dict[str, dict[str, list[str]]]) -> None:
    fields = {field: shown(expected) for field, expected in TSHARK[type(VALUES[name])](VALUES[name]).items()}
    found = {field: dissected[name].get(field, []) for field in fields}
    numbers = {field for field, values in fields.items() if any(isinstance(each, int) for each in values)}
    assert {field: [int(each, 0) if field in numbers else each for each in found[field]] for field in fields} == fields


def test_tshark_names_the_organization_and_the_subtype_of_every_class(dissected: dict[str, Any]) -> None:
    stated = {name: value.KEY for name, value in VALUES.items() if hasattr(value, "KEY")}
    for name, key in stated.items():
        assert int(dissected[name]["lldp.orgtlv.oui"][0]) == int.from_bytes(key.oui, "big"), name
        subtypes = [
            each for field, each in dissected[name].items() if re.fullmatch(r"lldp\.(.*\.subtype|dcbx\.proto)", field)
        ]
        assert f"0x{key.subtype:02x}" in {one for each in subtypes for one in each}, name


def test_tshark_finds_no_frame_malformed_but_those_that_it_misreads(capture: Path) -> None:
    peers.require("tshark")
    numbers = read("tshark", capture, "-Y", "_ws.malformed", "-T", "fields", "-e", "frame.number").split()
    assert {list(VALUES)[int(number) - 1] for number in numbers} == {"CIN"}


# --- tcpdump


def row(values: Sequence[int]) -> str:
    return " ".join(str(int(value)) for value in values)


def flags(**named: bool) -> str:
    return ", ".join(name.replace("_", " ") for name, on in named.items() if on) or "none"


def tables(value: EtsConfiguration | EtsRecommendation) -> list[str]:
    return [f"Value : {row(each)}" for each in (value.prio_tc, value.tc_bandwidth, value.tc_tsa)]


def aggregation(value: dot1.LinkAggregation | dot3.LinkAggregation) -> list[str]:
    status = flags(supported=value.capable, enabled=value.aggregated)
    return [f"aggregation status [{status}], aggregation port ID {value.port_id}"]


def head(header: FeatureHeader) -> Iterator[str]:
    yield f"Oper_Version: {header.oper_version} Max_Version: {header.max_version}"
    yield f"Enable bit: {header.enable:d}, Willing bit: {header.willing:d}, Error Bit: {header.error:d}"


def features(value: Cee) -> Iterator[str]:
    """The selector and the OUI of an application are left out: tcpdump takes the bits at the octet's other end."""
    yield f"Oper_Version: {value.control.oper_version} Max_Version: {value.control.max_version}"
    yield f"Sequence Number: {value.control.seq_no} Acknowledgement Number: {value.control.ack_no}"
    if value.priority_groups is not None:
        yield from head(value.priority_groups.header)
        yield " ".join(f"PgId_{n}: {pgid}" for n, pgid in enumerate(value.priority_groups.pgid))
        yield " ".join(f"Pg percentage[{n}]: {share}" for n, share in enumerate(value.priority_groups.percent))
        yield f"NumTCsSupported: {value.priority_groups.num_tcs}"
    if value.pfc is not None:
        yield from head(value.pfc.header)
        states = ("Disabled", "Enabled")
        yield " ".join(f"Priority Bit {n}: {states[on]}" for n, on in enumerate(value.pfc.enabled))
        yield f"NumTCPFCSupported: {value.pfc.num_tcs}"
    if value.applications is None:
        return
    yield from head(value.applications.header)
    for application in value.applications.applications:
        yield f"Application Protocol ID: 0x{application.protocol:04x}"
        yield f"User Priority Map: 0x{sum(on << n for n, on in enumerate(application.priorities)):02x}"


# What tcpdump prints about a value of each class, with one space for any.
TCPDUMP: Final[dict[type[Kind], Callable[[Any], list[str]]]] = {
    PortDescription: lambda value: [f"Port Description TLV (4), length {len(value.octets)}: {value}"],
    SystemName: lambda value: [f"System Name TLV (5), length {len(value.octets)}: {value}"],
    SystemDescription: lambda value: [f"System Description TLV (6), length {len(value.octets)} {value}"],
    SystemCapabilities: lambda value: [f"(0x{value.capable.value:04x})", f"(0x{value.enabled.value:04x})"],
    ManagementAddress: lambda value: [
        f"Management Address length {1 + len(value.address)}, AFI IPv{value.family * 2 + 2} ({value.family}): {value}",
        f"Interface Numbering ({value.interface_subtype}): {value.interface_number}",
    ],
    dot1.PortVlanId: lambda value: [f"port vlan id (PVID): {value.vid}"],
    dot1.PortProtocolVlanId: lambda value: [
        f"port and protocol vlan id (PPVID): {value.vid}, flags [",
        f"[{flags(supported=value.supported, enabled=value.enabled)}]",
    ],
    dot1.VlanName: lambda value: [f"vlan id (VID): {value.vid} vlan name: {value}"],
    dot1.LinkAggregation: aggregation,
    dot1.CongestionNotification: lambda value: [f"Value : {row(value.enabled)}", f"Value : {row(value.ready)}"],
    EtsConfiguration: lambda value: [
        f"Willing:{value.willing:d}, CBS:{value.cbs << 1:d}, RES:0, Max TCs:{value.max_tcs % 8}",  # CBS shifted by one
        *tables(value),
    ],
    EtsRecommendation: tables,
    Pfc: lambda value: [
        f"Willing: {value.willing:d}, MBC: {value.mbc:d}, RES: 0, PFC cap:{value.cap}",
        f"Value : {row(value.enabled)}",
    ],
    ApplicationPriority: lambda value: [
        f"Priority: {each.priority}, RES: 0, Sel: {each.selector}, Protocol ID: {each.protocol}"
        for each in value.applications
    ],
    Cdcp: lambda value: [
        f"Role: {value.role:d}, RES: 0, Scomp: {value.s_component:d} ChnCap: {value.channel_capacity}",
        " ".join(f"SCID: {channel.scid}, SVID: {channel.svid}" for channel in value.channels),
    ],
    Cee: lambda value: list(features(value)),
    dot3.MacPhy: lambda value: [
        f"autonegotiation [{flags(supported=value.autonegotiation_supported, enabled=value.autonegotiation_enabled)}]",
        f"(0x{value.advertised:04x})",
        f"(0x{value.mau_type:04x})",
    ],
    dot3.PowerViaMdi: lambda value: [
        "MDI power support ["
        + flags(
            PSE=value.pse,
            supported=value.supported,
            enabled=value.enabled,
            can_be_controlled=value.pairs_controllable,
        )
        + f"], power pair {('signal', 'spare')[value.pairs - 1]}, power class class{value.power_class - 1}"
    ],
    dot3.LinkAggregation: aggregation,
    dot3.MaxFrameSize: lambda value: [f"MTU size {value.size}"],
    med.Capabilities: lambda value: [f"(0x{value.capabilities:04x})", f"(0x{value.device_class:02x})"],
    med.NetworkPolicy: lambda value: [
        f"(0x{value.application:02x}), Flags [{flags(Unknown=value.unknown, Tagged=value.tagged)}]",
        f"Vlan id {value.vid}, L2 priority {value.priority}, DSCP value {value.dscp}",
    ],
    med.Location: lambda value: [f"(0x{value.location_format:02x})"],
    med.HardwareRevision: lambda value: [f"Hardware revision {value}"],
    med.FirmwareRevision: lambda value: [f"Firmware revision {value}"],
    med.SoftwareRevision: lambda value: [f"Software revision {value}"],
    med.SerialNumber: lambda value: [f"Serial number {value}"],
    med.Manufacturer: lambda value: [f"Manufacturer name {value}"],
    med.Model: lambda value: [f"Model name {value}"],
    med.AssetId: lambda value: [f"Asset ID {value}".strip()],
}
UNKNOWN: Final = "tcpdump prints its octets"
TCPDUMP_CANNOT: Final[dict[type[Kind], str]] = {
    dot1.ManagementVlanId: UNKNOWN,
    dot1.VidUsageDigest: UNKNOWN,
    ApplicationVlan: UNKNOWN,
    EvbDraft: UNKNOWN,
    Cin: UNKNOWN,
    dot1.ProtocolIdentity: "tcpdump prints its octets as if they were text",
    med.ExtendedPower: "tcpdump shifts the type of power out of its octet, so that everybody is a device",
    Evb: "in tests/netns/test_readers.py",
}


@pytest.fixture(scope="module")
def printed(capture: Path) -> dict[str, str]:
    """What tcpdump prints about each value's frame, with one space for any; each frame begins a line."""
    peers.require("tcpdump")
    texts = re.split(r"^(?=\S)", read("tcpdump", capture, "-t", "-vv"), flags=re.MULTILINE)[1:]
    return {name: " ".join(each.split()) for name, each in zip(VALUES, texts, strict=True)}


@pytest.mark.parametrize("name", [name for name, value in VALUES.items() if type(value) in TCPDUMP])
def test_tcpdump_prints_the_same_fields_in_their_order(name: str, printed: dict[str, str]) -> None:
    at = 0
    for fragment in TCPDUMP[type(VALUES[name])](VALUES[name]):
        found = printed[name].find(fragment, at)
        assert found >= 0, f"{fragment!r} is not in {printed[name][at:]!r}"
        at = found + 1

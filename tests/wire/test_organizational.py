"""The organizationally specific TLVs octet by octet: what each of their bits means, and what they refuse to hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from evbagent.wire import dot1, dot3, med
from evbagent.wire.cdcp import Cdcp, Channel, Role
from evbagent.wire.cee import (
    Cee,
    CeeApplication,
    CeeApplications,
    CeePfc,
    CeePriorityGroups,
    Control,
    FeatureHeader,
)
from evbagent.wire.cin import Cin, CinApplication, CinPfc, CinPriorityGroups, GroupMember, LogicalLink
from evbagent.wire.dcbx import (
    Application,
    ApplicationPriority,
    ApplicationVlan,
    EtsConfiguration,
    EtsRecommendation,
    Pfc,
    VlanApplication,
)
from evbagent.wire.evb import Evb
from evbagent.wire.evb_draft import DraftCapability, DraftMode, EvbDraft
from evbagent.wire.octets import Cursor, OctetsError
from evbagent.wire.registry import ORGANIZATIONAL, Organizational

OFF: Final = (False,) * 8
PRIORITY_3: Final = (False, False, False, True, False, False, False, False)
STRICT: Final = (0,) * 8
CONTROL: Final = Control(0, 0, 1, 2)
HEADER: Final = FeatureHeader()
MEMBER: Final = GroupMember(1, 2, 100)

GOLDEN: dict[str, tuple[Organizational, str]] = {
    "port VLAN": (dot1.PortVlanId(10), "0080c201 000a"),
    "management VLAN": (dot1.ManagementVlanId(4094), "0080c206 0ffe"),
    "protocol VLAN, supported": (dot1.PortProtocolVlanId(True, False, 1), "0080c202 02 0001"),
    "protocol VLAN, enabled": (dot1.PortProtocolVlanId(False, True, 0), "0080c202 04 0000"),
    "VLAN name": (dot1.VlanName(100, b"blue"), "0080c203 0064 04 626c7565"),
    "protocol identity": (dot1.ProtocolIdentity(b"\x88\x8e\x01"), "0080c204 03 888e01"),
    "VID usage digest": (dot1.VidUsageDigest(0x01020304), "0080c205 01020304"),
    "aggregation, capable": (dot1.LinkAggregation(True, False, 0, 0), "0080c207 01 00000000"),
    "aggregation, member": (dot1.LinkAggregation(False, True, 2, 0x140012), "0080c207 0a 00140012"),
    "congestion notification": (dot1.CongestionNotification(PRIORITY_3, OFF), "0080c208 08 00"),
    "ETS configuration": (
        EtsConfiguration((0, 0, 0, 1, 0, 0, 0, 2), (50, 30, 20, 0, 0, 0, 0, 0), (2, 2, 2, 0, 0, 0, 0, 255), max_tcs=3),
        "0080c209 03 00010002 32 1e 14 00 00 00 00 00 02 02 02 00 00 00 00 ff",
    ),
    "ETS configuration, willing, 8 classes": (
        EtsConfiguration((0,) * 8, (0,) * 8, STRICT, willing=True, cbs=True),
        "0080c209 c0 00000000" + "00" * 16,
    ),
    "ETS recommendation": (
        EtsRecommendation((15, 1, 2, 3, 4, 5, 6, 7), (100, 0, 0, 0, 0, 0, 0, 0), (2, 1, 0, 0, 0, 0, 0, 0)),
        "0080c20a 00 f1234567 64 00 00 00 00 00 00 00 02 01 00 00 00 00 00 00",
    ),
    "PFC": (Pfc(False, False, 2, PRIORITY_3), "0080c20b 02 08"),
    "PFC, willing": (Pfc(True, False, 8, OFF), "0080c20b 88 00"),
    "PFC, MACsec bypass": (Pfc(False, True, 15, OFF), "0080c20b 4f 00"),
    "applications": (
        ApplicationPriority((Application(3, 1, 0x8906), Application(7, 5, 46))),
        "0080c20c 00 61 8906 e5 002e",
    ),
    "no applications": (ApplicationPriority(()), "0080c20c 00"),
    "application VLANs": (
        ApplicationVlan((VlanApplication(1002, 1, 0x8914), VlanApplication(4095, 7, 1))),
        "0080c210 3ea1 8914 fff7 0001",
    ),
    "CDCP, station asks": (
        Cdcp(Role.STATION, True, 167, (Channel(1, 1), Channel(2, 0), Channel(4095, 0))),
        "0080c20e 880000a7 001001 002000 fff000",
    ),
    "CDCP, bridge answers": (
        Cdcp(Role.BRIDGE, False, 4095, (Channel(1, 1), Channel(2, 100))),
        "0080c20e 00000fff 001001 002064",
    ),
    "draft, lldpad's first": (
        EvbDraft(
            DraftMode.REFLECTIVE_RELAY,
            DraftCapability.RTE | DraftCapability.ECP | DraftCapability.VDP,
            DraftMode.REFLECTIVE_RELAY,
            rte=15,
        ),
        "001b3f00 40 07 40 00 0000 0000 0f",
    ),
    "draft, a bridge": (
        EvbDraft(
            DraftMode.REFLECTIVE_RELAY | DraftMode.STANDARD,
            DraftCapability.RTE,
            DraftMode.STANDARD,
            DraftCapability.ECP | DraftCapability.VDP,
            3295,
            1,
        ),
        "001b3f00 c0 04 80 03 0cdf 0001 00",
    ),
    "MAC and PHY": (dot3.MacPhy(True, False, 0x6C01, 30), "00120f01 01 6c01 001e"),
    "MAC and PHY, on": (dot3.MacPhy(False, True, 0, 0), "00120f01 02 0000 0000"),
    "power, source": (dot3.PowerViaMdi(True, True, True, False, 1, 1), "00120f02 07 01 01"),
    "power, device": (dot3.PowerViaMdi(False, False, False, True, 2, 5), "00120f02 08 02 05"),
    "power, requested": (
        dot3.PowerViaMdi(True, True, False, False, 1, 4, dot3.PowerRequest(1, 2, True, 3, 130, 207)),
        "00120f02 03 01 04 67 0082 00cf",
    ),
    "power on four pairs": (
        dot3.PowerViaMdi(
            True,
            True,
            True,
            True,
            1,
            5,
            dot3.PowerRequest(0, 1, False, 3, 0x02C6, 0x01FE),
            dot3.FourPair(0x0163, 0x0162, 0xFF, 0xFE, 0xCE4F, 1, 0x01FD, 2, 3),
        ),
        "00120f02 0f 01 05 13 02c6 01fe 0163 0162 00ff 00fe ce4f 01 01fd 02 000003",
    ),
    "aggregation of 802.3": (dot3.LinkAggregation(True, True, 9), "00120f03 03 00000009"),
    "frame size": (dot3.MaxFrameSize(9216), "00120f04 2400"),
    "MED capabilities": (med.Capabilities(0x002F, 4), "0012bb01 002f 04"),
    "MED policy, tagged": (med.NetworkPolicy(1, False, True, 50, 5, 46), "0012bb02 01 40656e"),
    "MED policy, unknown": (med.NetworkPolicy(8, True, False, 4095, 7, 63), "0012bb02 08 9fffff"),
    "MED location": (med.Location(2, b"\x02DE"), "0012bb03 02 024445"),
    "MED power": (med.ExtendedPower(0, 1, 3, 65), "0012bb04 13 0041"),
    "MED power, device": (med.ExtendedPower(3, 2, 15, 65535), "0012bb04 ef ffff"),
    "MED hardware": (med.HardwareRevision(b"V02"), "0012bb05 563032"),
    "MED firmware": (med.FirmwareRevision(b"1"), "0012bb06 31"),
    "MED software": (med.SoftwareRevision(b"2"), "0012bb07 32"),
    "MED serial number": (med.SerialNumber(b"3"), "0012bb08 33"),
    "MED manufacturer": (med.Manufacturer(b"4"), "0012bb09 34"),
    "MED model": (med.Model(b"5"), "0012bb0a 35"),
    "MED asset": (med.AssetId(b""), "0012bb0b"),
    "CEE": (
        Cee(
            CONTROL,
            CeePriorityGroups(
                FeatureHeader(willing=True), (0, 0, 0, 1, 0, 0, 0, 15), (60, 40, 0, 0, 0, 0, 0, 0), num_tcs=2
            ),
            CeePfc(FeatureHeader(enable=False, error=True, oper_version=1, max_version=2), PRIORITY_3, 8),
            CeeApplications(
                HEADER,
                (
                    CeeApplication(0x8906, 0, b"\x00\x1b\x21", PRIORITY_3),
                    CeeApplication(3260, 1, b"\xfc\x00\x01", OFF),
                ),
            ),
        ),
        (
            "001b2102 020a 00 00 00000001 00000002 0411 0000c000 0001000f 3c28000000000000 02 "
            "0606 01022000 08 08 0810 00008000 8906 00 1b21 08 0cbc fd 0001 00"
        ),
    ),
    "CEE, control alone": (Cee(Control(1, 2, 3, 2**32 - 1)), "001b2102 020a 01 02 00000003 ffffffff"),
    "CIN": (
        Cin(
            CONTROL,
            CinPriorityGroups(HEADER, (100, 0, 0, 0, 0, 0, 0, 0), (MEMBER,) * 8),
            CinPfc(HEADER, PRIORITY_3),
            (CinApplication(HEADER, PRIORITY_3), CinApplication(FeatureHeader(subtype=1), OFF)),
            (LogicalLink(HEADER, True), LogicalLink(FeatureHeader(subtype=1), False)),
        ),
        "001b2101 020a 00 00 00000001 00000002 041c 00008000 6400000000000000"
        + "3064" * 8
        + "0605 00008000 08 0a05 00008000 08 0a05 00008001 00 0c05 00008000 80 0c05 00008001 00",
    ),
    "CIN, PFC as CEE has it": (
        Cin(CONTROL, pfc=CinPfc(HEADER, OFF, 8)),
        "001b2101 020a 00 00 00000001 00000002 0606 00008000 00 08",
    ),
}


@pytest.mark.parametrize(("value", "octets"), GOLDEN.values(), ids=GOLDEN.keys())
def test_a_tlv_has_these_octets_and_they_are_this_tlv(value: Organizational, octets: str) -> None:
    assert value.tlv().value == bytes.fromhex(octets)
    assert type(value).decode(value.tlv().information) == value


def test_every_class_has_octets_known_by_heart() -> None:
    assert {type(value).KEY for value, _octets in GOLDEN.values()} == ORGANIZATIONAL.keys() - {
        Evb.KEY  # in test_evb.py
    }


IGNORED: dict[str, tuple[Organizational, str]] = {
    "protocol VLAN": (dot1.PortProtocolVlanId(False, False, 1), "f9 0001"),
    "aggregation": (dot1.LinkAggregation(False, False, 0, 1), "f0 00000001"),
    "ETS configuration": (EtsConfiguration((0,) * 8, (0,) * 8, STRICT), "38" + "00" * 20),
    "ETS recommendation": (EtsRecommendation((0,) * 8, (0,) * 8, STRICT), "ff" + "00" * 20),
    "PFC": (Pfc(False, False, 0, OFF), "30 00"),
    "applications": (ApplicationPriority((Application(0, 0, 1),)), "ff 18 0001"),
    "application VLANs": (ApplicationVlan((VlanApplication(0, 0, 1),)), "0008 0001"),
    "CDCP": (Cdcp(Role.BRIDGE, False, 0), "77fff000 001001"),
    "draft": (EvbDraft(DraftMode.NONE), "3f f8 3f f8 0000 0000 e0"),
    "draft of a later revision": (EvbDraft(DraftMode.NONE), "00 00 00 00 0000 0000 00 ffff"),
    "MAC and PHY": (dot3.MacPhy(False, False, 0, 0), "fc 0000 0000"),
    "power": (dot3.PowerViaMdi(False, False, False, False, 0, 0), "f0 00 00"),
    "power, half an extension": (dot3.PowerViaMdi(False, False, False, False, 0, 0), "00 00 00 ffffffff"),
    "power, reserved bit of the extension": (
        dot3.PowerViaMdi(False, False, False, False, 0, 0, dot3.PowerRequest(0, 0, False, 0, 0, 0)),
        "00 00 00 08 0000 0000 ff",
    ),
    "aggregation of 802.3": (dot3.LinkAggregation(False, False, 0), "fc 00000000"),
    "MED policy": (med.NetworkPolicy(0, False, False, 0, 0, 0), "00 200000"),
    "CEE, feature unknown": (Cee(CONTROL), "020a 00 00 00000001 00000002 1001 ff 1001 ff 0000"),
    "CEE, flags": (
        Cee(CONTROL, pfc=CeePfc(FeatureHeader(enable=False), OFF, 0)),
        "020a 00 00 00000001 00000002 0606 00001f00 00 00",
    ),
    "CIN, feature unknown": (Cin(CONTROL), "1014" + "00" * 20 + "020a 00 00 00000001 00000002 1000 1000"),
    "CIN, padding bits": (
        Cin(CONTROL, logical_links=(LogicalLink(HEADER, False),)),
        "020a 00 00 00000001 00000002 0c05 00008000 7f",
    ),
}


@pytest.mark.parametrize(("value", "octets"), IGNORED.values(), ids=IGNORED.keys())
def test_reserved_bits_and_unknown_octets_change_nothing(value: Organizational, octets: str) -> None:
    assert type(value).decode(Cursor(bytes.fromhex(octets))) == value


TEXTS = {
    "a name that would do something": (dot1.VlanName(1, b"\x1b[31m\xff"), r"\x1b[31m\xff"),
    "padded": (med.SerialNumber(b"X11" + bytes(29)), "X11"),
    "NUL inside": (med.Model(b"a\0b\0"), r"a\x00b"),
}


@pytest.mark.parametrize(("value", "text"), TEXTS.values(), ids=TEXTS.keys())
def test_text_of_a_peer_is_shown_without_doing_anything(value: object, text: str) -> None:
    assert str(value) == text


def test_a_request_for_a_channel_is_seen_whatever_role_it_comes_under() -> None:
    asked = (Channel(1, 1), Channel(2, 0))
    assert [Cdcp(role, True, 4, asked).asks for role in Role] == [True, True]
    assert not Cdcp(Role.STATION, True, 4, (Channel(1, 1), Channel(2, 100))).asks


def cee(applications: int) -> Cee:
    each = CeeApplication(1, 0, bytes(3), OFF)
    return Cee(CONTROL, applications=CeeApplications(HEADER, (each,) * applications))


REFUSED: dict[str, tuple[Callable[[], object], str]] = {
    "VLAN name": (lambda: dot1.VlanName(1, bytes(33)), "the length of a VLAN's name is 0..32, not 33"),
    "protocol identity": (lambda: dot1.ProtocolIdentity(bytes(256)), "the length of a protocol identity is 0..255"),
    "congestion": (lambda: dot1.CongestionNotification(OFF, OFF[1:]), "ready has 8 values, not 7"),
    "ETS, priorities": (lambda: EtsRecommendation((0,) * 7, STRICT, STRICT), "prio_tc has 8 values, not 7"),
    "ETS, no such class": (lambda: EtsRecommendation((16,) * 8, STRICT, STRICT), "prio_tc is 0..15, not 16"),
    "ETS, share": (lambda: EtsRecommendation(STRICT, (101,) * 8, STRICT), "tc_bandwidth is 0..100, not 101"),
    "ETS, algorithm": (lambda: EtsRecommendation(STRICT, STRICT, (256,) * 8), "tc_tsa is 0..255, not 256"),
    "ETS, sum": (
        lambda: EtsConfiguration(STRICT, (50, 49, 0, 0, 0, 0, 0, 0), (2, 2, 0, 0, 0, 0, 0, 0)),
        "the bandwidth of the classes under ETS is 99 %, not 100",
    ),
    "ETS, no class": (lambda: EtsConfiguration(STRICT, STRICT, STRICT, max_tcs=0), "max_tcs is 1..8, not 0"),
    "ETS, nine classes": (lambda: EtsConfiguration(STRICT, STRICT, STRICT, max_tcs=9), "max_tcs is 1..8, not 9"),
    "PFC": (lambda: Pfc(True, True, 16, OFF), "cap is 0..15, not 16"),
    "applications": (lambda: ApplicationPriority((Application(0, 1, 1),) * 169), "applications is 0..168, not 169"),
    "application VLANs": (lambda: ApplicationVlan((VlanApplication(1, 1, 1),) * 127), "is 0..126, not 127"),
    "CDCP, too many": (lambda: Cdcp(Role.BRIDGE, True, 1, (Channel(1, 1),) * 168), "is 0..167, not 168"),
    "CDCP, channel": (lambda: Cdcp(Role.BRIDGE, True, 1, (Channel(4096, 1),)), "an S-channel is 0..4095, not 4096"),
    "CDCP, VLAN": (lambda: Cdcp(Role.BRIDGE, True, 1, (Channel(1, 4096),)), "an S-VLAN is 0..4095, not 4096"),
    "CDCP, none": (lambda: Cdcp(Role.BRIDGE, True, 1, ()), "the default channel (1, 1) is missing"),
    "CDCP, channel twice": (
        lambda: Cdcp(Role.BRIDGE, True, 1, (Channel(1, 1), Channel(2, 0), Channel(2, 0))),
        "an S-channel stands there twice",
    ),
    "CDCP, VLAN twice": (
        lambda: Cdcp(Role.BRIDGE, True, 1, (Channel(1, 1), Channel(2, 5), Channel(3, 5))),
        "two S-channels have one S-VLAN",
    ),
    "power": (
        lambda: dot3.PowerViaMdi(True, True, True, True, 1, 1, four_pair=dot3.FourPair(0, 0, 0, 0, 0, 0, 0, 0, 0)),
        "four-pair power stands behind a power request",
    ),
    "power request": (lambda: dot3.PowerRequest(4, 0, False, 0, 0, 0), "power_type is 0..3, not 4"),
    "MED location": (lambda: med.Location(1, bytes(507)), "the length of a location is 0..506, not 507"),
    "MED inventory": (lambda: med.Model(bytes(33)), "the length of an inventory's text is 0..32, not 33"),
    "CEE, OUI too short": (lambda: CeeApplication(1, 0, b"\0\0", OFF), "not 0000"),
    "CEE, OUI in the way of the selector": (lambda: CeeApplication(1, 0, b"\1\0\0", OFF), "not 010000"),
    "CEE, too long": (lambda: cee(82), "a TLV holds at most 511 octets, not 514"),
    "CIN, members": (
        lambda: CinPriorityGroups(HEADER, STRICT, (MEMBER,) * 7),
        "priorities has 8 values, not 7",
    ),
    "CIN, application twice": (
        lambda: Cin(CONTROL, applications=(CinApplication(HEADER, OFF),) * 2),
        "feature 5 stands there twice under one subtype",
    ),
    "CIN, link twice": (
        lambda: Cin(CONTROL, logical_links=(LogicalLink(HEADER, True),) * 2),
        "feature 6 stands there twice under one subtype",
    ),
    "received: CEE, PFC twice": (
        lambda: Cee.decode(Cursor(CONTROL.tlv().encode() + CeePfc(HEADER, OFF, 1).tlv().encode() * 2)),
        "feature 3 stands there twice",
    ),
    "received: CEE, control twice": (
        lambda: Cee.decode(Cursor(CONTROL.tlv().encode() * 2)),
        "feature 1 stands there twice",
    ),
    "received: CEE, feature too long": (
        lambda: Cee.decode(Cursor(bytes.fromhex("020b 00 00 00000001 00000002 00"))),
        "1 octets left over",
    ),
    "received: CEE, half an application": (
        lambda: Cee.decode(Cursor(CONTROL.tlv().encode() + bytes.fromhex("0807 00008000 890600"))),
        "3 octets left over",
    ),
    "received: CEE, feature past the end": (
        lambda: Cee.decode(Cursor(CONTROL.tlv().encode() + bytes.fromhex("0606 0000"))),
        "6 octets wanted, 2 left",
    ),
    "received: CIN, no control": (lambda: Cin.decode(Cursor(b"")), "the control sub-TLV is missing"),
    "received: CIN, PFC twice": (
        lambda: Cin.decode(Cursor(CONTROL.tlv().encode() + CinPfc(HEADER, OFF).tlv().encode() * 2)),
        "feature 3 stands there twice",
    ),
}


@pytest.mark.parametrize(("make", "text"), REFUSED.values(), ids=REFUSED.keys())
def test_what_could_not_be_sent_or_contradicts_itself_is_refused_by_its_name(
    make: Callable[[], object], text: str
) -> None:
    with pytest.raises(OctetsError) as refusal:
        make()
    assert text in str(refusal.value)


def test_a_cee_tlv_holds_as_many_applications_as_fit() -> None:
    assert len(cee(81).tlv().value) == 508

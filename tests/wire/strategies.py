"""Hypothesis strategies for the values of the wire, each of them able to be sent."""

from __future__ import annotations

from typing import Final, TypeVar

from hypothesis import strategies as st

from evbagent.wire import dot1, dot3, med
from evbagent.wire.basic import (
    Capability,
    ChassisId,
    ManagementAddress,
    PortDescription,
    PortId,
    SystemCapabilities,
    SystemDescription,
    SystemName,
)
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
from evbagent.wire.evb import BridgeStatus, Evb, EvbMode, RrStatus, StationStatus
from evbagent.wire.evb_draft import DraftCapability, DraftMode, EvbDraft
from evbagent.wire.lldpdu import Lldpdu
from evbagent.wire.octets import MacAddress
from evbagent.wire.registry import ORGANIZATIONAL, Kind
from evbagent.wire.tlv import OrgKey, Tlv

__all__ = ["KINDS", "chassis_ids", "evbs", "lldpdus", "mac_addresses", "port_ids", "texts", "tlvs", "values"]

_T = TypeVar("_T")

_u2: Final = st.integers(0, 3)
_u3: Final = st.integers(0, 7)
_u4: Final = st.integers(0, 15)
_u5: Final = st.integers(0, 31)
_u8: Final = st.integers(0, 255)
_u12: Final = st.integers(0, 4095)
_u16: Final = st.integers(0, 0xFFFF)
_u24: Final = st.integers(0, 0xFFFFFF)
_u32: Final = st.integers(0, 0xFFFFFFFF)
_flag: Final = st.booleans()

mac_addresses: Final = st.builds(MacAddress, st.binary(min_size=6, max_size=6))
tlvs: Final = st.builds(Tlv, st.integers(0, 127), st.binary(max_size=511))
chassis_ids: Final = st.builds(ChassisId, _u8, st.binary(min_size=1, max_size=255))
port_ids: Final = st.builds(PortId, _u8, st.binary(min_size=1, max_size=255))
texts: Final = st.one_of(
    st.builds(PortDescription, st.binary(max_size=255)),
    st.builds(SystemName, st.binary(max_size=255)),
    st.builds(SystemDescription, st.binary(max_size=255)),
)
evbs: Final = st.builds(
    Evb,
    mode=st.sampled_from(EvbMode),
    bridge=st.builds(BridgeStatus, st.booleans(), st.booleans(), st.booleans()),
    station=st.builds(StationStatus, st.booleans(), st.sampled_from(RrStatus), st.booleans()),
    retries=st.integers(0, 7),
    rte=_u5,
    rwd=_u5,
    rka=_u5,
    remote_rwd=st.booleans(),
    remote_rka=st.booleans(),
)


def _eight(each: st.SearchStrategy[_T]) -> st.SearchStrategy[tuple[_T, ...]]:
    return st.lists(each, min_size=8, max_size=8).map(tuple)


def _several(each: st.SearchStrategy[_T], most: int) -> st.SearchStrategy[tuple[_T, ...]]:
    return st.lists(each, max_size=most).map(tuple)


_capabilities: Final = st.integers(0, 0x7FF).map(Capability)
_flags: Final = _eight(_flag)
_percent: Final = st.integers(0, 100)
_classes: Final = st.integers(0, 8)
_inventory: Final = st.binary(max_size=32)


@st.composite
def _ets(draw: st.DrawFn) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Priorities, bandwidth and algorithms, those under ETS with 100 % among them."""
    tsa = draw(_eight(st.sampled_from([0, 1, 2, 2, 3, 255])))
    bandwidth = list(draw(_eight(_percent)))
    left, sharing = 100, [number for number, algorithm in enumerate(tsa) if algorithm == 2]
    for number in sharing[1:]:
        bandwidth[number] = draw(st.integers(0, left))
        left -= bandwidth[number]
    for number in sharing[:1]:
        bandwidth[number] = left
    return draw(_eight(_u4)), tuple(bandwidth), tsa


@st.composite
def _ets_configurations(draw: st.DrawFn) -> EtsConfiguration:
    prio_tc, bandwidth, tsa = draw(_ets())
    return EtsConfiguration(prio_tc, bandwidth, tsa, draw(_flag), draw(_flag), draw(st.integers(1, 8)))


@st.composite
def _channels(draw: st.DrawFn) -> tuple[Channel, ...]:
    """The default channel and others, each S-VLAN but 0 for one of them."""
    scids = draw(st.lists(_u12.filter(lambda scid: scid != 1), max_size=166, unique=True))
    svids = draw(st.permutations(range(2, 2 + len(scids))))
    asked = draw(st.sets(st.sampled_from(scids))) if scids else set()
    others = [Channel(scid, 0 if scid in asked else svid) for scid, svid in zip(scids, svids, strict=True)]
    return tuple(draw(st.permutations([Channel(1, 1), *others])))


_headers: Final = st.builds(FeatureHeader, _flag, _flag, _flag, _u8, _u8, _u8)
_controls: Final = st.builds(Control, _u8, _u8, _u32, _u32)
_ouis: Final = st.binary(min_size=3, max_size=3).map(lambda oui: bytes([oui[0] & 0xFC]) + oui[1:])
_requests: Final = st.builds(dot3.PowerRequest, _u2, _u2, _flag, _u2, _u16, _u16)
_four_pairs: Final = st.builds(dot3.FourPair, _u16, _u16, _u16, _u16, _u16, _u8, _u16, _u8, _u24)
_power: Final = (dot3.PowerViaMdi, _flag, _flag, _flag, _flag, _u8, _u8)

# One for each class in the registry.
KINDS: Final[dict[type[Kind], st.SearchStrategy[Kind]]] = {
    PortDescription: st.builds(PortDescription, st.binary(max_size=255)),
    SystemName: st.builds(SystemName, st.binary(max_size=255)),
    SystemDescription: st.builds(SystemDescription, st.binary(max_size=255)),
    SystemCapabilities: st.builds(SystemCapabilities, _capabilities, _capabilities),
    ManagementAddress: st.builds(
        ManagementAddress, _u8, st.binary(min_size=1, max_size=31), _u8, _u32, st.binary(max_size=128)
    ),
    Evb: evbs,
    EvbDraft: st.builds(
        EvbDraft,
        st.integers(0, 3).map(lambda mode: DraftMode(mode << 6)),
        _u3.map(DraftCapability),
        st.integers(0, 3).map(lambda mode: DraftMode(mode << 6)),
        _u3.map(DraftCapability),
        _u16,
        _u16,
        _u5,
    ),
    Cdcp: st.builds(Cdcp, st.sampled_from(Role), _flag, _u12, _channels()),
    dot1.PortVlanId: st.builds(dot1.PortVlanId, _u16),
    dot1.ManagementVlanId: st.builds(dot1.ManagementVlanId, _u16),
    dot1.PortProtocolVlanId: st.builds(dot1.PortProtocolVlanId, _flag, _flag, _u16),
    dot1.VlanName: st.builds(dot1.VlanName, _u16, st.binary(max_size=32)),
    dot1.ProtocolIdentity: st.builds(dot1.ProtocolIdentity, st.binary(max_size=255)),
    dot1.VidUsageDigest: st.builds(dot1.VidUsageDigest, _u32),
    dot1.LinkAggregation: st.builds(dot1.LinkAggregation, _flag, _flag, _u2, _u32),
    dot1.CongestionNotification: st.builds(dot1.CongestionNotification, _flags, _flags),
    EtsConfiguration: _ets_configurations(),
    EtsRecommendation: _ets().map(lambda tables: EtsRecommendation(*tables)),
    Pfc: st.builds(Pfc, _flag, _flag, _u4, _flags),
    ApplicationPriority: st.builds(ApplicationPriority, _several(st.builds(Application, _u3, _u3, _u16), 168)),
    ApplicationVlan: st.builds(ApplicationVlan, _several(st.builds(VlanApplication, _u12, _u3, _u16), 126)),
    Cee: st.builds(
        Cee,
        _controls,
        st.none() | st.builds(CeePriorityGroups, _headers, _eight(_u4), _eight(_percent), _classes),
        st.none() | st.builds(CeePfc, _headers, _flags, _classes),
        st.none()
        | st.builds(CeeApplications, _headers, _several(st.builds(CeeApplication, _u16, _u2, _ouis, _flags), 77)),
    ),
    Cin: st.builds(
        Cin,
        _controls,
        st.none()
        | st.builds(CinPriorityGroups, _headers, _eight(_percent), _eight(st.builds(GroupMember, _u3, _u2, _percent))),
        st.none() | st.builds(CinPfc, _headers, _flags, st.none() | _classes),
        st.lists(
            st.builds(CinApplication, _headers, _flags), max_size=30, unique_by=lambda each: each.header.subtype
        ).map(tuple),
        st.lists(st.builds(LogicalLink, _headers, _flag), max_size=30, unique_by=lambda each: each.header.subtype).map(
            tuple
        ),
    ),
    dot3.MacPhy: st.builds(dot3.MacPhy, _flag, _flag, _u16, _u16),
    dot3.PowerViaMdi: st.one_of(
        st.builds(*_power), st.builds(*_power, _requests), st.builds(*_power, _requests, _four_pairs)
    ),
    dot3.LinkAggregation: st.builds(dot3.LinkAggregation, _flag, _flag, _u32),
    dot3.MaxFrameSize: st.builds(dot3.MaxFrameSize, _u16),
    med.Capabilities: st.builds(med.Capabilities, _u16, _u8),
    med.NetworkPolicy: st.builds(med.NetworkPolicy, _u8, _flag, _flag, _u12, _u3, st.integers(0, 63)),
    med.Location: st.builds(med.Location, _u8, st.binary(max_size=506)),
    med.ExtendedPower: st.builds(med.ExtendedPower, _u2, _u2, _u4, _u16),
    med.HardwareRevision: st.builds(med.HardwareRevision, _inventory),
    med.FirmwareRevision: st.builds(med.FirmwareRevision, _inventory),
    med.SoftwareRevision: st.builds(med.SoftwareRevision, _inventory),
    med.SerialNumber: st.builds(med.SerialNumber, _inventory),
    med.Manufacturer: st.builds(med.Manufacturer, _inventory),
    med.Model: st.builds(med.Model, _inventory),
    med.AssetId: st.builds(med.AssetId, _inventory),
}
values: Final = st.sampled_from(list(KINDS.values())).flatmap(lambda kind: kind)

_keys: Final = st.builds(OrgKey, st.binary(min_size=3, max_size=3), _u8).filter(lambda key: key not in ORGANIZATIONAL)
_unknown: Final = st.one_of(
    st.builds(Tlv, st.integers(9, 126), st.binary(max_size=60)),
    st.builds(Tlv.organizational, _keys, st.binary(max_size=60)),
)


@st.composite
def _optional(draw: st.DrawFn) -> tuple[Tlv, ...]:
    """TLVs that stand at most once, and unknown ones, in any order."""
    single = draw(st.lists(values, max_size=4, unique_by=type))
    evb = () if any(isinstance(value, Evb) for value in single) else draw(st.lists(evbs, max_size=1))
    unknown = draw(st.lists(_unknown, max_size=4))
    together = [*(value.tlv() for value in (*single, *evb)), *unknown]
    return tuple(draw(st.permutations(together)))


lldpdus: Final = st.builds(Lldpdu, chassis_ids, port_ids, st.integers(0, 65535), _optional())

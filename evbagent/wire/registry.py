"""Which TLVs are understood: one literal table, everything else stays octets."""

from __future__ import annotations

from typing import ClassVar, Final, Protocol, Self

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
from evbagent.wire.evb import Evb
from evbagent.wire.evb_draft import EvbDraft
from evbagent.wire.octets import Cursor
from evbagent.wire.tlv import OrgKey, Repeated, Tlv

__all__ = ["BASIC", "ORGANIZATIONAL", "VENDORS", "Basic", "Kind", "Organizational", "Text"]


class Kind(Protocol):
    """A TLV's class; `LENGTHS` counts the octets of its value, behind OUI and subtype where it has them.

    `CHECKED`: a value of a legal length may still contradict itself, so it is decoded once on reception to see.
    """

    NAME: ClassVar[str]
    LENGTHS: ClassVar[range]
    REPEATED: ClassVar[Repeated]
    CHECKED: ClassVar[bool]

    @classmethod
    def decode(cls, cursor: Cursor) -> Self: ...

    def tlv(self) -> Tlv: ...


class Basic(Kind, Protocol):
    """The class of an optional basic TLV."""

    TYPE: ClassVar[int]


class Organizational(Kind, Protocol):
    """The class of an organizationally specific TLV."""

    KEY: ClassVar[OrgKey]


Text = PortDescription | SystemName | SystemDescription

# Types that are not here are reserved and merely unrecognized (802.1AB-2016 table 8-1).
BASIC: Final[dict[int, type[Basic]]] = {
    4: PortDescription,
    5: SystemName,
    6: SystemDescription,
    7: SystemCapabilities,
    8: ManagementAddress,
}

ORGANIZATIONAL: Final[dict[OrgKey, type[Organizational]]] = {
    kind.KEY: kind
    for kind in (
        Evb,
        EvbDraft,
        Cdcp,
        dot1.PortVlanId,
        dot1.PortProtocolVlanId,
        dot1.VlanName,
        dot1.ProtocolIdentity,
        dot1.VidUsageDigest,
        dot1.ManagementVlanId,
        dot1.LinkAggregation,
        dot1.CongestionNotification,
        EtsConfiguration,
        EtsRecommendation,
        Pfc,
        ApplicationPriority,
        ApplicationVlan,
        Cee,
        Cin,
        dot3.MacPhy,
        dot3.PowerViaMdi,
        dot3.LinkAggregation,
        dot3.MaxFrameSize,
        med.Capabilities,
        med.NetworkPolicy,
        med.Location,
        med.ExtendedPower,
        med.HardwareRevision,
        med.FirmwareRevision,
        med.SoftwareRevision,
        med.SerialNumber,
        med.Manufacturer,
        med.Model,
        med.AssetId,
    )
}

# Who a TLV is from whose subtypes nobody here reads: the OUIs that real switches and hosts send.
VENDORS: Final = {
    b"\x00\x00\x0c": "Cisco",
    b"\x00\x01\x42": "Cisco",
    b"\x00\x02\xb3": "Intel",
    b"\x00\x04\x0d": "Avaya",
    b"\x00\x0b\x86": "Aruba",
    b"\x00\x0e\xcf": "PROFIBUS",
    b"\x00\x0f\xe2": "H3C",
    b"\x00\x10\x18": "Broadcom",
    b"\x00\x12\x0f": "IEEE 802.3",
    b"\x00\x12\xbb": "TIA",
    b"\x00\x1a\x11": "Google",
    b"\x00\x1b\x21": "Intel",
    b"\x00\x1b\x3f": "HP ProCurve",
    b"\x00\x1c\x73": "Arista",
    b"\x00\x26\xe1": "Stanford",
    b"\x00\x50\x56": "VMware",
    b"\x00\x80\xc2": "IEEE 802.1",
    b"\x00\x90\x69": "Juniper",
    b"\x00\xe0\x2b": "Extreme",
    b"\x00\xe0\xfc": "Huawei",
    b"\xf8\xb1\x56": "Dell",
}

"""DCBX as switches offer it: TLVs of every version, and what a kernel may have beside it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from evbagent.dcb import Applications, Bits, Dcb, DcbxMode, DcbxVersion, Ets, KernelDcb, Pfc, Selector
from evbagent.dcbx.discovery import Discovery
from evbagent.events import Change
from evbagent.status import DcbxStatus
from evbagent.wire import cee, cin, dcbx
from evbagent.wire.ethernet import Scope
from evbagent.wire.tlv import Tlv
from tests.support.frames import SWITCH, Peer

__all__ = [
    "APPLICATIONS",
    "CEE",
    "CIN",
    "CONFIGURATION",
    "IEEE",
    "KERNEL",
    "OWN",
    "PFC",
    "RECOMMENDATION",
    "VLANS",
    "enabled",
    "status",
]


def enabled(*priorities: int) -> tuple[bool, ...]:
    """Eight flags, set for these priorities."""
    return tuple(priority in priorities for priority in range(8))


# A switch for storage: priority 3 (FCoE) in a class of its own with 40 %, iSCSI on 4, control on 7.
_CLASSES: Final = (0, 0, 0, 1, 0, 0, 0, 2)
_SHARES: Final = (60, 40, 0, 0, 0, 0, 0, 0)
_ALGORITHMS: Final = (2, 2, 0, 0, 0, 0, 0, 0)

CONFIGURATION: Final = dcbx.EtsConfiguration(_CLASSES, _SHARES, _ALGORITHMS, willing=False, cbs=False, max_tcs=8)
RECOMMENDATION: Final = dcbx.EtsRecommendation(_CLASSES, _SHARES, _ALGORITHMS)
PFC: Final = dcbx.Pfc(willing=False, mbc=False, cap=8, enabled=enabled(3))
APPLICATIONS: Final = dcbx.ApplicationPriority((dcbx.Application(3, 1, 0x8906), dcbx.Application(4, 2, 3260)))
VLANS: Final = dcbx.ApplicationVlan((dcbx.VlanApplication(1002, 1, 0x8906), dcbx.VlanApplication(7, 7, 1)))
IEEE: Final = (CONFIGURATION.tlv(), RECOMMENDATION.tlv(), PFC.tlv(), APPLICATIONS.tlv())

_WILLING: Final = cee.FeatureHeader(enable=True, willing=True)
_FIRM: Final = cee.FeatureHeader(enable=True, willing=False)
CEE: Final = cee.Cee(
    cee.Control(0, 0, 1, 1),
    cee.CeePriorityGroups(_FIRM, (0, 0, 0, 1, 0, 0, 0, 15), _SHARES, 8),
    cee.CeePfc(_FIRM, enabled(3), 8),
    cee.CeeApplications(
        _FIRM,
        (
            cee.CeeApplication(0x8906, 0, cee.OUI, enabled(3)),
            cee.CeeApplication(3260, 1, cee.OUI, enabled(4)),
            cee.CeeApplication(0x8914, 0, cee.OUI, enabled(3)),
        ),
    ),
)
CIN: Final = cin.Cin(
    cee.Control(0, 0, 1, 1),
    cin.CinPriorityGroups(
        _WILLING,
        _SHARES,
        tuple(
            cin.GroupMember(group, 2 if priority == 7 else 0, 100)
            for priority, group in enumerate((0, 0, 0, 1, 0, 0, 0, 0))
        ),
    ),
    cin.CinPfc(_WILLING, enabled(3)),
    (
        cin.CinApplication(cee.FeatureHeader(subtype=0, willing=True), enabled(3)),
        cin.CinApplication(cee.FeatureHeader(subtype=1, willing=True), enabled(4)),
        cin.CinApplication(cee.FeatureHeader(subtype=9), enabled(5)),
    ),
)

# A kernel that has exactly what the switch offers. No machine here has a driver that answers, so it is made up.
OWN: Final = Dcb(
    DcbxVersion.IEEE,
    Ets(Bits(willing=True), _CLASSES, _SHARES, _ALGORITHMS, 8, False),
    None,
    Pfc(Bits(), enabled(3), 8, False),
    Applications.of(Bits(), [(Selector.ETHERTYPE, 0x8906, [3]), (Selector.TCP, 3260, [4])]),
)
KERNEL: Final = KernelDcb(DcbxMode.HOST | DcbxMode.IEEE, OWN)


def status(*tlvs: Tlv, kernel: KernelDcb | None = None, others: Sequence[Peer] = ()) -> DcbxStatus:
    """Of eth0, where the switch says these TLVs and others CEE."""
    discovery = Discovery("eth0")
    discovery.kernel(kernel)
    for peer, said in ((SWITCH, tlvs), *((other, (CEE.tlv(),)) for other in others)):
        discovery.peer(peer.change(Change.ADDED, *said, scope=Scope.NEAREST_BRIDGE))
    return discovery.status

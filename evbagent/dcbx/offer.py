"""What an LLDPDU offers by DCBX, in the values that every version shares (802.1Q-2018 D.2.8 on; CEE; CIN)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from evbagent.dcb import (
    ETS,
    STRICT_GROUP,
    Applications,
    ApplicationVlan,
    Bits,
    Dcb,
    DcbxVersion,
    Ets,
    Pfc,
    Selector,
    classes,
)
from evbagent.wire import cee, cin, dcbx
from evbagent.wire.lldpdu import Lldpdu
from evbagent.wire.tlv import ORGANIZATIONALLY_SPECIFIC, Tlv

__all__ = ["offer", "spoken"]

_IEEE: Final = (dcbx.EtsConfiguration, dcbx.EtsRecommendation, dcbx.Pfc, dcbx.ApplicationPriority)
_HEADS: Final = frozenset(kind.KEY.octets for kind in (*_IEEE, dcbx.ApplicationVlan, cee.Cee, cin.Cin))
_HEAD: Final = 4  # octets of OUI and subtype

_SELECTORS: Final = {1: Selector.ETHERTYPE, 2: Selector.TCP, 3: Selector.UDP, 4: Selector.PORT, 5: Selector.DSCP}
_CEE_SELECTORS: Final = {0: Selector.ETHERTYPE, 1: Selector.PORT}
_CIN_APPLICATIONS: Final = {  # by the header's subtype: FCoE, iSCSI, FIP
    0: (Selector.ETHERTYPE, 0x8906),
    1: (Selector.PORT, 3260),
    2: (Selector.ETHERTYPE, 0x8914),
}
_LINK_STRICT: Final = 2  # CIN's strictness of a priority that goes before all groups
_ALL_ETS: Final = (ETS,) * 8  # groups share the link, whatever happens inside of them


def spoken(pdu: Lldpdu) -> tuple[Tlv, ...]:
    """The DCBX TLVs in it, of any version: what a change of the offer can be seen by without decoding."""
    return tuple(tlv for tlv in pdu.optional if tlv.type == ORGANIZATIONALLY_SPECIFIC and tlv.value[:_HEAD] in _HEADS)


def offer(pdu: Lldpdu) -> Dcb | None:
    """What it offers; where several versions stand in it, IEEE counts before CEE, and that before CIN.

    Application VLANs come with the IEEE version, and are no DCBX by themselves.
    """
    return _ieee(pdu) or _cee(pdu) or _cin(pdu)


def _ieee(pdu: Lldpdu) -> Dcb | None:
    configuration, recommendation = pdu.read(dcbx.EtsConfiguration), pdu.read(dcbx.EtsRecommendation)
    pfc, lists = pdu.read(dcbx.Pfc), pdu.read_all(dcbx.ApplicationPriority)
    if not (configuration or recommendation or pfc or lists):
        return None
    return Dcb(
        DcbxVersion.IEEE,
        None if configuration is None else _configuration(configuration),
        None if recommendation is None else _ets(recommendation),
        None if pfc is None else Pfc(Bits(pfc.willing), pfc.enabled, pfc.cap, pfc.mbc),
        Applications.of(Bits(), _ieee_entries(lists)) if lists else None,
        _vlans(pdu),
    )


def _configuration(tlv: dcbx.EtsConfiguration) -> Ets:
    return Ets(Bits(tlv.willing), classes(tlv.prio_tc), tlv.tc_bandwidth, tlv.tc_tsa, tlv.max_tcs, tlv.cbs)


def _ets(tlv: dcbx.EtsRecommendation) -> Ets:
    return Ets(Bits(), classes(tlv.prio_tc), tlv.tc_bandwidth, tlv.tc_tsa)


def _ieee_entries(lists: Iterable[dcbx.ApplicationPriority]) -> Iterable[tuple[Selector | None, int, tuple[int]]]:
    for one in lists:
        for entry in one.applications:
            yield _SELECTORS.get(entry.selector), entry.protocol, (entry.priority,)


def _vlans(pdu: Lldpdu) -> tuple[ApplicationVlan, ...]:
    entries = [entry for one in pdu.read_all(dcbx.ApplicationVlan) for entry in one.applications]
    return tuple(
        ApplicationVlan(_SELECTORS[entry.selector], entry.protocol, entry.vid)
        for entry in entries
        if entry.selector in _SELECTORS
    )


def _cee(pdu: Lldpdu) -> Dcb | None:
    tlv = pdu.read(cee.Cee)
    if tlv is None:
        return None
    groups, pfc, applications = tlv.priority_groups, tlv.pfc, tlv.applications
    return Dcb(
        DcbxVersion.CEE,
        None if groups is None else _groups(groups.header, groups.pgid, groups.percent, groups.num_tcs),
        None,
        None if pfc is None else Pfc(_bits(pfc.header), pfc.enabled, pfc.num_tcs),
        None if applications is None else Applications.of(_bits(applications.header), _cee_entries(applications)),
    )


def _groups(
    header: cee.FeatureHeader, pgid: Iterable[int], percent: tuple[int, ...], num_tcs: int | None = None
) -> Ets:
    return Ets(_bits(header), classes(pgid, groups=True), percent, _ALL_ETS, num_tcs)


def _cee_entries(tlv: cee.CeeApplications) -> Iterable[tuple[Selector | None, int, list[int]]]:
    """Protocols of another OUI are that vendor's own."""
    for entry in tlv.applications:
        known = _CEE_SELECTORS.get(entry.selector) if entry.oui == cee.OUI else None
        yield known, entry.protocol, _numbers(entry.priorities)


def _cin(pdu: Lldpdu) -> Dcb | None:
    tlv = pdu.read(cin.Cin)
    if tlv is None:
        return None
    groups, pfc = tlv.priority_groups, tlv.pfc
    return Dcb(
        DcbxVersion.CIN,
        None if groups is None else _groups(groups.header, map(_place, groups.priorities), groups.percent),
        None,
        None if pfc is None else Pfc(_bits(pfc.header), pfc.enabled, pfc.num_tcs),
        _cin_applications(tlv.applications),
    )


def _place(member: cin.GroupMember) -> int:
    return STRICT_GROUP if member.strictness == _LINK_STRICT else member.pgid


def _cin_applications(tlvs: tuple[cin.CinApplication, ...]) -> Applications | None:
    """Each has a header of its own: what one of them says of itself, no one else need agree with."""
    known = [tlv for tlv in tlvs if tlv.header.subtype in _CIN_APPLICATIONS]
    if not known:
        return None
    bits = {_bits(tlv.header) for tlv in known}
    entries = ((*_CIN_APPLICATIONS[tlv.header.subtype], _numbers(tlv.priorities)) for tlv in known)
    return Applications.of(bits.pop() if len(bits) == 1 else Bits(), entries)


def _bits(header: cee.FeatureHeader) -> Bits:
    return Bits(header.willing, header.enable, header.error)


def _numbers(flags: tuple[bool, ...]) -> list[int]:
    return [number for number, flag in enumerate(flags) if flag]

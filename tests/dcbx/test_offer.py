"""What a neighbor offers: three versions of DCBX in one set of values, and nothing that a neighbor can break."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evbagent.dcb import (
    STRICT_GROUP,
    Application,
    Applications,
    ApplicationVlan,
    Bits,
    Dcb,
    DcbxVersion,
    Ets,
    Pfc,
    Selector,
)
from evbagent.dcbx.offer import offer, spoken
from evbagent.wire import cee, cin, dcbx
from evbagent.wire.lldpdu import Lldpdu
from evbagent.wire.tlv import OrgKey, Tlv
from tests.support.dcbx import (
    APPLICATIONS,
    CEE,
    CIN,
    CONFIGURATION,
    IEEE,
    PFC,
    RECOMMENDATION,
    VLANS,
    enabled,
)
from tests.support.frames import SWITCH, bridge
from tests.wire import strategies

TABLES = (0, 0, 0, 1, 0, 0, 0, 2), (60, 40, 0, 0, 0, 0, 0, 0), (2, 2, 0, 0, 0, 0, 0, 0)
FIRM, WILLING = Bits(willing=False, enable=True, error=False), Bits(willing=True, enable=True, error=False)
ALL_ETS = (2,) * 8
FCOE, FIP = (Selector.ETHERTYPE, 0x8906), (Selector.ETHERTYPE, 0x8914)


def heard(tlvs: Sequence[Tlv]) -> Lldpdu:
    """As it comes off the wire, with what the wire layer refuses already gone."""
    return Lldpdu.decode(SWITCH.pdu(*tlvs).encode())


OFFERS: dict[str, tuple[Sequence[Tlv], Dcb | None]] = {
    "nothing": ((), None),
    "EVB only": ((bridge(),), None),
    "application VLANs alone are no DCBX": ((VLANS.tlv(),), None),
    "all of IEEE": (
        (*IEEE, VLANS.tlv()),
        Dcb(
            DcbxVersion.IEEE,
            Ets(Bits(willing=False), *TABLES, 8, False),
            Ets(Bits(), *TABLES),
            Pfc(Bits(willing=False), enabled(3), 8, False),
            Applications(Bits(), (Application(*FCOE, (3,)), Application(Selector.TCP, 3260, (4,)))),
            (ApplicationVlan(*FCOE, 1002),),
        ),
    ),
    "PFC alone": (
        (dcbx.Pfc(True, True, 2, enabled(3, 4)).tlv(),),
        Dcb(DcbxVersion.IEEE, pfc=Pfc(Bits(willing=True), enabled(3, 4), 2, True)),
    ),
    "an empty list of applications": (
        (dcbx.ApplicationPriority(()).tlv(),),
        Dcb(DcbxVersion.IEEE, applications=Applications(Bits(), ())),
    ),
    "several lists are one, reserved selectors are none": (
        (
            dcbx.ApplicationPriority((dcbx.Application(4, 1, 0x8914), dcbx.Application(5, 7, 1))).tlv(),
            dcbx.ApplicationPriority((dcbx.Application(3, 1, 0x8906), dcbx.Application(3, 1, 0x8914))).tlv(),
            dcbx.ApplicationPriority((dcbx.Application(6, 5, 46), dcbx.Application(3, 1, 0x8914))).tlv(),
        ),
        Dcb(
            DcbxVersion.IEEE,
            applications=Applications(
                Bits(),
                (Application(Selector.DSCP, 46, (6,)), Application(*FCOE, (3,)), Application(*FIP, (3, 4))),
            ),
        ),
    ),
    "priorities without a class": (
        (dcbx.EtsConfiguration((0, 1, 15, 15, 8, 7, 15, 15), (100, *[0] * 7), (2, *[0] * 7)).tlv(),),
        Dcb(
            DcbxVersion.IEEE,
            Ets(
                Bits(willing=False),
                (0, 1, None, None, None, 7, None, None),
                (100, *[0] * 7),
                (2, *[0] * 7),
                8,
                False,
            ),
        ),
    ),
    "all of CEE": (
        (CEE.tlv(),),
        Dcb(
            DcbxVersion.CEE,
            Ets(FIRM, (0, 0, 0, 1, 0, 0, 0, STRICT_GROUP), TABLES[1], ALL_ETS, 8),
            None,
            Pfc(FIRM, enabled(3), 8),
            Applications(
                FIRM, (Application(*FCOE, (3,)), Application(*FIP, (3,)), Application(Selector.PORT, 3260, (4,)))
            ),
        ),
    ),
    "a CEE application of another vendor": (
        (
            replace(
                CEE,
                priority_groups=None,
                pfc=None,
                applications=cee.CeeApplications(
                    cee.FeatureHeader(error=True),
                    (
                        cee.CeeApplication(1, 0, b"\x00\x00\x0c", enabled(1)),
                        cee.CeeApplication(2, 2, cee.OUI, enabled(2)),
                    ),
                ),
            ).tlv(),
        ),
        Dcb(DcbxVersion.CEE, applications=Applications(Bits(willing=False, enable=True, error=True), ())),
    ),
    "control of CEE alone": ((cee.Cee(CEE.control).tlv(),), Dcb(DcbxVersion.CEE)),
    "all of CIN": (
        (CIN.tlv(),),
        Dcb(
            DcbxVersion.CIN,
            Ets(WILLING, (0, 0, 0, 1, 0, 0, 0, STRICT_GROUP), TABLES[1], ALL_ETS),
            None,
            Pfc(WILLING, enabled(3)),
            Applications(WILLING, (Application(*FCOE, (3,)), Application(Selector.PORT, 3260, (4,)))),
        ),
    ),
    "CIN applications that stand differently": (
        (
            replace(
                CIN,
                priority_groups=None,
                pfc=None,
                applications=(
                    cin.CinApplication(cee.FeatureHeader(subtype=0, willing=True), enabled(3)),
                    cin.CinApplication(cee.FeatureHeader(subtype=2, willing=False), enabled(3)),
                ),
            ).tlv(),
        ),
        Dcb(
            DcbxVersion.CIN,
            applications=Applications(Bits(), (Application(*FCOE, (3,)), Application(*FIP, (3,)))),
        ),
    ),
    "control of CIN alone": ((cin.Cin(CIN.control).tlv(),), Dcb(DcbxVersion.CIN)),
}


@pytest.mark.parametrize(("tlvs", "offered"), OFFERS.values(), ids=OFFERS.keys())
def test_an_offer_reads_the_same_in_every_version(tlvs: Sequence[Tlv], offered: Dcb | None) -> None:
    assert offer(heard(tlvs)) == offered


PRECEDENCE: dict[str, tuple[Sequence[Tlv], DcbxVersion]] = {
    "IEEE before both": ((CIN.tlv(), CEE.tlv(), PFC.tlv()), DcbxVersion.IEEE),
    "CEE before CIN": ((CIN.tlv(), CEE.tlv()), DcbxVersion.CEE),
    "CIN if there is no other": ((CIN.tlv(),), DcbxVersion.CIN),
    "application VLANs make no IEEE": ((CEE.tlv(), VLANS.tlv()), DcbxVersion.CEE),
}


@pytest.mark.parametrize(("tlvs", "version"), PRECEDENCE.values(), ids=PRECEDENCE.keys())
def test_where_several_versions_are_spoken_the_newest_counts(tlvs: Sequence[Tlv], version: DcbxVersion) -> None:
    offered = offer(heard(tlvs))
    assert offered is not None
    assert offered.version is version


SHARES_99 = Tlv.organizational(CONFIGURATION.KEY, bytes.fromhex("00 00010002 3b28000000000000 0202000000000000"))
REFUSED: dict[str, Sequence[Tlv]] = {
    "bandwidth that is not 100 %": (SHARES_99,),
    "one of the tables twice": (CONFIGURATION.tlv(), CONFIGURATION.tlv()),
    "PFC twice": (PFC.tlv(), PFC.tlv()),
    "CEE without control": (Tlv.organizational(CEE.KEY, CEE.pfc.tlv().encode() if CEE.pfc else b""),),
    "a table cut off": (Tlv.organizational(RECOMMENDATION.KEY, bytes(20)),),
}


@pytest.mark.parametrize("tlvs", REFUSED.values(), ids=REFUSED.keys())
def test_what_the_wire_refuses_is_no_offer(tlvs: Sequence[Tlv]) -> None:
    assert offer(heard(tlvs)) is None
    assert spoken(heard(tlvs)) == ()
    others = offer(heard((*tlvs, APPLICATIONS.tlv())))
    assert others is not None
    assert (others.ets, others.recommendation, others.pfc) == (None, None, None)


def test_what_is_spoken_are_the_dcbx_tlvs_in_their_order() -> None:
    stranger = Tlv.organizational(OrgKey(b"\x00\x80\xc2", 0x77), b"")
    assert spoken(heard((bridge(), CEE.tlv(), stranger, *IEEE))) == (CEE.tlv(), *IEEE)


KINDS = [
    strategies.KINDS[kind]
    for kind in (
        dcbx.EtsConfiguration,
        dcbx.EtsRecommendation,
        dcbx.Pfc,
        dcbx.ApplicationPriority,
        dcbx.ApplicationVlan,
        cee.Cee,
        cin.Cin,
    )
]
MANY = st.lists(st.sampled_from(KINDS).flatmap(lambda kind: kind).map(lambda value: value.tlv()), max_size=2)
KEYS = st.sampled_from(sorted(tlv.key for tlv in (*IEEE, VLANS.tlv(), CEE.tlv(), CIN.tlv()) if tlv.key is not None))
ANY = st.lists(st.builds(Tlv.organizational, KEYS, st.binary(max_size=60)), max_size=4)


@given(st.one_of(MANY, ANY))
def test_no_neighbor_can_send_what_is_no_offer_or_a_whole_one(tlvs: list[Tlv]) -> None:
    pdu = heard(tlvs)
    offered = offer(pdu)
    if offered is None:
        assert all(tlv.key == VLANS.KEY for tlv in spoken(pdu))
        return
    for ets in (offered.ets, offered.recommendation):
        if ets is not None:
            assert (len(ets.algorithms), len(ets.shares)) == (8, 8)
    assert offered.pfc is None or len(offered.pfc.enabled) == 8

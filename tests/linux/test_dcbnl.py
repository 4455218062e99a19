"""dcbnl by golden octets: no machine here has a driver that answers.

The structures were packed by a C program from linux/dcbnl.h, and are put into attributes in the order in which
net/dcb/dcbnl.c does. That the kernel understands the questions is tried for real in tests/netns/test_dcbx.py.
"""

import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evbagent.dcb import (
    STRICT_GROUP,
    Application,
    Applications,
    Bits,
    Dcb,
    DcbxMode,
    DcbxVersion,
    Ets,
    Pfc,
    Selector,
)
from evbagent.linux.dcbnl import CEE_GET, GDCBX, IEEE_GET, cee, ieee, mode, request

pytestmark = pytest.mark.skipif(sys.byteorder == "big", reason="the octets below are those of a little-endian machine")


def nla(kind: int, *parts: bytes) -> bytes:
    value = b"".join(parts)
    return struct.pack("<HH", 4 + len(value), kind) + value + bytes(-len(value) % 4)


def u8(kind: int, value: int) -> bytes:
    return nla(kind, bytes([value]))


IFNAME = nla(1, b"eth0\0")

# --- questions

QUESTIONS = {
    "who speaks": (GDCBX, "20000000 4e00 0100 07000000 00000000  00 16 0000  0900 0100 6574683000 000000"),
    "IEEE": (IEEE_GET, "20000000 4e00 0100 07000000 00000000  00 15 0000  0900 0100 6574683000 000000"),
    "CEE": (CEE_GET, "20000000 4e00 0100 07000000 00000000  00 1a 0000  0900 0100 6574683000 000000"),
}


@pytest.mark.parametrize(("command", "octets"), QUESTIONS.values(), ids=QUESTIONS.keys())
def test_a_question_names_the_interface(command: int, octets: str) -> None:
    assert request("eth0", command, 7) == bytes.fromhex(octets)


# --- who speaks

MODES = {
    "the host, IEEE": (u8(14, 0x09), DcbxMode.HOST | DcbxMode.IEEE),
    "firmware, both, static": (u8(14, 0x1E), DcbxMode.LLD_MANAGED | DcbxMode.CEE | DcbxMode.IEEE | DcbxMode.STATIC),
    "no flag": (u8(14, 0), DcbxMode(0)),
    "flags of later": (u8(14, 0xE1), DcbxMode.HOST),
    "behind other attributes": (IFNAME + u8(14, 0x05), DcbxMode.HOST | DcbxMode.CEE),
    "not said": (IFNAME, None),
    "said with no octet": (nla(14), None),
}


@pytest.mark.parametrize(("answer", "known"), MODES.values(), ids=MODES.keys())
def test_flags_tell_who_speaks_dcbx(answer: bytes, known: DcbxMode | None) -> None:
    assert mode(answer) == known


# --- IEEE

ETS = bytes.fromhex(
    "010800 3c28000000000000 3232000000000000 0202000000000000 0000000100000002"
    "1e46000000000000 0202000000000000 0000000100000001"
)
PFC = bytes.fromhex(
    "08180100 3412 0000"
    "6400000000000000 6500000000000000 6600000000000000 6700000000000000"
    "6800000000000000 6900000000000000 6a00000000000000 6b00000000000000"
    "c800000000000000 c900000000000000 ca00000000000000 cb00000000000000"
    "cc00000000000000 cd00000000000000 ce00000000000000 cf00000000000000"
)
FCOE = bytes.fromhex("01030689")


def app(selector: int, priority: int, protocol: int) -> bytes:
    return nla(1, struct.pack("<BBH", selector, priority, protocol))


USED = Ets(
    Bits(willing=True), (0, 0, 0, 1, 0, 0, 0, 2), (60, 40, 0, 0, 0, 0, 0, 0), (2, 2, 0, 0, 0, 0, 0, 0), 8, cbs=False
)
RECOMMENDED = Ets(Bits(), (0, 0, 0, 1, 0, 0, 0, 1), (30, 70, 0, 0, 0, 0, 0, 0), (2, 2, 0, 0, 0, 0, 0, 0))
FLOW = Pfc(Bits(), (False, False, False, True, True, False, False, False), 8, mbc=True)
TABLE = Applications(Bits(), (Application(Selector.ETHERTYPE, 0x8906, (3,)),))
PLAIN = ETS[:35] + bytes(24)
MAXRATE, BUFFER = nla(7, bytes(64)), nla(10, bytes(44))

IEEE = {
    "all of it": (
        nla(13, nla(1, ETS), MAXRATE, nla(2, PFC), BUFFER, nla(3, nla(1, FCOE))) + u8(14, 0x09),
        Dcb(DcbxVersion.IEEE, USED, RECOMMENDED, FLOW, TABLE),
        None,
    ),
    "nobody is told what to use": (
        nla(13, nla(1, PLAIN), nla(3)),
        Dcb(DcbxVersion.IEEE, USED, None, None, Applications(Bits(), ())),
        None,
    ),
    "flow control alone": (nla(13, nla(2, PFC)), Dcb(DcbxVersion.IEEE, pfc=FLOW), None),
    "what firmware heard": (
        nla(13, nla(3), nla(4, ETS), nla(5, PFC), nla(6, nla(1, FCOE))),
        None,
        Dcb(DcbxVersion.IEEE, USED, RECOMMENDED, FLOW, TABLE),
    ),
    "firmware that heard nobody": (
        nla(13, nla(1, PLAIN), nla(3), nla(4, bytes(59)), nla(5, bytes(136)), nla(6)),
        Dcb(DcbxVersion.IEEE, USED, applications=Applications(Bits(), ())),
        None,
    ),
    "applications in another version's terms": (nla(13, nla(3, app(0, 8, 0x8906)), nla(6, app(0, 8, 1))), None, None),
    "selectors and priorities": (
        nla(
            13,
            nla(2, PFC),
            nla(
                3,
                *(app(2, 4, 3260), app(3, 1, 53), app(4, 2, 80), app(5, 6, 46), app(5, 7, 46)),
                *(app(6, 1, 1), app(255, 1, 1), app(1, 8, 0x8906)),  # reserved, for PCP, and no priority
                nla(2, FCOE),  # of later kernels: another kind of entry
                nla(1, FCOE[:3]),
            ),
        ),
        Dcb(
            DcbxVersion.IEEE,
            pfc=FLOW,
            applications=Applications(
                Bits(),
                (
                    Application(Selector.DSCP, 46, (6, 7)),
                    Application(Selector.PORT, 80, (2,)),
                    Application(Selector.TCP, 3260, (4,)),
                    Application(Selector.UDP, 53, (1,)),
                ),
            ),
        ),
        None,
    ),
    "as many applications as are believed": (
        nla(13, nla(2, PFC), nla(3, *(app(2, 1, 1) for _ in range(512)))),
        Dcb(DcbxVersion.IEEE, pfc=FLOW, applications=Applications(Bits(), (Application(Selector.TCP, 1, (1,)),))),
        None,
    ),
    "more applications than are believed": (
        nla(13, nla(2, PFC), nla(3, *(app(2, 1, 1) for _ in range(513)))),
        Dcb(DcbxVersion.IEEE, pfc=FLOW),
        None,
    ),
    "classes that are none": (
        nla(13, nla(1, bytes(27) + bytes([0, 7, 8, 15, 255, 0, 0, 0]) + bytes(24))),
        Dcb(
            DcbxVersion.IEEE,
            Ets(Bits(willing=False), (0, 7, None, None, None, 0, 0, 0), (0,) * 8, (0,) * 8, None, cbs=False),
        ),
        None,
    ),
    "structures of later kernels are longer": (
        nla(13, nla(1, PLAIN + b"more"), nla(2, PFC + bytes(8))),
        Dcb(DcbxVersion.IEEE, USED, pfc=FLOW),
        None,
    ),
    "structures cut off": (nla(13, nla(1, ETS[:58]), nla(2, PFC[:135]), nla(4, ETS[:58]), nla(5, PFC[:3])), None, None),
    "nothing": (IFNAME + u8(14, 0), None, None),
}


@pytest.mark.parametrize(("answer", "own", "peer"), IEEE.values(), ids=IEEE.keys())
def test_an_ieee_answer(answer: bytes, own: Dcb | None, peer: Dcb | None) -> None:
    assert ieee(answer) == (own, peer)


# --- CEE

GROUP, HEARD_PFC = bytes.fromhex("01000108 3c28000000000000 000000010000000f"), bytes.fromhex("01010804")
ALL_ETS = (2,) * 8
WILLING = Bits(willing=True, enable=True, error=False)


def tc(number: int, group: int, priorities: int, strict: int = 0) -> bytes:
    return nla(1 + number, u8(1, group), u8(2, priorities), u8(3, strict), u8(4, 100))


def shares(*percent: int) -> bytes:
    return b"".join(u8(11 + number, share) for number, share in enumerate(percent))


def flow(*values: int) -> bytes:
    return nla(6, *(u8(1 + number, value) for number, value in enumerate(values)))


GROUPS = nla(
    4,
    *(tc(0, 0, 0b01110111), tc(1, 1, 0b00001000), tc(2, 2, 0b10000000, strict=2)),
    *(tc(number, 0, 0) for number in range(3, 8)),
    shares(60, 40, 0, 0, 0, 0, 0, 0),
)
UNFILLED = nla(4, *(tc(number, 255, 255, 255) for number in range(8)), shares(*[255] * 8))
OWN_GROUPS = Ets(Bits(), (0, 0, 0, 1, 0, 0, 0, STRICT_GROUP), (60, 40, 0, 0, 0, 0, 0, 0), ALL_ETS)
ON_3 = (False, False, False, True, False, False, False, False)
FLOWING = flow(0, 0, 0, 1, 0, 0, 0, 0)


def older_app(idtype: int, number: int, priorities: int) -> bytes:
    return nla(12, u8(1, idtype), nla(2, struct.pack("<H", number)), u8(3, priorities))


CEE = {
    "all of it": (
        IFNAME
        + nla(
            16,
            GROUPS,
            nla(5),  # the same for reception
            FLOWING,
            nla(7, older_app(0, 0x8906, 0x08), older_app(1, 3260, 0x30), older_app(3, 1, 1)),
            nla(8, u8(2, 0x06), u8(3, 0x0A), u8(4, 0x01)),
        )
        + u8(14, 0x05),
        Dcb(
            DcbxVersion.CEE,
            Ets(WILLING, OWN_GROUPS.prio_tc, OWN_GROUPS.bandwidth, ALL_ETS),
            None,
            Pfc(Bits(willing=False, enable=True, error=False), ON_3),
            Applications(
                Bits(willing=False, enable=False, error=True),
                (Application(Selector.ETHERTYPE, 0x8906, (3,)), Application(Selector.PORT, 3260, (4, 5))),
            ),
        ),
        None,
    ),
    "groups alone": (nla(16, GROUPS), Dcb(DcbxVersion.CEE, OWN_GROUPS), None),
    "groups that the driver left as they came": (
        nla(16, UNFILLED, FLOWING),
        Dcb(DcbxVersion.CEE, pfc=Pfc(Bits(), ON_3)),
        None,
    ),
    "shares that the driver left as they came": (
        nla(16, nla(4, *(tc(n, n, 1 << n) for n in range(8)), shares(*[255] * 8))),
        None,
        None,
    ),
    "a priority in no group": (
        nla(16, nla(4, tc(0, 0, 0x7F), shares(100, 0, 0, 0, 0, 0, 0, 0))),
        None,
        None,
    ),
    "fewer shares than groups": (nla(16, nla(4, tc(0, 0, 0xFF), shares(100))), None, None),
    "fewer flags than priorities": (nla(16, flow(1, 1, 1)), None, None),
    "applications alone": (nla(16, nla(7, older_app(0, 0x8906, 0x08))), None, None),
    "applications cut off": (
        nla(16, FLOWING, nla(7, nla(12, u8(1, 0), nla(2, b"\x06")), nla(12, u8(1, 0)), nla(1, b"abcd"))),
        Dcb(DcbxVersion.CEE, pfc=Pfc(Bits(), ON_3), applications=Applications(Bits(), ())),
        None,
    ),
    "what firmware heard": (
        nla(
            16,
            nla(7),
            nla(1, GROUP),
            nla(2, HEARD_PFC),
            nla(3, nla(1, bytes([1, 0])), nla(2, bytes.fromhex("00080689")), nla(2, bytes.fromhex("0110bc0c"))),
        ),
        None,
        Dcb(
            DcbxVersion.CEE,
            Ets(WILLING, OWN_GROUPS.prio_tc, OWN_GROUPS.bandwidth, ALL_ETS, 8),
            None,
            Pfc(Bits(willing=True, error=True), ON_3, 4),
            Applications(
                Bits(willing=True, error=False),
                (Application(Selector.ETHERTYPE, 0x8906, (3,)), Application(Selector.PORT, 3260, (4,))),
            ),
        ),
    ),
    "firmware that heard nobody": (
        nla(16, nla(1, bytes(20)), nla(2, bytes(4)), nla(3, nla(1, bytes(2)))),
        None,
        None,
    ),
    "firmware that heard of flow control": (
        nla(16, nla(2, HEARD_PFC), nla(3, nla(2, bytes.fromhex("00080689")), nla(2, b"abc"))),
        None,
        Dcb(
            DcbxVersion.CEE,
            pfc=Pfc(Bits(willing=True, error=True), ON_3, 4),
            applications=Applications(Bits(), (Application(Selector.ETHERTYPE, 0x8906, (3,)),)),
        ),
    ),
    "nothing": (IFNAME, None, None),
}


@pytest.mark.parametrize(("answer", "own", "peer"), CEE.values(), ids=CEE.keys())
def test_a_cee_answer(answer: bytes, own: Dcb | None, peer: Dcb | None) -> None:
    assert cee(answer) == (own, peer)


# --- whatever comes

SMALL = st.binary(max_size=140)
NESTS = st.recursive(
    SMALL,
    lambda inner: st.lists(st.tuples(st.integers(0, 18), inner), max_size=5).map(
        lambda parts: b"".join(nla(kind, value) for kind, value in parts)
    ),
    max_leaves=20,
)


@given(st.one_of(NESTS, st.builds(lambda inner: nla(13, inner), NESTS), st.builds(lambda inner: nla(16, inner), NESTS)))
def test_no_answer_is_more_than_whole_values_or_nothing(answer: bytes) -> None:
    mode(answer)
    for side in (*ieee(answer), *cee(answer)):
        if side is not None:
            assert side.ets is not None or side.pfc is not None
            assert side.ets is None or (len(side.ets.algorithms), len(side.ets.shares)) == (8, 8)

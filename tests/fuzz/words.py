"""What can be put on a tape: who speaks, what is said, and everything else that happens to a port.

A tape names all of it by its place here, and what was found once is a tape: what is new belongs at the end.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum, auto
from typing import Any, Final

from evbagent.events import LinkState
from evbagent.wire.basic import ManagementAddress, SystemName
from evbagent.wire.dcbx import ApplicationVlan
from evbagent.wire.ethernet import ETHERTYPE_LLDP, Frame, Scope
from evbagent.wire.evb import Evb, EvbMode, RrStatus, StationStatus
from evbagent.wire.octets import MacAddress
from evbagent.wire.tlv import Tlv
from tests.fuzz.tape import Tape
from tests.support.frames import BYSTANDER, HOST, OTHER, SWITCH, Peer, bridge, draft, station

__all__ = [
    "ANOTHER_LINK",
    "LINKS",
    "PORT_NAME",
    "SPEAKERS",
    "TTLS",
    "WAITS",
    "WORDS",
    "Step",
    "frame",
    "guest",
    "mutated",
    "wrapped",
]

PORT_NAME: Final = "eth0"


class Step(IntEnum):
    """What happens next."""

    HEAR = 0
    HEAR_AGAIN = auto()
    HEAR_MUTATED = auto()
    HEAR_TAGGED = auto()
    HEAR_LLDPDU = auto()
    HEAR_OCTETS = auto()
    WAIT = auto()
    OVERSLEEP = auto()
    WAKE = auto()
    LINK = auto()
    CHANGE = auto()
    RESIST = auto()
    MISS = auto()
    RELEASE = auto()
    OVERFLOW = auto()
    SLEEP = auto()
    REFLECT = auto()
    HEAR_PROBE = auto()
    MISS_PROBES = auto()


def guest(number: int) -> MacAddress:
    return MacAddress(bytes([0x52, 0x54, 0, 0, 0, number]))


SPEAKERS: Final = (
    *(SWITCH, OTHER, BYSTANDER),
    *(Peer(MacAddress(bytes([2, 0, 0, 0, 1, number])), f"p{number}") for number in range(8)),
    Peer(HOST, PORT_NAME),  # ourselves, reflected
    Peer(guest(7), "eth0"),
)
_DECOY: Final = SystemName(Evb.KEY.octets + bytes(5)).tlv()
_MOST_OCTETS: Final = 2048 - 14  # as many as the packet socket takes

# What the TLVs of an LLDPDU say.
WORDS: Final[dict[str, tuple[Tlv, ...]]] = {
    "grants": (bridge(),),
    "withdraws": (bridge(control=False),),
    "nothing": (),
    "grants, having heard nothing": (bridge(echo=StationStatus()),),
    "grants, and cannot": (bridge(capable=False),),
    "cannot": (bridge(capable=False, control=False),),
    "grants, and sees it in use": (bridge(echo=StationStatus(True, RrStatus.TRUE)),),
    "grants twice": (bridge(), bridge()),
    "grants, and has no EVB": (bridge(mode=EvbMode.NOT_SUPPORTED),),
    "asks": (station(),),
    "asks no more": (station(request=False),),
    "asks, and sees relay": (station(status=RrStatus.TRUE),),
    "too short": (Tlv.organizational(Evb.KEY, b"\x03\x07\x6e\x54"),),
    "longer": (Tlv.organizational(Evb.KEY, b"\x03\x07\x6e\x54\x14" + bytes(40)),),
    "draft: can": (draft("C0 07 80 00 00 00 00 00 0F"),),
    "draft: grants": (draft("C0 07 40 07 0C DF 00 00 0F"),),
    "draft: cannot": (draft("80 00 80 00 00 00 00 00 00"),),
    "draft: nothing": (draft("00 00 00 00 00 00 00 00 00"),),
    "both versions": (bridge(), draft("C0 07 80 00 00 00 00 00 0F")),
    "a name like EVB, grants": (_DECOY, bridge()),
    "a name like EVB, withdraws": (_DECOY, bridge(control=False)),
    "very much that nobody reads": (*(Tlv(9, b""),) * 700, bridge()),
    "very much that is read": (ApplicationVlan(()).tlv(),) * 240,
    "very much that is wrong": (*(Tlv(127, b""),) * 100, *(ManagementAddress(0, b"x").tlv(),) * 90),
}


def _flapped(old: LinkState) -> dict[str, Any]:
    """Down and up again, between two looks."""
    return {"carrier_ups": old.carrier_ups + 1}


def _replaced(old: LinkState) -> dict[str, Any]:
    """Another interface of that name."""
    return {"ifindex": old.ifindex + 1}


ANOTHER_LINK: Final = (_flapped, _replaced)

# What becomes of the link, by what it was; None where the interface goes.
LINKS: Final[tuple[Callable[[LinkState], dict[str, Any]] | None, ...]] = (
    lambda _: {"up": True, "carrier": True, "address": HOST},
    lambda _: {"carrier": False},
    lambda _: {"up": False},
    None,
    _flapped,
    _replaced,
    lambda _: {"address": guest(9)},
    lambda _: {"address": None},
    lambda _: {},
)
TTLS: Final = (121, 0, 1, 2, 30, 65535)
WAITS: Final = (0.001, 0.02, 0.25, 1.0, 3.0, 31.0, 122.0)


def frame(tape: Tape) -> bytes:
    """Four octets of the tape: who, what, for how long, and where to and from."""
    speaker, words, ttl, how = tape.pick(SPEAKERS), tape.pick(tuple(WORDS.values())), tape.pick(TTLS), tape.number()
    scope = (*(Scope.NEAREST_CUSTOMER_BRIDGE,) * 6, Scope.NEAREST_BRIDGE, Scope.NEAREST_NON_TPMR_BRIDGE)[how & 7]
    return speaker.frame(*words, ttl=ttl, scope=scope, source=guest(7) if how >> 3 == 31 else None)


def mutated(tape: Tape) -> bytes:
    """A frame with one to four of its octets changed."""
    octets = bytearray(frame(tape))
    for _ in range(tape.number() % 4 + 1):
        octets[tape.pair() % len(octets)] ^= tape.number()
    return bytes(octets)


def wrapped(tape: Tape) -> bytes:
    """Any octets as the LLDPDU of a frame: its scope, its length, and they themselves."""
    scope = tape.pick((Scope.NEAREST_CUSTOMER_BRIDGE, *Scope))
    return Frame(scope.address, SWITCH.address, ETHERTYPE_LLDP, tape.octets(tape.pair() % _MOST_OCTETS)).encode()

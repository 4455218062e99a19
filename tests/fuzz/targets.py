"""The targets by name, each with the inputs that a search begins with."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from evbagent.wire.ethernet import Frame, FrameDiscarded
from evbagent.wire.lldpdu import Lldpdu
from evbagent.wire.octets import u16
from evbagent.wire.probe_frame import NONCE_OCTETS, ProbeFrame
from evbagent.wire.registry import BASIC, ORGANIZATIONAL
from tests.fuzz.decoder import READERS, decoder
from tests.fuzz.roles import port
from tests.fuzz.words import LINKS, SPEAKERS, WORDS, Step
from tests.support.frames import HOST
from tests.wire.vectors import ECP, LLDP, VECTORS

__all__ = ["FOUND", "TARGETS", "Target", "found"]

FOUND: Final = Path(__file__).parent / "found"


class Target(NamedTuple):
    """What takes any octets, and octets that lead far into it."""

    run: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]


def found(name: str) -> dict[str, bytes]:
    """The inputs of that target in which something was wrong once, by file."""
    return {path.name: path.read_bytes() for path in sorted(FOUND.glob(f"{name}-*"))}


# --- for the decoders


def _for(reader: str, octets: bytes) -> bytes:
    return bytes([list(READERS).index(reader)]) + octets


def _captures() -> Iterator[bytes]:
    """A capture in each form, with one frame."""
    frame = LLDP[0].octets[:60]
    yield struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 1) + struct.pack("<4I", 1, 2, 60, 60) + frame
    section = struct.pack(">4sIIHHqI", b"\x0a\x0d\x0d\x0a", 28, 0x1A2B3C4D, 1, 0, -1, 28)
    interface = struct.pack(">IIHHIHHB3xHHI", 1, 32, 1, 0, 0, 13, 1, 4, 0, 0, 32)
    packets = [
        struct.pack(">7I", 6, 92, 0, 0, 0, 60, 64) + frame + struct.pack(">I", 92),
        struct.pack(">IIHHIIII", 2, 92, 0, 0, 0, 0, 60, 60) + frame + struct.pack(">I", 92),
        struct.pack(">III", 3, 76, 60) + frame + struct.pack(">I", 76),
    ]
    yield section + interface + b"".join(packets)


def _decodable() -> list[bytes]:
    seeds = [_for("frame", vector.octets) for vector in VECTORS]
    seeds += [_for("lldpdu", Frame.decode(vector.octets).payload) for vector in LLDP]
    seeds += [_for("ecp", Frame.decode(vector.octets).payload) for vector in ECP]
    seeds += [_for("probe", ProbeFrame(HOST, HOST, 2, bytes(NONCE_OCTETS), 1).encode(b"key"))]
    seeds += [_for("capture", capture) for capture in _captures()]
    kinds = {kind.NAME: kind for kind in (*BASIC.values(), *ORGANIZATIONAL.values())}
    seeds += [_for(name, bytes(kind.LENGTHS[0])) for name, kind in kinds.items()]
    for vector in LLDP:
        try:
            tlvs = Lldpdu.decode(Frame.decode(vector.octets).payload).optional
        except FrameDiscarded:
            continue
        for tlv in tlvs:
            known = BASIC.get(tlv.type) if tlv.key is None else ORGANIZATIONAL.get(tlv.key)
            seeds += [] if known is None else [_for(known.NAME, tlv.information.rest())]
    return list(dict.fromkeys(seeds))


# --- for a port

UPLINK, PORT = b"\x00", b"\x05"  # with the usual settings
OTHER_SETTINGS: Final = (b"\x04", b"\x08", b"\x0c", b"\x10", b"\x14", b"\x18", b"\x1c", b"\x20", b"\x02", b"\x01")
PROBED, PROBED_ALONE, PROBED_ASSUMED = b"\x24", b"\x40", b"\x44"  # with a probe: by word, by the probe, by the operator
HOLD_UP = 4  # as long as VEPA is waited for


LINK_CHANGES: Final = [bytes([Step.LINK, change]) for change in range(len(LINKS))]


def hear(words: str, *, speaker: int = 0, ttl: int = 0, how: int = 0) -> bytes:
    return bytes([Step.HEAR, speaker, list(WORDS).index(words), ttl, how])


def wait(index: int) -> bytes:
    return bytes([Step.WAIT, index])


def _of_a_switch() -> Iterator[bytes]:
    asks, no_more = hear("asks"), hear("asks no more")
    yield PORT + asks + hear("asks", speaker=1, ttl=3) + wait(4) + bytes([Step.RELEASE, 0]) + asks
    for answer in range(3):
        obeys = bytes([Step.RESIST, 1, answer])
        yield PORT + asks + obeys + bytes([Step.MISS, 5]) + wait(3) + asks
        yield PORT + obeys + asks + wait(3) + hear("asks, and sees relay") + wait(6) + asks + no_more + wait(3)
        yield PORT + obeys + asks + bytes([Step.CHANGE, 1, Step.CHANGE, 0]) + b"".join(LINK_CHANGES) + asks


def _of_a_host() -> Iterator[bytes]:
    granted, withdrawn, crowd = hear("grants") + wait(HOLD_UP), hear("withdraws"), range(2, len(SPEAKERS))
    refuses = [bytes([Step.RESIST, leave, 0, what]) for leave in (0, 1) for what in range(5)]
    yield UPLINK + granted + withdrawn + granted
    yield from (first + granted + withdrawn + wait(5) + hear("asks") for first in OTHER_SETTINGS)
    yield from (UPLINK + granted + wait(3) + hear(words) + wait(3) + granted for words in WORDS)
    yield from (UPLINK + granted + hear(words, speaker=1, ttl=2) + wait(4) + granted for words in WORDS)
    yield from (UPLINK + granted + change + wait(3) + granted + LINK_CHANGES[0] + granted for change in LINK_CHANGES)
    yield from (UPLINK + how + granted + wait(4) + how + withdrawn + wait(4) + refuses[5] + granted for how in refuses)
    yield UPLINK + hear("grants, having heard nothing") * 3 + wait(6) + granted + bytes([Step.HEAR_AGAIN]) + wait(6)
    yield UPLINK + (granted + wait(3) + withdrawn + wait(3)) * 8
    yield UPLINK + b"".join(hear("nothing", speaker=each, ttl=4) for each in crowd) + granted + wait(6)
    yield UPLINK + b"".join(hear("grants", speaker=each, ttl=4) for each in crowd) + wait(5)
    much = (hear("very much that is read", speaker=each, how=scope) for each in crowd for scope in (0, 6, 7))
    yield UPLINK + b"".join(much)
    yield UPLINK + b"".join(bytes([Step.HEAR_MUTATED, 3, 2, 0, 0, 0, 0, 30, each]) for each in range(1, 128))
    yield UPLINK + granted + bytes([Step.CHANGE, 3, 0, Step.CHANGE, 1, 2, Step.CHANGE, 2, 4]) + withdrawn
    yield UPLINK + granted + bytes([Step.MISS, 5]) + granted + bytes([Step.OVERSLEEP, 6, Step.CHANGE, 3, 0]) + granted
    yield UPLINK + granted + bytes([Step.OVERFLOW, 9, Step.SLEEP, 3]) + granted + bytes([Step.SLEEP, 6])
    yield UPLINK + granted + b"".join(hear("grants", ttl=4 * (each % 2)) for each in range(24)) + withdrawn
    yield UPLINK + b"".join(bytes([Step.CHANGE, 1, 1]) for _ in range(8)) + wait(HOLD_UP) + granted + wait(5)
    yield UPLINK + granted + bytes([Step.RELEASE, 0]) + granted + wait(4)
    yield UPLINK + granted + bytes([Step.HEAR_TAGGED, 0, 1, 0, 0, 1, Step.HEAR_MUTATED, 0, 1, 0, 0, 1, 0, 40, 9])
    offered, taken = hear("draft: can") + wait(3), hear("draft: grants")
    yield UPLINK + offered + taken + wait(HOLD_UP) + hear("draft: grants", ttl=4) + offered + granted
    yield UPLINK + hear("draft: grants", how=6) + offered + taken + wait(HOLD_UP) + hear("grants", speaker=1)


def _with_a_probe() -> Iterator[bytes]:
    granted, dark, bright = hear("grants") + wait(HOLD_UP), bytes([Step.REFLECT, 0]), bytes([Step.REFLECT, 1])
    again = b"".join(bytes([Step.HEAR_PROBE, each, 20, each // 2]) for each in range(8))
    missed = bytes([Step.MISS_PROBES])
    for first in (PROBED, PROBED_ALONE, PROBED_ASSUMED):
        yield first + granted + wait(4) + dark + wait(4) + bright + wait(4) + again + wait(5)
        yield first + dark + granted + wait(4) + bright + missed + wait(4) + hear("withdraws") + wait(4)
        yield (
            first + wait(4) + dark + wait(4) + bright + wait(4) + hear("cannot") + bytes([Step.OVERSLEEP, 4]) + granted
        )
        yield first + hear("grants", ttl=4) + wait(5) + wait(4) + dark + wait(3) + bytes([Step.RESIST, 0, 0, 0])
        yield first + granted + bytes([Step.RESIST, 0, 0, 0]) + wait(4) + bytes([Step.SLEEP, 3]) + again + granted
        yield first + granted + b"".join(LINK_CHANGES) + granted


def _of_others() -> Iterator[bytes]:
    """What the vectors say to a host in VEPA."""
    for vector in LLDP:
        payload = Frame.decode(vector.octets).payload
        yield UPLINK + hear("grants") + wait(HOLD_UP) + bytes([Step.HEAR_LLDPDU, 0]) + u16(len(payload)) + payload


def _tapes() -> list[bytes]:
    return [*_of_a_switch(), *_of_a_host(), *_with_a_probe(), *_of_others()]


TARGETS: Final = {"decoder": Target(decoder, _decodable), "port": Target(port, _tapes)}

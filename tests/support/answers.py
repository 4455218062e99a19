"""What may be made of octets, whatever they are: verdicts, numbers in their ranges, texts that only show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from evbagent.decode import decode
from evbagent.wire.registry import BASIC, ORGANIZATIONAL
from evbagent.wire.tlv import Tlv

__all__ = ["LIMITS", "check", "cut_or_flipped", "numbers", "resent", "texts"]

TWO_OCTETS, FOUR_OCTETS = 0xFFFF, 0xFFFFFFFF
LIMITS: Final = {
    **dict.fromkeys(("ttl", "advertised", "mau_type", "size", "protocol", "capabilities"), TWO_OCTETS),
    **dict.fromkeys(("requested", "allocated", "requested_a", "requested_b", "power", "maximum"), TWO_OCTETS),
    **dict.fromkeys(("allocated_a", "allocated_b", "power_status"), TWO_OCTETS),
    **dict.fromkeys(("subtype", "family", "interface_subtype", "application", "tc_tsa", "pairs"), 255),
    **dict.fromkeys(("power_class", "device_class", "location_format", "system_setup", "autoclass"), 255),
    **dict.fromkeys(("oper_version", "max_version"), 255),
    **dict.fromkeys(("interface_number", "port_id", "seq_no", "ack_no", "digest"), FOUR_OCTETS),
    "power_down": 0xFFFFFF,
    **dict.fromkeys(("rr_status", "mode", "power_type", "source", "port_type", "strictness"), 3),
    "priority": 15,  # of MED's power; everybody else's ends at 7
    "selector": 7,
    **dict.fromkeys(("rte", "rwd", "rka"), 31),
    "retries": 7,
    "dscp": 63,
    "vlan": 4095,
    "vid": TWO_OCTETS,  # a field of two octets, and switches put more than 4095 into it
    "type": 127,
    "tlvs": 511,
    **dict.fromkeys(("prio_tc", "pgid", "cap"), 15),
    **dict.fromkeys(("tc_bandwidth", "percent"), 100),
    **dict.fromkeys(("max_tcs", "num_tcs"), 8),
    **dict.fromkeys(("supported_mode", "configured_mode"), 0xC0),
    **dict.fromkeys(("supported_capabilities", "configured_capabilities"), 7),
    **dict.fromkeys(("supported_vsis", "configured_vsis"), TWO_OCTETS),
    "role": 1,
    **dict.fromkeys(("channel_capacity", "channels"), 4095),
}
ECP_LIMITS: Final = {
    "version": 15,
    **dict.fromkeys(("operation", "type", "status", "vsi_type_version", "vsi_id_format"), 255),
    **dict.fromkeys(("subtype", "sequence"), TWO_OCTETS),
    "vsi_type_id": 0xFFFFFF,
    "filter_format": 4,
    "group": FOUR_OCTETS,
    "vid": 4095,
    "pcp": 7,
}


VERDICTS: Final = {("valid", True), ("discarded", False), ("not_lldp", False), ("not_lldp", True)}
Leaf = str | int | None


def leaves(value: Any, name: str = "") -> Iterator[tuple[str, Leaf]]:
    """Everything in an answer that is neither a dictionary nor a list, with the name of its field."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from leaves(each, key)
    elif isinstance(value, list):
        for each in value:
            yield from leaves(each, name)
    else:
        assert value is None or isinstance(value, str | int), f"{name} is {value!r}, which is no JSON value"
        yield name, value


def numbers(value: Any) -> Iterator[tuple[str, int]]:
    """Every number in an answer with the name of its field."""
    return ((name, each) for name, each in leaves(value) if isinstance(each, int) and not isinstance(each, bool))


def texts(value: Any) -> Iterator[str]:
    return (each for _name, each in leaves(value) if isinstance(each, str))


def check(octets: bytes) -> None:
    """The answer about any octets has a verdict, numbers in the ranges of their fields, and texts that only show."""
    answer = decode(octets)
    assert (answer["verdict"], answer["discard_reason"] is None) in VERDICTS, octets.hex()
    for part, limits in ((answer | {"ecp": None}, LIMITS), (answer["ecp"], ECP_LIMITS)):
        assert all(0 <= value <= limits[name] for name, value in numbers(part)), octets.hex()
    assert all(map(str.isprintable, texts(answer))), octets.hex()


def cut_or_flipped(octets: bytes) -> Iterator[bytes]:
    """Every part of the octets from their beginning on, and all of them with each of their bits flipped."""
    yield from (octets[:length] for length in range(len(octets)))
    for bit in range(len(octets) * 8):
        flipped = bytearray(octets)
        flipped[bit // 8] ^= 1 << bit % 8
        yield bytes(flipped)


def resent(tlv: Tlv) -> Tlv:
    """As we would send what it says; itself where no class reads it."""
    kind = BASIC.get(tlv.type) if tlv.key is None else ORGANIZATIONAL.get(tlv.key)
    return tlv if kind is None else kind.decode(tlv.information).tlv()

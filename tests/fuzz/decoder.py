"""The decoders, each of which gets any octets: a frame, an LLDPDU, a capture, ECP and VDP, one TLV of each class."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from evbagent.pcap import CaptureError, frames
from evbagent.wire.basic import PortDescription, SystemDescription, SystemName
from evbagent.wire.ecp import DraftEcp, Ecp
from evbagent.wire.ethernet import Frame, FrameDiscarded
from evbagent.wire.lldpdu import MAX_OCTETS, Lldpdu, LldpduTooLong
from evbagent.wire.octets import Cursor, OctetsError
from evbagent.wire.probe_frame import ProbeFrame
from evbagent.wire.registry import BASIC, ORGANIZATIONAL, Kind
from evbagent.wire.tlv import Tlv
from evbagent.wire.vdp import DraftVdp, Vdp
from tests.support.answers import check

__all__ = ["READERS", "decoder"]

_MOST_KEPT: Final = 32  # of the TLVs that nobody reads


def decoder(data: bytes) -> None:
    """The first octet says who reads the others."""
    if data:
        readers = list(READERS.values())
        readers[data[0] % len(readers)](data[1:])


def _lldpdu(octets: bytes) -> None:
    """Whoever is let in can be read to the end, shown, and sent again."""
    try:
        pdu = Lldpdu.decode(octets)
    except FrameDiscarded:
        return
    said = [pdu.text(kind) for kind in (PortDescription, SystemName, SystemDescription)]
    read = [pdu.capabilities, pdu.management_addresses, *(pdu.read_all(kind) for kind in ORGANIZATIONAL.values())]
    assert f"{pdu.msap} {said} {read} {pdu.faults}".isprintable()
    unread = [tlv for tlv in pdu.optional if tlv.type not in BASIC and tlv.key not in ORGANIZATIONAL]
    assert len(unread) == min(_MOST_KEPT, pdu.unrecognized)
    assert len(pdu.faults) <= _MOST_KEPT + 1
    assert len(pdu.optional) + pdu.discarded <= len(octets) // 2 + 1
    try:
        again = Lldpdu.decode(pdu.encode())
    except LldpduTooLong:
        assert len(octets) > MAX_OCTETS - 2  # of the End TLV, that may have been missing
        return
    assert (again.msap, again.ttl, again.optional, again.faults) == (pdu.msap, pdu.ttl, pdu.optional, ())


def _probe(octets: bytes) -> None:
    """Nobody but us signs a probe."""
    with suppress(FrameDiscarded):
        ProbeFrame.decode(Frame.decode(octets), b"another key")
        raise AssertionError(f"{octets.hex()} passes for our probe")


def _capture(octets: bytes) -> None:
    """Frames are parts of the file that do not overlap."""
    found = 0
    with suppress(CaptureError):
        for frame in frames(octets):
            found += len(frame)
    assert found <= len(octets)


def _ecp(octets: bytes) -> None:
    for kind in (Ecp, DraftEcp):
        with suppress(OctetsError):
            ecp = kind.decode(Cursor(octets))
            assert ecp is None or ecp.fault is None or ecp.fault.isprintable()
    for vdp in (Vdp.decode(octets), DraftVdp.decode(octets)):
        assert all(fault.reason.isprintable() for fault in vdp.faults)
        entries = [entry for vsi in vdp.vsis for entry in vsi.filters]
        assert all(entry.vid <= 0xFFF and entry.pcp <= 7 and (entry.group or 0) <= 0xFFFFFFFF for entry in entries)
        assert 2 * len(entries) <= len(octets)
        assert all(vsi.id_text.isprintable() for vsi in vdp.vsis)


def _tlv(kind: type[Kind]) -> Callable[[bytes], None]:
    """What a class takes is a value that comes back from its own octets."""

    def read(octets: bytes) -> None:
        try:
            value = kind.decode(Cursor(octets[: kind.LENGTHS[-1]]))
        except OctetsError:
            return
        tlv = Tlv.decode(Cursor(value.tlv().encode()))
        assert kind.decode(tlv.information) == value

    return read


READERS: Final[dict[str, Callable[[bytes], None]]] = {
    "frame": check,
    "lldpdu": _lldpdu,
    "capture": _capture,
    "ecp": _ecp,
    "probe": _probe,
    **{kind.NAME: _tlv(kind) for kind in (*BASIC.values(), *ORGANIZATIONAL.values())},
}

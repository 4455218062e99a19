"""What an interface's driver says about Data Center Bridging, by netlink (linux/dcbnl.h, net/dcb/dcbnl.c).

Most drivers say nothing (EOPNOTSUPP), and a firmware agent's word is only known where a driver passes it on. Asking
needs no capability.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

from evbagent.dcb import (
    ETS,
    STRICT_GROUP,
    Applications,
    Bits,
    Dcb,
    DcbxMode,
    DcbxVersion,
    Ets,
    KernelDcb,
    Pfc,
    Selector,
    classes,
)
from evbagent.linux.netlink import NLMSG_ERROR, REQUEST, NetlinkError, attribute, attributes, message, messages

__all__ = ["CEE_GET", "GDCBX", "IEEE_GET", "DcbSocket", "cee", "ieee", "mode", "request"]

IEEE_GET, GDCBX, CEE_GET = 21, 22, 26  # DCB_CMD_*
_RTM_GETDCB: Final = 78
_DCBMSG: Final = struct.Struct("=BBH")  # family, command, pad

_IFNAME, _APP, _IEEE, _DCBX, _CEE = 1, 12, 13, 14, 16
_IEEE_ETS, _IEEE_PFC, _IEEE_APP_TABLE, _IEEE_PEER_ETS, _IEEE_PEER_PFC, _IEEE_PEER_APP = 1, 2, 3, 4, 5, 6
_IEEE_APP: Final = 1
_CEE_PEER_PG, _CEE_PEER_PFC, _CEE_PEER_APP_TABLE, _CEE_TX_PG, _CEE_PFC, _CEE_APP_TABLE, _CEE_FEAT = 1, 2, 3, 4, 6, 7, 8
_CEE_PEER_APP_INFO, _CEE_PEER_APP = 1, 2
_APP_IDTYPE, _APP_ID, _APP_PRIORITY = 1, 2, 3
_FEAT_PG, _FEAT_PFC, _FEAT_APP = 2, 3, 4
_ERROR, _ENABLE, _WILLING = 0x01, 0x02, 0x04  # DCB_FEATCFG_*
_PFC_UP_0, _PG_TC_0, _PG_BW_ID_0 = 1, 1, 11
_TC_PGID, _TC_UP_MAPPING, _TC_STRICT_PRIO = 1, 2, 3
_LINK_STRICT: Final = 2

_ETS: Final = struct.Struct("=BBB8s8x8s8s8s8s8s")  # willing, ets_cap, cbs, tc_tx_bw, tc_tsa, prio_tc, and recommended
_PFC: Final = struct.Struct("=BBBxH2x64x64x")  # pfc_cap, pfc_en, mbc, delay
_DCB_APP: Final = struct.Struct("=BBH")  # selector, priority, protocol in the host's order
_CEE_PG: Final = struct.Struct("=BBBB8s8s")  # willing, error, pg_en, tcs_supported, pg_bw, prio_pg
_PEER_PFC: Final = struct.Struct("=BBBB")  # willing, error, pfc_en, tcs_supported
_U16: Final = struct.Struct("=H")

_SELECTORS: Final = {1: Selector.ETHERTYPE, 2: Selector.TCP, 3: Selector.UDP, 4: Selector.PORT, 5: Selector.DSCP}
_CEE_SELECTORS: Final = {0: Selector.ETHERTYPE, 1: Selector.PORT}
_ALL_ETS: Final = (ETS,) * 8  # groups share the link, whatever happens inside of them
_MOST: Final = 512  # applications; a longer table is one that nobody knows
_LARGEST: Final = 1 << 16  # octets of an answer; the kernel makes none of more than a few pages
_ANSWER_WITHIN: Final = 5  # seconds

_Entries = Callable[[bytes], Iterator[tuple[Selector | None, int, list[int]]]]


class DcbSocket:
    """One socket for questions. A driver may ask its firmware before it answers, and takes its time for that."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", _ANSWER_WITHIN, 0))
        self._socket.bind((0, 0))
        self._sequence = 0

    def close(self) -> None:
        self._socket.close()

    def ask(self, name: str) -> KernelDcb | None:
        """What the driver of that interface says, None where it says nothing. Raises `NetlinkError`."""
        engine, newer, older = (self._answer(name, command) for command in (GDCBX, IEEE_GET, CEE_GET))
        if engine is newer is older is None:
            return None
        own, peer = (None, None) if newer is None else ieee(newer)
        cee_own, cee_peer = (None, None) if older is None else cee(older)
        return KernelDcb(None if engine is None else mode(engine), own, cee_own, peer, cee_peer)

    def _answer(self, name: str, command: int) -> bytes | None:
        """The attributes of one answer, None where the driver has none to give."""
        self._sequence = self._sequence % 0x7FFFFFFF + 1
        self._socket.sendto(request(name, command, self._sequence), (0, 0))
        while True:
            try:
                data = self._socket.recv(_LARGEST)
            except BlockingIOError:
                raise NetlinkError(errno.ETIMEDOUT, "the kernel does not answer") from None
            for kind, _, sequence, body in messages(data):
                if sequence != self._sequence:
                    continue  # an answer to a question that was given up
                if kind != NLMSG_ERROR:
                    return body[_DCBMSG.size :]
                number = -struct.unpack_from("=i", body)[0]
                if number != errno.EOPNOTSUPP:
                    raise NetlinkError(number, os.strerror(number))
                return None


def request(name: str, command: int, sequence: int) -> bytes:
    """One question about the interface of that name."""
    body = _DCBMSG.pack(socket.AF_UNSPEC, command, 0) + attribute(_IFNAME, name.encode() + b"\0")
    return message(_RTM_GETDCB, REQUEST, sequence, body)


def mode(answer: bytes) -> DcbxMode | None:
    """Who speaks DCBX, from the attributes of an answer to any question."""
    flags = _u8(_nest(answer).get(_DCBX))
    return None if flags is None else DcbxMode(flags & 0x1F)


def _nest(data: bytes | None) -> dict[int, bytes]:
    return {} if data is None else dict(attributes(data))


def _u8(value: bytes | None) -> int | None:
    return value[0] if value else None


def _numbers(bitmap: int) -> list[int]:
    return [number for number in range(8) if bitmap >> number & 1]


def _flags(bitmap: int) -> tuple[bool, ...]:
    return tuple(bool(bitmap >> number & 1) for number in range(8))


def _said(value: bytes | None, size: int) -> bytes | None:
    """A structure that is there and whole."""
    return value if value is not None and len(value) >= size else None


def _heard(value: bytes | None, size: int) -> bytes | None:
    """A structure about the peer; a driver that heard nobody leaves it zero."""
    return value if value is not None and len(value) >= size and any(value) else None


# --- IEEE


def ieee(answer: bytes) -> tuple[Dcb | None, Dcb | None]:
    """What the interface has and what its firmware heard, from the attributes of an answer to `IEEE_GET`.

    Whoever tells neither ETS nor PFC speaks another version, and has applications in that one's terms.
    """
    parts = _nest(_nest(answer).get(_IEEE))
    own = _ieee_side(
        _said(parts.get(_IEEE_ETS), _ETS.size), _said(parts.get(_IEEE_PFC), _PFC.size), parts.get(_IEEE_APP_TABLE)
    )
    peer = _ieee_side(
        _heard(parts.get(_IEEE_PEER_ETS), _ETS.size),
        _heard(parts.get(_IEEE_PEER_PFC), _PFC.size),
        parts.get(_IEEE_PEER_APP),
    )
    return own, peer


def _ieee_side(ets: bytes | None, pfc: bytes | None, table: bytes | None) -> Dcb | None:
    if ets is None and pfc is None:
        return None
    used, recommended = (None, None) if ets is None else _ieee_ets(ets)
    return Dcb(
        DcbxVersion.IEEE,
        used,
        recommended,
        None if pfc is None else _ieee_pfc(pfc),
        _applications(Bits(), table, _ieee_entries),
    )


def _ieee_ets(octets: bytes) -> tuple[Ets, Ets | None]:
    """What is used, and what the other side is told to use, which is all zero where there is no such wish."""
    willing, cap, cbs, bandwidth, tsa, prio_tc, *recommended = _ETS.unpack_from(octets)
    used = Ets(Bits(bool(willing)), classes(prio_tc), tuple(bandwidth), tuple(tsa), cap or None, bool(cbs))
    if not any(map(any, recommended)):
        return used, None
    bandwidth, tsa, prio_tc = recommended
    return used, Ets(Bits(), classes(prio_tc), tuple(bandwidth), tuple(tsa))


def _ieee_pfc(octets: bytes) -> Pfc:
    cap, enabled, mbc, _delay = _PFC.unpack_from(octets)
    return Pfc(Bits(), _flags(enabled), cap, bool(mbc))


def _ieee_entries(table: bytes) -> Iterator[tuple[Selector | None, int, list[int]]]:
    for kind, value in attributes(table):
        if kind == _IEEE_APP and len(value) >= _DCB_APP.size:
            selector, priority, protocol = _DCB_APP.unpack_from(value)
            yield _SELECTORS.get(selector) if priority < 8 else None, protocol, [priority]


def _applications(bits: Bits, table: bytes | None, entries: _Entries) -> Applications | None:
    if table is None:
        return None
    first = list(islice(entries(table), _MOST + 1))
    return None if len(first) > _MOST else Applications.of(bits, first)


# --- CEE


def cee(answer: bytes) -> tuple[Dcb | None, Dcb | None]:
    """What the interface has and what its firmware heard, from the attributes of an answer to `CEE_GET`."""
    parts = _nest(_nest(answer).get(_CEE))
    return _cee_own(parts), _cee_peer(parts)


def _cee_own(parts: dict[int, bytes]) -> Dcb | None:
    features = _nest(parts.get(_CEE_FEAT))
    ets = _cee_groups(_feature(features, _FEAT_PG), _nest(parts.get(_CEE_TX_PG)))
    pfc = _cee_pfc(_feature(features, _FEAT_PFC), _nest(parts.get(_CEE_PFC)))
    if ets is None and pfc is None:
        return None
    applications = _applications(_feature(features, _FEAT_APP), parts.get(_CEE_APP_TABLE), _cee_entries)
    return Dcb(DcbxVersion.CEE, ets, None, pfc, applications)


def _feature(features: dict[int, bytes], kind: int) -> Bits:
    flags = _u8(features.get(kind))
    return Bits() if flags is None else Bits(*(bool(flags & flag) for flag in (_WILLING, _ENABLE, _ERROR)))


def _cee_groups(bits: Bits, parts: dict[int, bytes]) -> Ets | None:
    """Groups by priority; None where the driver left out any, or left all that it was asked for at 255."""
    groups: dict[int, int] = {}
    for tc in range(8):
        values = _nest(parts.get(_PG_TC_0 + tc))
        group, priorities, strict = (_u8(values.get(kind)) for kind in (_TC_PGID, _TC_UP_MAPPING, _TC_STRICT_PRIO))
        for priority in _numbers(priorities or 0):
            if priority in groups or group is None:
                return None
            groups[priority] = STRICT_GROUP if strict == _LINK_STRICT else group
    shares = [share for group in range(8) if (share := _u8(parts.get(_PG_BW_ID_0 + group))) is not None]
    if len(groups) < 8 or len(shares) < 8 or max(shares) > 100:
        return None
    return Ets(bits, classes((groups[priority] for priority in range(8)), groups=True), tuple(shares), _ALL_ETS)


def _cee_pfc(bits: Bits, parts: dict[int, bytes]) -> Pfc | None:
    values = [value for priority in range(8) if (value := _u8(parts.get(_PFC_UP_0 + priority))) is not None]
    return Pfc(bits, tuple(map(bool, values))) if len(values) == 8 else None


def _cee_entries(table: bytes) -> Iterator[tuple[Selector | None, int, list[int]]]:
    for kind, value in attributes(table):
        entry = _nest(value)
        selector, protocol, priorities = _u8(entry.get(_APP_IDTYPE)), entry.get(_APP_ID), _u8(entry.get(_APP_PRIORITY))
        if kind == _APP and selector is not None and protocol and len(protocol) >= 2 and priorities is not None:
            yield _CEE_SELECTORS.get(selector), _U16.unpack_from(protocol)[0], _numbers(priorities)


def _cee_peer(parts: dict[int, bytes]) -> Dcb | None:
    groups = _heard(parts.get(_CEE_PEER_PG), _CEE_PG.size)
    pfc = _heard(parts.get(_CEE_PEER_PFC), _PEER_PFC.size)
    if groups is None and pfc is None:
        return None
    return Dcb(
        DcbxVersion.CEE,
        None if groups is None else _peer_groups(groups),
        None,
        None if pfc is None else _peer_pfc(pfc),
        _peer_applications(parts.get(_CEE_PEER_APP_TABLE)),
    )


def _peer_groups(octets: bytes) -> Ets:
    willing, error, enable, tcs, bandwidth, groups = _CEE_PG.unpack_from(octets)
    bits = Bits(bool(willing), bool(enable), bool(error))
    return Ets(bits, classes(groups, groups=True), tuple(bandwidth), _ALL_ETS, tcs or None)


def _peer_pfc(octets: bytes) -> Pfc:
    willing, error, enabled, tcs = _PEER_PFC.unpack_from(octets)
    return Pfc(Bits(bool(willing), None, bool(error)), _flags(enabled), tcs)


def _peer_applications(table: bytes | None) -> Applications | None:
    info = _nest(table).get(_CEE_PEER_APP_INFO, b"")
    bits = Bits(bool(info[0]), None, bool(info[1])) if len(info) >= 2 else Bits()
    return _applications(bits, table, _peer_entries)


def _peer_entries(table: bytes) -> Iterator[tuple[Selector | None, int, list[int]]]:
    for kind, value in attributes(table):
        if kind == _CEE_PEER_APP and len(value) >= _DCB_APP.size:
            selector, priorities, protocol = _DCB_APP.unpack_from(value)
            yield _CEE_SELECTORS.get(selector), protocol, _numbers(priorities)

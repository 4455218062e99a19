"""Links by rtnetlink, packed and read by hand (rtnetlink(7), linux/if_link.h).

Why not the library: leaving VEPA waits for a batch of mode changes and for what the kernel then has. For 200
attachments this module needs a few milliseconds, pyroute2 more than a hundred (it costs 347 us a change and 265 us a
link dumped), and a host with a thousand links would be blind for a third of a second at every burst of events.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from evbagent.events import LinkState
from evbagent.linux.netlink import NLMSG_DONE, NLMSG_ERROR, REQUEST, NetlinkError, attribute, message, messages
from evbagent.status import MacvlanMode
from evbagent.wire.octets import MacAddress

__all__ = ["LINK_GROUP", "NSID_GROUP", "NetlinkError", "RouteSocket", "pack_mode"]

LINK_GROUP: Final = 1 << 0  # RTMGRP_LINK
NSID_GROUP: Final = 28  # RTNLGRP_NSID, beyond the 32 groups that a bind can name

_LINK: Final = struct.Struct("=BxHiII")  # family, device type, index, flags, change

_RTM_NEWLINK, _RTM_GETLINK, _RTM_SETLINK, _RTM_NEWNSID, _RTM_GETNSID = 16, 18, 19, 88, 90
_ACK, _DUMP, _DUMP_INTR = 0x4, 0x300, 0x10
_NESTED: Final = 0x8000
_TYPE_MASK: Final = 0x3FFF

_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_LINK, _IFLA_MASTER, _IFLA_PROTINFO = 1, 3, 5, 10, 12
_IFLA_LINKINFO, _IFLA_EXT_MASK, _IFLA_CARRIER, _IFLA_LINK_NETNSID = 18, 29, 33, 37
_IFLA_TARGET_NETNSID, _IFLA_CARRIER_UP_COUNT = 46, 47
_INFO_KIND, _INFO_DATA, _INFO_SLAVE_KIND, _INFO_SLAVE_DATA = 1, 2, 4, 5
_MACVLAN_MODE, _BR_STP_STATE, _BRPORT_MODE, _NETNSA_NSID, _NETNSA_FD = 1, 5, 4, 1, 3
_UNASSIGNED: Final = -1  # NETNSA_NSID_NOT_ASSIGNED
_SKIP_STATS: Final = 1 << 3  # RTEXT_FILTER_SKIP_STATS
_IFF_UP: Final = 0x1
_ARPHRD_ETHER: Final = 1

_LINK_ATTRIBUTES: Final = frozenset(
    {
        _IFLA_ADDRESS,
        _IFLA_IFNAME,
        _IFLA_LINK,
        _IFLA_MASTER,
        _IFLA_LINKINFO,
        _IFLA_CARRIER,
        _IFLA_LINK_NETNSID,
        _IFLA_CARRIER_UP_COUNT,
    }
)
_INFO_ATTRIBUTES: Final = frozenset({_INFO_KIND, _INFO_DATA, _INFO_SLAVE_KIND, _INFO_SLAVE_DATA})
_LINKINFO: Final = frozenset({_IFLA_LINKINFO})
_INFO_MODE: Final = frozenset({_INFO_KIND, _INFO_DATA})
_STP: Final = frozenset({_BR_STP_STATE})
_HAIRPIN: Final = frozenset({_BRPORT_MODE})
_MACVLAN: Final = frozenset({_MACVLAN_MODE})
_NSID: Final = frozenset({_NETNSA_NSID})

_MODES: Final = {
    1: MacvlanMode.PRIVATE,
    2: MacvlanMode.VEPA,
    4: MacvlanMode.BRIDGE,
    8: MacvlanMode.PASSTHRU,
    16: MacvlanMode.SOURCE,
}
_MODE_NUMBERS: Final = {mode: number for number, mode in _MODES.items()}
_MACVLAN_KINDS: Final = frozenset({b"macvlan", b"macvtap"})
_BATCH: Final = 64 * 1024  # octets of one sendto; the kernel takes no more than its send buffer in one message
_RECEIVE: Final = 1 << 20
_ANSWER_WITHIN: Final = 5  # seconds; the kernel answers at once, and the loop must not wait for ever
_TRIES: Final = 4  # dumps that the kernel says were interrupted by a change


def pack_mode(ifindex: int, kind: str, mode: MacvlanMode, sequence: int) -> bytes:
    """One RTM_NEWLINK that changes a live macvlan's or macvtap's mode; it asks for no ack, errors come anyway."""
    data = attribute(_INFO_DATA, attribute(_MACVLAN_MODE, struct.pack("=I", _MODE_NUMBERS[mode])))
    info = attribute(_IFLA_LINKINFO, attribute(_INFO_KIND, kind.encode() + b"\0") + data)
    return message(_RTM_NEWLINK, REQUEST, sequence, _LINK.pack(0, 0, ifindex, 0, 0) + info)


class RouteSocket:
    """One NETLINK_ROUTE socket for requests; it never shares events, whose overflow would spoil answers."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        enlarge(self._socket)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("@ll", _ANSWER_WITHIN, 0))
        self._socket.bind((0, 0))
        self._sequence = 0
        self._interrupted = False
        self._namespace = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)

    def close(self) -> None:
        self._socket.close()
        os.close(self._namespace)

    def links(self) -> dict[int, LinkState]:
        """Ethernet links of this namespace by ifindex, bridges' and VLANs' included; raises `NetlinkError`."""
        return self._dump(b"", foreign=None)

    def foreign_links(self) -> list[LinkState]:
        """Macvlan and macvtap devices in other namespaces that hang on ours, as far as the kernel shows them."""
        found: list[LinkState] = []
        nsids = self._namespaces()
        own = self._own_namespace() if nsids else _UNASSIGNED
        for nsid in nsids:
            if nsid == own:
                continue
            if own == _UNASSIGNED:  # listing a link that refers to here is what gives us a number
                self._dump_of(nsid, own)
                own = self._own_namespace()
            links = self._dump_of(nsid, own)
            found += [link for link in links.values() if link.mode is not None and link.lower is not None]
        return found

    def _dump_of(self, nsid: int, own: int) -> dict[int, LinkState]:
        target = attribute(_IFLA_TARGET_NETNSID, struct.pack("=i", nsid))
        try:
            return self._dump(target, foreign=own)
        except OSError:  # it has gone, or belongs to a user namespace where we have no rights: nothing to show
            return {}

    def _namespaces(self) -> list[int]:
        request = message(_RTM_GETNSID, REQUEST | _DUMP, self._next(), b"\0\0\0\0")
        self._socket.send(request)
        nsids = []
        for kind, body in self._answers():
            if kind == _RTM_NEWNSID:
                nsids.append(_nsid(body))
        return [nsid for nsid in nsids if nsid != _UNASSIGNED]

    def _own_namespace(self) -> int:
        """The number that this namespace has for itself; the kernel gives it one when a link there refers to here."""
        fd = struct.pack("=I", self._namespace)
        self._socket.send(message(_RTM_GETNSID, REQUEST, self._next(), b"\0\0\0\0" + attribute(_NETNSA_FD, fd)))
        for kind, body in self._answers(single=True):
            if kind == _RTM_NEWNSID:
                return _nsid(body)
        return _UNASSIGNED

    def set_modes(self, wishes: Mapping[int, tuple[str, MacvlanMode]]) -> dict[int, int]:
        """Change modes (ifindex to kind and mode), all in one go; errno by ifindex for those that were refused.

        The kernel works a batch off inside `send`: when it returns, every change has happened or has its error queued.
        """
        sequences: dict[int, int] = {}
        batches: list[bytearray] = [bytearray()]
        for ifindex, (kind, mode) in wishes.items():
            sequence = self._next()
            sequences[sequence] = ifindex
            message = pack_mode(ifindex, kind, mode, sequence)
            if len(batches[-1]) + len(message) > _BATCH:
                batches.append(bytearray())
            batches[-1] += message
        errors: dict[int, int] = {}
        for batch in batches:
            self._socket.send(batch)
            errors |= {sequences[seq]: number for seq, number in self._errors() if seq in sequences}
        return errors

    def modes(self, ifindexes: Collection[int]) -> dict[int, MacvlanMode]:
        """The modes that these have now; a device that is gone, or is no macvlan, is missing. Raises `NetlinkError`."""
        found = {}
        for body in self._link_messages():
            ifindex = _LINK.unpack_from(body)[2]
            if ifindex in ifindexes:
                mode = _mode(_select(_select(body, _LINK.size, _LINKINFO).get(_IFLA_LINKINFO, b""), 0, _INFO_MODE))
                if mode is not None:
                    found[ifindex] = mode
        if self._interrupted and len(found) < len(ifindexes):  # what is missing may be there all the same
            raise NetlinkError(errno.EINTR, "links changed while they were read")
        return found

    def set_hairpin(self, ifindex: int, *, on: bool) -> None:
        """Set or clear a bridge port's hairpin flag; raises `NetlinkError`."""
        flag = attribute(_IFLA_PROTINFO | _NESTED, attribute(_BRPORT_MODE, bytes([on])))
        body = _LINK.pack(socket.AF_BRIDGE, 0, ifindex, 0, 0) + flag
        self._socket.send(message(_RTM_SETLINK, REQUEST | _ACK, self._next(), body))
        for _ in self._answers():
            pass

    def hairpin(self, ifindex: int) -> bool | None:
        """A bridge port's hairpin flag, None where the link is none; raises `NetlinkError`."""
        link = self.links().get(ifindex)
        return None if link is None else link.hairpin

    def _next(self) -> int:
        self._sequence = self._sequence % 0x7FFFFFFF + 1
        return self._sequence

    def _dump(self, attributes: bytes, *, foreign: int | None) -> dict[int, LinkState]:
        links = [_link(body, foreign) for body in self._link_messages(attributes)]
        return {link.ifindex: link for link in links if link is not None}

    def _link_messages(self, attributes: bytes = b"") -> list[bytes]:
        """Every link's message.

        A dump that a change interrupted may lack links, and one whose answers overflowed the buffer does: it is asked
        for again, a few times. `_interrupted` tells whether the last one was.
        """
        request = _LINK.pack(0, 0, 0, 0, 0) + attribute(_IFLA_EXT_MASK, struct.pack("=I", _SKIP_STATS)) + attributes
        for last in (*[False] * (_TRIES - 1), True):
            self._socket.send(message(_RTM_GETLINK, REQUEST | _DUMP, self._next(), request))
            self._interrupted = False
            try:
                bodies = [body for kind, body in self._answers() if kind == _RTM_NEWLINK]
            except OSError as error:
                if error.errno != errno.ENOBUFS or last:
                    raise
                continue
            if last or not self._interrupted:
                return bodies
        raise NetlinkError(errno.ENOBUFS, os.strerror(errno.ENOBUFS))

    def _answers(self, *, single: bool = False) -> Iterator[tuple[int, bytes]]:
        """Messages up to DONE or the ack, or one where a request has a single answer; raises `NetlinkError`."""
        while True:
            try:
                data = self._socket.recv(_RECEIVE)
            except BlockingIOError:
                raise NetlinkError(errno.ETIMEDOUT, "the kernel does not answer") from None
            for kind, flags, sequence, body in messages(data):
                if sequence != self._sequence:
                    continue  # an answer to a request that was given up
                self._interrupted |= bool(flags & _DUMP_INTR)
                if kind == NLMSG_DONE:
                    return
                if kind == NLMSG_ERROR:
                    number = -struct.unpack_from("=i", body)[0]
                    if number:
                        raise NetlinkError(number, os.strerror(number))
                    return
                yield kind, body
                if single:
                    return

    def _errors(self) -> Iterator[tuple[int, int]]:
        """What the kernel has queued by now: sequence and errno."""
        while True:
            try:
                data = self._socket.recv(_RECEIVE, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            for kind, _, sequence, body in messages(data):
                if kind == NLMSG_ERROR:
                    number = -struct.unpack_from("=i", body)[0]
                    if number:
                        yield sequence, number


def enlarge(sock: socket.socket, size: int = 4 << 20) -> None:
    """A receive buffer that outlasts a burst; beyond the system's limit only with CAP_NET_ADMIN."""
    try:
        sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, size)
    except PermissionError:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)


_SO_RCVBUFFORCE: Final = 33


def _select(data: bytes, at: int, wanted: frozenset[int]) -> dict[int, bytes]:
    """The wanted attributes from `at` on (a multiple of 4); it ends with the data, or once it has them all."""
    found: dict[int, bytes] = {}
    words = memoryview(data[: len(data) & ~1]).cast("H")  # a third of the time that unpacking takes
    end = len(words) - 1
    at >>= 1
    while at < end:
        length = words[at]
        if length < 4:
            break
        kind = words[at + 1] & _TYPE_MASK
        if kind in wanted:
            found[kind] = data[2 * at + 4 : 2 * at + length]
            if len(found) == len(wanted):
                break
        at += (length + 3 & ~3) >> 1
    return found


def _number(value: bytes | None) -> int | None:
    return None if value is None else int.from_bytes(value, sys.byteorder)


def _link(body: bytes, foreign: int | None) -> LinkState | None:
    """None for what is no Ethernet device; `foreign`: it is in another namespace, and ours has this number."""
    _, device, ifindex, flags, _ = _LINK.unpack_from(body)
    if device != _ARPHRD_ETHER:
        return None
    attributes = _select(body, _LINK.size, _LINK_ATTRIBUTES)
    info = _select(attributes.get(_IFLA_LINKINFO, b""), 0, _INFO_ATTRIBUTES)
    kind = info[_INFO_KIND].rstrip(b"\0").decode() if _INFO_KIND in info else None
    stp = _select(info.get(_INFO_DATA, b""), 0, _STP) if kind == "bridge" else {}
    address = attributes.get(_IFLA_ADDRESS, b"")
    lower_is_here = _signed(attributes.get(_IFLA_LINK_NETNSID)) == foreign
    return LinkState(
        ifindex=ifindex,
        name=attributes.get(_IFLA_IFNAME, b"").rstrip(b"\0").decode(errors="replace"),
        address=MacAddress(address) if len(address) == 6 else None,
        up=bool(flags & _IFF_UP),
        carrier=bool(_number(attributes.get(_IFLA_CARRIER))),
        carrier_ups=_number(attributes.get(_IFLA_CARRIER_UP_COUNT)) or 0,
        kind=kind,
        lower=_number(attributes.get(_IFLA_LINK)) if lower_is_here else None,
        master=_number(attributes.get(_IFLA_MASTER)),
        mode=_mode(info),
        stp=bool(_number(stp.get(_BR_STP_STATE))),
        hairpin=_hairpin(info),
        foreign=foreign is not None,
    )


def _signed(value: bytes | None) -> int | None:
    return None if value is None else int.from_bytes(value, sys.byteorder, signed=True)


def _nsid(body: bytes) -> int:
    number = _signed(_select(body, 4, _NSID).get(_NETNSA_NSID))
    return _UNASSIGNED if number is None else number


def _hairpin(info: Mapping[int, bytes]) -> bool | None:
    if info.get(_INFO_SLAVE_KIND, b"").rstrip(b"\0") != b"bridge":
        return None
    return bool(_number(_select(info.get(_INFO_SLAVE_DATA, b""), 0, _HAIRPIN).get(_BRPORT_MODE)))


def _mode(info: Mapping[int, bytes]) -> MacvlanMode | None:
    if info.get(_INFO_KIND, b"").rstrip(b"\0") not in _MACVLAN_KINDS:
        return None
    return _MODES.get(_number(_select(info.get(_INFO_DATA, b""), 0, _MACVLAN).get(_MACVLAN_MODE)) or 0)

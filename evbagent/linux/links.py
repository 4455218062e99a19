"""The links of this namespace: a table that is dumped anew whenever the kernel says that something changed."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Mapping
from typing import Final

from evbagent.events import LinkState
from evbagent.linux.rtnetlink import LINK_GROUP, NSID_GROUP, RouteSocket, enlarge

__all__ = ["LinkEvents", "LinkTable"]

_SOL_NETLINK: Final = 270
_ADD_MEMBERSHIP: Final = 1
_EVENTS_BUFFER: Final = 4 << 20
_LARGEST: Final = 1 << 16


class LinkEvents:
    """Tells that something changed, not what: the kernel paces and merges events, and a dump knows it all."""

    def __init__(self) -> None:
        kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        self._socket = socket.socket(socket.AF_NETLINK, kind, socket.NETLINK_ROUTE)
        enlarge(self._socket, _EVENTS_BUFFER)
        self._socket.bind((0, LINK_GROUP))
        self._socket.setsockopt(_SOL_NETLINK, _ADD_MEMBERSHIP, NSID_GROUP)

    def fileno(self) -> int:
        return self._socket.fileno()

    def close(self) -> None:
        self._socket.close()

    def drain(self) -> None:
        """Throw away what is queued; raises `OSError` (ENOBUFS) where events were lost."""
        while True:
            try:
                self._socket.recv(_LARGEST)
            except BlockingIOError:
                return


class LinkTable:
    """The last dump, and questions to it."""

    def __init__(self, route: RouteSocket) -> None:
        self._route = route
        self._links: Mapping[int, LinkState] = {}
        self._foreign: list[LinkState] = []
        self._by_lower: dict[int, list[LinkState]] = {}

    def refresh(self, *, foreign: bool = False) -> bool:
        """Dump anew; True where anything changed. Raises `NetlinkError`.

        Other namespaces are looked at when asked, and when an attachment has left, perhaps for one of them.
        """
        old, old_foreign = self._links, self._foreign
        links, elsewhere = self._route.links(), old_foreign
        gone = any(link.mode is not None and index not in links for index, link in old.items())
        if foreign or gone:
            elsewhere = self._route.foreign_links()
        self._links, self._foreign = links, elsewhere  # both or neither: a change that was read is told
        self._by_lower = {}
        for link in (*links.values(), *elsewhere):
            if link.lower is not None:
                self._by_lower.setdefault(link.lower, []).append(link)
        return old != links or old_foreign != elsewhere

    def __iter__(self) -> Iterator[LinkState]:
        return iter(self._links.values())

    def named(self, name: str) -> LinkState | None:
        return next((link for link in self if link.name == name), None)

    def __contains__(self, ifindex: int) -> bool:
        return ifindex in self._links

    def kind(self, ifindex: int) -> str:
        """The kind of a device of ours, empty where it is none (any more)."""
        link = self._links.get(ifindex)
        return "" if link is None else link.kind or ""

    def attachments(self, lower: int) -> list[LinkState]:
        """The macvlan and macvtap devices on that link, those in other namespaces included."""
        return [link for link in self._by_lower.get(lower, ()) if link.mode is not None]

    def needs_everything(self, port: LinkState) -> bool:
        """Whether an ETH_P_LLDP socket on that port would miss the customer-bridge scope, or tags."""
        master = None if port.master is None else self._links.get(port.master)
        swallowed = master is not None and master.kind == "bridge" and not master.stp
        return swallowed or any(link.kind == "vlan" for link in self._by_lower.get(port.ifindex, ()))

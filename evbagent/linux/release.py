"""Uplinks that nobody watches any more: guests out of VEPA as the kernel has them now, then goodbye to the switch."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from evbagent.effects import SetModes
from evbagent.legacy import Legacy
from evbagent.linux.kernel import Kernel
from evbagent.linux.links import LinkTable
from evbagent.linux.rtnetlink import RouteSocket
from evbagent.status import MacvlanMode

__all__ = ["Released", "release"]

_TC_PRIO_CONTROL: Final = 7  # as all LLDP of ours


@dataclass(frozen=True, slots=True)
class Released:
    """What became of one uplink: modes of guests' devices by name as read back, who was `freed`, who is `stuck`, why.

    `told` counts the shutdown LLDPDUs that left; none leaves while somebody is stuck, who needs the switch to reflect.
    """

    name: str
    modes: Mapping[str, MacvlanMode]
    freed: tuple[str, ...]
    stuck: Mapping[str, str]
    told: int


def release(uplinks: Iterable[Legacy]) -> list[Released]:
    """Every managed attachment of these into bridge mode, and the switches told. Raises `OSError`: no links to be read.

    Whatever the daemon had decided last: what counts is in which mode the kernel has guests now.
    """
    with contextlib.closing(RouteSocket()) as route:
        links = LinkTable(route)
        links.refresh()
        return [_release(uplink, links, Kernel(route, links)) for uplink in uplinks]


def _release(uplink: Legacy, links: LinkTable, kernel: Kernel) -> Released:
    guests = {link.ifindex: link.name for link in links.attachments(uplink.ifindex)}
    modes = {link.ifindex: link.mode for link in links.attachments(uplink.ifindex) if link.mode is not None}
    inside = [index for index, mode in modes.items() if mode is MacvlanMode.VEPA]
    errors: Mapping[int, int] = {}
    if inside:
        outcome = kernel.set_modes(SetModes(uplink.name, dict.fromkeys(inside, MacvlanMode.BRIDGE)))
        errors = outcome.errors
        if outcome.modes is not None:  # else they are taken for what they were
            modes = {i: m for i, m in modes.items() if i not in inside} | dict(outcome.modes)
    stuck = {index for index in inside if modes.get(index) is MacvlanMode.VEPA}
    return Released(
        uplink.name,
        {guests[index]: mode for index, mode in modes.items()},
        tuple(guests[index] for index in inside if index not in stuck),
        {guests[index]: errno.errorcode.get(errors.get(index, 0), "no error, yet still in vepa") for index in stuck},
        0 if stuck else _tell(uplink),
    )


def _tell(uplink: Legacy) -> int:
    told = 0
    for goodbye in uplink.goodbyes:
        with contextlib.suppress(OSError):  # the link is down or away, and nobody is there to hear it
            _send(goodbye.ifindex, bytes.fromhex(goodbye.frame))
            told += 1
    return told


def _send(ifindex: int, octets: bytes) -> None:
    """One frame, from somebody who does not listen."""
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC, 0) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_PRIORITY, _TC_PRIO_CONTROL)
        sock.sendto(octets, (socket.if_indextoname(ifindex), 0))

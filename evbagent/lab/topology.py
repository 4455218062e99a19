"""The links of the lab, made with pyroute2: a cable, a bridge at one end, guests' macvlans at the other."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from pyroute2 import IPRoute

from evbagent.lab.namespaces import Namespace
from evbagent.status import MacvlanMode
from evbagent.wire.octets import MacAddress

__all__ = [
    "BRIDGE",
    "HOST_ADDRESS",
    "SWITCH_ADDRESS",
    "SWITCH_PORT",
    "UPLINK",
    "add_guest",
    "cable",
    "edit",
    "guest_address",
    "make_switch",
    "move_port",
    "received_packets",
]

T = TypeVar("T")
UPLINK: Final = "eth0"
SWITCH_PORT: Final = "port1"
BRIDGE: Final = "br0"
HOST_ADDRESS: Final = MacAddress.parse("02:00:00:00:00:01")
SWITCH_ADDRESS: Final = MacAddress.parse("02:00:00:00:00:aa")
_FORWARDING: Final = 3  # BR_STATE_FORWARDING
_PATIENCE: Final = 10.0  # seconds for a bridge port to forward
_RECEIVED_PACKETS: Final = 1  # column of /proc/net/dev


def edit(namespace: Namespace, function: Callable[[Any], T]) -> T:
    """Run `function` with a pyroute2 handle on that namespace."""

    def inside() -> T:
        with IPRoute() as ip:
            return function(ip)

    return namespace.call(inside)


def index_of(ip: Any, name: str) -> int:
    (index,) = ip.link_lookup(ifname=name)
    return int(index)


def quiet(namespace: Namespace) -> None:
    """Loopback up, and no IPv6 chatter: what crosses a cable is what the lab sent."""
    with namespace.entered():
        for scope in ("all", "default"):
            path = Path(f"/proc/sys/net/ipv6/conf/{scope}/disable_ipv6")
            if path.exists():
                path.write_text("1")
    edit(namespace, lambda ip: ip.link("set", index=index_of(ip, "lo"), state="up"))


def cable(host: Namespace, switch: Namespace) -> None:
    """A veth pair: the uplink in the host, the port in the switch; both up."""
    peer = {"ifname": SWITCH_PORT, "net_ns_fd": switch.descriptor, "address": str(SWITCH_ADDRESS)}
    edit(host, lambda ip: ip.link("add", ifname=UPLINK, kind="veth", address=str(HOST_ADDRESS), peer=peer))
    for namespace, name in ((host, UPLINK), (switch, SWITCH_PORT)):
        set_up(namespace, name, up=True)


def set_up(namespace: Namespace, name: str, *, up: bool) -> None:
    edit(namespace, lambda ip: ip.link("set", index=index_of(ip, name), state="up" if up else "down"))


def make_switch(switch: Namespace, *, stp: bool = True) -> None:
    """A Linux bridge with the port in it, forwarding.

    With STP on, a bridge keeps frames to 01-80-C2-00-00-00 to itself as 802.1D demands; with STP off the kernel floods
    them. STP is turned on once the port forwards, which spares the wait of twice the forward delay.
    """

    def build(ip: Any) -> None:
        ip.link("add", ifname=BRIDGE, kind="bridge", br_stp_state=0, br_forward_delay=0, br_mcast_snooping=0)
        bridge, port = index_of(ip, BRIDGE), index_of(ip, SWITCH_PORT)
        ip.link("set", index=bridge, state="up")
        ip.link("set", index=port, master=bridge)
        _await_forwarding(ip, port)
        if stp:
            ip.link("set", index=bridge, kind="bridge", br_stp_state=1)

    edit(switch, build)


def move_port(switch: Namespace, old: str, new: str) -> None:
    """The end of the cable, which is down, becomes another port of the switch, one that has learnt nothing yet."""

    def build(ip: Any) -> None:
        port = index_of(ip, old)
        ip.link("set", index=port, master=0)
        ip.link("set", index=port, ifname=new)
        ip.link("set", index=port, master=index_of(ip, BRIDGE))

    edit(switch, build)


def _await_forwarding(ip: Any, port: int) -> None:
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline:
        for message in ip.brport("dump", index=port):
            if message.get(("protinfo", "state")) == _FORWARDING:
                return
        time.sleep(0.005)
    raise TimeoutError(f"{SWITCH_PORT} does not forward after {_PATIENCE:g} s")


def guest_address(number: int) -> MacAddress:
    """The address of guest 1, 2, ..."""
    return MacAddress(bytes.fromhex("525400000000")[:4] + number.to_bytes(2, "big"))


def add_guest(host: Namespace, number: int, mode: MacvlanMode = MacvlanMode.BRIDGE) -> str:
    """A macvlan on the uplink, as libvirt makes a macvtap: in the host's namespace, the guest behind it. Its name."""
    name = f"guest{number}"
    address = str(guest_address(number))

    def build(ip: Any) -> None:
        lower = index_of(ip, UPLINK)
        ip.link("add", ifname=name, kind="macvlan", link=lower, macvlan_mode=mode.value, address=address)
        ip.link("set", index=index_of(ip, name), state="up")

    edit(host, build)
    return name


def received_packets(namespace: Namespace, name: str) -> int:
    """How many frames the kernel counted in at that interface."""
    with namespace.entered():
        lines = Path("/proc/thread-self/net/dev").read_text().splitlines()
    for line in lines:
        label, _, counters = line.partition(":")
        if label.strip() == name:
            return int(counters.split()[_RECEIVED_PACKETS])
    raise LookupError(f"{name} is not in {namespace.label}")

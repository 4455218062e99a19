"""Our rtnetlink against pyroute2's, on the same links: what both read, and what each makes of the other's writing."""

from __future__ import annotations

import contextlib
import errno
import select
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from pyroute2.netlink.exceptions import NetlinkError as LibraryError
from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg

from evbagent.events import LinkState
from evbagent.lab.namespaces import Namespace
from evbagent.lab.topology import edit, index_of
from evbagent.linux.links import LinkEvents
from evbagent.linux.rtnetlink import NetlinkError, RouteSocket, pack_mode
from evbagent.status import MacvlanMode
from evbagent.wire.octets import MacAddress

pytestmark = pytest.mark.netns

SHARED: Final = [MacvlanMode.PRIVATE, MacvlanMode.VEPA, MacvlanMode.BRIDGE, MacvlanMode.SOURCE]
ETHERNET: Final = 1  # ARPHRD_ETHER


@contextlib.contextmanager
def namespace(label: str = "links") -> Iterator[Namespace]:
    made = Namespace(label)
    try:
        yield made
    finally:
        made.close()


@contextlib.contextmanager
def route(inside: Namespace) -> Iterator[RouteSocket]:
    with inside.entered():
        opened = RouteSocket()
    with contextlib.closing(opened):
        yield opened


def veth(ip: Any, name: str, peer: str | dict[str, Any]) -> int:
    ip.link("add", ifname=name, kind="veth", peer=peer)
    return index_of(ip, name)


def macvlan(ip: Any, name: str, lower: int, mode: MacvlanMode, kind: str = "macvlan") -> int:
    ip.link("add", ifname=name, kind=kind, link=lower, **{f"{kind}_mode": mode.value})
    return index_of(ip, name)


def furnish(ip: Any) -> None:
    """Links of every kind that matters, in every state that matters."""
    lower = veth(ip, "v0", "v1")
    veth(ip, "a-name-of-15-ch", "silent")
    for index in (lower, index_of(ip, "v1")):
        ip.link("set", index=index, state="up")
    for kind in ("macvlan", "macvtap"):
        for mode in SHARED:
            macvlan(ip, f"{kind}-{mode.value}", lower, mode, kind)
    macvlan(ip, "alone", index_of(ip, "silent"), MacvlanMode.PASSTHRU)
    ip.link("set", index=index_of(ip, "macvlan-vepa"), state="up")
    for stp in (0, 1):
        ip.link("add", ifname=f"br-stp{stp}", kind="bridge", br_stp_state=stp)
        port = veth(ip, f"port{stp}", f"far{stp}")
        ip.link("set", index=port, master=index_of(ip, f"br-stp{stp}"))
        ip.brport("set", index=port, mode=stp)
    with contextlib.suppress(LibraryError):  # not every kernel has them
        ip.link("add", ifname="v0.5", kind="vlan", link=lower, vlan_id=5)


def as_the_library_reads(ip: Any) -> dict[int, LinkState]:
    """The Ethernet links by ifindex, as pyroute2 has them."""

    def state(message: Any) -> LinkState:
        kind, slave = message.get(("linkinfo", "kind")), message.get(("linkinfo", "slave_kind"))
        mode = message.get(("linkinfo", "data", f"{kind}_mode")) if kind in ("macvlan", "macvtap") else None
        hairpin = message.get(("linkinfo", "slave_data", "mode")) if slave == "bridge" else None
        return LinkState(
            ifindex=message["index"],
            name=message.get("ifname"),
            address=MacAddress.parse(message.get("address")),
            up=bool(message["flags"] & 1),
            carrier=bool(message.get("carrier")),
            carrier_ups=message.get("carrier_up_count"),
            kind=kind,
            lower=message.get("link") if message.get("link_netnsid") is None else None,
            master=message.get("master"),
            mode=None if mode is None else MacvlanMode(mode),
            stp=bool(message.get(("linkinfo", "data", "br_stp_state"))) if kind == "bridge" else False,
            hairpin=None if hairpin is None else bool(hairpin),
        )

    return {message["index"]: state(message) for message in ip.get_links() if message["ifi_type"] == ETHERNET}


def test_links_are_what_the_library_reads() -> None:
    with namespace() as here, namespace("elsewhere") as there, route(here) as ours:
        edit(here, furnish)
        edit(here, lambda ip: veth(ip, "cable", {"ifname": "end", "net_ns_fd": there.descriptor}))
        deadline = time.monotonic() + 10.0  # the kernel tells of carrier up to a second late
        while (links := ours.links()) != (theirs := edit(here, as_the_library_reads)) and time.monotonic() < deadline:
            pass
        assert links == theirs
        by_name = {link.name: link for link in links.values()}
        assert "lo" not in by_name
        assert {link.mode for link in links.values()} == {None, *MacvlanMode}
        assert (by_name["port0"].hairpin, by_name["port1"].hairpin, by_name["far1"].hairpin) == (False, True, None)
        assert (by_name["br-stp0"].stp, by_name["br-stp1"].stp) == (False, True)
        assert (by_name["v0"].enabled, by_name["silent"].enabled) == (True, False)
        assert by_name["macvlan-vepa"].lower == by_name["v0"].ifindex
        assert by_name["cable"].lower is None  # its other end has an index in another namespace


@pytest.mark.parametrize("kind", ["macvlan", "macvtap"])
@pytest.mark.parametrize("mode", list(MacvlanMode), ids=lambda mode: mode.value)
def test_the_library_reads_our_mode_change(kind: str, mode: MacvlanMode) -> None:
    message = ifinfmsg(pack_mode(77, kind, mode, 4711))
    message.decode()
    assert (message["header"]["sequence_number"], message["index"], message["change"]) == (4711, 77, 0)
    assert message.get(("linkinfo", "kind")) == kind
    assert message.get(("linkinfo", "data", f"{kind}_mode")) == mode.value


@pytest.mark.parametrize("kind", ["macvlan", "macvtap"])
def test_a_batch_of_mode_changes_is_what_the_library_then_reads(kind: str) -> None:
    def make(ip: Any) -> list[int]:
        lower = veth(ip, "v0", "v1")
        return [macvlan(ip, f"m{number}", lower, MacvlanMode.BRIDGE, kind) for number in range(50)]

    def modes(ip: Any) -> set[str]:
        return {link.get(("linkinfo", "data", f"{kind}_mode")) for link in ip.get_links(kind=kind)}

    with namespace() as here, route(here) as ours:
        indexes = edit(here, make)
        for mode in (MacvlanMode.VEPA, MacvlanMode.BRIDGE):
            assert ours.set_modes(dict.fromkeys(indexes, (kind, mode))) == {}
            assert edit(here, modes) == {mode.value}
            assert ours.modes(indexes) == dict.fromkeys(indexes, mode)


def test_what_cannot_be_changed_is_told_by_index_and_holds_up_nothing_else() -> None:
    def make(ip: Any) -> tuple[int, int, int, int]:
        lower = veth(ip, "v0", "v1")
        names = ("gone", "wrong", "good")
        gone, wrong, good = (macvlan(ip, name, lower, MacvlanMode.BRIDGE) for name in names)
        ip.link("del", index=gone)
        return gone, wrong, lower, good

    with namespace() as here, route(here) as ours:
        gone, wrong, lower, good = edit(here, make)
        wishes = {
            gone: ("macvlan", MacvlanMode.VEPA),
            wrong: ("macvtap", MacvlanMode.VEPA),  # it is a macvlan
            lower: ("macvlan", MacvlanMode.VEPA),  # it is a veth
            good: ("macvlan", MacvlanMode.VEPA),
        }
        errors = {gone: errno.ENODEV, wrong: errno.EOPNOTSUPP, lower: errno.EOPNOTSUPP}
        assert ours.set_modes(wishes) == errors
        assert ours.modes(wishes.keys()) == {wrong: MacvlanMode.BRIDGE, good: MacvlanMode.VEPA}


def test_a_batch_may_be_longer_than_one_message_to_the_kernel() -> None:
    with namespace() as here, route(here) as ours:
        last = edit(here, lambda ip: macvlan(ip, "m0", veth(ip, "v0", "v1"), MacvlanMode.BRIDGE))
        absent = range(10_000, 12_000)
        wishes = dict.fromkeys((*absent, last), ("macvlan", MacvlanMode.VEPA))
        assert ours.set_modes(wishes) == dict.fromkeys(absent, errno.ENODEV)
        assert ours.modes([last]) == {last: MacvlanMode.VEPA}


def test_hairpin_is_what_the_library_then_reads() -> None:
    def make(ip: Any) -> tuple[int, int]:
        ip.link("add", ifname="br0", kind="bridge")
        port = veth(ip, "v0", "v1")
        ip.link("set", index=port, master=index_of(ip, "br0"))
        return port, index_of(ip, "v1")

    with namespace() as here, route(here) as ours:
        port, no_port = edit(here, make)
        for on in (True, False):
            ours.set_hairpin(port, on=on)
            (message,) = edit(here, lambda ip: list(ip.brport("dump", index=port)))
            assert bool(message.get(("protinfo", "mode"))) is on
            assert ours.hairpin(port) is on
        assert ours.hairpin(no_port) is None
        with pytest.raises(NetlinkError) as refusal:
            ours.set_hairpin(no_port, on=True)
        assert refusal.value.errno != 0


def test_attachments_in_other_namespaces_are_found_there_and_nothing_else_is() -> None:
    with namespace() as here, namespace("one") as one, namespace("two") as two, route(here) as ours:

        def make(ip: Any) -> int:
            lower = veth(ip, "v0", "v1")
            for target, name, mode in ((one, "m1", MacvlanMode.VEPA), (two, "m2", MacvlanMode.BRIDGE)):
                ip.link("set", index=macvlan(ip, name, lower, mode), net_ns_fd=target.descriptor)
            macvlan(ip, "m3", lower, MacvlanMode.VEPA)
            return lower

        def make_there(ip: Any) -> None:
            macvlan(ip, "not-ours", veth(ip, "v0", "v1"), MacvlanMode.VEPA)

        assert ours.foreign_links() == []
        lower = edit(here, make)
        for other in (one, two):
            edit(other, make_there)
        found = {(link.name, link.mode, link.lower, link.foreign) for link in ours.foreign_links()}
        assert found == {("m1", MacvlanMode.VEPA, lower, True), ("m2", MacvlanMode.BRIDGE, lower, True)}


def test_every_change_of_a_link_is_an_event() -> None:
    with namespace() as here:
        with here.entered():
            events = LinkEvents()
        with contextlib.closing(events):

            def said(change: Callable[[Any], object]) -> bool:
                events.drain()
                edit(here, change)
                return bool(select.select([events], [], [], 2.0)[0])

            def by_name(name: str, **attributes: object) -> Callable[[Any], object]:
                return lambda ip: ip.link("set", index=index_of(ip, name), **attributes)

            assert said(lambda ip: macvlan(ip, "m0", veth(ip, "v0", "v1"), MacvlanMode.BRIDGE))
            for name in ("v0", "m0"):
                assert said(by_name(name, state="up"))
            assert said(by_name("m0", kind="macvlan", macvlan_mode="vepa"))
            assert said(lambda ip: ip.link("del", index=index_of(ip, "m0")))
            events.drain()
            assert select.select([events], [], [], 0)[0] == []

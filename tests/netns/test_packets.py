"""Which frames a packet socket hears, on every kind of port, and what it says about them."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest

from evbagent.lab import Lab
from evbagent.lab.topology import HOST_ADDRESS, SWITCH_ADDRESS, SWITCH_PORT, UPLINK, edit, guest_address, index_of
from evbagent.linux.packets import PacketSocket, Received
from evbagent.wire.ethernet import ETHERTYPE_LLDP, Frame, Scope
from evbagent.wire.octets import u16
from tests.support.taps import Captured, Tap, lldp_frame

pytestmark = pytest.mark.netns

C_TAG, S_TAG = u16(0x8100), u16(0x88A8)
EXPERIMENTAL: Final = u16(0x88B6)
OURS: Final = (u16(ETHERTYPE_LLDP), EXPERIMENTAL)
kinds = pytest.mark.parametrize("everything", [False, True], ids=["ETH_P_LLDP", "ETH_P_ALL"])


@contextlib.contextmanager
def listening(lab: Lab, *, everything: bool) -> Iterator[PacketSocket]:
    index = edit(lab.host_namespace, lambda ip: index_of(ip, UPLINK))
    with lab.host_namespace.entered():
        opened = PacketSocket(UPLINK, index, everything=everything)
    with contextlib.closing(opened):
        yield opened


def frame(scope: Scope, port: str = "port1") -> bytes:
    return lldp_frame(SWITCH_ADDRESS, chassis=SWITCH_ADDRESS, port=port, scope=scope)


def tagged(octets: bytes, tci: int) -> bytes:
    return octets[:12] + C_TAG + u16(tci) + octets[12:]


def arrived(tap: Tap) -> list[Captured]:
    """What came in of the test's own frames; a bridge with STP says something too."""
    return [each for each in tap.seen if not each.outgoing and each.octets[12:14] in OURS]


async def heard(lab: Lab, sock: PacketSocket, *frames: bytes) -> list[Received]:
    """What the socket hears of these frames from the switch; a last one, which is always heard, says that it is all."""
    marker = frame(Scope.NEAREST_BRIDGE, port="the last one")
    received: list[Received] = []

    def over() -> bool:
        received.extend(sock.receive())
        return any(each.octets == marker for each in received)

    with Tap(lab.host_namespace, UPLINK) as uplink, Tap(lab.switch_namespace, SWITCH_PORT) as port:
        for octets in frames:
            port.send(octets)
        await lab.until(lambda: len(arrived(uplink)) == len(frames), 5.0, "the frames to cross the cable")
        port.send(marker)
        await lab.until(over, 5.0, "the last frame")
    return [each for each in received if each.octets != marker]


def into_a_bridge(stp: int) -> Callable[[Any], None]:
    def build(ip: Any) -> None:
        ip.link("add", ifname="br-host", kind="bridge", br_stp_state=stp, br_forward_delay=0)
        bridge = index_of(ip, "br-host")
        ip.link("set", index=bridge, state="up")
        ip.link("set", index=index_of(ip, UPLINK), master=bridge)

    return build


ALL: Final = set(Scope)
PLACES: Final = {
    "a plain port": (0, lambda _: None, ALL),
    "under guests": (2, lambda _: None, ALL),
    "in a bridge with STP": (0, into_a_bridge(1), ALL),
    "in a bridge without STP": (0, into_a_bridge(0), ALL - {Scope.NEAREST_CUSTOMER_BRIDGE}),
}


@kinds
@pytest.mark.parametrize(("guests", "build", "lldp_hears"), PLACES.values(), ids=PLACES.keys())
def test_the_scopes_that_are_heard_on(
    guests: int, build: Callable[[Any], None], lldp_hears: set[Scope], everything: bool
) -> None:
    async def scene() -> None:
        async with Lab(guests) as lab:
            edit(lab.host_namespace, build)
            with listening(lab, everything=everything) as sock:
                received = await heard(lab, sock, *(frame(scope) for scope in Scope))
            assert {Frame.decode(each.octets).scope for each in received} == (ALL if everything else lldp_hears)
            assert len(received) == len(ALL if everything else lldp_hears)  # each of them once

    asyncio.run(scene())


@kinds
def test_nothing_but_lldp_to_a_group_is_heard(everything: bool) -> None:
    lldp = frame(Scope.NEAREST_CUSTOMER_BRIDGE)
    others = (
        HOST_ADDRESS.octets + lldp[6:],
        b"\xff" * 6 + lldp[6:],
        bytes.fromhex("0180c2000001") + lldp[6:],
        lldp[:12] + EXPERIMENTAL + lldp[14:],
    )

    async def scene() -> None:
        async with Lab(0) as lab:
            with listening(lab, everything=everything) as sock:
                assert await heard(lab, sock, *others) == []

    asyncio.run(scene())


@kinds
def test_what_leaves_the_port_is_not_heard(everything: bool) -> None:
    async def scene() -> None:
        async with Lab(1) as lab:
            with (
                listening(lab, everything=everything) as sock,
                Tap(lab.host_namespace, "guest1") as guest,
                Tap(lab.switch_namespace, SWITCH_PORT) as port,
            ):
                ours = [lldp_frame(HOST_ADDRESS, chassis=HOST_ADDRESS, scope=scope) for scope in Scope]
                forged = [
                    lldp_frame(source, chassis=SWITCH_ADDRESS, scope=scope)
                    for scope in Scope
                    for source in (guest_address(1), SWITCH_ADDRESS)
                ]
                for octets in ours:
                    sock.send(octets)
                for octets in forged:
                    guest.send(octets)
                sent = {*ours, *forged}
                await lab.until(lambda: {each.octets for each in port.heard} >= sent, 5.0, "all frames at the switch")
                assert await heard(lab, sock) == []

    asyncio.run(scene())


@kinds
def test_a_priority_tagged_frame_is_heard_as_one_of_no_vlan(everything: bool) -> None:
    sent = frame(Scope.NEAREST_CUSTOMER_BRIDGE)

    async def scene() -> None:
        async with Lab(0) as lab:
            with listening(lab, everything=everything) as sock:
                (received,) = await heard(lab, sock, tagged(sent, 7 << 13))
            assert not received.vlan
            assert Frame.decode(received.octets, received.vlan) == Frame.decode(sent)
            # A socket for one protocol gets the frame after the kernel has forgotten the tag.
            assert received.tag == (C_TAG + u16(7 << 13) if everything else b"")

    asyncio.run(scene())


@pytest.mark.parametrize("tag", [C_TAG + u16(5), S_TAG + u16(0xB007)], ids=["C-tag", "S-tag with priority"])
def test_a_tag_that_the_kernel_took_out_is_told_as_it_stood_there(tag: bytes) -> None:
    sent = frame(Scope.NEAREST_CUSTOMER_BRIDGE)

    async def scene() -> None:
        async with Lab(0) as lab:
            with listening(lab, everything=True) as sock:
                (received,) = await heard(lab, sock, sent[:12] + tag + sent[12:])
            assert (received.octets, received.tag) == (sent, tag)

    asyncio.run(scene())


@kinds
def test_a_frame_of_a_vlan_is_never_taken_for_one_of_none(everything: bool) -> None:
    sent = tagged(frame(Scope.NEAREST_CUSTOMER_BRIDGE), 5)

    async def scene() -> None:
        async with Lab(0) as lab:
            with listening(lab, everything=everything) as sock:
                received = await heard(lab, sock, sent)
            assert {each.vlan for each in received} <= {5}

    asyncio.run(scene())


@kinds
def test_a_frame_carries_the_kernels_stamp(everything: bool) -> None:
    async def scene() -> None:
        async with Lab(0) as lab:
            with listening(lab, everything=everything) as sock:
                before = time.time()
                (received,) = await heard(lab, sock, frame(Scope.NEAREST_CUSTOMER_BRIDGE))
                assert before - 0.01 <= received.stamp <= time.time() + 0.01  # the kernel's clock may be coarser

    asyncio.run(scene())


def test_one_turn_reads_a_bounded_number_of_frames_and_the_next_one_the_rest() -> None:
    async def scene() -> None:
        async with Lab(0) as lab:
            with (
                listening(lab, everything=False) as sock,
                Tap(lab.host_namespace, UPLINK) as uplink,
                Tap(lab.switch_namespace, SWITCH_PORT) as port,
            ):
                for number in range(100):
                    port.send(frame(Scope.NEAREST_CUSTOMER_BRIDGE, port=f"port{number}"))
                turns: list[int] = []

                def all_read() -> bool:
                    turns.append(len(sock.receive()))
                    return sum(turns) == 100

                await lab.until(lambda: len(uplink.heard) == 100, 5.0, "the frames to cross the cable")
                await lab.until(all_read, 5.0, "all frames to be read")
                assert turns[0] == 64

    asyncio.run(scene())


def test_a_port_that_goes_down_says_so_once_and_is_heard_again_when_it_is_up() -> None:
    def set_state(ip: Any, state: str) -> None:
        ip.link("set", index=index_of(ip, UPLINK), state=state)

    async def scene() -> None:
        async with Lab(0) as lab:
            with listening(lab, everything=False) as sock:
                edit(lab.host_namespace, lambda ip: set_state(ip, "down"))
                with pytest.raises(OSError, match="down") as failure:
                    sock.receive()
                assert failure.value.errno == errno.ENETDOWN
                assert sock.receive() == []
                edit(lab.host_namespace, lambda ip: set_state(ip, "up"))
                assert len(await heard(lab, sock, frame(Scope.NEAREST_CUSTOMER_BRIDGE))) == 1

    asyncio.run(scene())


def test_an_interface_that_is_not_there_has_no_socket() -> None:
    async def scene() -> None:
        async with Lab(0) as lab:
            with lab.host_namespace.entered(), pytest.raises(OSError, match="device") as failure:
                PacketSocket("eth9", 99, everything=False)
            assert failure.value.errno == errno.ENODEV

    asyncio.run(scene())

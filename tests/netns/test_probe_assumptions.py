"""What the probe takes for granted of kernels and switches, measured: which frames come back, where, and how fast."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Final

import pytest

from evbagent.events import LinkState, ProbeFailure
from evbagent.lab import Lab
from evbagent.lab.topology import BRIDGE, HOST_ADDRESS, SWITCH_PORT, UPLINK, edit, guest_address, index_of
from evbagent.probe.attempt import ProbeSettings
from evbagent.probe.machine import Probe
from evbagent.probe.place import probe_address
from evbagent.status import MacvlanMode
from evbagent.wire.probe_frame import ETHERTYPE_PROBE, ProbeFrame
from tests.support.probing import Prober, ProbeSocket
from tests.support.taps import Captured, Tap

pytestmark = pytest.mark.netns

KEY: Final = bytes(range(32))
SEED: Final = b"the test"
NONCE: Final = bytes(8)
OWN: Final = probe_address(KEY, 2, {HOST_ADDRESS})
TEACH: Final = ProbeFrame(OWN, HOST_ADDRESS, 2, NONCE, 1).encode(KEY)
PROBE: Final = ProbeFrame(HOST_ADDRESS, OWN, 2, NONCE, 1).encode(KEY)
LAST: Final = ProbeFrame(HOST_ADDRESS, OWN, 2, NONCE, 2).encode(KEY)
"""From the switch itself: what comes after all that came before."""

OTHER_PORT, NEIGHBOR = "port2", "far"
_FORWARDING: Final = 3  # BR_STATE_FORWARDING
_NTF_MASTER, _NUD_NOARP = 0x04, 0x40  # an entry that nobody has to learn


@contextlib.asynccontextmanager
async def listening(lab: Lab, *, everything: bool) -> AsyncIterator[ProbeSocket]:
    """The socket on the uplink, once the kernel sends there: carrier alone is a little early."""

    def works() -> bool:
        (link,) = edit(lab.host_namespace, lambda ip: list(ip.get_links(index_of(ip, UPLINK))))
        return bool(link.get_attr("IFLA_OPERSTATE") == "UP")

    await lab.until(works, 5.0, "the uplink to be up")
    with contextlib.closing(ProbeSocket(lab.host_namespace, UPLINK, HOST_ADDRESS, everything=everything)) as sock:
        yield sock


def of_probes(tap: Tap, *, outgoing: bool) -> list[bytes]:
    wanted = ETHERTYPE_PROBE.to_bytes(2, "big")

    def fits(each: Captured) -> bool:
        return each.octets[12:14] == wanted and each.outgoing is outgoing

    return [each.octets for each in tap.seen if fits(each)]


async def sent(lab: Lab, sock: ProbeSocket, *frames: bytes) -> tuple[list[bytes], list[bytes]]:
    """What the socket hears when these frames leave, and what comes in at the port at all; the switch's own apart."""
    with Tap(lab.host_namespace, UPLINK) as uplink, Tap(lab.switch_namespace, SWITCH_PORT) as port:
        for octets in frames:
            sock.send(octets)
        await lab.until(lambda: of_probes(port, outgoing=False) == list(frames), 5.0, "the frames to cross the cable")
        port.send(LAST)
        await lab.until(lambda: LAST in of_probes(uplink, outgoing=False), 5.0, "the last frame")
        heard = [octets for octets, _ in sock.receive()]
        return [each for each in heard if each != LAST], of_probes(uplink, outgoing=False)[:-1]


def under(mode: MacvlanMode) -> Callable[[Lab], object]:
    return lambda lab: lab.add_guest(1, mode)


def into_a_bridge(lab: Lab) -> None:
    def build(ip: Any) -> None:
        ip.link("add", ifname="br-host", kind="bridge", br_stp_state=0, br_forward_delay=0)
        bridge = index_of(ip, "br-host")
        ip.link("set", index=bridge, state="up")
        ip.link("set", index=index_of(ip, UPLINK), master=bridge)

    edit(lab.host_namespace, build)


PLACES: Final[dict[str, tuple[Callable[[Lab], object], bool]]] = {
    # how it is made, and whether a socket of the probe's EtherType hears there
    "a plain port": (lambda _: None, True),
    **{f"under a macvlan in {mode.value}": (under(mode), True) for mode in MacvlanMode},
    "a port of a host bridge": (into_a_bridge, False),
}


@pytest.mark.parametrize("everything", [False, True], ids=["ETH_P_802_EX1", "ETH_P_ALL"])
@pytest.mark.parametrize(("build", "hears"), PLACES.values(), ids=PLACES.keys())
def test_the_probe_comes_back_where_the_switch_reflects_and_only_there(
    build: Callable[[Lab], object], hears: bool, everything: bool
) -> None:
    async def scene() -> None:
        async with Lab(0) as lab:
            build(lab)
            async with listening(lab, everything=everything) as sock:
                lab.switch.set_hairpin(on=True)
                heard, _ = await sent(lab, sock, TEACH, PROBE)
                assert heard == ([PROBE] if everything or hears else [])
                lab.switch.set_hairpin(on=False)
                assert await sent(lab, sock, TEACH, PROBE) == ([], [])

    asyncio.run(scene())


def test_it_comes_back_without_promiscuity() -> None:
    async def scene() -> None:
        async with Lab(0) as lab:
            lab.switch.set_hairpin(on=True)
            async with listening(lab, everything=False) as sock:
                heard, _ = await sent(lab, sock, TEACH, PROBE)
                assert heard == [PROBE]
                links = edit(lab.host_namespace, lambda ip: list(ip.get_links(index_of(ip, UPLINK))))
                assert links[0].get_attr("IFLA_PROMISCUITY") == 0

    asyncio.run(scene())


def test_what_teaches_the_switch_is_reflected_too_and_the_filter_keeps_it_out() -> None:
    async def scene() -> None:
        async with Lab(0) as lab:
            lab.switch.set_hairpin(on=True)
            lab.add_guest(1, MacvlanMode.PASSTHRU)
            async with listening(lab, everything=False) as sock:
                heard, arrived = await sent(lab, sock, TEACH, PROBE, TEACH, PROBE)
                assert heard == [PROBE, PROBE]
                assert arrived == [TEACH, PROBE, TEACH, PROBE]

    asyncio.run(scene())


@pytest.mark.parametrize("mode", [MacvlanMode.VEPA, MacvlanMode.BRIDGE, MacvlanMode.PRIVATE])
def test_no_guest_sees_a_probe_so_none_can_send_it_back(mode: MacvlanMode) -> None:
    async def scene() -> None:
        async with Lab(0) as lab:
            lab.switch.set_hairpin(on=True)
            name = lab.add_guest(1, mode)
            async with listening(lab, everything=False) as sock:
                with Tap(lab.host_namespace, name) as guest:
                    heard, _ = await sent(lab, sock, TEACH, PROBE, TEACH, PROBE)
                    assert len(heard) == 2
                    with Tap(lab.switch_namespace, SWITCH_PORT) as port:
                        port.send(guest_address(1).octets + LAST[6:])  # that it would see something, had it come
                    await lab.until(lambda: guest.seen, 5.0, "a frame at the guest")
                    assert of_probes(guest, outgoing=False) == [guest_address(1).octets + LAST[6:]]

    asyncio.run(scene())


async def add_a_neighbor(lab: Lab) -> None:
    """One more port of the switch, somebody on it."""

    def build(ip: Any) -> int:
        ip.link("add", ifname=OTHER_PORT, kind="veth", peer=NEIGHBOR)
        for name in (OTHER_PORT, NEIGHBOR):
            ip.link("set", index=index_of(ip, name), state="up")
        ip.link("set", index=index_of(ip, OTHER_PORT), master=index_of(ip, BRIDGE))
        return index_of(ip, OTHER_PORT)

    port = edit(lab.switch_namespace, build)

    def forwards() -> bool:
        messages = edit(lab.switch_namespace, lambda ip: list(ip.brport("dump", index=port)))
        return [message.get(("protinfo", "state")) for message in messages] == [_FORWARDING]

    await lab.until(forwards, 10.0, "the other port to forward")


@pytest.mark.parametrize("relay", [True, False])
def test_until_the_switch_has_learnt_the_port_everybody_gets_the_probe(relay: bool) -> None:
    async def scene() -> None:
        async with Lab(0, stp=False) as lab:
            await add_a_neighbor(lab)
            lab.switch.set_hairpin(on=relay)
            async with listening(lab, everything=False) as sock:
                with Tap(lab.switch_namespace, NEIGHBOR) as neighbor:
                    await sent(lab, sock, PROBE)
                    assert of_probes(neighbor, outgoing=False) == [PROBE]
                    await sent(lab, sock, TEACH, PROBE)
                    await sent(lab, sock, TEACH, PROBE)
                    assert of_probes(neighbor, outgoing=False) == [PROBE]

    asyncio.run(scene())


def test_a_round_that_teaches_first_shows_the_neighbor_nothing_that_could_be_sent_back() -> None:
    async def scene() -> None:
        async with Lab(0, stp=False) as lab:
            await add_a_neighbor(lab)
            async with listening(lab, everything=False) as sock:
                with Tap(lab.switch_namespace, NEIGHBOR) as neighbor:
                    await sent(lab, sock, TEACH, PROBE)
                    await sent(lab, sock, TEACH, PROBE)
                    assert of_probes(neighbor, outgoing=False) == [TEACH]

    asyncio.run(scene())


# --- the probe itself


@contextlib.asynccontextmanager
async def probing(lab: Lab, settings: ProbeSettings) -> AsyncIterator[Prober]:
    index = edit(lab.host_namespace, lambda ip: index_of(ip, UPLINK))
    link = LinkState(index, UPLINK, HOST_ADDRESS, up=True, carrier=True, carrier_ups=1)
    async with listening(lab, everything=False) as sock:
        prober = Prober(Probe(UPLINK, KEY, SEED, settings), sock)
        try:
            prober.start(link)
            yield prober
        finally:
            prober.close()


async def verified(lab: Lab, prober: Prober, wanted: bool) -> None:
    await lab.until(lambda: prober.probe.evidence.verified is wanted, 5.0, f"relay to be found {wanted}")


async def in_phase(lab: Lab, prober: Prober, phase: float) -> None:
    """Wait for the next round, and so many seconds from there."""
    sent = prober.probe.status.sent
    await lab.until(lambda: prober.probe.status.sent > sent, 5.0, "the next round")
    begin = asyncio.get_running_loop().time()
    await lab.until(lambda: asyncio.get_running_loop().time() >= begin + phase, 5.0, "its phase")


def test_relay_that_goes_is_disproved_in_time_and_comes_back() -> None:
    tuned = ProbeSettings(proofs=1)

    async def scene() -> None:
        async with Lab(2) as lab:
            loop = asyncio.get_running_loop()
            lab.switch.set_hairpin(on=True)
            async with probing(lab, tuned) as prober:
                for phase in (0.0, 0.06, 0.12, 0.18, 0.24):
                    await verified(lab, prober, True)
                    await in_phase(lab, prober, phase)
                    voided = prober.probe.status.voided
                    lab.switch.set_hairpin(on=False)
                    off = loop.time()
                    await verified(lab, prober, False)
                    at, evidence = prober.known[-1]
                    late = sum(seconds for handled, seconds in prober.late if handled >= off)
                    voided = prober.probe.status.voided - voided
                    longest = tuned.detection - tuned.interval  # what one void attempt can cost
                    assert at - off <= tuned.detection + late + voided * longest + 0.005
                    assert evidence.failure is ProbeFailure.STOPPED
                    lab.switch.set_hairpin(on=True)
                status = prober.probe.status
                assert status.discards == {}
                assert status.round_trips.sum / status.round_trips.total < 0.005

    asyncio.run(scene())


def test_a_switch_that_lets_no_second_address_in_is_told_from_one_whose_relay_stopped() -> None:
    def lock(ip: Any) -> None:
        port = index_of(ip, SWITCH_PORT)
        entry = {"ifindex": port, "lladdr": str(HOST_ADDRESS), "flags": _NTF_MASTER, "state": _NUD_NOARP}
        ip.fdb("append", **entry)
        ip.brport("set", index=port, locked=1, learning=0)

    async def scene() -> None:
        async with Lab(2) as lab:
            lab.switch.set_hairpin(on=True)
            edit(lab.switch_namespace, lock)
            async with probing(lab, ProbeSettings()) as prober:
                await verified(lab, prober, False)
                assert prober.probe.evidence.failure is ProbeFailure.NEVER
                assert prober.probe.status.reflected == 0

    asyncio.run(scene())

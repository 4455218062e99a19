"""DCBX on its way through a port and an uplink: heard on one scope, shown, published, and nothing to do with modes."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from evbagent.dcb import DcbxMismatch, DcbxSource, DcbxVersion
from evbagent.effects import Actuated, Effect, Publish, SendFrame, SetModes
from evbagent.entry import EntrySettings
from evbagent.evb.station import Station
from evbagent.events import LinkState
from evbagent.port import Port
from evbagent.status import MacvlanMode
from evbagent.uplink import Uplink, UplinkSettings
from evbagent.wire.ethernet import Scope
from evbagent.wire.octets import MacAddress
from tests.support.dcbx import CEE, IEEE, KERNEL, PFC
from tests.support.frames import HOST, IDENTITY, OTHER, SWITCH, agents, bridge, perform

NEAREST = Scope.NEAREST_BRIDGE
ETH0 = LinkState(2, "eth0", HOST, up=True, carrier=True, carrier_ups=1)
OFFERED, ANOTHER = SWITCH.frame(*IEEE, scope=NEAREST), SWITCH.frame(PFC.tlv(), scope=NEAREST)
GRANTED = SWITCH.frame(bridge())


def port() -> Port:
    made = Port("eth0", IDENTITY, agents(), Station("eth0", request=True))
    made.link(ETH0, frozenset(), 0.0)
    made.dcb(KERNEL)
    made.receive(OFFERED, None, 1.0)
    return made


def test_a_port_shows_the_offer_and_what_the_kernel_has() -> None:
    status = port().status(2.0).dcbx
    assert (status.port, status.source, status.own) == ("eth0", DcbxSource.LLDP, KERNEL.own)
    assert status.offer is not None
    assert status.offer.version is DcbxVersion.IEEE


CUT: dict[str, tuple[Callable[[Port], list[Effect]], bool]] = {
    # what happens -> whether what the kernel said still counts; what was heard does in none of them
    "carrier lost": (lambda made: made.link(replace(ETH0, carrier=False), frozenset(), 2.0), True),
    "a flap between two looks": (lambda made: made.link(replace(ETH0, carrier_ups=2), frozenset(), 2.0), True),
    "another interface of the name": (lambda made: made.link(replace(ETH0, ifindex=9), frozenset(), 2.0), False),
    "the interface goes": (lambda made: made.link(None, frozenset(), 2.0), False),
    "its time ended": (lambda made: made.on_deadline(122.0), True),
    "goodbye": (lambda made: made.receive(SWITCH.frame(ttl=0, scope=NEAREST), None, 2.0), True),
    "frames were lost": (lambda made: made.missed(3, 2.0), True),
}


@pytest.mark.parametrize(("event", "kernel"), CUT.values(), ids=CUT.keys())
def test_an_offer_ends_with_the_neighbor_and_an_answer_with_the_interface(
    event: Callable[[Port], list[Effect]], kernel: bool
) -> None:
    made = port()
    event(made)
    assert (made.dcbx.peers, made.dcbx.offer) == (0, None)
    assert (made.dcbx.own is not None) is kernel


class Host:
    """An uplink with one guest, and a kernel that does as it is told."""

    def __init__(self) -> None:
        self.uplink = Uplink("eth0", UplinkSettings(), IDENTITY, agents(), 0.0, EntrySettings(hold_up=0.0))
        address = MacAddress.parse("52:54:00:00:00:07")
        self.guest = LinkState(7, "macvtap0", address, True, True, 1, lower=2, mode=MacvlanMode.BRIDGE)
        self.does(lambda uplink: uplink.link(ETH0, [self.guest], 0.0))

    def does(self, event: Callable[[Uplink], list[Effect]]) -> list[Effect]:
        """One event, and all that was performed after it."""
        return perform(self.uplink, event(self.uplink), self._answer, 1.0)

    def hears(self, frame: bytes) -> list[Effect]:
        return self.does(lambda uplink: uplink.receive(frame, None, 1.0))

    def _answer(self, effect: Effect) -> Actuated | None:
        if isinstance(effect, SendFrame):
            return Actuated(effect, {})
        if not isinstance(effect, SetModes):
            return None
        self.guest = replace(self.guest, mode=effect.modes[7])
        return Actuated(effect, {}, modes=effect.modes)


def published(effects: list[Effect]) -> list[int]:
    """How many DCBX peers each status had that was published."""
    return [status.peers for effect in effects if isinstance(effect, Publish) for status in effect.status.dcbx]


def test_an_offer_that_comes_changes_or_goes_is_published_once() -> None:
    host = Host()
    assert published(host.hears(OFFERED)) == [1]
    assert published(host.hears(OFFERED)) == []
    assert published(host.hears(ANOTHER)) == [1]
    assert published(host.hears(OTHER.frame(CEE.tlv(), scope=NEAREST))) == [2]
    assert published(host.does(lambda uplink: uplink.on_deadline(130.0))) == [0]


def test_what_the_kernel_says_is_published_where_it_is_news() -> None:
    host = Host()
    host.hears(OFFERED)
    assert published(host.does(lambda uplink: uplink.dcb(KERNEL, 1.0))) == [1]
    assert published(host.does(lambda uplink: uplink.dcb(KERNEL, 1.0))) == []
    (dcbx,) = host.uplink.status.dcbx
    assert dcbx.mismatches == ()
    assert DcbxMismatch.PFC_ENABLED not in dcbx.unknown
    assert host.uplink.ports(1.0)[0].dcbx is dcbx


def test_dcbx_moves_no_guest() -> None:
    host = Host()
    host.hears(GRANTED)
    assert host.guest.mode is MacvlanMode.VEPA
    for frame in (OFFERED, ANOTHER, OTHER.frame(*IEEE, scope=NEAREST), SWITCH.frame(ttl=0, scope=NEAREST)):
        assert [effect for effect in host.hears(frame) if isinstance(effect, SetModes)] == []


def test_modes_go_before_the_news_of_dcbx() -> None:
    host = Host()
    host.hears(GRANTED)
    host.hears(OFFERED)
    down = replace(ETH0, carrier=False)
    effects = host.does(lambda uplink: uplink.link(down, [host.guest], 1.0))
    assert isinstance(effects[0], SetModes)
    assert host.guest.mode is MacvlanMode.BRIDGE
    assert published(effects) == [0]

"""The transmit machine: what leaves, walked along every arrow of its figure (802.1AB-2016 figure 9-2)."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evbagent.effects import SendFrame
from evbagent.lldp.timers import Timer, TransmitSettings
from evbagent.lldp.transmit import Transmit, TransmitState
from evbagent.wire.basic import ChassisId, PortId, SystemName
from evbagent.wire.ethernet import ETHERTYPE_LLDP, Frame, Scope
from evbagent.wire.lldpdu import LldpduTooLong, Msap
from evbagent.wire.tlv import Tlv
from tests.lldp.edges import Watched
from tests.lldp.peers import HOST, decoded

SCOPE: Final = Scope.NEAREST_CUSTOMER_BRIDGE
DEFAULTS: Final = TransmitSettings()
US: Final = Msap(ChassisId.mac(HOST), PortId.interface("eth0"))
NAME: Final = SystemName(b"host").tlv()
Fact = tuple[float, str]


class WatchedTransmit(Watched[TransmitState], Transmit):
    """The transmit machine, with the arrows it took."""


class Sender:
    """A transmit machine and the timer that drives it."""

    def __init__(self) -> None:
        self.timer = Timer(DEFAULTS)
        self.machine = WatchedTransmit(SCOPE, DEFAULTS, self.timer)
        self.machine.port, self.machine.source, self.machine.local = 3, HOST, (US, (NAME,))

    def run(self, now: float) -> list[tuple[float, int]]:
        """Time and TTL of each frame that leaves."""
        self.timer.enabled = self.machine.port_enabled and self.machine.permitted
        self.timer.run(now)
        return [(now, decoded(effect).ttl) for effect in self.machine.run(now)]

    def play(self, facts: list[Fact], until: float) -> list[tuple[float, int]]:
        """The same, where every deadline is kept and nothing happens between them."""
        frames: list[tuple[float, int]] = []
        last = -math.inf
        for now, fact in [*facts, (until, "")]:
            # While the machine waits after a goodbye, what the timer has due stays due, and is no reason to run again.
            while dues := [due for due in (self.timer.deadline, self.machine.deadline) if last < due < now]:
                last = min(dues)
                frames += self.run(last)
            last = now
            if fact in ("up", "down"):
                self.machine.port_enabled = fact == "up"
            if fact in ("permitted", "withdrawn"):
                self.machine.permitted = fact == "permitted"
            frames += self.run(now)
        return frames


WALKS: Final[dict[str, tuple[list[Fact], float, list[tuple[float, int]]]]] = {
    "nothing without a link": ([], 95.0, []),
    "nothing where it is not permitted": ([(0.0, "withdrawn"), (1.0, "up")], 95.0, []),
    "as long as the link is up": ([(0.0, "up"), (40.0, "down")], 95.0, [(0, 121), (30, 121)]),
    "at once when the link comes back": (
        [(0.0, "up"), (1.0, "down"), (1.5, "up")],
        25.0,
        [(0, 121), (1.5, 121)],
    ),
    "a goodbye when withdrawn, once": ([(0.0, "up"), (5.0, "withdrawn")], 95.0, [(0, 121), (5, 0)]),
    "no goodbye without a link": ([(0.0, "up"), (4.0, "down"), (5.0, "withdrawn"), (6.0, "up")], 95.0, [(0, 121)]),
    "not before two seconds after a goodbye": (
        [(0.0, "up"), (5.0, "withdrawn"), (5.5, "permitted")],
        20.0,
        [(0, 121), (5, 0), (7, 121)],
    ),
    "a new link does not wait for the end of a goodbye": (
        [(0.0, "up"), (5.0, "withdrawn"), (5.5, "down"), (5.6, "permitted"), (6.0, "up")],
        20.0,
        [(0, 121), (5, 0), (6, 121)],
    ),
}


@pytest.mark.parametrize(("facts", "until", "frames"), WALKS.values(), ids=WALKS.keys())
def test_these_frames_leave(facts: list[Fact], until: float, frames: list[tuple[float, int]]) -> None:
    assert Sender().play(facts, until) == frames


def test_the_walks_take_every_arrow() -> None:
    edges: set[tuple[TransmitState, TransmitState]] = set()
    for facts, until, _ in WALKS.values():
        sender = Sender()
        sender.play(facts, until)
        edges |= sender.machine.edges
    assert edges == Transmit.EDGES


def test_nothing_is_sent_while_there_is_nothing_to_say() -> None:
    sender = Sender()
    sender.machine.local = None
    sender.machine.port_enabled = True
    assert sender.run(0.0) == []
    sender.machine.local = (US, ())
    assert sender.run(1.0) == [(1.0, 121)]


def test_a_goodbye_is_over_after_the_delay_and_nothing_else_is_due() -> None:
    sender = Sender()
    assert sender.machine.deadline == math.inf
    sender.play([(0.0, "up"), (5.0, "withdrawn")], 5.5)
    assert sender.machine.deadline == 7.0
    sender.run(7.0)
    assert sender.machine.deadline == math.inf


def test_a_frame_goes_to_the_scope_from_the_port_itself() -> None:
    sender = Sender()
    sender.machine.port_enabled = True
    sender.timer.enabled = True
    sender.timer.run(0.0)
    (effect,) = sender.machine.run(0.0)
    assert isinstance(effect, SendFrame)
    frame = Frame.decode(effect.octets)
    assert (effect.port, effect.scope, len(effect.octets)) == (3, "nearest-customer-bridge", 60)
    assert (frame.scope, frame.source, frame.ethertype) == (SCOPE, HOST, ETHERTYPE_LLDP)
    assert (decoded(effect).msap, decoded(effect).optional) == (US, (NAME,))


def test_a_goodbye_holds_the_mandatory_tlvs_and_nothing_else() -> None:
    sender = Sender()
    sender.play([(0.0, "up")], 1.0)
    sender.machine.permitted = False
    (effect,) = sender.machine.run(1.0)
    assert isinstance(effect, SendFrame)
    assert effect.octets == bytes.fromhex(
        "0180c2000000 020000000001 88cc 0207 04 020000000001 0405 05 65746830 0602 0000 0000"
    ).ljust(60, b"\0")


def test_an_lldpdu_that_fits_no_frame_is_refused() -> None:
    sender = Sender()
    sender.machine.local = (US, (Tlv(9, bytes(511)),) * 3)
    sender.machine.port_enabled = True
    with pytest.raises(LldpduTooLong, match="send fewer TLVs"):
        sender.run(0.0)


facts = st.tuples(st.integers(0, 80), st.sampled_from(["up", "down", "permitted", "withdrawn"]))


@settings(deadline=None)
@given(st.lists(facts, max_size=30))
def test_after_a_goodbye_there_is_silence_until_the_delay_or_the_link_ends_it(steps: list[tuple[int, str]]) -> None:
    told, now = [(0.0, "up")], 0.0
    for gap, fact in steps:
        now += gap / 10
        told.append((now, fact))
    frames = Sender().play(told, now + 60.0)
    downs = [at for at, fact in told if fact == "down"]
    for (before, ttl), (after, _) in pairwise(frames):
        assert ttl or after >= before + 2.0 or any(before <= down <= after for down in downs)

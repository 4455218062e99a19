"""One switch port: relay is announced when the kernel's hairpin flag has been read back, and not a moment before."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evbagent.effects import Actuated, Effect, SendFrame, SetHairpin, SetModes
from evbagent.events import LinkState
from evbagent.port import Identity
from evbagent.status import MacvlanMode
from evbagent.switchport import SwitchPort
from evbagent.wire.evb import RrStatus
from tests.support.frames import HOST, OTHER, SWITCH, Peer, agents, perform, said, station

GUEST = Peer(HOST, "eth0", "host1")  # the station on the port
PORT = LinkState(3, "swp1", SWITCH.address, up=True, carrier=True, carrier_ups=1, hairpin=False)
ASKS, ASKS_NOT = GUEST.frame(station()), GUEST.frame(station(request=False))
CONFIRMS = GUEST.frame(station(status=RrStatus.TRUE))
ON, OFF = SetHairpin(3, on=True), SetHairpin(3, on=False)


class Switch:
    """A switch port over a kernel that keeps the flag, or refuses to."""

    def __init__(self, *, capable: bool = True, refuses: bool = False) -> None:
        self.port: LinkState | None = PORT
        self.refuses = refuses
        self.done: list[Effect] = []
        self.core = SwitchPort("swp1", capable=capable, identity=Identity(SWITCH.address, "switch1"), agents=agents())
        self.looks(0.0)

    def looks(self, at: float) -> list[Effect]:
        return self._perform(self.core.link(self.port, at), at)

    def hears(self, frame: bytes, at: float) -> list[Effect]:
        return self._perform(self.core.receive(frame, None, at), at)

    def misses(self, at: float) -> list[Effect]:
        return self._perform(self.core.missed(1, at), at)

    def waits(self, until: float) -> None:
        while self.core.deadline <= until:
            now = self.core.deadline
            self._perform(self.core.on_deadline(now), now)

    def offers(self, capable: bool, at: float) -> list[Effect]:
        return self._perform(self.core.offer(capable=capable, now=at), at)

    def releases(self, at: float) -> list[Effect]:
        return self._perform(self.core.release(at), at)

    @property
    def hairpin(self) -> bool | None:
        return None if self.port is None else self.port.hairpin

    @property
    def wishes(self) -> list[SetHairpin]:
        return [effect for effect in self.done if isinstance(effect, SetHairpin)]

    def _perform(self, effects: list[Effect], now: float) -> list[Effect]:
        self.done += perform(self.core, effects, self._answer, now)
        return effects

    def _answer(self, effect: Effect) -> Actuated | None:
        if isinstance(effect, SendFrame):
            return Actuated(effect, {})
        if not isinstance(effect, SetHairpin):
            return None
        if self.port is not None and not self.refuses:
            self.port = replace(self.port, hairpin=effect.on)
        return Actuated(effect, {effect.port: 1} if self.refuses else {}, hairpin=self.hairpin)


def granted() -> Switch:
    switch = Switch()
    switch.hears(ASKS, 1.0)
    assert switch.core.relay
    switch.done.clear()
    return switch


def test_relay_is_announced_after_the_flag_is_read_back() -> None:
    switch = Switch()
    assert said(switch.done) == ["02 00 6E 54 14"]
    (wish, *_) = switch.core.receive(ASKS, None, 1.0)
    assert wish == ON
    assert not switch.core.relay
    assert said(switch.core.actuated(Actuated(ON, {}, hairpin=True), 1.0)) == ["03 07 6E 54 14"]
    assert switch.core.relay


UNPROVEN: dict[str, Actuated] = {
    "the kernel refuses": Actuated(ON, {3: 1}, hairpin=False),
    "the kernel says nothing": Actuated(ON, {}, hairpin=None),
}


@pytest.mark.parametrize("outcome", UNPROVEN.values(), ids=UNPROVEN.keys())
def test_relay_that_is_not_proven_is_not_announced(outcome: Actuated) -> None:
    switch = Switch()
    switch.core.receive(ASKS, None, 1.0)
    assert said(switch.core.actuated(outcome, 1.0)) == []
    assert not switch.core.relay


def test_the_flag_proves_itself_when_links_are_read_too() -> None:
    switch = Switch(refuses=True)
    switch.hears(ASKS, 1.0)
    assert not switch.core.relay
    switch.port = replace(PORT, hairpin=True)
    assert said(switch.looks(2.0))[-1] == "03 07 6E 54 14"
    assert switch.core.relay


def test_the_announcement_takes_one_frame() -> None:
    switch = Switch()
    switch.done.clear()
    switch.hears(ASKS, 1.0)
    assert said(switch.done) == ["03 07 6E 54 14"]


WITHDRAWALS: dict[str, tuple[bytes, list[str]]] = {
    "the station stops asking": (ASKS_NOT, ["02 03 6E 54 14"]),
    "it says goodbye": (GUEST.frame(ttl=0), ["02 00 6E 54 14"]),
    "it drops the TLV": (GUEST.frame(), ["02 00 6E 54 14"]),
    "a second station asks": (OTHER.frame(station()), ["02 00 6E 54 14"]),
}


@pytest.mark.parametrize(("frame", "words"), WITHDRAWALS.values(), ids=WITHDRAWALS.keys())
def test_relay_that_nobody_asks_for_any_more_is_withdrawn_with_its_flag(frame: bytes, words: list[str]) -> None:
    switch = granted()
    effects = switch.hears(frame, 1.5)
    assert effects[0] == OFF
    assert said(effects) == words
    assert (switch.core.relay, switch.hairpin) == (False, False)


def test_a_station_that_expires_takes_relay_with_it() -> None:
    switch = granted()
    switch.waits(121.9)
    assert switch.core.relay
    switch.waits(122.0)
    assert (switch.core.relay, switch.hairpin, switch.wishes) == (False, False, [OFF])


def test_relay_can_be_withdrawn_and_offered_again() -> None:
    switch = granted()
    effects = switch.offers(False, 1.5)
    assert effects[0] == OFF
    assert said(effects) == ["00 07 6E 54 14"]
    effects = switch.offers(True, 1.6)
    assert switch.wishes == [OFF, ON]
    assert said(switch.done)[-1] == "03 07 6E 54 14"
    assert switch.offers(True, 1.7) == []


def test_a_port_that_cannot_says_so_and_leaves_its_flag_alone() -> None:
    switch = Switch(capable=False)
    switch.hears(ASKS, 1.0)
    assert said(switch.done) == ["00 00 6E 54 14", "00 07 6E 54 14"]
    assert switch.wishes == []


def test_a_flag_that_somebody_clears_is_withdrawn_and_set_again() -> None:
    switch = granted()
    switch.port = replace(PORT, hairpin=False)
    effects = switch.looks(1.5)
    assert effects[0] == ON
    assert said(effects) == ["02 07 6E 54 14"]
    assert (switch.core.relay, switch.hairpin) == (True, True)
    assert said(switch.done) == ["03 07 6E 54 14"]  # nobody heard of it: the flag was back before the frame could leave


DOWNS: dict[str, LinkState | None] = {
    "carrier lost": replace(PORT, carrier=False, hairpin=True),
    "a flap between two looks": replace(PORT, carrier_ups=2, hairpin=True),
    "gone": None,
}


@pytest.mark.parametrize("port", DOWNS.values(), ids=DOWNS.keys())
def test_a_link_that_goes_takes_relay_with_it(port: LinkState | None) -> None:
    switch = granted()
    switch.port = port
    switch.looks(1.5)
    assert not switch.core.relay
    assert switch.hairpin in (False, None)


def test_nothing_is_wished_of_a_port_that_is_gone() -> None:
    switch = granted()
    switch.port = None
    switch.looks(1.5)
    assert switch.wishes == []


AT_ONCE: dict[str, Callable[[Switch], object]] = {
    "expire": lambda switch: switch.waits(200.0),
    "were perhaps heard wrong": lambda switch: switch.misses(2.0),
}


@pytest.mark.parametrize("given_up", AT_ONCE.values(), ids=AT_ONCE.keys())
def test_of_two_stations_that_go_at_once_the_second_never_gets_relay(given_up: Callable[[Switch], object]) -> None:
    switch = Switch()
    for peer in (GUEST, OTHER):
        switch.hears(peer.frame(station()), 1.0)
    switch.done.clear()
    given_up(switch)
    assert ON not in switch.wishes


def test_a_switch_that_stops_says_goodbye_and_clears_the_flag() -> None:
    switch = granted()
    assert said(switch.releases(1.5)) == ["shutdown"]
    assert (switch.core.relay, switch.hairpin) == (False, False)
    switch.hears(CONFIRMS, 2.0)
    switch.waits(40.0)
    assert said(switch.done) == ["shutdown"]
    assert not switch.core.relay


VIEWS: dict[str, tuple[list[bytes], bool]] = {
    "nobody": ([], False),
    "it has not seen relay yet": ([ASKS], False),
    "it has": ([ASKS, CONFIRMS], True),
    "it has gone since": ([ASKS, CONFIRMS, GUEST.frame(ttl=0)], False),
    "another one is there": ([ASKS, CONFIRMS, OTHER.frame(station())], False),
}


@pytest.mark.parametrize(("frames", "confirmed"), VIEWS.values(), ids=VIEWS.keys())
def test_relay_is_confirmed_where_the_single_station_says_that_it_sees_it(frames: list[bytes], confirmed: bool) -> None:
    switch = Switch()
    for now, frame in enumerate(frames, 1):
        switch.hears(frame, float(now))
    assert switch.core.confirmed is confirmed


def test_outcomes_that_are_no_switch_ports_change_nothing() -> None:
    switch = granted()
    wish = SetModes("eth0", {7: MacvlanMode.VEPA})
    assert switch.core.actuated(Actuated(wish, {}, modes={}), 2.0) == []
    assert switch.core.relay


FRAMES = st.sampled_from([ASKS, ASKS_NOT, CONFIRMS, GUEST.frame(ttl=0), GUEST.frame(), OTHER.frame(station(), ttl=3)])
LINKS = st.sampled_from([*DOWNS.values(), PORT, replace(PORT, hairpin=True)])
STEPS = st.one_of(FRAMES, st.booleans(), LINKS, st.sampled_from([0.1, 3.0, 130.0]))


@given(st.lists(STEPS, max_size=15), st.booleans())
def test_relay_is_never_announced_on_a_port_that_does_not_reflect(
    steps: list[bytes | bool | LinkState | float | None], refuses: bool
) -> None:
    switch, now = Switch(refuses=refuses), 1.0
    for step in steps:
        if isinstance(step, bytes):
            switch.hears(step, now)
        elif isinstance(step, bool):
            switch.offers(step, now)
        elif isinstance(step, float):
            now += step
            switch.waits(now)
        else:
            switch.port = step
            switch.looks(now)
        assert not switch.core.relay or switch.hairpin


def test_frames_that_were_lost_unheard_end_relay_until_the_station_asks_anew() -> None:
    switch = Switch()
    switch.hears(ASKS, 1.0)
    assert switch.core.relay
    assert OFF in switch.misses(2.0)
    assert (switch.core.relay, switch.hairpin) == (False, False)
    switch.hears(ASKS, 2.1)
    assert switch.core.relay

"""A daemon that goes on where another one ended: nothing moves, nobody is told otherwise, and nothing lasts longer."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from errno import ENOBUFS

import pytest

from evbagent.adoption import PROOF_WITHIN
from evbagent.effects import Actuated, Effect, Moved, SendFrame, SendProbe, SetModes
from evbagent.entry import EntrySettings
from evbagent.events import LinkState
from evbagent.legacy import Flaps, Known, Legacy
from evbagent.probe.attempt import ProbeSettings
from evbagent.probe.machine import Probe
from evbagent.status import ConfiguredMode, MacvlanMode, Mode, Reason, ReflectiveRelay, State
from evbagent.uplink import Uplink, UplinkSettings
from evbagent.wire.ethernet import Frame, Scope
from evbagent.wire.evb import EvbMode, RrStatus, StationStatus
from evbagent.wire.lldpdu import Lldpdu
from evbagent.wire.tlv import Tlv
from tests.support.frames import HOST, IDENTITY, OTHER, SWITCH, agents, bridge, draft, perform, said, station

VEPA, BRIDGE = MacvlanMode.VEPA, MacvlanMode.BRIDGE
PORT = LinkState(2, "eth0", HOST, up=True, carrier=True, carrier_ups=1)
HEARD = StationStatus(True, RrStatus.TRUE)
GRANTED = SWITCH.frame(bridge(echo=HEARD))
LEFT = Legacy("eth0", 2, 1, vepa=True, neighbors=(Known(GRANTED.hex(), 1080.0),))
AUTO = UplinkSettings()
FIRST_WORDS = "03 05 6E 94 14"
"""The EVB TLV of a station that asks, sees relay on, and repeats that it is; what it said before it was replaced."""


class Host:
    """An uplink and a kernel that does as it is told; the clock begins at 1000 s.

    Where the uplink has a probe, `sends` says whether its frames leave, and `reflects` whether they come back.
    """

    def __init__(
        self, modes: dict[int, MacvlanMode] | None = None, settings: UplinkSettings = AUTO, probe: Probe | None = None
    ) -> None:
        self.modes = {7: VEPA, 8: VEPA} if modes is None else modes
        self.uplink = Uplink("eth0", settings, IDENTITY, agents(), 1000.0, EntrySettings(hold_up=3.0), probe=probe)
        self.done: list[Effect] = []
        self.sends = self.reflects = True

    def looks(self, at: float = 1000.0, port: LinkState | None = PORT) -> list[Effect]:
        """What is performed after the links were looked at."""
        links = [LinkState(i, f"guest{i}", None, True, True, 1, lower=2, mode=m) for i, m in self.modes.items()]
        return self._perform(self.uplink.link(port, links, at), at)

    def hears(self, frame: bytes, at: float) -> list[Effect]:
        return self._perform(self.uplink.receive(frame, None, at), at)

    def waits(self, until: float, *, drained: bool = True) -> list[Effect]:
        performed: list[Effect] = []
        while (now := self.uplink.deadline) <= until:
            performed += self._perform(self.uplink.on_deadline(now, drained=drained), now)
        return performed

    def _perform(self, effects: list[Effect], now: float) -> list[Effect]:
        performed = perform(self.uplink, effects, lambda effect: self._answer(effect, now), now)
        self.done += performed
        probes = [effect.probe for effect in performed if isinstance(effect, SendProbe)]
        for octets in probes if self.sends and self.reflects else ():
            performed += self._perform(self.uplink.receive(octets, None, now, now), now)
        return performed

    def _answer(self, effect: Effect, now: float) -> Actuated | None:
        if isinstance(effect, SendFrame):
            return Actuated(effect, {})
        if isinstance(effect, SendProbe):
            return Actuated(effect, {} if self.sends else {effect.port: ENOBUFS}, at=now)
        if isinstance(effect, SetModes):
            self.modes |= effect.modes
            return Actuated(effect, {}, modes={i: self.modes[i] for i in effect.modes})
        return None

    @property
    def state(self) -> tuple[Mode, State, Reason]:
        status = self.uplink.status
        return status.mode, status.state, status.reason


def going_on(left: Legacy = LEFT, settings: UplinkSettings = AUTO) -> Host:
    host = Host(settings=settings)
    host.uplink.adoption.inherit(left, 1000.0)
    host.looks()
    return host


def wishes(effects: Sequence[Effect]) -> list[SetModes]:
    return [effect for effect in effects if isinstance(effect, SetModes)]


def adoptions(effects: Sequence[Effect]) -> list[tuple[str, str]]:
    return [(e.new, e.why) for e in effects if isinstance(e, Moved) and e.machine == "adoption"]


SETTLED = (Mode.VEPA, State.SETTLED, Reason.RR_ACTIVE)


def test_guests_stay_where_they_are_and_the_switch_hears_what_it_heard_before() -> None:
    host = going_on()
    assert wishes(host.done) == []
    assert said(host.done) == [FIRST_WORDS]
    assert host.state == SETTLED
    assert host.uplink.adoption.since == 1000.0
    assert adoptions(host.done) == [("adopted", "what the switch said holds for 80 s")]
    assert host.uplink.transitions == {}
    assert [scope.counters.frames_in_total for port in host.uplink.ports(1000.0) for scope in port.scopes] == [0] * 3
    assert host.uplink.vital == {SWITCH.address}


def test_what_the_switch_said_holds_no_longer_than_it_did() -> None:
    host = going_on()
    assert wishes(host.waits(1079.9)) == []
    assert wishes(host.waits(1080.0)) == [SetModes("eth0", {7: BRIDGE, 8: BRIDGE})]
    assert host.state == (Mode.VEB, State.SETTLED, Reason.PEER_LOST)
    assert host.uplink.adoption.since is None


def test_nothing_makes_it_hold_longer_than_its_own_ttl() -> None:
    host = going_on(replace(LEFT, neighbors=(Known(GRANTED.hex(), 1e9),)))
    assert wishes(host.waits(1120.9)) == []
    assert len(wishes(host.waits(1121.0))) == 1


def test_a_switch_that_repeats_itself_is_refreshed_and_stays() -> None:
    host = going_on()
    assert host.hears(GRANTED, 1020.0) == []
    assert wishes(host.waits(1140.9)) == []
    assert len(wishes(host.waits(1141.0))) == 1


NEWS: dict[str, tuple[bytes, Reason]] = {
    "relay withdrawn": (SWITCH.frame(bridge(control=False)), Reason.RR_WITHDRAWN),
    "the TLV is missing": (SWITCH.frame(), Reason.PEER_LOST),
    "goodbye": (SWITCH.frame(ttl=0), Reason.PEER_LOST),
    "a second bridge": (OTHER.frame(bridge()), Reason.MULTIPLE_PEERS),
}


@pytest.mark.parametrize(("frame", "reason"), NEWS.values(), ids=NEWS.keys())
def test_news_count_as_they_would_have_before(frame: bytes, reason: Reason) -> None:
    host = going_on()
    assert host.hears(frame, 1001.0)[0] == SetModes("eth0", {7: BRIDGE, 8: BRIDGE})
    assert host.state == (Mode.VEB, State.SETTLED, reason)
    assert host.uplink.adoption.since is None


def test_who_left_vepa_after_an_adoption_has_to_earn_it_again() -> None:
    host = going_on()
    host.hears(SWITCH.frame(bridge(control=False)), 1001.0)
    host.hears(GRANTED, 1002.0)
    assert host.state == (Mode.VEB, State.ENTERING, Reason.HOLDING_UP)


ECHOES = {
    "a bridge that repeats our request": bridge(echo=HEARD),
    "a bridge that repeats nothing ever": bridge(echo=StationStatus()),
    "a bridge of the draft, that has followed us": draft("40 07 40 00 00 00 00 00 0F"),
}


@pytest.mark.parametrize("tlv", ECHOES.values(), ids=ECHOES.keys())
def test_that_the_switch_had_heard_us_is_not_forgotten(tlv: Tlv) -> None:
    frame = SWITCH.frame(tlv)
    host = going_on(replace(LEFT, neighbors=(Known(frame.hex(), 1080.0),)))
    assert host.state == SETTLED
    assert host.uplink.status.relay.operational is True
    host.hears(frame, 1010.0)
    assert host.state == SETTLED


def frames(*octets: bytes) -> Legacy:
    return replace(LEFT, neighbors=tuple(Known(each.hex(), 1080.0) for each in octets))


REFUSED: dict[str, tuple[Legacy, UplinkSettings, str]] = {
    "another interface of the name": (
        replace(LEFT, ifindex=5),
        AUTO,
        "the name is another interface's now (ifindex 2, not 5)",
    ),
    "carrier lost meanwhile": (replace(LEFT, carrier_ups=0), AUTO, "carrier was lost meanwhile"),
    "expired": (LEFT.shifted(-100.0), AUTO, "what the switch said has expired"),
    "no relay in it": (frames(SWITCH.frame(bridge(control=False))), AUTO, "the switch can reflect and has not turned"),
    "a station's": (frames(SWITCH.frame(station())), AUTO, "the neighbor is an EVB station"),
    "two of them": (frames(GRANTED, OTHER.frame(bridge())), AUTO, "more than one neighbor speaks EVB"),
    "another mode of EVB": (frames(SWITCH.frame(bridge(mode=EvbMode.RESERVED))), AUTO, "neither bridge nor station"),
    "no LLDPDU": (frames(GRANTED[:20]), AUTO, "no switch with EVB is heard"),
    "no frame": (frames(b"\x01"), AUTO, "no switch with EVB is heard"),
    "to nobody of ours": (frames(Frame(HOST, SWITCH.address, 0x88CC, b"").encode()), AUTO, "no switch with EVB"),
    "a goodbye": (frames(SWITCH.frame(bridge(), ttl=0)), AUTO, "no switch with EVB is heard"),
    "relay is not wanted any more": (
        LEFT,
        UplinkSettings(reflective_relay=ReflectiveRelay.OFF),
        "the switch announces relay although nobody asked",
    ),
    "VEPA is not wanted any more": (
        LEFT,
        UplinkSettings(mode=ConfiguredMode.VEB),
        "the switch announces relay although",
    ),
}


@pytest.mark.parametrize(("left", "settings", "why"), REFUSED.values(), ids=REFUSED.keys())
def test_what_does_not_match_is_not_adopted_and_guests_are_in_veb_at_once(
    left: Legacy, settings: UplinkSettings, why: str
) -> None:
    host = Host(settings=settings)
    host.uplink.adoption.inherit(left, 1000.0)
    effects = host.looks()
    assert effects[0] == SetModes("eth0", {7: BRIDGE, 8: BRIDGE})
    assert len(wishes(effects)) == 1
    assert host.uplink.status.mode is Mode.VEB
    assert host.uplink.adoption.since is None
    ((_, words),) = adoptions(host.done)
    assert why in words


def test_a_guest_that_is_not_in_vepa_is_a_reason_to_begin_anew() -> None:
    host = Host({7: VEPA, 8: BRIDGE})
    host.uplink.adoption.inherit(LEFT, 1000.0)
    assert host.looks()[0] == SetModes("eth0", {7: BRIDGE})
    assert adoptions(host.done) == [("not adopted", "guest8 is in bridge mode")]


def test_only_the_first_look_adopts() -> None:
    host = Host()
    host.uplink.adoption.inherit(LEFT, 1000.0)
    host.looks(port=None)
    assert adoptions(host.done) == [("not adopted", "the interface is not there")]
    assert set(host.modes.values()) == {BRIDGE}
    host.modes = {7: VEPA, 8: VEPA}
    host.looks(1001.0)
    assert set(host.modes.values()) == {BRIDGE}


def test_guests_that_were_not_in_vepa_by_decision_are_no_matter_of_adoption() -> None:
    host = Host()
    host.uplink.adoption.inherit(replace(LEFT, vepa=False), 1000.0)
    assert host.looks()[0] == SetModes("eth0", {7: BRIDGE, 8: BRIDGE})
    assert adoptions(host.done) == []


# --- with a probe


def probing(*, sends: bool = True, reflects: bool = True) -> Host:
    host = Host(probe=Probe("eth0", bytes(32), bytes(8), ProbeSettings()))
    host.sends, host.reflects = sends, reflects
    host.uplink.adoption.inherit(LEFT, 1000.0)
    host.looks()
    return host


def test_a_probe_that_comes_back_settles_it() -> None:
    host = probing()
    assert host.state == SETTLED
    assert host.uplink.status.relay.verified is True
    assert wishes(host.waits(1060.0)) == []
    assert host.uplink.adoption.since == 1000.0


def test_until_a_probe_is_back_guests_stay_and_the_uplink_is_on_its_way() -> None:
    host = probing(reflects=False)
    assert host.state == (Mode.VEPA, State.ENTERING, Reason.RR_ACTIVE)
    assert wishes(host.done) == []


UNPROVEN: dict[str, tuple[bool, Reason]] = {
    # whether probes leave, and why guests are in VEB in the end
    "probes are not reflected": (True, Reason.PORT_SECURITY_SUSPECTED),
    "probes do not leave": (False, Reason.HOLDING_UP),
}


@pytest.mark.parametrize(("sends", "reason"), UNPROVEN.values(), ids=UNPROVEN.keys())
def test_guests_leave_vepa_where_no_probe_has_come_back_in_time(sends: bool, reason: Reason) -> None:
    host = probing(sends=sends, reflects=False)
    assert len(wishes(host.waits(1000.0 + PROOF_WITHIN))) == 1
    assert set(host.modes.values()) == {BRIDGE}
    mode, _, why = host.state
    assert (mode, why) == (Mode.VEB, reason)
    assert host.uplink.adoption.since is None


def test_nothing_is_concluded_while_frames_are_left_to_be_read() -> None:
    host = probing(sends=False)
    assert wishes(host.waits(1000.4, drained=False)) == []
    assert wishes(host.waits(1000.42)) == [SetModes("eth0", {7: BRIDGE, 8: BRIDGE})]
    assert ("given up", "no probe has come back within 0.35 s") in adoptions(host.done)


def test_without_a_guest_no_probe_is_waited_for() -> None:
    host = Host({}, probe=Probe("eth0", bytes(32), bytes(8), ProbeSettings()))
    host.reflects = False
    host.uplink.adoption.inherit(LEFT, 1000.0)
    host.looks()
    host.waits(1001.0)
    assert host.state == SETTLED


def test_a_relay_that_the_operator_vouches_for_is_adopted_without_a_word_of_the_switch() -> None:
    host = Host(settings=UplinkSettings(reflective_relay=ReflectiveRelay.ASSUME))
    host.uplink.adoption.inherit(replace(LEFT, neighbors=()), 1000.0)
    host.looks()
    assert wishes(host.done) == []
    assert host.uplink.status.mode is Mode.VEPA


LEAVES: dict[str, tuple[Callable[[Host], object], bool]] = {
    "in VEPA": (lambda _: None, True),
    "before VEPA": (lambda host: host.hears(SWITCH.frame(bridge(control=False)), 1010.0), False),
    "after a flap": (lambda host: host.looks(1010.0, replace(PORT, carrier_ups=2)), False),
    "released": (lambda host: host.uplink.release(1010.0), False),
}


@pytest.mark.parametrize(("event", "vepa"), LEAVES.values(), ids=LEAVES.keys())
def test_what_is_left_says_whether_there_is_something_to_go_on_with(
    event: Callable[[Host], object], vepa: bool
) -> None:
    host = going_on()
    event(host)
    left = host.uplink.legacy(1010.0)
    assert left is not None
    assert (left.vepa, bool(left.neighbors)) == (vepa, vepa)


def test_what_is_left_is_what_was_found() -> None:
    left = going_on().uplink.legacy(1000.0)
    assert left is not None
    assert (left.name, left.ifindex, left.carrier_ups, left.vepa, left.neighbors) == (
        "eth0",
        2,
        1,
        True,
        LEFT.neighbors,
    )
    (goodbye,) = left.goodbyes
    frame = Frame.decode(bytes.fromhex(goodbye.frame))
    assert (goodbye.ifindex, frame.scope, Lldpdu.decode(frame.payload).ttl) == (2, Scope.NEAREST_CUSTOMER_BRIDGE, 0)


def test_an_interface_that_has_gone_is_still_left_with_its_number() -> None:
    host = going_on()
    host.looks(1001.0, None)
    left = host.uplink.legacy(1001.0)
    assert left is not None
    assert (left.ifindex, left.vepa) == (2, False)


def test_who_applies_nothing_leaves_nothing() -> None:
    host = Host(settings=UplinkSettings(apply=False))
    host.looks()
    assert host.uplink.legacy(1000.0) is None


def test_a_restart_is_no_entry_and_no_way_around_a_lock_out() -> None:
    flaps = Flaps(entries=(700.0, 800.0, 900.0))
    once = going_on(replace(LEFT, flaps=flaps)).uplink.legacy(1000.0)
    assert once is not None
    twice = going_on(once)
    left = twice.uplink.legacy(1000.0)
    assert left is not None
    assert left.flaps.entries == (700.0, 800.0, 900.0)
    twice.hears(SWITCH.frame(ttl=0), 1001.0)
    twice.hears(GRANTED, 1002.0)
    assert twice.state == (Mode.VEB, State.LOCKED_OUT, Reason.FLAP_LOCKOUT)


def test_a_planned_withdrawal_after_a_restart_that_forgot_all_entries_is_none() -> None:
    host = going_on()
    host.waits(1031.0)
    host.hears(SWITCH.frame(bridge(control=False)), 1031.0)
    left = host.uplink.legacy(1031.0)
    assert left is not None
    assert left.flaps.entries == ()

"""One uplink: leaving VEPA is the first wish of the very call that brings bad news, entering it is earned."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from errno import EBUSY, EPERM
from itertools import pairwise

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from evbagent.effects import Actuated, Effect, Faulted, Moved, Publish, SendFrame, SetHairpin, SetModes
from evbagent.entry import EntrySettings
from evbagent.events import LinkState
from evbagent.status import (
    AttachmentStatus,
    ConfiguredMode,
    MacvlanMode,
    Mode,
    Reach,
    Reason,
    ReflectiveRelay,
    State,
    UplinkStatus,
)
from evbagent.uplink import Uplink, UplinkSettings
from evbagent.wire.ethernet import Scope
from evbagent.wire.evb import EvbMode, StationStatus
from evbagent.wire.octets import MacAddress
from tests.support.frames import (
    BYSTANDER,
    CUSTOMER,
    HOST,
    IDENTITY,
    OTHER,
    SWITCH,
    Peer,
    agents,
    bridge,
    draft,
    perform,
    said,
    station,
)

VEPA, BRIDGE, PRIVATE = MacvlanMode.VEPA, MacvlanMode.BRIDGE, MacvlanMode.PRIVATE
PORT = LinkState(2, "eth0", HOST, up=True, carrier=True, carrier_ups=1)
OBSERVING = UplinkSettings(mode=ConfiguredMode.OBSERVE)
HANDS_OFF = UplinkSettings(apply=False)
AT_ONCE = EntrySettings(hold_up=0.0, flap_limit=1000)  # where a test is about something else
GRANTED, WITHDRAWN = SWITCH.frame(bridge()), SWITCH.frame(bridge(control=False))


def guest(ifindex: int) -> MacAddress:
    return MacAddress(bytes([0x52, 0x54, 0, 0, 0, ifindex]))


class Host:
    """An uplink and the kernel under it, which performs each wish before anything else happens."""

    def __init__(
        self,
        modes: Mapping[int, MacvlanMode],
        configured: UplinkSettings | None = None,
        entry: EntrySettings | None = None,
    ) -> None:
        self.modes = dict(modes)
        self.foreign: dict[int, MacvlanMode] = {}
        self.refuses: dict[int, set[MacvlanMode]] = {}  # what attachments do not let themselves be put into
        self.unread = False  # the kernel's answer to a batch gets lost
        self.stayed: set[int] = set()  # who was asked to leave VEPA last, and is not known to have done so
        self.port: LinkState | None = PORT
        self.done: list[Effect] = []  # all that was performed
        self.uplink = Uplink("eth0", configured or UplinkSettings(), IDENTITY, agents(), 0.0, entry or AT_ONCE)
        self.looks(0.0)

    def looks(self, at: float) -> list[Effect]:
        """The agent learns how links are."""
        here = {**self.modes, **self.foreign}
        links = [
            LinkState(i, f"macvtap{i}", guest(i), True, True, 1, lower=2, mode=mode, foreign=i in self.foreign)
            for i, mode in here.items()
        ]
        return self._perform(self.uplink.link(self.port, links, at), at)

    def hears(self, frame: bytes, at: float, vlan: int | None = None) -> list[Effect]:
        return self._perform(self.uplink.receive(frame, vlan, at), at)

    def misses(self, count: int, at: float) -> list[Effect]:
        return self._perform(self.uplink.missed(count, at), at)

    def waits(self, until: float) -> list[Effect]:
        """All deadlines up to that moment; the effects of the last one that had any."""
        last: list[Effect] = []
        while self.uplink.deadline <= until:
            now = self.uplink.deadline
            last = self._perform(self.uplink.on_deadline(now), now) or last
        return last

    def sleeps(self, at: float) -> list[Effect]:
        return self._perform(self.uplink.slept(3600.0, at), at)

    def releases(self, at: float) -> list[Effect]:
        return self._perform(self.uplink.release(at), at)

    @property
    def status(self) -> UplinkStatus:
        return self.uplink.status

    @property
    def batches(self) -> list[Mapping[int, MacvlanMode]]:
        """The batches performed so far."""
        return [effect.modes for effect in self.done if isinstance(effect, SetModes)]

    def _perform(self, effects: list[Effect], now: float) -> list[Effect]:
        self.done += perform(self.uplink, effects, self._answer, now)
        return effects

    def _answer(self, effect: Effect) -> Actuated | None:
        if isinstance(effect, SendFrame):
            return Actuated(effect, {})
        if not isinstance(effect, SetModes):
            return None
        errors = {i: EBUSY for i, mode in effect.modes.items() if mode in self.refuses.get(i, ())}
        taken = {i: mode for i, mode in effect.modes.items() if i in self.modes and i not in errors}
        self.modes |= taken
        self.stayed -= taken.keys()
        self.stayed |= {i for i in errors if self.modes.get(i) is VEPA and effect.modes[i] is BRIDGE}
        if self.unread:
            self.stayed |= effect.modes.keys()
            return Actuated(effect, dict.fromkeys(effect.modes, EPERM))
        return Actuated(effect, errors, modes={i: self.modes[i] for i in effect.modes if i in self.modes})


def in_vepa(*ifindexes: int) -> Host:
    """A host whose guests went into VEPA at 1 s."""
    host = Host(dict.fromkeys(ifindexes or (7, 8), BRIDGE))
    host.hears(GRANTED, 1.0)
    assert set(host.modes.values()) == {VEPA}
    host.done.clear()
    return host


def modes_of(effects: Iterable[Effect]) -> list[Mapping[int, MacvlanMode]]:
    return [effect.modes for effect in effects if isinstance(effect, SetModes)]


# --- leaving

Event = Callable[[Host], list[Effect]]


def hears(frame: bytes) -> Event:
    return lambda host: host.hears(frame, 2.0)


def link(port: LinkState | None) -> Event:
    def event(host: Host) -> list[Effect]:
        host.port = port
        return host.looks(2.0)

    return event


LEAVING: dict[str, tuple[Event, Reason, State]] = {
    "relay withdrawn": (hears(WITHDRAWN), Reason.RR_WITHDRAWN, State.SETTLED),
    "relay and its capability withdrawn": (
        hears(SWITCH.frame(bridge(capable=False, control=False))),
        Reason.RR_WITHDRAWN,
        State.SETTLED,
    ),
    "the capability alone withdrawn": (
        hears(SWITCH.frame(bridge(capable=False))),
        Reason.RR_INCONSISTENT,
        State.SETTLED,
    ),
    "goodbye": (hears(SWITCH.frame(ttl=0)), Reason.PEER_LOST, State.SETTLED),
    "the TLV is missing": (hears(SWITCH.frame()), Reason.PEER_LOST, State.SETTLED),
    "two TLVs at once": (hears(SWITCH.frame(bridge(), bridge())), Reason.PEER_LOST, State.SETTLED),
    "a second bridge": (hears(OTHER.frame(bridge())), Reason.MULTIPLE_PEERS, State.SETTLED),
    "a station beside the bridge": (hears(OTHER.frame(station())), Reason.MULTIPLE_PEERS, State.SETTLED),
    "the bridge turns into a station": (hears(SWITCH.frame(station())), Reason.PEER_IS_STATION, State.SETTLED),
    "the bridge turns EVB off": (
        hears(SWITCH.frame(bridge(mode=EvbMode.NOT_SUPPORTED))),
        Reason.PEER_MODE,
        State.SETTLED,
    ),
    "expiry": (lambda host: host.waits(122.0), Reason.PEER_LOST, State.SETTLED),
    "carrier lost": (link(replace(PORT, carrier=False)), Reason.PEER_LOST, State.DOWN),
    "the address goes, and with it all ears": (link(replace(PORT, address=None)), Reason.PEER_LOST, State.DOWN),
    "administratively down": (link(replace(PORT, up=False)), Reason.PEER_LOST, State.DOWN),
    "the interface goes": (link(None), Reason.PEER_LOST, State.DOWN),
    "a flap between two looks": (link(replace(PORT, carrier_ups=2)), Reason.PEER_LOST, State.SETTLED),
    "another interface of the name": (link(replace(PORT, ifindex=9)), Reason.PEER_LOST, State.SETTLED),
    "the machine slept": (lambda host: host.sleeps(2.0), Reason.PEER_LOST, State.SETTLED),
    "the agent stops": (lambda host: host.releases(2.0), Reason.RELEASED, State.SETTLED),
}


@pytest.mark.parametrize(("event", "reason", "state"), LEAVING.values(), ids=LEAVING.keys())
def test_leaving_vepa_is_the_first_wish_of_the_very_call_and_one_batch(
    event: Event, reason: Reason, state: State
) -> None:
    host = in_vepa(7, 8)
    effects = event(host)
    assert effects[0] == SetModes("eth0", {7: BRIDGE, 8: BRIDGE})
    assert len(modes_of(effects)) == 1
    assert host.modes == {7: BRIDGE, 8: BRIDGE}
    assert (host.status.mode, host.status.reason, host.status.state) == (Mode.VEB, reason, state)


def test_frames_that_tell_of_leaving_follow_it() -> None:
    effects = in_vepa().hears(WITHDRAWN, 2.0)
    assert said(effects) == ["02 04 6E 94 14"]
    assert [type(effect) for effect in effects] == [SetModes, Moved, SendFrame]


def test_the_agent_leaves_vepa_before_it_says_goodbye_and_stays_out_of_it() -> None:
    host = in_vepa()
    effects = host.releases(2.0)
    assert isinstance(effects[0], SetModes)
    assert said(effects) == ["shutdown"]
    host.hears(SWITCH.frame(bridge(), ttl=60), 3.0)
    assert host.batches == [{7: BRIDGE, 8: BRIDGE}]


def test_an_agent_that_stops_tries_once_more_what_it_could_not_set() -> None:
    host = in_vepa()
    host.refuses = {7: {BRIDGE}}
    host.hears(WITHDRAWN, 2.0)
    assert host.releases(2.01)[0] == SetModes("eth0", {7: BRIDGE})


# --- what changes nothing

NOTHING: dict[str, Event] = {
    "the same frame again": hears(GRANTED),
    "our request repeated differently": hears(SWITCH.frame(bridge(echo=StationStatus(True)))),
    "a bridge that forgot us": hears(SWITCH.frame(bridge(echo=StationStatus()))),
    "our own frame, reflected": hears(Peer(HOST, "eth0").frame(station())),
    "our own LLDPDU through another address": hears(Peer(HOST, "eth0").frame(station(), source=OTHER.address)),
    "a guest in the switch's name": hears(SWITCH.frame(bridge(control=False), source=guest(7))),
    "a guest in its own name": hears(OTHER.frame(bridge(), source=guest(8))),
    "EVB on another scope": hears(OTHER.frame(bridge(), scope=Scope.NEAREST_BRIDGE)),
    "goodbye on another scope": hears(SWITCH.frame(ttl=0, scope=Scope.NEAREST_BRIDGE)),
    "goodbye of somebody unknown": hears(OTHER.frame(ttl=0)),
    "a frame in a VLAN": lambda host: host.hears(WITHDRAWN, 2.0, vlan=5),
    "half a frame": hears(WITHDRAWN[:20]),
    "nothing new about links": link(PORT),
}


@pytest.mark.parametrize("event", NOTHING.values(), ids=NOTHING.keys())
def test_guests_stay_where_they_are(event: Event) -> None:
    host = in_vepa()
    before = host.status
    event(host)
    assert host.batches == []
    assert (host.status.mode, host.status.reason, host.status.since) == (Mode.VEPA, Reason.RR_ACTIVE, before.since)


def test_a_second_neighbor_without_evb_is_shown_and_nothing_else() -> None:
    host = in_vepa()
    host.hears(BYSTANDER.frame(), 2.0)
    assert host.batches == []
    assert (host.status.mode, host.status.relay.crowded, host.status.relay.peers) == (Mode.VEPA, True, 1)


def test_the_relay_is_shown_as_the_switch_has_it() -> None:
    relay = in_vepa().status.relay
    assert (relay.capable, relay.requested, relay.operational, relay.echoed) == (True, True, True, True)
    assert (relay.verified, relay.source, relay.version) == (None, "evb_tlv", "ratified")
    assert relay.peer is not None
    assert (relay.peer.chassis_id, relay.peer.system_name) == (str(SWITCH.address), "switch1")
    nobody = Host({}).status.relay
    assert (nobody.capable, nobody.requested, nobody.operational, nobody.echoed) == (None, True, None, None)
    assert (nobody.source, nobody.version, nobody.peer) == (None, None, None)


# --- entering, and who is ever touched


STARTS = {
    "observed, and left": (OBSERVING, {}),
    "put right": (UplinkSettings(), {("vepa", "veb", "no_peer"): 1}),
}


@pytest.mark.parametrize(("configured", "transitions"), STARTS.values(), ids=STARTS.keys())
def test_what_is_found_at_the_start_is_nobodys_change(
    configured: UplinkSettings, transitions: dict[tuple[str, str, str], int]
) -> None:
    host = Host({7: VEPA}, configured)
    assert dict(host.uplink.transitions) == transitions


def test_vepa_that_is_demanded_and_missing_is_an_alarm_from_the_start_and_not_at_the_end() -> None:
    host = Host({7: BRIDGE}, UplinkSettings(mode=ConfiguredMode.VEPA))
    host.hears(GRANTED, 1.0)
    host.hears(WITHDRAWN, 2.0)
    host.releases(3.0)
    alarms = [effect.detail for effect in host.done if isinstance(effect, Faulted) and effect.reason == "vepa_missed"]
    assert len(alarms) == 2
    assert "no switch with EVB is heard" in alarms[0]
    assert "has withdrawn it" in alarms[1]


def test_an_attachment_that_does_not_leave_is_said_to_be_leaving() -> None:
    host = in_vepa(7, 8)
    host.refuses[8] = {BRIDGE}
    host.hears(WITHDRAWN, 2.0)
    assert (host.status.mode, host.status.state, host.status.reason) == (Mode.VEPA, State.LEAVING, Reason.RR_WITHDRAWN)
    host.refuses.clear()
    host.waits(2.1)
    assert (host.status.mode, host.status.state) == (Mode.VEB, State.SETTLED)


def test_entering_vepa_is_one_batch_for_all() -> None:
    host = Host({7: BRIDGE, 8: VEPA, 9: BRIDGE})
    assert host.batches == [{8: BRIDGE}]
    effects = host.hears(GRANTED, 1.0)
    assert effects[0] == SetModes("eth0", {7: VEPA, 8: VEPA, 9: VEPA})
    assert (host.status.mode, host.status.state) == (Mode.VEPA, State.SETTLED)


def test_a_switch_that_has_not_repeated_our_request_is_waited_for() -> None:
    host = Host({7: BRIDGE})
    silent = SWITCH.frame(bridge(echo=StationStatus()))
    for now in (1.0, 2.0):
        host.hears(silent, now)
        assert (host.status.mode, host.status.state, host.status.reason) == (
            Mode.VEB,
            State.ENTERING,
            Reason.HOLDING_UP,
        )
    host.hears(silent, 3.0)
    assert (host.status.mode, host.status.state, host.status.relay.echoed) == (Mode.VEPA, State.SETTLED, None)


CHOSEN = [MacvlanMode.PRIVATE, MacvlanMode.SOURCE, MacvlanMode.PASSTHRU]


@pytest.mark.parametrize("mode", CHOSEN, ids=lambda mode: mode.value)
def test_what_somebody_chose_is_shown_and_left_alone(mode: MacvlanMode) -> None:
    host = Host({7: mode, 8: BRIDGE})
    host.hears(GRANTED, 1.0)
    host.hears(WITHDRAWN, 2.0)
    assert host.batches == [{8: VEPA}, {8: BRIDGE}]
    assert host.status.attachments[0] == AttachmentStatus("macvtap7", 7, Reach.CHOSEN, mode, None)


def test_what_lives_in_another_namespace_is_shown_left_alone_and_holds_nobody_up() -> None:
    host = Host({8: BRIDGE})
    host.foreign[7] = BRIDGE
    host.looks(0.5)
    host.hears(GRANTED, 1.0)
    modes = [host.status.mode]
    host.foreign[7] = VEPA
    host.looks(1.5)
    host.hears(WITHDRAWN, 2.0)
    modes.append(host.status.mode)
    assert host.batches == [{8: VEPA}, {8: BRIDGE}]
    assert modes == [Mode.VEPA, Mode.VEB]  # it neither holds up entering nor counts once the others have left
    assert host.status.attachments == (
        AttachmentStatus("macvtap8", 8, Reach.MANAGED, BRIDGE, BRIDGE),
        AttachmentStatus("macvtap7", 7, Reach.FOREIGN, VEPA, None),
    )


def test_a_guest_under_the_number_of_one_that_would_not_leave_is_not_made_to_wait_for_it() -> None:
    host = in_vepa(7)
    host.refuses = {7: {BRIDGE}}
    host.hears(WITHDRAWN, 2.0)
    del host.modes[7]
    host.looks(2.01)
    host.refuses, host.modes[7] = {}, VEPA
    assert host.looks(2.02)[0] == SetModes("eth0", {7: BRIDGE})


def test_frames_that_were_lost_unheard_end_vepa_until_the_switch_is_heard_anew() -> None:
    host = in_vepa(7)
    assert host.misses(5, 2.0)[0] == SetModes("eth0", {7: BRIDGE})
    assert (host.status.mode, host.status.reason) == (Mode.VEB, Reason.PEER_LOST)
    assert [effect.reason for effect in host.done if isinstance(effect, Faulted)] == ["frames_missed"]
    host.hears(GRANTED, 2.1)  # the same octets as before are news now
    assert (host.status.mode, host.status.reason) == (Mode.VEPA, Reason.RR_ACTIVE)
    assert host.uplink.ports(3.0)[0].missed == 5


def test_frames_that_were_lost_where_nobody_was_known_are_counted_and_no_news() -> None:
    host = Host({7: BRIDGE})
    before = host.status
    assert [host.misses(3, 1.0), host.misses(4, 2.0)] == [[], []]
    assert (host.status, host.uplink.ports(3.0)[0].missed) == (before, 7)


def test_a_foreign_attachment_of_the_same_ifindex_hides_nobody() -> None:
    host = in_vepa(7)
    mine = LinkState(7, "macvtap7", guest(7), True, True, 1, lower=2, mode=VEPA)
    theirs = [replace(mine, name=name, address=guest(9), foreign=True) for name in ("pod1", "pod2")]
    host.uplink.link(PORT, [mine, *theirs], 2.0)
    assert [link.name for link in host.status.attachments] == ["macvtap7", "pod1", "pod2"]
    assert host.hears(WITHDRAWN, 3.0)[0] == SetModes("eth0", {7: BRIDGE})


@pytest.mark.parametrize("foreign", [False, True], ids=["here", "in another namespace"])
def test_a_frame_with_the_address_of_a_guest_is_not_the_switch(foreign: bool) -> None:
    uplink = Uplink("eth0", UplinkSettings(), IDENTITY, agents(), 0.0)
    link = LinkState(7, "macvtap7", guest(7), True, True, 1, lower=2, mode=BRIDGE, foreign=foreign)
    uplink.link(PORT, [link], 0.0)
    forged = replace(SWITCH, address=guest(7)).frame(bridge())
    assert uplink.receive(forged, None, 1.0) == []
    assert uplink.status.relay.peers == 0


def test_a_frame_that_says_nothing_new_does_not_touch_the_uplink() -> None:
    host = in_vepa(7)
    before = host.status
    assert host.hears(GRANTED, 1.1) == []
    assert host.status is before


def test_a_new_attachment_gets_the_right_mode_in_the_call_that_brings_it() -> None:
    host = in_vepa(7)
    host.modes |= {8: BRIDGE, 9: BRIDGE}
    assert host.looks(2.0) == [SetModes("eth0", {8: VEPA, 9: VEPA})]
    host.hears(WITHDRAWN, 3.0)
    host.modes[10] = VEPA
    assert host.looks(4.0)[0] == SetModes("eth0", {10: BRIDGE})
    assert host.modes == dict.fromkeys((7, 8, 9, 10), BRIDGE)


def test_an_attachment_that_somebody_else_changed_is_put_back() -> None:
    host = in_vepa(7, 8)
    host.modes[7] = BRIDGE
    told = Faulted("eth0", "drifted", "macvtap7: somebody else changed vepa to bridge; it is put right")
    assert host.looks(2.0) == [SetModes("eth0", {7: VEPA}), told]
    assert (host.modes[7], host.uplink.drifts) == (VEPA, 1)


def test_nobody_is_fought_for_ever() -> None:
    host = in_vepa(7, 8)
    host.hears(WITHDRAWN, 2.0)
    effects: list[Effect] = []
    for _ in range(6):
        host.modes[7] = VEPA
        effects = host.looks(3.0)
    assert modes_of(effects) == []
    told = "macvtap7: somebody else changed bridge to vepa; not for the first time, so it is put right in 1 s"
    assert effects[0] == Faulted("eth0", "drifted", told)
    assert (host.status.mode, host.status.state) == (Mode.VEPA, State.LEAVING)
    host.waits(4.0)
    assert (host.modes[7], host.status.mode, host.uplink.drifts) == (BRIDGE, Mode.VEB, 6)


def test_one_that_was_fought_over_leaves_vepa_with_the_others() -> None:
    host = in_vepa(7, 8)
    for _ in range(8):
        host.modes[7] = BRIDGE
        host.looks(2.0)
    host.modes[7] = VEPA  # who fought now agrees
    host.looks(2.1)
    assert host.hears(WITHDRAWN, 2.2)[0] == SetModes("eth0", {7: BRIDGE, 8: BRIDGE})


def test_a_guest_that_chose_another_mode_is_told_of_and_left_alone() -> None:
    host = in_vepa(7, 8)
    host.modes[7] = PRIVATE
    told = Faulted("eth0", "drifted", "macvtap7: somebody else changed vepa to private; a choice that is left alone")
    assert host.looks(2.0)[0] == told


UNTOUCHED: dict[str, UplinkSettings] = {"observe": OBSERVING, "apply: false": HANDS_OFF}


@pytest.mark.parametrize("configured", UNTOUCHED.values(), ids=UNTOUCHED.keys())
def test_where_nothing_is_applied_no_mode_is_ever_wished_for(configured: UplinkSettings) -> None:
    host = Host({7: VEPA, 8: BRIDGE}, configured)
    host.hears(GRANTED, 1.0)
    host.hears(WITHDRAWN, 2.0)
    host.port = None
    host.looks(3.0)
    host.port = PORT
    host.looks(4.0)
    host.releases(5.0)
    assert host.batches == []
    assert (host.status.mode, host.status.state) == (Mode.VEPA, State.OBSERVING)  # that of the first guest
    assert {attachment.wanted for attachment in host.status.attachments} == {None}
    del host.modes[7]
    host.looks(6.0)
    assert host.status.mode is Mode.VEB


# --- what the kernel makes of it


def test_a_device_that_vanished_is_no_failure() -> None:
    host = in_vepa(7, 8)
    del host.modes[7]
    host.hears(WITHDRAWN, 2.0)
    assert host.batches == [{7: BRIDGE, 8: BRIDGE}]
    assert [attachment.ifindex for attachment in host.status.attachments] == [8]
    assert (host.status.mode, host.uplink.mode_errors) == (Mode.VEB, 0)
    assert host.uplink.deadline > 2.5


def test_the_effective_mode_is_what_was_read_back() -> None:
    host = in_vepa(7, 8)
    host.refuses = {7: {BRIDGE}}
    host.hears(WITHDRAWN, 2.0)
    assert (host.status.mode, host.status.reason) == (Mode.VEPA, Reason.RR_WITHDRAWN)
    assert [attachment.mode for attachment in host.status.attachments] == [VEPA, BRIDGE]
    assert [attachment.wanted for attachment in host.status.attachments] == [BRIDGE, BRIDGE]
    assert host.uplink.transitions == {("veb", "vepa", "rr_active"): 1}


def waits_between(batches: list[float]) -> list[float]:
    return [round(later - earlier, 6) for earlier, later in pairwise(batches)]


def retries(host: Host, count: int) -> list[float]:
    """When the next batches are tried, seconds."""
    moments: list[float] = []
    while len(moments) < count:
        known = len(host.batches)
        now = host.uplink.deadline
        host.waits(now)
        if len(host.batches) > known:
            moments.append(now)
    return moments


def test_what_did_not_leave_is_tried_again_alone_sooner_than_later() -> None:
    host = in_vepa(7, 8, 9)
    host.refuses = {8: {BRIDGE}}
    host.hears(WITHDRAWN, 2.0)
    assert host.modes == {7: BRIDGE, 8: VEPA, 9: BRIDGE}  # nothing is rolled back
    moments = retries(host, 9)
    assert waits_between([2.0, *moments]) == [0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert host.batches[1:] == [{8: BRIDGE}] * 9
    assert host.uplink.mode_errors == 10
    host.refuses.clear()
    host.waits(host.uplink.deadline)
    assert host.modes[8] is BRIDGE
    assert host.status.mode is Mode.VEB
    assert host.uplink.transitions["vepa", "veb", "rr_withdrawn"] == 1


def test_patience_with_what_does_not_leave_starts_anew_after_a_success() -> None:
    host = in_vepa(7)
    host.refuses = {7: {BRIDGE}}
    host.hears(WITHDRAWN, 2.0)
    retries(host, 3)
    host.refuses.clear()
    retries(host, 1)
    host.refuses = {7: {BRIDGE}}
    host.modes[7] = VEPA
    host.looks(3.0)
    assert retries(host, 1) == [3.05]


def test_one_that_does_not_leave_stops_nobody_else_from_leaving() -> None:
    host = in_vepa(7)
    host.refuses = {7: {BRIDGE}, 9: {BRIDGE}}
    host.hears(WITHDRAWN, 2.0)
    host.modes |= {8: VEPA, 9: VEPA}
    host.looks(2.01)  # two more come, of which one does not leave either
    assert host.batches == [{7: BRIDGE}, {8: BRIDGE, 9: BRIDGE}]
    assert host.modes == {7: VEPA, 8: BRIDGE, 9: VEPA}
    assert retries(host, 1) == [2.05]
    assert host.batches[2:] == [{7: BRIDGE, 9: BRIDGE}]


def test_one_that_leaves_does_not_make_another_that_does_not_more_urgent() -> None:
    host = in_vepa(7)
    host.refuses = {7: {BRIDGE}}
    host.hears(WITHDRAWN, 2.0)
    retries(host, 3)
    host.modes[8] = VEPA
    host.looks(2.4)
    assert host.batches[-1] == {8: BRIDGE}
    assert host.modes == {7: VEPA, 8: BRIDGE}
    assert retries(host, 2) == pytest.approx([2.75, 3.55])


def test_one_that_does_not_enter_sends_all_back_in_the_next_breath() -> None:
    host = Host({7: BRIDGE, 8: BRIDGE, 9: BRIDGE})
    host.refuses = {8: {VEPA}}
    host.hears(GRANTED, 1.0)
    assert host.batches == [dict.fromkeys((7, 8, 9), VEPA), {7: BRIDGE, 9: BRIDGE}]
    assert set(host.modes.values()) == {BRIDGE}
    status = host.status
    assert (status.mode, status.state, status.reason) == (Mode.VEB, State.ENTERING, Reason.ATTACHMENT_OUT_OF_REACH)
    moments = retries(host, 1)
    assert moments == [2.0]
    assert host.batches[2:] == [dict.fromkeys((7, 8, 9), VEPA), {7: BRIDGE, 9: BRIDGE}]


ENTERING: dict[str, tuple[int, ...]] = {"alone": (8,), "beside others that are sent back": (7, 8, 9)}


@pytest.mark.parametrize("ifindexes", ENTERING.values(), ids=ENTERING.keys())
def test_what_does_not_enter_is_tried_again_later_and_later(ifindexes: tuple[int, ...]) -> None:
    host = Host(dict.fromkeys(ifindexes, BRIDGE))
    host.refuses = {8: {VEPA}}
    forever = SWITCH.frame(bridge(), ttl=65535)
    host.hears(forever, 1.0)
    moments = retries(host, 8)
    assert waits_between([1.0, *moments]) == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    host.refuses.clear()
    host.waits(host.uplink.deadline + 60.0)
    assert set(host.modes.values()) == {VEPA}
    assert (host.status.state, host.status.reason) == (State.SETTLED, Reason.RR_ACTIVE)


def test_a_guest_that_comes_and_does_not_enter_takes_all_out_of_vepa() -> None:
    host = in_vepa(7)
    host.modes[8], host.refuses = BRIDGE, {8: {VEPA}}
    host.looks(2.0)
    assert host.batches == [{8: VEPA}, {7: BRIDGE}]
    assert host.uplink.transitions["vepa", "veb", "attachment_out_of_reach"] == 1


def test_two_that_refuse_opposite_ways_end_in_waiting() -> None:
    host = Host({7: BRIDGE, 8: BRIDGE})
    host.refuses = {7: {VEPA}, 8: {BRIDGE}}
    host.hears(SWITCH.frame(bridge(), ttl=65535), 1.0)
    assert host.batches == [{7: VEPA, 8: VEPA}, {8: BRIDGE}]
    assert host.status.reason is Reason.ATTACHMENT_OUT_OF_REACH
    host.done.clear()
    host.waits(1.99)
    assert host.batches == [{8: BRIDGE}] * 4  # after 0.05, 0.15, 0.35 and 0.75 s
    host.done.clear()
    host.waits(2.0)
    assert host.batches == [{7: VEPA}]
    host.refuses.clear()
    host.waits(10.0)
    assert host.modes == {7: VEPA, 8: VEPA}


def test_a_new_decision_begins_with_all_of_its_tries() -> None:
    host = Host({7: BRIDGE, 8: BRIDGE})
    host.refuses = {8: {VEPA}}
    host.hears(GRANTED, 1.0)
    host.hears(WITHDRAWN, 1.1)
    assert host.status.reason is Reason.RR_WITHDRAWN
    host.hears(GRANTED, 1.2)
    assert host.batches[-2:] == [{7: VEPA, 8: VEPA}, {7: BRIDGE}]
    assert host.uplink.deadline == 2.2  # and not 3.2


DIRECTIONS: dict[str, tuple[Callable[[], Host], bytes, MacvlanMode]] = {
    "towards VEB": (lambda: in_vepa(7, 8), WITHDRAWN, BRIDGE),
    "towards VEPA": (lambda: Host({7: BRIDGE, 8: BRIDGE}), GRANTED, VEPA),
}


@pytest.mark.parametrize(("start", "frame", "mode"), DIRECTIONS.values(), ids=DIRECTIONS.keys())
def test_where_nothing_is_read_back_the_worst_is_assumed_and_all_are_tried_again(
    start: Callable[[], Host], frame: bytes, mode: MacvlanMode
) -> None:
    host = start()
    host.unread = True
    host.done.clear()
    host.hears(frame, 2.0)
    assert host.batches[0] == {7: mode, 8: mode}
    assert host.batches[-1] == {7: BRIDGE, 8: BRIDGE}
    assert [attachment.mode for attachment in host.status.attachments] == [VEPA, VEPA]
    modes = [host.status.mode]
    host.unread = False
    host.waits(2.05)
    modes.append(host.status.mode)
    assert host.modes == {7: BRIDGE, 8: BRIDGE}
    assert modes == [Mode.VEPA, Mode.VEB]


FAULTS: dict[str, tuple[dict[int, int], str]] = {
    "an errno": ({7: EPERM}, "macvtap7, macvtap8: EPERM; next try in 0.05 s"),
    "two": ({7: EPERM, 8: EBUSY, 9: 0}, "macvtap7, macvtap8: EBUSY, EPERM; next try in 0.05 s"),
    "a number without a name": ({8: 5000}, "macvtap7, macvtap8: 5000; next try in 0.05 s"),
    "none at all": (
        {},
        "macvtap7, macvtap8: the kernel reported no error, yet the mode is another one; next try in 0.05 s",
    ),
}


@pytest.mark.parametrize(("errors", "detail"), FAULTS.values(), ids=FAULTS.keys())
def test_a_failure_is_told_with_who_why_and_when_next(errors: dict[int, int], detail: str) -> None:
    host = in_vepa(7, 8)
    (wish, *_) = host.uplink.receive(WITHDRAWN, None, 2.0)
    assert isinstance(wish, SetModes)
    answer = host.uplink.actuated(Actuated(wish, errors, modes={7: VEPA, 8: VEPA}), 2.0)
    assert answer[0] == Faulted("eth0", "mode_not_set", detail)


def test_outcomes_that_are_no_uplinks_change_nothing() -> None:
    host = in_vepa()
    assert host.uplink.actuated(Actuated(SetHairpin(2, on=True), {}, hairpin=True), 2.0) == []
    assert host.status.mode is Mode.VEPA


# --- entering is earned

PATIENT = EntrySettings(hold_up=3.0, flap_limit=3, flap_window=600.0, lockout=600.0)


def patient() -> Host:
    """A host that hears the switch grant relay at 1 s."""
    host = Host({7: BRIDGE, 8: BRIDGE}, entry=PATIENT)
    host.hears(GRANTED, 1.0)
    return host


def test_guests_enter_vepa_when_the_hold_up_is_over_and_not_before() -> None:
    host = patient()
    assert (host.modes, host.status.state, host.status.reason) == (
        {7: BRIDGE, 8: BRIDGE},
        State.ENTERING,
        Reason.HOLDING_UP,
    )
    host.waits(3.999)
    assert host.batches == []
    host.waits(4.0)
    assert host.batches == [{7: VEPA, 8: VEPA}]
    assert (host.status.mode, host.status.state, host.status.reason) == (Mode.VEPA, State.SETTLED, Reason.RR_ACTIVE)
    assert host.uplink.transitions == {("veb", "vepa", "rr_active"): 1}


def test_each_interruption_begins_the_hold_up_anew() -> None:
    host = patient()
    for second in range(2, 40):
        host.waits(second - 0.01)
        host.hears(WITHDRAWN if second % 2 == 0 else GRANTED, float(second))
    assert host.batches == []
    assert host.status.state is State.ENTERING


def test_relay_that_flaps_every_few_seconds_is_locked_out() -> None:
    host = Host({7: BRIDGE, 8: BRIDGE}, entry=PATIENT)
    for turn in range(6):
        host.waits(10.0 * turn)
        host.hears(GRANTED, 10.0 * turn)
        host.waits(10.0 * turn + 5.0)
        host.hears(WITHDRAWN, 10.0 * turn + 5.0)
    assert [set(batch.values()) for batch in host.batches] == [{VEPA}, {BRIDGE}] * 3
    host.hears(GRANTED, 60.0)
    assert (host.status.mode, host.status.state, host.status.reason) == (
        Mode.VEB,
        State.LOCKED_OUT,
        Reason.FLAP_LOCKOUT,
    )
    why = "relay came and went too often, so guests stay in VEB for a while"
    assert Moved("decision", "eth0", "rr_withdrawn", "flap_lockout", why) in host.done


def test_a_cable_that_is_pulled_again_and_again_locks_nobody_out() -> None:
    host = Host({7: BRIDGE, 8: BRIDGE}, entry=PATIENT)
    for turn in range(8):
        host.port = PORT
        host.looks(10.0 * turn)
        host.hears(GRANTED, 10.0 * turn)
        host.waits(10.0 * turn + 5.0)
        assert (host.modes[7], host.status.state) == (VEPA, State.SETTLED)
        host.port = replace(PORT, carrier=False)
        host.looks(10.0 * turn + 5.0)
        assert host.modes[7] is BRIDGE


def test_a_guest_that_comes_while_the_others_wait_waits_too() -> None:
    host = patient()
    host.modes[9] = VEPA
    assert host.looks(2.0)[0] == SetModes("eth0", {9: BRIDGE})


ASSUMING = UplinkSettings(reflective_relay=ReflectiveRelay.ASSUME)
INTERRUPTIONS: dict[str, tuple[UplinkSettings, Event]] = {
    "a flap between two looks, and the operator's word": (ASSUMING, link(replace(PORT, carrier_ups=2))),
    "a suspension, and the operator's word": (ASSUMING, lambda host: host.sleeps(2.0)),
    "another interface, and the operator's word": (ASSUMING, link(replace(PORT, ifindex=9))),
    "another switch, heard as the first one expired": (
        UplinkSettings(),
        lambda host: host.hears(OTHER.frame(bridge()), 130.0),
    ),
}


@pytest.mark.parametrize(("configured", "event"), INTERRUPTIONS.values(), ids=INTERRUPTIONS.keys())
def test_what_ends_and_begins_anew_in_one_call_is_earned_anew(configured: UplinkSettings, event: Event) -> None:
    host = Host({7: BRIDGE}, configured, EntrySettings(hold_up=0.5))
    if configured is not ASSUMING:
        host.hears(GRANTED, 1.0)
    host.waits(1.5)
    assert host.modes == {7: VEPA}
    assert event(host)[0] == SetModes("eth0", {7: BRIDGE})
    assert (host.status.state, host.status.reason) == (State.ENTERING, Reason.HOLDING_UP)
    host.waits(131.0)
    assert host.modes == {7: VEPA}


# --- what is told


def test_a_change_of_mode_is_published_counted_and_said() -> None:
    host = in_vepa()
    host.hears(WITHDRAWN, 2.0)
    assert Publish(host.status) in host.done
    assert Moved("uplink", "eth0", "vepa", "veb", "rr_withdrawn") in host.done
    host.hears(GRANTED, 3.0)
    assert host.uplink.transitions == {
        ("veb", "vepa", "rr_active"): 2,
        ("vepa", "veb", "rr_withdrawn"): 1,
    }


WHYS: dict[str, tuple[list[bytes], tuple[str, str, str]]] = {
    "by its row": (
        [SWITCH.frame(bridge(control=False))],
        ("no_peer", "rr_pending", "the switch can reflect and has not turned it on yet"),
    ),
    "not by the row where a guest is the reason": (
        [GRANTED],
        ("no_peer", "attachment_out_of_reach", "an attachment did not take VEPA, so none is left in it"),
    ),
}


@pytest.mark.parametrize(("frames", "told"), WHYS.values(), ids=WHYS.keys())
def test_a_new_reason_in_the_same_mode_is_explained(frames: list[bytes], told: tuple[str, str, str]) -> None:
    host = Host({7: BRIDGE})
    host.refuses = {7: {VEPA}}
    for frame in frames:
        host.hears(frame, 1.0)
    assert Moved("decision", "eth0", *told) in host.done


MISSED = "mode vepa is configured and guests are in veb: "
ALARMS: dict[str, tuple[list[bytes], list[str]]] = {
    "it is there at once": ([GRANTED], []),
    "it is not yet, and then is": (
        [SWITCH.frame(bridge(control=False)), SWITCH.frame(bridge(control=False)), GRANTED],
        ["the switch can reflect and has not turned it on yet"],
    ),
    "it was": ([GRANTED, WITHDRAWN], ["the switch had relay on and has withdrawn it"]),
    "each reason once": (
        [SWITCH.frame(bridge(capable=False, control=False)), WITHDRAWN, SWITCH.frame(ttl=0)],
        [
            "the switch port cannot reflect",
            "the switch can reflect and has not turned it on yet",
            "no switch with EVB is heard",
        ],
    ),
}


@pytest.mark.parametrize(("frames", "sentences"), ALARMS.values(), ids=ALARMS.keys())
def test_where_vepa_is_demanded_each_reason_for_missing_it_is_told_once(
    frames: list[bytes], sentences: list[str]
) -> None:
    host = Host({7: BRIDGE}, UplinkSettings(mode=ConfiguredMode.VEPA))
    host.done.clear()
    for now, frame in enumerate(frames, 1):
        host.hears(frame, float(now))
    alarms = [effect for effect in host.done if isinstance(effect, Faulted)]
    assert alarms == [Faulted("eth0", "vepa_missed", MISSED + sentence) for sentence in sentences]
    assert host.status.degraded is (bool(sentences) and host.status.mode is Mode.VEB)


def test_a_guest_that_is_the_reason_for_missing_vepa_is_told_too() -> None:
    host = Host({7: BRIDGE}, UplinkSettings(mode=ConfiguredMode.VEPA))
    host.refuses = {7: {VEPA}}
    host.hears(GRANTED, 1.0)
    why = "an attachment did not take VEPA, so none is left in it"
    assert Faulted("eth0", "vepa_missed", MISSED + why) in host.done


def test_where_vepa_is_not_demanded_missing_it_is_no_fault() -> None:
    host = in_vepa()
    host.hears(WITHDRAWN, 2.0)
    assert [effect for effect in host.done if isinstance(effect, Faulted)] == []
    assert not host.status.degraded


def test_nothing_is_told_where_nothing_changed() -> None:
    host = in_vepa()
    host.hears(GRANTED, 1.3)
    host.looks(1.6)
    assert host.done == []


def test_since_is_the_moment_of_the_last_change_of_mode_state_or_reason() -> None:
    host = Host({7: BRIDGE})
    moments = [host.status.since]
    host.hears(SWITCH.frame(bridge(control=False)), 1.0)  # reason
    moments.append(host.status.since)
    host.hears(SWITCH.frame(bridge(control=False, echo=StationStatus())), 2.0)  # neither
    host.hears(BYSTANDER.frame(), 3.0)
    moments.append(host.status.since)
    host.hears(GRANTED, 4.0)  # mode
    moments.append(host.status.since)
    host.modes[8] = BRIDGE
    host.looks(5.0)
    moments.append(host.status.since)
    host.port = None
    host.looks(6.0)  # state
    moments.append(host.status.since)
    assert moments == [0.0, 1.0, 1.0, 4.0, 4.0, 6.0]


def test_the_status_repeats_the_settings() -> None:
    configured = UplinkSettings(ConfiguredMode.VEPA, ReflectiveRelay.OFF)
    status = Host({}, configured).status
    assert (status.name, status.ports) == ("eth0", ("eth0",))
    assert (status.configured_mode, status.reflective_relay) == (ConfiguredMode.VEPA, ReflectiveRelay.OFF)
    assert (status.fallback, status.apply, status.would) == (configured.fallback, True, None)


def test_an_uplink_whose_interface_never_was_is_down_and_waits_for_nothing() -> None:
    uplink = Uplink("eth0", UplinkSettings(), IDENTITY, agents(), 5.0)
    assert (uplink.status.state, uplink.status.reason, uplink.status.since) == (State.DOWN, Reason.NO_PEER, 5.0)
    assert uplink.deadline == float("inf")
    assert uplink.on_deadline(6.0) == []


def test_ports_show_what_was_heard_and_sent() -> None:
    host = in_vepa()
    (port,) = host.uplink.ports(2.0)
    customer = port.scopes[-1]
    assert (port.name, port.carrier, customer.neighbors) == ("eth0", True, 1)
    assert customer.counters.frames_out_total == 2


# --- the argument, whatever happens

WORDS = {
    "grants": [bridge()],
    "grants, having heard nothing": [bridge(echo=StationStatus())],
    "withdraws": [bridge(control=False)],
    "withdraws the capability": [bridge(capable=False)],
    "cannot": [bridge(capable=False, control=False)],
    "is a station": [station()],
    "is nothing": [bridge(mode=EvbMode.NOT_SUPPORTED)],
    "contradicts itself": [bridge(), bridge()],
    "says nothing": [],
    "drafts relay": [draft("40 07 40 00 00 00 00 00 0F")],
    "drafts none": [draft("40 07 80 00 00 00 00 00 0F")],
    "drafts nothing": [draft("00 07 40 00 00 00 00 00 0F")],
    "grants, and drafts none": [bridge(), draft("40 07 80 00 00 00 00 00 0F")],
    "withdraws, and drafts relay": [bridge(control=False), draft("40 07 40 00 00 00 00 00 0F")],
}
SPEAKS_EVB = WORDS.keys() - {"contradicts itself", "says nothing", "drafts nothing"}
DRAFTS = {"drafts relay", "drafts none", "grants, and drafts none", "withdraws, and drafts relay"}
RATIFIED = SPEAKS_EVB - {"drafts relay", "drafts none"}
GRANTS = {"grants", "grants, having heard nothing", "grants, and drafts none"}
RELAYS_IN_DRAFT = {"drafts relay", "withdraws, and drafts relay"}
FULLY_WORKED_OFF = 5.0  # seconds; the longest wait before an attachment is asked to leave once more

peers, words = st.sampled_from([SWITCH, OTHER]), st.sampled_from(sorted(WORDS))
ttls = st.sampled_from([0, 2, 40, 121])
anyone = st.integers(0, 5)  # the n-th of the guests that there are
refusals = st.sampled_from([{BRIDGE}, {VEPA}, {BRIDGE, VEPA}])


class World(RuleBasedStateMachine):
    """Two switches, a link, guests and a kernel that may refuse; what was said is known here by other means."""

    def __init__(self) -> None:
        super().__init__()
        self.host = Host({})
        self.now = 0.0
        self.live: dict[tuple[Peer, Scope], tuple[str, float]] = {}  # the last accepted word, and when it expires
        self.guests = 10
        self.released = False

    @property
    def up(self) -> bool:
        return self.host.port is not None and self.host.port.enabled

    @property
    def may(self) -> bool:
        """Whether the word of the single live bridge lets guests into VEPA."""
        spoken: dict[Peer, dict[Scope, str]] = {}
        for (peer, scope), (word, expires) in self.live.items():
            if expires > self.now and word in (SPEAKS_EVB if scope is CUSTOMER else DRAFTS):
                spoken.setdefault(peer, {})[scope] = word
        if not self.up or self.released or len(spoken) != 1:
            return False
        (said,) = spoken.values()
        first = said.get(CUSTOMER, "says nothing")
        return first in GRANTS if first in RATIFIED else RELAYS_IN_DRAFT.issuperset(said.values())

    @rule(peer=peers, word=words, ttl=ttls)
    def hear(self, peer: Peer, word: str, ttl: int) -> None:
        if self.up:
            self.live[peer, CUSTOMER] = word, self.now + ttl
        self.host.hears(peer.frame(*WORDS[word], ttl=ttl), self.now)

    @rule(peer=peers)
    def hear_a_draft_that_follows(self, peer: Peer) -> None:
        for word in ("drafts relay", "drafts none", "drafts relay"):
            self.hear(peer, word, 121)

    @rule(peer=peers, word=words, ttl=ttls)
    def hear_on_another_scope(self, peer: Peer, word: str, ttl: int) -> None:
        scope = Scope.NEAREST_BRIDGE
        if self.up:
            self.live[peer, scope] = word, self.now + ttl
        self.host.hears(peer.frame(*WORDS[word], ttl=ttl, scope=scope), self.now)

    @precondition(lambda self: self.host.modes)
    @rule(peer=peers, nth=anyone, word=words)
    def hear_a_guest_in_the_name_of_a_switch(self, peer: Peer, nth: int, word: str) -> None:
        self.host.hears(peer.frame(*WORDS[word], source=guest(self.pick(nth))), self.now)

    @rule(seconds=st.sampled_from([0.01, 0.05, 0.5, 1.0, 3.0, 41.0]))
    def wait(self, seconds: float) -> None:
        until = self.now + seconds
        while self.host.uplink.deadline <= until:
            self.now = max(self.now, self.host.uplink.deadline)
            self.host.waits(self.now)
            self.check()
        self.now = until

    @rule(state=st.sampled_from(["up", "no carrier", "down", "gone", "flapped", "another"]))
    def link(self, state: str) -> None:
        old = self.host.port or PORT
        self.host.port = {
            "up": replace(old, up=True, carrier=True),
            "no carrier": replace(old, carrier=False),
            "down": replace(old, up=False),
            "gone": None,
            "flapped": replace(old, carrier_ups=old.carrier_ups + 1),
            "another": replace(old, ifindex=old.ifindex + 1),
        }[state]
        if state != "up":
            self.live.clear()
        self.host.looks(self.now)

    @precondition(lambda self: len(self.host.modes) < 5)
    @rule(mode=st.sampled_from([BRIDGE, VEPA, PRIVATE]), refuses=st.none() | refusals)
    def add(self, mode: MacvlanMode, refuses: set[MacvlanMode] | None) -> None:
        self.guests += 1
        self.host.modes[self.guests] = mode
        self.host.refuses[self.guests] = refuses or set()
        self.host.looks(self.now)

    @precondition(lambda self: self.host.modes)
    @rule(nth=anyone, seen=st.booleans())
    def remove(self, nth: int, seen: bool) -> None:
        del self.host.modes[self.pick(nth)]
        if seen:
            self.host.looks(self.now)

    @precondition(lambda self: self.host.modes)
    @rule(nth=anyone, mode=st.sampled_from([BRIDGE, VEPA]))
    def somebody_else_sets(self, nth: int, mode: MacvlanMode) -> None:
        index = self.pick(nth)
        if index not in self.host.stayed and self.host.modes[index] is not PRIVATE:
            self.host.modes[index] = mode
        self.host.looks(self.now)

    @precondition(lambda self: self.host.modes)
    @rule(nth=anyone, modes=refusals)
    def refuse(self, nth: int, modes: set[MacvlanMode]) -> None:
        self.host.refuses[self.pick(nth)] = modes

    @rule()
    def relent(self) -> None:
        self.host.refuses.clear()

    @rule(unread=st.booleans())
    def lose_answers(self, unread: bool) -> None:
        self.host.unread = unread

    @rule()
    def release(self) -> None:
        self.released = True
        self.host.releases(self.now)

    def pick(self, nth: int) -> int:
        here = sorted(self.host.modes)
        return here[nth % len(here)]

    @invariant()
    def check(self) -> None:
        uplink, modes = self.host.uplink, self.host.modes
        vepa = {index for index, mode in modes.items() if mode is VEPA}
        if not self.may or BRIDGE in modes.values():  # nobody may be in VEPA alone, or all of them are
            assert vepa <= self.host.stayed
        if vepa and not self.may:
            assert uplink.deadline <= self.now + FULLY_WORKED_OFF
        known = {a.ifindex: a.mode for a in uplink.status.attachments if a.ifindex not in self.host.stayed}
        assert {index: mode for index, mode in known.items() if index in modes}.items() <= modes.items()

    def teardown(self) -> None:
        """Once nothing fails any more, it takes seconds until all are where they belong."""
        self.relent()
        self.host.unread = False
        self.wait(FULLY_WORKED_OFF)
        self.host.looks(self.now)
        if not self.may:
            assert VEPA not in self.host.modes.values()
        assert not {VEPA, BRIDGE} <= set(self.host.modes.values())


def test_nobody_is_left_in_vepa_without_the_word_of_the_single_live_bridge() -> None:
    run_state_machine_as_test(World, settings=settings(max_examples=150, stateful_step_count=30, deadline=None))

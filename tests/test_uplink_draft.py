"""One uplink and a switch that speaks EVB's draft: the same haste in leaving, and more to be earned by entering."""

from collections.abc import Callable, Sequence

import pytest

from evbagent.effects import Actuated, Effect, Moved, SendFrame, SetModes
from evbagent.entry import EntrySettings
from evbagent.events import LinkState
from evbagent.status import ConfiguredMode, DraftUse, MacvlanMode, Mode, Reason, State
from evbagent.uplink import Uplink, UplinkSettings
from evbagent.wire.basic import Capability, SystemCapabilities
from evbagent.wire.ethernet import Scope
from evbagent.wire.evb import Evb
from evbagent.wire.evb_draft import EvbDraft
from evbagent.wire.lldpdu import Lldpdu
from evbagent.wire.tlv import Tlv
from tests.support.frames import CUSTOMER, HOST, IDENTITY, OTHER, SWITCH, agents, bridge, draft, octets, pdus, perform

NEAREST = Scope.NEAREST_BRIDGE
VEPA, BRIDGE = MacvlanMode.VEPA, MacvlanMode.BRIDGE
RELAY, STANDARD = draft("40 07 40 00 00 00 00 00 0F"), draft("40 07 80 00 00 00 00 00 0F")
UNABLE, CONTRADICTION = draft("80 07 80 00 00 00 00 00 0F"), draft("80 07 40 00 00 00 00 00 0F")
STATION = SystemCapabilities(Capability.STATION, Capability.STATION).tlv()
PORT = LinkState(2, "eth0", HOST, up=True, carrier=True, carrier_ups=1)

FOLLOWS = (RELAY, STANDARD, RELAY)
"""What lldpad says, from its first word to relay that is agreed."""


class Host:
    """An uplink with one guest, whose wishes come true at once; frames leave only while `sends`."""

    def __init__(
        self,
        *,
        configured: UplinkSettings | None = None,
        transmit: tuple[Scope, ...] = (CUSTOMER,),
        use: DraftUse = DraftUse.AUTO,
    ) -> None:
        self.sends = True
        self.now = 0.0
        self.guest = BRIDGE
        self.done: list[Effect] = []
        settings = configured or UplinkSettings()
        entry = EntrySettings(hold_up=0.0)
        self.uplink = Uplink("eth0", settings, IDENTITY, agents(transmit), 0.0, entry, draft=use)
        self.link(PORT)

    def link(self, port: LinkState | None) -> list[Effect]:
        guest = LinkState(7, "macvtap0", None, True, True, 1, lower=2, mode=self.guest)
        return self._perform(self.uplink.link(port, [guest], self.now))

    def hears(self, *tlvs: Tlv, scope: Scope = CUSTOMER, ttl: int = 121) -> list[Effect]:
        """The switch says so, a second after whatever was last."""
        return self.receives(SWITCH.frame(*tlvs, scope=scope, ttl=ttl))

    def receives(self, frame: bytes) -> list[Effect]:
        self.waits(1.0)
        return self._perform(self.uplink.receive(frame, None, self.now))

    def waits(self, seconds: float) -> list[Effect]:
        """All deadlines until then; the effects of the last one that had any."""
        until, last = self.now + seconds, list[Effect]()
        while self.uplink.deadline <= until:
            self.now = max(self.now, self.uplink.deadline)
            last = self._perform(self.uplink.on_deadline(self.now)) or last
        self.now = until
        return last

    @property
    def words(self) -> list[str]:
        """What was said on EVB's own scope, each once."""
        said = [octets(tlv) for pdu in self.sent(CUSTOMER) for tlv in pdu.optional if tlv.key is not None]
        return list(dict.fromkeys(said))

    def sent(self, scope: Scope) -> list[Lldpdu]:
        return pdus(self.done, scope)

    def _perform(self, effects: list[Effect]) -> list[Effect]:
        self.done += perform(self.uplink, effects, self._answer, self.now)
        return effects

    def _answer(self, effect: Effect) -> Actuated | None:
        if isinstance(effect, SendFrame):
            return Actuated(effect, {} if self.sends else {effect.port: 105})
        if not isinstance(effect, SetModes):
            return None
        self.guest = effect.modes[7]
        return Actuated(effect, {}, modes=effect.modes)


def agreed() -> Host:
    """A host whose guest is in VEPA because a draft switch followed."""
    host = Host()
    for word in FOLLOWS:
        host.hears(word)
    assert (host.guest, host.uplink.status.reason) == (VEPA, Reason.RR_ACTIVE)
    return host


def test_relay_is_agreed_word_by_word_and_shown_as_the_drafts() -> None:
    host = Host()
    seen = []
    for word in FOLLOWS:
        host.hears(word)
        seen.append((host.uplink.status.mode, host.uplink.status.state, host.uplink.status.reason))
    assert seen == [
        (Mode.VEB, State.ENTERING, Reason.HOLDING_UP),
        (Mode.VEB, State.SETTLED, Reason.RR_PENDING),
        (Mode.VEPA, State.SETTLED, Reason.RR_ACTIVE),
    ]
    assert host.words == ["00 07 6E 94 14", "80 00 80 00 00 00 00 00 0F", "40 00 40 00 00 00 00 00 0F"]
    relay = host.uplink.status.relay
    assert (relay.capable, relay.requested, relay.operational, relay.echoed) == (True, True, True, None)
    assert (relay.source, relay.version, relay.peers) == ("evb_tlv", "draft", 1)


def test_a_claim_that_is_taken_back_is_no_transition_and_no_withdrawal() -> None:
    host = agreed()
    assert host.uplink.transitions == {("veb", "vepa", "rr_active"): 1}
    reasons = [effect.new for effect in host.done if isinstance(effect, Moved) and effect.machine == "decision"]
    assert reasons == ["holding_up", "rr_pending"]


LENGTHS = {"evb": 9, "evb_draft": 13}  # octets of information; lldpad dies of longer ones


def test_no_lldpdu_of_ours_ever_holds_both_versions_or_an_evb_tlv_longer_than_it_has_to_be() -> None:
    host = Host(transmit=tuple(Scope), use=DraftUse.ON)
    for tlvs in ((), (RELAY,), (STANDARD,), (RELAY,), (RELAY, bridge()), (bridge(),), (UNABLE,), ()):
        host.hears(*tlvs)
        host.hears(*tlvs, scope=NEAREST)
        host.waits(40.0)
    spoken = [[tlv for tlv in pdu.optional if tlv.key is not None] for scope in Scope for pdu in host.sent(scope)]
    assert {len(tlvs) for tlvs in spoken} == {0, 1}
    lengths = {(tlv.key, len(tlv.value)) for tlvs in spoken for tlv in tlvs}
    assert lengths == {(kind.KEY, LENGTHS[kind.NAME]) for kind in (Evb, EvbDraft)}


def test_an_offer_that_never_left_is_not_followed() -> None:
    host = Host()
    host.sends = False
    for _ in range(5):
        host.hears(STANDARD)
        host.hears(RELAY)
    assert (host.guest, host.uplink.status.reason) == (BRIDGE, Reason.HOLDING_UP)
    host.sends = True
    host.hears(STANDARD)
    host.hears(RELAY)
    assert (host.guest, host.uplink.status.reason) == (VEPA, Reason.RR_ACTIVE)


def test_a_switch_that_never_follows_is_waited_for_and_nothing_else() -> None:
    host = Host()
    for _ in range(20):
        host.hears(RELAY)
        host.waits(29.0)
    assert (host.guest, host.uplink.status.state, host.uplink.status.reason) == (
        BRIDGE,
        State.ENTERING,
        Reason.HOLDING_UP,
    )
    assert host.uplink.transitions == {}


# --- leaving

Event = Callable[[Host], list[Effect]]


def hears(*tlvs: Tlv, ttl: int = 121, scope: Scope = CUSTOMER) -> Event:
    return lambda host: host.hears(*tlvs, ttl=ttl, scope=scope)


LEAVING: dict[str, tuple[Event, Reason]] = {
    "withdrawn": (hears(STANDARD), Reason.RR_WITHDRAWN),
    "withdrawn with the capability": (hears(UNABLE), Reason.RR_WITHDRAWN),
    "the capability alone withdrawn": (hears(CONTRADICTION), Reason.RR_INCONSISTENT),
    "the TLV is missing": (hears(), Reason.PEER_LOST),
    "the TLV stands there twice": (hears(RELAY, RELAY), Reason.PEER_LOST),
    "goodbye": (hears(ttl=0), Reason.PEER_LOST),
    "expiry": (lambda host: host.waits(125.0), Reason.PEER_LOST),
    "the link goes down": (lambda host: host.link(None), Reason.PEER_LOST),
    "frames were missed": (lambda host: host.uplink.missed(3, host.now), Reason.PEER_LOST),
    "a second draft switch": (lambda host: host.receives(OTHER.frame(UNABLE)), Reason.MULTIPLE_PEERS),
    "a second draft switch on the other scope": (
        lambda host: host.receives(OTHER.frame(RELAY, scope=NEAREST)),
        Reason.MULTIPLE_PEERS,
    ),
    "a ratified switch": (lambda host: host.receives(OTHER.frame(bridge())), Reason.MULTIPLE_PEERS),
    "it calls itself a station": (hears(RELAY, STATION), Reason.PEER_IS_STATION),
    "its ratified TLV says no": (hears(RELAY, bridge(control=False)), Reason.RR_PENDING),
    "its other scope says no": (hears(STANDARD, scope=NEAREST), Reason.RR_WITHDRAWN),
}


@pytest.mark.parametrize(("event", "reason"), LEAVING.values(), ids=LEAVING.keys())
def test_leaving_vepa_is_the_first_wish_of_the_very_call(event: Event, reason: Reason) -> None:
    host = agreed()
    effects = event(host)
    assert effects[0] == SetModes("eth0", {7: BRIDGE})
    for effect in perform(host.uplink, effects, lambda _: None, host.now):
        assert not isinstance(effect, SetModes) or effect.modes == {7: BRIDGE}
    host.uplink.actuated(Actuated(effects[0], {}, modes={7: BRIDGE}), host.now)
    assert (host.uplink.status.mode, host.uplink.status.reason) == (Mode.VEB, reason)


def test_one_switch_on_two_scopes_is_one_switch() -> None:
    host = agreed()
    host.hears(RELAY, scope=NEAREST)
    assert (host.guest, host.uplink.status.relay.peers, host.uplink.status.relay.crowded) == (VEPA, 1, False)


# --- scopes and settings


def test_a_switch_on_the_nearest_bridge_scope_is_answered_there_where_that_is_configured() -> None:
    host = Host(transmit=(CUSTOMER, NEAREST))
    for word in FOLLOWS:
        host.hears(word, scope=NEAREST)
    assert (host.guest, host.uplink.status.reason) == (VEPA, Reason.RR_ACTIVE)
    drafts = [pdu.read(EvbDraft) is not None for pdu in host.sent(NEAREST)]
    assert drafts == sorted(drafts), "nothing of the draft before it was heard"
    assert any(drafts)
    assert all(pdu.read(Evb) is not None for pdu in host.sent(CUSTOMER))


def test_a_switch_where_nothing_may_be_sent_is_not_answered_and_that_is_the_reason() -> None:
    host = Host()
    for word in (*FOLLOWS, STANDARD, RELAY):
        host.hears(word, scope=NEAREST)
        assert (host.guest, host.uplink.status.reason) == (BRIDGE, Reason.RR_NOT_REQUESTED)
    assert host.uplink.status.relay.requested is False
    assert host.sent(NEAREST) == []
    (why,) = (e.why for e in host.done if isinstance(e, Moved) and e.machine == "decision")
    assert "lldp.transmit" in why


OBSERVING = UplinkSettings(mode=ConfiguredMode.OBSERVE)
NO_VEPA = UplinkSettings(mode=ConfiguredMode.VEB)
SETTINGS: dict[str, tuple[Callable[[], Host], Sequence[Tlv], Reason, list[str]]] = {
    # what is configured, what is heard -> why guests stay where they are, and all that is said
    "off": (lambda: Host(use=DraftUse.OFF), FOLLOWS, Reason.NO_PEER, ["00 07 6E 94 14"]),
    "the policy is not to use relay": (
        lambda: Host(configured=NO_VEPA),
        FOLLOWS,
        Reason.RR_FORCED_BY_BRIDGE,
        ["00 03 6E 94 14", "80 00 80 00 00 00 00 00 0F"],
    ),
    "observed, and claimed": (
        lambda: Host(configured=OBSERVING, transmit=()),
        (RELAY,),
        Reason.RR_FORCED_BY_BRIDGE,
        [],
    ),
    "observed, and not claimed": (lambda: Host(configured=OBSERVING, transmit=()), (STANDARD,), Reason.POLICY, []),
    "refused": (
        Host,
        (UNABLE,),
        Reason.RR_NOT_CAPABLE,
        ["00 07 6E 94 14", "40 00 80 00 00 00 00 00 0F"],
    ),
    "on, and refused": (
        lambda: Host(use=DraftUse.ON),
        (UNABLE,),
        Reason.RR_NOT_CAPABLE,
        ["40 00 80 00 00 00 00 00 0E", "40 00 80 00 00 00 00 00 0F"],
    ),
}


@pytest.mark.parametrize(("start", "words", "reason", "said"), SETTINGS.values(), ids=SETTINGS.keys())
def test_guests_stay_in_the_host_where_relay_is_not_to_be_had(
    start: Callable[[], Host], words: Sequence[Tlv], reason: Reason, said: list[str]
) -> None:
    host = start()
    for word in words:
        host.hears(word)
    assert (host.guest, host.uplink.status.reason, host.words) == (BRIDGE, reason, said)


WOULD = {"claimed": (RELAY, Reason.HOLDING_UP), "not claimed": (STANDARD, Reason.RR_PENDING)}


@pytest.mark.parametrize(("word", "reason"), WOULD.values(), ids=WOULD.keys())
def test_an_observer_cannot_know_what_a_draft_switch_would_answer(word: Tlv, reason: Reason) -> None:
    host = Host(configured=OBSERVING, transmit=())
    host.hears(word)
    would = host.uplink.status.would
    assert would is not None
    assert (would.mode, would.reason) == (Mode.VEB, reason)


def test_the_drafts_own_announcement_goes_with_its_switch() -> None:
    host = agreed()
    host.hears(ttl=0)
    host.done.clear()
    host.waits(40.0)
    assert host.words == ["00 07 6E 94 14"]


def test_the_agent_that_stops_says_goodbye_to_a_draft_switch_too() -> None:
    host = agreed()
    effects = host.uplink.release(host.now)
    assert effects[0] == SetModes("eth0", {7: BRIDGE})
    assert [pdu.ttl for pdu in pdus(effects)] == [0]

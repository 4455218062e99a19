"""EVB's draft version at the station: relay is on once the switch has followed us, and off with its next other word."""

from collections.abc import Callable, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evbagent.effects import Effect, Moved, SendFrame
from evbagent.evb.draft import Draft, DraftState
from evbagent.evb.peers import Peers
from evbagent.evb.station import Station, StationState
from evbagent.events import Change, EvbVersion, Loss, NeighborChange, RelayEvidence
from evbagent.status import DraftUse, PeerStatus
from evbagent.wire.basic import Capability, SystemCapabilities
from evbagent.wire.ethernet import ETHERTYPE_LLDP, Frame, Scope
from evbagent.wire.evb import EvbMode, StationStatus
from evbagent.wire.evb_draft import DraftMode, EvbDraft
from evbagent.wire.lldpdu import Lldpdu
from evbagent.wire.tlv import Tlv
from tests.support.frames import (
    BYSTANDER,
    CUSTOMER,
    HOST,
    OTHER,
    SWITCH,
    Peer,
    bridge,
    draft,
    evb,
    octets,
)

NEAREST, NON_TPMR = Scope.NEAREST_BRIDGE, Scope.NEAREST_NON_TPMR_BRIDGE
IDLE, WITHHELD, OFFERED, AGREED = DraftState
RATIFIED = "00 07 6E 94 14"

# What lldpad says as a bridge: what it can configure is what its neighbor supports, and both before it has heard one.
RELAY, STANDARD = draft("40 07 40 00 00 00 00 00 0F"), draft("40 07 80 00 00 00 00 00 0F")
UNABLE = draft("80 07 80 00 00 00 00 00 0F")
# What else may be said.
EITHER = draft("C0 07 40 07 0C DF 00 00 0F")  # a switch that supports both modes, and has relay configured
UNDECIDED = draft("C0 07 C0 07 0C DF 00 00 0F")  # both modes at once
CONTRADICTION = draft("80 07 40 07 0C DF 00 00 0F")
NOTHING = draft("00 07 40 07 00 00 00 00 0F")  # supports no mode at all
CAPABLE = draft("40 07 40 07 0C DF 00 00 0F")  # relay, with more capabilities than a moment ago

Step = Callable[[Station, float], list[Effect]]


def says(*tlvs: Tlv, peer: Peer = SWITCH, scope: Scope = CUSTOMER) -> Step:
    """As LLDP tells it: what is repeated in one LLDPDU is gone by then."""
    pdu = Lldpdu.decode(peer.pdu(*tlvs).encode())
    return lambda machine, now: machine.peer(NeighborChange(Change.UPDATED, scope, pdu.msap, pdu), now)


def repeats(*tlvs: Tlv, peer: Peer = SWITCH, scope: Scope = CUSTOMER) -> Step:
    return lambda machine, now: machine.peer(peer.change(Change.REFRESHED, *tlvs, scope=scope), now)


def adopts(*tlvs: Tlv, peer: Peer = SWITCH, scope: Scope = CUSTOMER) -> Step:
    return lambda machine, now: machine.peer(peer.change(Change.ADOPTED, *tlvs, scope=scope), now)


def goes(change: Change = Change.EXPIRED, peer: Peer = SWITCH, scope: Scope = CUSTOMER) -> Step:
    return lambda machine, now: machine.peer(peer.change(change, scope=scope), now)


def down(machine: Station, now: float) -> list[Effect]:
    return machine.clear(now)


def leaves(scope: Scope = CUSTOMER) -> Step:
    """What we announce on that scope has left."""

    def step(machine: Station, now: float) -> list[Effect]:
        payload = Peer(HOST, "eth0").pdu(*machine.tlvs(scope)).encode()
        machine.sent(SendFrame(2, scope.value, Frame(scope.address, HOST, ETHERTYPE_LLDP, payload).encode()))
        return []

    return step


EVERYWHERE = (CUSTOMER, NEAREST)
FOLLOWS = [says(RELAY), leaves(), says(STANDARD), leaves(), says(RELAY)]
"""lldpad, from its first word to relay that is agreed."""


def start(*, request: bool = True, use: DraftUse = DraftUse.AUTO, scopes: tuple[Scope, ...] = EVERYWHERE) -> Station:
    return Station("eth0", request=request, draft=use, scopes=scopes)


def play(machine: Station, steps: Sequence[Step]) -> list[Moved]:
    """The moves that these steps made, one step a second."""
    effects = [effect for now, step in enumerate(steps) for effect in step(machine, float(now))]
    return [effect for effect in effects if isinstance(effect, Moved)]


def announced(machine: Station) -> dict[Scope, list[str]]:
    return {scope: [octets(tlv) for tlv in machine.tlvs(scope)] for scope in EVERYWHERE}


# --- what we say

DIALOGUES: dict[str, list[tuple[Tlv | None, str]]] = {
    # what lldpad says as a bridge -> octets of ours after it; all that we say leaves before it speaks again
    "it grants": [
        (RELAY, "80 00 80 00 00 00 00 00 0F"),
        (STANDARD, "40 00 40 00 00 00 00 00 0F"),
        (RELAY, "40 00 40 00 00 00 00 00 0F"),
    ],
    "it refuses": [(UNABLE, "40 00 80 00 00 00 00 00 0F")],
    "it does not claim, and grants": [
        (STANDARD, "40 00 40 00 00 00 00 00 0F"),
        (RELAY, "40 00 40 00 00 00 00 00 0F"),
    ],
    "it withdraws": [
        (STANDARD, "40 00 40 00 00 00 00 00 0F"),
        (RELAY, "40 00 40 00 00 00 00 00 0F"),
        (STANDARD, "40 00 40 00 00 00 00 00 0F"),
    ],
    "it can no longer": [
        (STANDARD, "40 00 40 00 00 00 00 00 0F"),
        (RELAY, "40 00 40 00 00 00 00 00 0F"),
        (UNABLE, "40 00 80 00 00 00 00 00 0F"),
    ],
    "its timer is shorter than ours": [(draft("80 00 80 00 00 00 00 00 08"), "40 00 80 00 00 00 00 00 0E")],
    "it gives no timer": [(draft("80 00 80 00 00 00 00 00 00"), "40 00 80 00 00 00 00 00 0E")],
    "it turns to the ratified version": [(RELAY, "80 00 80 00 00 00 00 00 0F"), (bridge(), "03 05 6E 94 14")],
    "it drops the TLV": [(RELAY, "80 00 80 00 00 00 00 00 0F"), (None, RATIFIED)],
}


@pytest.mark.parametrize("dialogue", DIALOGUES.values(), ids=DIALOGUES.keys())
def test_our_tlv_answers_each_word_of_a_draft_bridge(dialogue: list[tuple[Tlv | None, str]]) -> None:
    machine = start()
    assert announced(machine) == {CUSTOMER: [RATIFIED], NEAREST: []}
    for heard, ours in dialogue:
        play(machine, [says(*([] if heard is None else [heard]))])
        assert announced(machine) == {CUSTOMER: [ours], NEAREST: []}
        play(machine, [leaves()])


DENIED, WANTED = "80 00 80 00 00 00 00 00 0E", "40 00 80 00 00 00 00 00 0E"
SPOKEN: dict[str, tuple[DraftUse, bool, list[Step], dict[Scope, list[str]]]] = {
    # evb.draft, whether the policy asks for relay, what happened -> what is announced where
    "auto, nobody": (DraftUse.AUTO, True, [], {CUSTOMER: [RATIFIED], NEAREST: []}),
    "on, nobody": (DraftUse.ON, True, [], {CUSTOMER: [WANTED], NEAREST: []}),
    "on, and nothing is asked for": (DraftUse.ON, False, [], {CUSTOMER: [DENIED], NEAREST: []}),
    "on, somebody without EVB": (DraftUse.ON, True, [says(peer=BYSTANDER)], {CUSTOMER: [WANTED], NEAREST: []}),
    "on, a ratified bridge": (DraftUse.ON, True, [says(bridge())], {CUSTOMER: ["03 05 6E 94 14"], NEAREST: []}),
    "on, a ratified bridge that goes": (
        DraftUse.ON,
        True,
        [says(bridge()), goes()],
        {CUSTOMER: [WANTED], NEAREST: []},
    ),
    "off, a draft bridge": (DraftUse.OFF, True, [says(RELAY)], {CUSTOMER: [RATIFIED], NEAREST: []}),
    "auto, and nothing is asked for": (
        DraftUse.AUTO,
        False,
        [says(RELAY)],
        {CUSTOMER: ["80 00 80 00 00 00 00 00 0F"], NEAREST: []},
    ),
    "auto, a draft bridge on the other scope": (
        DraftUse.AUTO,
        True,
        [says(UNABLE, scope=NEAREST)],
        {CUSTOMER: [RATIFIED], NEAREST: ["40 00 80 00 00 00 00 00 0F"]},
    ),
    "on, a draft bridge on the other scope": (
        DraftUse.ON,
        True,
        [says(UNABLE, scope=NEAREST)],
        {CUSTOMER: [RATIFIED], NEAREST: ["40 00 80 00 00 00 00 00 0F"]},
    ),
    "a draft bridge on both scopes": (
        DraftUse.AUTO,
        True,
        [says(UNABLE), says(UNABLE, scope=NEAREST)],
        {scope: ["40 00 80 00 00 00 00 00 0F"] for scope in EVERYWHERE},
    ),
    "both versions from one bridge": (
        DraftUse.AUTO,
        True,
        [says(RELAY, bridge())],
        {CUSTOMER: ["03 05 6E 94 14"], NEAREST: []},
    ),
    "two draft bridges": (
        DraftUse.AUTO,
        True,
        [says(RELAY), says(RELAY, peer=OTHER)],
        {CUSTOMER: [WANTED], NEAREST: []},
    ),
    "a bridge of each version": (
        DraftUse.ON,
        True,
        [says(RELAY, scope=NEAREST), says(bridge(), peer=OTHER)],
        {CUSTOMER: [RATIFIED], NEAREST: []},
    ),
    "a draft bridge that goes": (DraftUse.AUTO, True, [*FOLLOWS, goes()], {CUSTOMER: [RATIFIED], NEAREST: []}),
    "on, a draft bridge that goes": (DraftUse.ON, True, [*FOLLOWS, goes()], {CUSTOMER: [WANTED], NEAREST: []}),
}


@pytest.mark.parametrize(("use", "request_", "steps", "expected"), SPOKEN.values(), ids=SPOKEN.keys())
def test_the_draft_is_spoken_with_whom_speaks_it_alone_and_never_beside_the_ratified_version(
    use: DraftUse, request_: bool, steps: list[Step], expected: dict[Scope, list[str]]
) -> None:
    machine = start(request=request_, use=use)
    play(machine, steps)
    assert announced(machine) == expected


# --- how relay is agreed

AGREEING: dict[str, list[Step]] = {
    "it claims, takes that back, and follows": FOLLOWS,
    "it follows at once": [says(STANDARD), leaves(), says(RELAY)],
    "it supports both modes": [says(EITHER), leaves(), says(STANDARD), leaves(), says(EITHER)],
    "it takes two steps": [says(STANDARD), leaves(), says(UNDECIDED), says(RELAY)],
    "our offer left late": [says(STANDARD), repeats(STANDARD), leaves(), repeats(STANDARD), says(RELAY)],
    "it is withdrawn, and agreed again": [*FOLLOWS, says(STANDARD), leaves(), says(RELAY)],
    "somebody without EVB is there too": [says(peer=BYSTANDER), *FOLLOWS, says(peer=BYSTANDER, scope=NEAREST)],
    "a second one came and went": [*FOLLOWS, says(RELAY, peer=OTHER), goes(peer=OTHER), *FOLLOWS],
    "it was lost": [*FOLLOWS, goes(), *FOLLOWS],
    "it calls itself a bridge": [
        step
        for word in (RELAY, STANDARD, RELAY)
        for step in (says(word, SystemCapabilities(Capability.BRIDGE, Capability.BRIDGE).tlv()), leaves())
    ],
    "on the other scope": [
        says(RELAY, scope=NEAREST),
        leaves(NEAREST),
        says(STANDARD, scope=NEAREST),
        leaves(NEAREST),
        says(RELAY, scope=NEAREST),
    ],
    "on both scopes": [
        says(STANDARD),
        says(STANDARD, scope=NEAREST),
        leaves(),
        leaves(NEAREST),
        says(RELAY),
        says(RELAY, scope=NEAREST),
    ],
}


@pytest.mark.parametrize("steps", AGREEING.values(), ids=AGREEING.keys())
def test_relay_is_on_once_the_switch_has_followed_our_offer(steps: list[Step]) -> None:
    machine = start()
    play(machine, steps)
    assert (machine.evidence.operational, machine.evidence.acknowledged) == (True, True)
    assert machine.state is StationState.PEER_RR


def test_relay_is_on_no_sooner_than_with_the_last_of_these_words() -> None:
    machine = start()
    known = []
    for step in FOLLOWS:
        play(machine, [step])
        known.append(machine.evidence.operational)
    assert known == [False, False, False, False, True]


STATION = SystemCapabilities(Capability.STATION, Capability.STATION).tlv()
DOUBTED: dict[str, list[Step]] = {
    "its first word": [says(RELAY)],
    "its first word, repeated": [says(RELAY), *[repeats(RELAY)] * 9],
    "its first word, repeated while all of ours leaves": [says(RELAY), *[leaves(), repeats(RELAY)] * 9],
    "its first word, told anew while all of ours leaves": [says(RELAY), *[leaves(), says(RELAY)] * 9],
    "a word with other capabilities each time": [says(RELAY), leaves(), says(CAPABLE), leaves(), says(RELAY)],
    "it fell and rose while nothing of ours left": [says(RELAY), says(STANDARD), says(RELAY)],
    "it fell and rose and only what we said before left": [says(RELAY), leaves(), says(STANDARD), says(RELAY)],
    "agreed once, fallen and risen before we spoke again": [*FOLLOWS, says(STANDARD), says(RELAY)],
    "both modes configured": [says(STANDARD), leaves(), says(UNDECIDED)],
    "relay configured and not supported": [says(STANDARD), leaves(), says(CONTRADICTION)],
    "no mode supported": [says(STANDARD), leaves(), says(NOTHING)],
    "two TLVs in one LLDPDU": [says(STANDARD), leaves(), says(RELAY, RELAY)],
    "a station": [step for word in (STANDARD, RELAY) for step in (says(word, STATION), leaves())],
    "it turns into a station": [says(STANDARD), leaves(), says(RELAY, STATION)],
    "our offer left on the other scope only": [
        says(STANDARD),
        says(STANDARD, scope=NEAREST),
        leaves(NEAREST),
        says(RELAY),
        says(RELAY, scope=NEAREST),
    ],
    "relay on one scope of two": [*FOLLOWS, says(STANDARD, scope=NEAREST)],
    "relay on a scope that is none of EVB's": [
        says(STANDARD, scope=NON_TPMR),
        leaves(),
        says(RELAY, scope=NON_TPMR),
    ],
    "two of them": [*FOLLOWS, says(STANDARD, peer=OTHER)],
    "one of each version": [*FOLLOWS, says(bridge(), peer=OTHER)],
    "one of each version on a scope each": [*FOLLOWS, says(RELAY, peer=OTHER, scope=NEAREST)],
    "another one takes it over": [*FOLLOWS, goes(), says(RELAY, peer=OTHER)],
    "another one takes it over while both are there": [*FOLLOWS, says(RELAY, peer=OTHER), goes()],
    "the link went down": [*FOLLOWS, down, says(RELAY)],
    "frames were missed": [*FOLLOWS, goes(Change.CLEARED), says(RELAY)],
}


@pytest.mark.parametrize("steps", DOUBTED.values(), ids=DOUBTED.keys())
def test_a_word_that_nothing_of_ours_explains_proves_nothing(steps: list[Step]) -> None:
    machine = start()
    play(machine, steps)
    assert machine.evidence.operational is not True
    assert machine.evidence.acknowledged is False
    assert machine.state is not StationState.PEER_RR


WITHOUT_US = {
    "the policy does not ask": start(request=False),
    "the draft is off": start(use=DraftUse.OFF),
    "we may not send where it speaks": start(scopes=(NEAREST,)),
    "we may not send at all": start(scopes=()),
}


@pytest.mark.parametrize("machine", WITHOUT_US.values(), ids=WITHOUT_US.keys())
def test_nothing_is_agreed_where_we_do_not_ask(machine: Station) -> None:
    play(machine, [*FOLLOWS, leaves(NEAREST), says(STANDARD), leaves(NEAREST), says(RELAY)])
    assert machine.evidence.operational is not True
    assert machine.evidence.acknowledged is False


def test_a_scope_that_may_not_be_sent_on_is_not_waited_for() -> None:
    machine = start(scopes=(CUSTOMER,))
    both = [says(STANDARD), says(STANDARD, scope=NEAREST), leaves(), says(RELAY), says(RELAY, scope=NEAREST)]
    play(machine, both)
    assert machine.evidence.operational is True


# --- how it goes


def relay(machine: Station) -> bool | None:
    return machine.evidence.operational


LEAVING: dict[str, tuple[list[Step], Loss]] = {
    "standard bridging is configured": ([says(STANDARD)], Loss.WITHDRAWN),
    "both modes are configured": ([says(UNDECIDED)], Loss.WITHDRAWN),
    "no mode is configured": ([says(draft("40 07 00 00 00 00 00 00 0F"))], Loss.WITHDRAWN),
    "relay is no longer supported": ([says(CONTRADICTION)], Loss.WITHDRAWN),
    "neither is": ([says(UNABLE)], Loss.WITHDRAWN),
    "no mode is supported": ([says(NOTHING)], Loss.LOST),
    "the TLV is missing": ([says()], Loss.LOST),
    "the TLV stands there twice": ([says(RELAY, RELAY)], Loss.LOST),
    "it says goodbye": ([goes(Change.SHUT_DOWN)], Loss.LOST),
    "it expires": ([goes()], Loss.EXPIRED),
    "frames were missed": ([goes(Change.CLEARED)], Loss.LOST),
    "the link goes down": ([down], Loss.LOST),
    "a second draft bridge": ([says(UNABLE, peer=OTHER)], Loss.LOST),
    "a second draft bridge on the other scope": ([says(UNABLE, peer=OTHER, scope=NEAREST)], Loss.LOST),
    "a ratified bridge": ([says(bridge(control=False), peer=OTHER)], Loss.LOST),
    "it turns into a station": ([says(RELAY, STATION)], Loss.LOST),
    "it says on the other scope that it is a station": ([says(RELAY, STATION, scope=NEAREST)], Loss.LOST),
    "the other scope says no": ([says(STANDARD, scope=NEAREST)], Loss.WITHDRAWN),
}


@pytest.mark.parametrize(("steps", "lost"), LEAVING.values(), ids=LEAVING.keys())
def test_relay_that_was_agreed_is_off_with_the_very_word_that_says_so(steps: list[Step], lost: Loss) -> None:
    machine = start()
    play(machine, FOLLOWS)
    assert relay(machine) is True
    play(machine, steps)
    assert relay(machine) is not True
    assert (machine.evidence.acknowledged, machine.evidence.lost) == (False, lost)


UNCHANGED: dict[str, list[Step]] = {
    "the same octets": [repeats(RELAY)],
    "other capabilities": [says(CAPABLE)],
    "our word leaves again": [leaves()],
    "it says the same on the other scope": [says(RELAY, scope=NEAREST)],
    "it goes from the other scope": [says(RELAY, scope=NEAREST), goes(scope=NEAREST)],
    "it no longer has the TLV on the other scope": [says(RELAY, scope=NEAREST), says(scope=NEAREST)],
    "a ratified TLV on the other scope": [says(bridge(control=False), scope=NEAREST)],
    "somebody without EVB": [says(peer=BYSTANDER), says(peer=BYSTANDER, scope=NEAREST)],
    "a TLV that says nothing": [says(NOTHING, peer=OTHER)],
}


@pytest.mark.parametrize("steps", UNCHANGED.values(), ids=UNCHANGED.keys())
def test_relay_that_was_agreed_stays_on_until_something_speaks_against_it(steps: list[Step]) -> None:
    machine = start()
    play(machine, [*FOLLOWS, *steps])
    assert machine.evidence.operational is True


def test_a_claim_that_is_taken_back_on_our_word_is_no_withdrawal() -> None:
    machine = start()
    play(machine, FOLLOWS[:3])
    assert (machine.evidence.control, machine.evidence.lost) == (False, None)


# --- the two versions of one bridge


def test_the_ratified_version_ends_what_was_agreed_in_the_draft_though_that_still_says_so() -> None:
    machine = start()
    play(machine, FOLLOWS)
    play(machine, [says(RELAY, bridge(control=False))])
    assert (relay(machine), machine.evidence.version) == (False, EvbVersion.RATIFIED)


def test_what_was_agreed_in_the_draft_is_not_agreed_in_the_ratified_version() -> None:
    machine = start()
    silent = bridge(echo=StationStatus())
    play(machine, [*FOLLOWS, *[repeats(RELAY)] * 5, says(RELAY, silent)])
    assert (machine.evidence.version, machine.evidence.acknowledged) == (EvbVersion.RATIFIED, False)
    play(machine, [repeats(RELAY, silent), repeats(RELAY, silent)])
    assert machine.evidence.acknowledged is True


def test_what_was_agreed_in_the_ratified_version_is_not_agreed_in_the_draft() -> None:
    machine = start()
    play(machine, [says(bridge()), says(RELAY)])
    assert (machine.evidence.version, machine.evidence.acknowledged) == (EvbVersion.DRAFT, False)
    assert machine.evidence.lost is None


# --- what is known then

PEER = PeerStatus("00:00:5e:00:53:01", "ge-0/0/1", "switch1")
KNOWN: dict[str, tuple[list[Step], RelayEvidence]] = {
    "it claims": (
        [says(RELAY)],
        RelayEvidence(True, 1, False, PEER, EvbVersion.DRAFT, EvbMode.BRIDGE, capable=True, control=True),
    ),
    "it has taken that back": (
        FOLLOWS[:3],
        RelayEvidence(True, 1, False, PEER, EvbVersion.DRAFT, EvbMode.BRIDGE, capable=True, control=False),
    ),
    "it has followed": (
        FOLLOWS,
        RelayEvidence(
            True, 1, False, PEER, EvbVersion.DRAFT, EvbMode.BRIDGE, capable=True, control=True, acknowledged=True
        ),
    ),
    "it cannot": (
        [says(UNABLE)],
        RelayEvidence(True, 1, False, PEER, EvbVersion.DRAFT, EvbMode.BRIDGE, capable=False, control=False),
    ),
    "it contradicts itself": (
        [says(CONTRADICTION)],
        RelayEvidence(True, 1, False, PEER, EvbVersion.DRAFT, EvbMode.BRIDGE, capable=False, control=True),
    ),
    "it is a station": (
        [says(RELAY, STATION)],
        RelayEvidence(True, 1, False, PEER, EvbVersion.DRAFT, EvbMode.STATION, capable=True, control=True),
    ),
    "it can be a station and nothing else": (
        [says(RELAY, SystemCapabilities(Capability.STATION, Capability.NONE).tlv())],
        RelayEvidence(True, 1, False, PEER, EvbVersion.DRAFT, EvbMode.STATION, capable=True, control=True),
    ),
    "it says nothing": ([says(NOTHING)], RelayEvidence(True)),
    "one identity on two scopes is one": (
        [says(RELAY), says(UNABLE, scope=NEAREST)],
        RelayEvidence(True, 1, False, PEER, EvbVersion.DRAFT, EvbMode.BRIDGE, capable=False, control=False),
    ),
    "two identities are two": (
        [says(RELAY), says(RELAY, peer=OTHER, scope=NEAREST)],
        RelayEvidence(True, peers=2),
    ),
    "the ratified version wins": (
        [says(RELAY, scope=NEAREST), says(bridge(control=False))],
        RelayEvidence(
            True,
            1,
            False,
            PEER,
            EvbVersion.RATIFIED,
            EvbMode.BRIDGE,
            capable=True,
            control=False,
            echoed=True,
            acknowledged=True,
        ),
    ),
    "where we may not send": (
        [says(RELAY, scope=NEAREST)],
        RelayEvidence(
            False, 1, False, PEER, EvbVersion.DRAFT, EvbMode.BRIDGE, capable=True, control=True, answerable=False
        ),
    ),
}


@pytest.mark.parametrize(("steps", "evidence"), KNOWN.values(), ids=KNOWN.keys())
def test_the_words_amount_to_this_evidence(steps: list[Step], evidence: RelayEvidence) -> None:
    machine = start(scopes=(CUSTOMER,))
    play(machine, steps)
    assert machine.evidence == evidence


def test_who_is_not_asked_for_relay_need_not_be_answered() -> None:
    machine = start(request=False, scopes=())
    play(machine, [says(RELAY)])
    assert (machine.evidence.requested, machine.evidence.answerable) == (False, True)


@pytest.mark.parametrize("order", [EVERYWHERE, EVERYWHERE[::-1]], ids=["customer first", "nearest first"])
def test_a_peer_on_two_scopes_is_shown_as_on_evbs_own(order: tuple[Scope, ...]) -> None:
    machine = start()
    names = {
        CUSTOMER: Peer(SWITCH.address, SWITCH.port, "evb"),
        NEAREST: Peer(SWITCH.address, SWITCH.port, "inventory"),
    }
    play(machine, [says(RELAY, peer=names[scope], scope=scope) for scope in order])
    assert machine.evidence.peer == PeerStatus("00:00:5e:00:53:01", "ge-0/0/1", "evb")


def test_evidence_that_says_the_same_is_the_same_object() -> None:
    machine = start()
    play(machine, FOLLOWS)
    known = machine.evidence
    play(machine, [says(CAPABLE), repeats(CAPABLE), leaves(), says(scope=NEAREST, peer=BYSTANDER)])
    assert machine.evidence is known


# --- the machine

WALKS: dict[str, tuple[list[Step], list[DraftState]]] = {
    "claimed, taken back, agreed, withdrawn": (
        [*FOLLOWS, says(STANDARD)],
        [IDLE, WITHHELD, OFFERED, AGREED, OFFERED],
    ),
    "agreed and lost": ([says(STANDARD), leaves(), says(RELAY), goes()], [IDLE, OFFERED, AGREED, IDLE]),
    "claimed and lost": ([says(RELAY), goes()], [IDLE, WITHHELD, IDLE]),
    "offered and lost": ([says(STANDARD), goes()], [IDLE, OFFERED, IDLE]),
    "claimed before our offer left": ([says(STANDARD), says(RELAY)], [IDLE, OFFERED, WITHHELD]),
    "refused": ([says(UNABLE), goes()], [IDLE]),
    "ratified": ([says(bridge()), goes()], [IDLE]),
    "agreed before a restart, withdrawn": ([adopts(RELAY), says(STANDARD)], [IDLE, AGREED, OFFERED]),
    "agreed before a restart on both scopes": (
        [adopts(RELAY), adopts(RELAY, scope=NEAREST), goes()],
        [IDLE, AGREED],
    ),
    "taken over without a claim": ([adopts(STANDARD), says(RELAY)], [IDLE, OFFERED, WITHHELD]),
    "the ratified version taken over, then the draft": ([adopts(bridge()), says(RELAY)], [IDLE, WITHHELD]),
    "two taken over": (
        [adopts(RELAY), adopts(RELAY, peer=OTHER), goes(peer=OTHER), goes(), says(RELAY)],
        [IDLE, AGREED, IDLE, WITHHELD, IDLE, WITHHELD],
    ),
}


@pytest.mark.parametrize(("steps", "states"), WALKS.values(), ids=WALKS.keys())
def test_the_draft_walks_these_states(steps: list[Step], states: list[DraftState]) -> None:
    moves = [move for move in play(start(), steps) if move.machine == "draft"]
    assert [(move.old, move.new) for move in moves] == [(old.value, new.value) for old, new in pairwise(states)]


def test_the_walks_take_every_edge_of_the_draft() -> None:
    assert {edge for _, states in WALKS.values() for edge in pairwise(states)} == Draft.EDGES


WHYS: dict[str, tuple[list[Step], str]] = {
    "claimed": ([says(RELAY)], "draft bridge says smode=40 cmode=40"),
    "on both scopes": (
        [says(STANDARD, scope=NEAREST), says(RELAY)],
        "draft bridge says smode=40 cmode=80",
    ),
    "gone": ([says(RELAY), goes()], "no draft peer that could be asked"),
    "two": ([says(RELAY), says(RELAY, peer=OTHER)], "no draft peer that could be asked"),
    "turned to the ratified version": ([says(RELAY), says(bridge())], "no draft peer that could be asked"),
    "a station now": ([says(RELAY), says(RELAY, STATION)], "draft station says smode=40 cmode=40"),
}


@pytest.mark.parametrize(("steps", "why"), WHYS.values(), ids=WHYS.keys())
def test_a_move_says_why(steps: list[Step], why: str) -> None:
    last = [move for move in play(start(), steps) if move.machine == "draft"][-1]
    assert (last.subject, last.why) == ("eth0", why)


# --- the argument, whatever happens

LIKELY, OTHERS = [RELAY, STANDARD], [UNABLE, EITHER, UNDECIDED, CONTRADICTION, NOTHING, bridge(control=False), None]
words = st.one_of(st.sampled_from(LIKELY), st.sampled_from(LIKELY), st.sampled_from(OTHERS))
who = st.sampled_from([SWITCH, SWITCH, SWITCH, OTHER])
where = st.sampled_from([CUSTOMER, CUSTOMER, CUSTOMER, NEAREST])
events = st.one_of(
    st.tuples(st.just("says"), words, who, where),
    st.tuples(st.just("says"), words, who, where),
    st.tuples(st.just("leaves"), st.none(), st.just(SWITCH), where),
    st.tuples(st.just("leaves"), st.none(), st.just(SWITCH), where),
    st.tuples(st.just("goes"), st.none(), who, where),
)


def on(word: EvbDraft) -> bool:
    return word.configured_mode == DraftMode.REFLECTIVE_RELAY and DraftMode.REFLECTIVE_RELAY in word.supported_mode


def word_of(tlv: Tlv) -> EvbDraft | None:
    return EvbDraft.decode(tlv.information) if tlv.key == EvbDraft.KEY else None


def speaks(tlv: Tlv, scope: Scope) -> bool:
    word = word_of(tlv)
    return scope is CUSTOMER if word is None else bool(word.supported_mode)


def offers(machine: Station, scope: Scope) -> bool:
    return any(octets(tlv).startswith("40 00 40") for tlv in machine.tlvs(scope))


@settings(max_examples=300)
@given(st.lists(events, max_size=30))
def test_relay_in_the_draft_was_off_when_our_offer_left_and_came_on_later(
    happened: list[tuple[str, Tlv | None, Peer, Scope]],
) -> None:
    machine = start()
    live: dict[tuple[Peer, Scope], Tlv] = {}
    offered = was_on = False  # whether an offer has left since the switch took relay back, or was another
    for what, word, peer, scope in happened:
        if what == "leaves":
            play(machine, [leaves(scope)])
            offered |= offers(machine, scope)
            continue
        live.pop((peer, scope), None)
        if word is not None:
            live[peer, scope] = word
        said = [] if word is None else [word]
        play(machine, [goes(peer=peer, scope=scope) if what == "goes" else says(*said, peer=peer, scope=scope)])
        spoken = {key: word_of(tlv) for key, tlv in live.items() if speaks(tlv, key[1])}
        alone = len({speaker for speaker, _ in spoken}) == 1
        all_on = alone and all(each is not None and on(each) for each in spoken.values())
        if machine.evidence.version is EvbVersion.DRAFT and machine.evidence.operational:
            assert all_on
            assert offered
        if not alone or (was_on and not all_on):
            offered = False
        was_on = all_on


# --- peers


def test_a_table_without_drafts_is_deaf_to_them() -> None:
    peers = Peers()
    changes: list[NeighborChange] = [
        SWITCH.change(Change.ADDED, RELAY),
        SWITCH.change(Change.ADDED, RELAY, scope=NEAREST),
        OTHER.change(Change.ADDED, evb(RATIFIED)),
    ]
    assert [peers.note(change) for change in changes] == [True, False, True]
    assert (peers.count, peers.crowded, peers.draft_scopes) == (1, True, frozenset())

"""The truth table of reflective relay, row by row, and the argument that its order is safe."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evbagent.decision import ROWS, Facts, Policy, Row, decide, policy_of, probe_is_asked
from evbagent.effects import Effect, SetModes
from evbagent.entry import EntrySettings
from evbagent.events import EvbVersion, LinkState, Loss, ProbeEvidence, ProbeFailure, RelayEvidence
from evbagent.status import (
    Backend,
    ConfiguredMode,
    MacvlanMode,
    Mode,
    Reason,
    ReflectiveRelay,
    UplinkStatus,
    Would,
)
from evbagent.uplink import Uplink, UplinkSettings
from evbagent.wire.basic import Capability, SystemCapabilities
from evbagent.wire.ethernet import Scope
from evbagent.wire.evb import EvbMode, RrStatus, StationStatus
from evbagent.wire.tlv import Tlv
from tests.support.frames import (
    HOST,
    IDENTITY,
    OTHER,
    SWITCH,
    agents,
    bridge,
    draft,
    octets,
    pdus,
    said,
    station,
)

# --- each row, played

Step = Callable[[Uplink, float], list[Effect]]


def up(uplink: Uplink, now: float) -> list[Effect]:
    return uplink.link(LinkState(2, "eth0", HOST, True, True, 1), [], now)


def down(uplink: Uplink, now: float) -> list[Effect]:
    return uplink.link(LinkState(2, "eth0", HOST, True, False, 1), [], now)


def hears(frame: bytes) -> Step:
    return lambda uplink, now: uplink.receive(frame, None, now)


def time_passes(until: float) -> Step:
    def step(uplink: Uplink, now: float) -> list[Effect]:
        effects: list[Effect] = []
        while uplink.deadline <= until:
            effects += uplink.on_deadline(uplink.deadline)
        return effects

    return step


YES = UplinkSettings()
NO = UplinkSettings(mode=ConfiguredMode.VEB)
PASSIVE = UplinkSettings(reflective_relay=ReflectiveRelay.PASSIVE)
ASSUME = UplinkSettings(reflective_relay=ReflectiveRelay.ASSUME)
NO_ECHO = StationStatus()
GRANTED, ANNOUNCED = SWITCH.frame(bridge()), SWITCH.frame(bridge(control=False))
INCAPABLE = SWITCH.frame(bridge(capable=False, control=False))
FORCED = SWITCH.frame(bridge(echo=StationStatus(False, RrStatus.UNKNOWN)))
GOODBYE = SWITCH.frame(ttl=0)
IN_BOTH = SWITCH.frame(bridge(), bridge(control=False))
NEAREST = SWITCH.frame(bridge(), scope=Scope.NEAREST_BRIDGE)

TABLE: dict[str, tuple[UplinkSettings, list[Step], bool, bool | None, Mode, Reason]] = {
    # row -> settings, what happens, RRREQ, operReflectiveRelayStatus, mode, reason
    "1: nobody": (YES, [], True, None, Mode.VEB, Reason.NO_PEER),
    "1: a neighbor without EVB": (YES, [hears(SWITCH.frame())], True, None, Mode.VEB, Reason.NO_PEER),
    "1: EVB on another scope": (YES, [hears(NEAREST)], True, None, Mode.VEB, Reason.NO_PEER),
    "1: two EVB TLVs in one LLDPDU": (YES, [hears(IN_BOTH)], True, None, Mode.VEB, Reason.NO_PEER),
    "2: cannot": (YES, [hears(INCAPABLE)], True, False, Mode.VEB, Reason.RR_NOT_CAPABLE),
    "3: not yet": (YES, [hears(ANNOUNCED)], True, False, Mode.VEB, Reason.RR_PENDING),
    "4: granted": (YES, [hears(GRANTED)], True, True, Mode.VEPA, Reason.RR_ACTIVE),
    "4: not yet repeated": (YES, [hears(FORCED)], True, True, Mode.VEB, Reason.HOLDING_UP),
    "5: on, yet cannot": (
        YES,
        [hears(SWITCH.frame(bridge(capable=False)))],
        True,
        True,
        Mode.VEB,
        Reason.RR_INCONSISTENT,
    ),
    "6: a station": (YES, [hears(OTHER.frame(station()))], True, None, Mode.VEB, Reason.PEER_IS_STATION),
    "7: mode 0": (
        YES,
        [hears(SWITCH.frame(bridge(mode=EvbMode.NOT_SUPPORTED)))],
        True,
        None,
        Mode.VEB,
        Reason.PEER_MODE,
    ),
    "7: mode 3": (YES, [hears(SWITCH.frame(bridge(mode=EvbMode.RESERVED)))], True, None, Mode.VEB, Reason.PEER_MODE),
    "8: two peers": (
        YES,
        [hears(GRANTED), hears(OTHER.frame(bridge()))],
        True,
        None,
        Mode.VEB,
        Reason.MULTIPLE_PEERS,
    ),
    "9: nobody": (NO, [], False, None, Mode.VEB, Reason.POLICY),
    "9: nobody any more": (NO, [hears(GRANTED), hears(GOODBYE)], False, None, Mode.VEB, Reason.POLICY),
    "10: cannot": (NO, [hears(INCAPABLE)], False, False, Mode.VEB, Reason.POLICY),
    "10: not on": (NO, [hears(ANNOUNCED)], False, False, Mode.VEB, Reason.POLICY),
    "11: on": (NO, [hears(FORCED)], False, True, Mode.VEB, Reason.RR_FORCED_BY_BRIDGE),
    "11: on, yet cannot": (
        NO,
        [hears(SWITCH.frame(bridge(capable=False)))],
        False,
        True,
        Mode.VEB,
        Reason.RR_FORCED_BY_BRIDGE,
    ),
    "17: withdrawn": (YES, [hears(GRANTED), hears(ANNOUNCED)], True, False, Mode.VEB, Reason.RR_WITHDRAWN),
    "17: withdrawn with the capability": (
        YES,
        [hears(GRANTED), hears(INCAPABLE)],
        True,
        False,
        Mode.VEB,
        Reason.RR_WITHDRAWN,
    ),
    "18: goodbye": (YES, [hears(GRANTED), hears(GOODBYE)], True, None, Mode.VEB, Reason.PEER_LOST),
    "18: expired": (YES, [hears(GRANTED), time_passes(200.0)], True, None, Mode.VEB, Reason.PEER_LOST),
    "18: TLV missing": (YES, [hears(GRANTED), hears(SWITCH.frame())], True, None, Mode.VEB, Reason.PEER_LOST),
    "18: link down": (YES, [hears(GRANTED), down], True, None, Mode.VEB, Reason.PEER_LOST),
    "12: nobody": (PASSIVE, [], False, None, Mode.VEB, Reason.NO_PEER),
    "13: cannot": (PASSIVE, [hears(INCAPABLE)], False, False, Mode.VEB, Reason.RR_NOT_CAPABLE),
    "14: not asked": (PASSIVE, [hears(ANNOUNCED)], False, False, Mode.VEB, Reason.RR_NOT_REQUESTED),
    "15: on, though nobody asked": (PASSIVE, [hears(FORCED)], False, True, Mode.VEPA, Reason.RR_ACTIVE),
    "16: on, yet cannot": (
        PASSIVE,
        [hears(SWITCH.frame(bridge(capable=False)))],
        False,
        True,
        Mode.VEB,
        Reason.RR_INCONSISTENT,
    ),
    "17: forced, and no more": (
        PASSIVE,
        [hears(FORCED), hears(ANNOUNCED)],
        False,
        False,
        Mode.VEB,
        Reason.RR_WITHDRAWN,
    ),
    "19: nobody, and it is assumed": (ASSUME, [], True, None, Mode.VEPA, Reason.ASSUMED),
    "19: the word of the switch is gone, the operator's is not": (
        ASSUME,
        [hears(GRANTED), hears(GOODBYE)],
        True,
        None,
        Mode.VEPA,
        Reason.ASSUMED,
    ),
    "4: assumed, and announced": (ASSUME, [hears(GRANTED)], True, True, Mode.VEPA, Reason.RR_ACTIVE),
    "20: assumed, and off": (ASSUME, [hears(ANNOUNCED)], True, False, Mode.VEB, Reason.RR_CONTRADICTS),
    "20: assumed, and impossible": (ASSUME, [hears(INCAPABLE)], True, False, Mode.VEB, Reason.RR_CONTRADICTS),
    "17: assumed, announced, and withdrawn": (
        ASSUME,
        [hears(GRANTED), hears(ANNOUNCED)],
        True,
        False,
        Mode.VEB,
        Reason.RR_WITHDRAWN,
    ),
}


def drafted(octets: str, *more: Tlv, scope: Scope = Scope.NEAREST_CUSTOMER_BRIDGE) -> Step:
    return hears(SWITCH.frame(draft(octets), *more, scope=scope))


CLAIMED, TAKEN_BACK = drafted("40 07 40 00 00 00 00 00 0F"), drafted("40 07 80 00 00 00 00 00 0F")
UNABLE = drafted("80 07 80 00 00 00 00 00 0F")
STATION_ONLY = SystemCapabilities(Capability.STATION, Capability.STATION).tlv()
# In the draft, nobody is asked before a frame has left: no row that gives VEPA can be reached here.
DRAFTS: dict[str, tuple[UplinkSettings, list[Step], bool, bool | None, Mode, Reason]] = {
    "1: no mode at all": (YES, [drafted("00 07 40 00 00 00 00 00 0F")], True, None, Mode.VEB, Reason.NO_PEER),
    "2: cannot": (YES, [UNABLE], True, False, Mode.VEB, Reason.RR_NOT_CAPABLE),
    "3: not configured": (YES, [TAKEN_BACK], True, False, Mode.VEB, Reason.RR_PENDING),
    "4: claimed, and not in answer to us": (YES, [CLAIMED], True, False, Mode.VEB, Reason.HOLDING_UP),
    "5: configured, yet cannot": (
        YES,
        [drafted("80 07 40 00 00 00 00 00 0F")],
        True,
        False,
        Mode.VEB,
        Reason.RR_INCONSISTENT,
    ),
    "6: a station": (
        YES,
        [drafted("40 07 40 00 00 00 00 00 0F", STATION_ONLY)],
        True,
        None,
        Mode.VEB,
        Reason.PEER_IS_STATION,
    ),
    "8: one of each version": (
        YES,
        [CLAIMED, hears(OTHER.frame(bridge()))],
        True,
        None,
        Mode.VEB,
        Reason.MULTIPLE_PEERS,
    ),
    "10: not configured": (NO, [TAKEN_BACK], False, False, Mode.VEB, Reason.POLICY),
    "11: claimed, and nobody asked": (NO, [CLAIMED], False, False, Mode.VEB, Reason.RR_FORCED_BY_BRIDGE),
    "14: where nothing may be sent": (
        YES,
        [drafted("40 07 80 00 00 00 00 00 0F", scope=Scope.NEAREST_BRIDGE)],
        False,
        False,
        Mode.VEB,
        Reason.RR_NOT_REQUESTED,
    ),
}


@pytest.mark.parametrize(
    ("settings", "steps", "requested", "operational", "mode", "reason"), DRAFTS.values(), ids=DRAFTS.keys()
)
def test_frames_of_the_draft_lead_to_the_same_rows(
    settings: UplinkSettings,
    steps: list[Step],
    requested: bool,
    operational: bool | None,
    mode: Mode,
    reason: Reason,
) -> None:
    status, _ = play(settings, steps)
    assert (status.mode, status.reason) == (mode, reason)
    assert (status.relay.requested, status.relay.operational) == (requested, operational)


def play(settings: UplinkSettings, steps: Sequence[Step]) -> tuple[UplinkStatus, list[Effect]]:
    """An uplink without attachments after these steps, and all that it wished."""
    uplink = Uplink("eth0", settings, IDENTITY, agents(), 0.0, EntrySettings(hold_up=0.0))
    effects: list[Effect] = []
    for now, step in enumerate([up, *steps]):
        effects += step(uplink, float(now))
    return uplink.status, effects


@pytest.mark.parametrize(
    ("settings", "steps", "requested", "operational", "mode", "reason"), TABLE.values(), ids=TABLE.keys()
)
def test_frames_lead_to_their_row(
    settings: UplinkSettings,
    steps: list[Step],
    requested: bool,
    operational: bool | None,
    mode: Mode,
    reason: Reason,
) -> None:
    status, effects = play(settings, steps)
    assert (status.mode, status.reason) == (mode, reason)
    assert (status.relay.requested, status.relay.operational) == (requested, operational)
    if steps[-1:] != [down]:  # nothing more can be said then
        view = {None: 3, False: 0, True: 1}[operational]
        assert said(effects)[-1].split()[1] == f"{requested << 2 | view:02X}"


# --- what the probe adds


def a_bridge(
    *, capable: bool = True, control: bool = True, acknowledged: bool = True, lost: Loss | None = None
) -> RelayEvidence:
    return RelayEvidence(
        True, peers=1, mode=EvbMode.BRIDGE, capable=capable, control=control, acknowledged=acknowledged, lost=lost
    )


PROVEN, UNKNOWN = ProbeEvidence(True, 1.0), ProbeEvidence()
STOPPED, NEVER = ProbeEvidence(False, 1.0, ProbeFailure.STOPPED), ProbeEvidence(False, 1.0, ProbeFailure.NEVER)
SILENT, GONE = RelayEvidence(True, lost=Loss.EXPIRED), RelayEvidence(True, lost=Loss.LOST)
NOBODY = RelayEvidence(True)
ASK = Policy.ASK

PROBED: dict[str, tuple[Policy, Facts, Mode, Reason]] = {
    "4: announced, and proven": (ASK, Facts(a_bridge(), PROVEN), Mode.VEPA, Reason.RR_ACTIVE),
    "4: announced, and nothing is known": (ASK, Facts(a_bridge(), UNKNOWN), Mode.VEPA, Reason.RR_ACTIVE),
    "22: announced, and no longer proven": (ASK, Facts(a_bridge(), STOPPED), Mode.VEB, Reason.PROBE_FAILED),
    "23: announced, and never proven": (ASK, Facts(a_bridge(), NEVER), Mode.VEB, Reason.PORT_SECURITY_SUSPECTED),
    "22: it fails before the echo is missed": (
        ASK,
        Facts(a_bridge(acknowledged=False), STOPPED),
        Mode.VEB,
        Reason.PROBE_FAILED,
    ),
    "17: withdrawn, whatever comes back": (
        ASK,
        Facts(a_bridge(control=False, lost=Loss.WITHDRAWN), PROVEN, inside=True),
        Mode.VEB,
        Reason.RR_WITHDRAWN,
    ),
    "8: two of them, whatever comes back": (
        Policy.PROBE,
        Facts(RelayEvidence(True, peers=2), PROVEN, inside=True),
        Mode.VEB,
        Reason.MULTIPLE_PEERS,
    ),
    "21: silent, and still proven": (ASK, Facts(SILENT, PROVEN, inside=True), Mode.VEPA, Reason.PROBE_PROVEN),
    "21: the same without asking": (Policy.PASSIVE, Facts(SILENT, PROVEN, inside=True), Mode.VEPA, Reason.PROBE_PROVEN),
    "18: silent, and proven too late": (ASK, Facts(SILENT, PROVEN), Mode.VEB, Reason.PEER_LOST),
    "18: silent, and unknown": (ASK, Facts(SILENT, UNKNOWN, inside=True), Mode.VEB, Reason.PEER_LOST),
    "18: silent, and disproved": (ASK, Facts(SILENT, STOPPED, inside=True), Mode.VEB, Reason.PEER_LOST),
    "18: gone with a word, whatever comes back": (ASK, Facts(GONE, PROVEN, inside=True), Mode.VEB, Reason.PEER_LOST),
    "24: mute, and proven": (Policy.PROBE, Facts(NOBODY, PROVEN), Mode.VEPA, Reason.PROBE_PROVEN),
    "24: no longer heard, and proven": (Policy.PROBE, Facts(GONE, PROVEN), Mode.VEPA, Reason.PROBE_PROVEN),
    "1: mute, and unknown": (Policy.PROBE, Facts(NOBODY, UNKNOWN), Mode.VEB, Reason.NO_PEER),
    "1: mute, and never proven": (Policy.PROBE, Facts(NOBODY, NEVER), Mode.VEB, Reason.NO_PEER),
    "22: mute, and no longer proven": (Policy.PROBE, Facts(NOBODY, STOPPED), Mode.VEB, Reason.PROBE_FAILED),
    "3: not mute, and off": (Policy.PROBE, Facts(a_bridge(control=False), PROVEN), Mode.VEB, Reason.RR_PENDING),
    "19: assumed, and proven": (Policy.ASSUME, Facts(NOBODY, PROVEN), Mode.VEPA, Reason.ASSUMED),
    "22: assumed, and disproved": (Policy.ASSUME, Facts(NOBODY, NEVER), Mode.VEB, Reason.PROBE_FAILED),
    "22: assumed, and no longer proven": (Policy.ASSUME, Facts(NOBODY, STOPPED), Mode.VEB, Reason.PROBE_FAILED),
    "9: not wanted, whatever comes back": (Policy.NO, Facts(NOBODY, PROVEN, inside=True), Mode.VEB, Reason.POLICY),
}


@pytest.mark.parametrize(("policy", "facts", "mode", "reason"), PROBED.values(), ids=PROBED.keys())
def test_the_probe_takes_away_and_gives_only_where_it_may(
    policy: Policy, facts: Facts, mode: Mode, reason: Reason
) -> None:
    decision = decide(policy, facts)
    assert (decision.mode, decision.reason) == (mode, reason)


def test_the_tables_reach_every_row_that_there_is() -> None:
    played = TABLE | DRAFTS
    reached = {(policy_of(s.mode, s.reflective_relay), reason) for s, *_, reason in played.values()}
    reached |= {(policy, reason) for policy, _, _, reason in PROBED.values()}
    for row in ROWS:
        assert any((policy, row.reason) in reached for policy in row.policies), row
    numbers = {int(name.split(":")[0]) for name in (*played, *PROBED)}
    assert numbers == {number for row in ROWS for number in row.numbers}


ASKED: dict[str, tuple[Policy, Facts, bool]] = {
    "announced": (ASK, Facts(a_bridge()), True),
    "announced, and policy does not want it": (Policy.NO, Facts(a_bridge()), False),
    "not announced": (ASK, Facts(a_bridge(control=False)), False),
    "nobody": (ASK, Facts(NOBODY), False),
    "nobody, and frames are enough": (Policy.PROBE, Facts(NOBODY), True),
    "nobody, and it is assumed": (Policy.ASSUME, Facts(NOBODY), True),
    "two of them": (Policy.PROBE, Facts(RelayEvidence(True, peers=2)), False),
    "silent, and guests are inside": (ASK, Facts(SILENT, inside=True), True),
    "silent": (ASK, Facts(SILENT), False),
    "gone with a word": (ASK, Facts(GONE, inside=True), False),
}


@pytest.mark.parametrize(("policy", "facts", "asked"), ASKED.values(), ids=ASKED.keys())
def test_the_probe_is_asked_where_its_answer_matters(policy: Policy, facts: Facts, asked: bool) -> None:
    assert probe_is_asked(policy, facts) is asked


# --- each row, and their order

ORDER: dict[str, tuple[bool, RelayEvidence, Reason]] = {
    # where two rows could match, the one that keeps guests in VEB, or tells more, stands first
    "forced before policy": (False, a_bridge(), Reason.RR_FORCED_BY_BRIDGE),
    "policy, whatever is lost": (False, RelayEvidence(False, lost=Loss.LOST), Reason.POLICY),
    "two peers before what one of them says": (
        True,
        RelayEvidence(True, peers=2, mode=EvbMode.BRIDGE, capable=True, control=True, acknowledged=True),
        Reason.MULTIPLE_PEERS,
    ),
    "two peers before a loss": (True, RelayEvidence(True, peers=2, lost=Loss.LOST), Reason.MULTIPLE_PEERS),
    "withdrawn before pending": (True, a_bridge(control=False, lost=Loss.WITHDRAWN), Reason.RR_WITHDRAWN),
    "withdrawn before incapable": (
        True,
        a_bridge(capable=False, control=False, lost=Loss.WITHDRAWN),
        Reason.RR_WITHDRAWN,
    ),
    "inconsistent before holding up": (True, a_bridge(capable=False, acknowledged=False), Reason.RR_INCONSISTENT),
    "holding up before active": (True, a_bridge(acknowledged=False), Reason.HOLDING_UP),
    "unanswerable before holding up": (
        True,
        replace(a_bridge(acknowledged=False), answerable=False),
        Reason.RR_NOT_REQUESTED,
    ),
    "unanswerable before active": (True, replace(a_bridge(), answerable=False), Reason.RR_NOT_REQUESTED),
    "incapable before unanswerable": (
        True,
        replace(a_bridge(capable=False, control=False), answerable=False),
        Reason.RR_NOT_CAPABLE,
    ),
    "active": (True, a_bridge(), Reason.RR_ACTIVE),
    "active, though it was lost once": (True, a_bridge(lost=Loss.LOST), Reason.RR_ACTIVE),
    "a bridge that nobody counted": (
        True,
        RelayEvidence(True, peers=0, mode=EvbMode.BRIDGE, capable=True, control=True, acknowledged=True),
        Reason.RR_PENDING,
    ),
    "lost before nobody": (True, RelayEvidence(True, lost=Loss.LOST), Reason.PEER_LOST),
    "nobody": (True, RelayEvidence(True), Reason.NO_PEER),
    "nobody, and it had been withdrawn": (True, RelayEvidence(True, lost=Loss.WITHDRAWN), Reason.NO_PEER),
}


@pytest.mark.parametrize(("policy_asks", "evidence", "reason"), ORDER.values(), ids=ORDER.keys())
def test_the_first_row_that_matches_decides(policy_asks: bool, evidence: RelayEvidence, reason: Reason) -> None:
    assert decide(Policy.ASK if policy_asks else Policy.NO, Facts(evidence)).reason is reason


flags = st.booleans()
evidences = st.builds(
    RelayEvidence,
    requested=flags,
    peers=st.integers(0, 3),
    crowded=flags,
    version=st.none() | st.sampled_from(EvbVersion),
    mode=st.none() | st.sampled_from(EvbMode),
    capable=st.none() | flags,
    control=st.none() | flags,
    echoed=st.none() | flags,
    acknowledged=flags,
    answerable=flags,
    lost=st.none() | st.sampled_from(Loss),
)


probes = st.sampled_from([PROVEN, UNKNOWN, STOPPED, NEVER])


@given(st.sampled_from(Policy), st.builds(Facts, evidences, probes, flags))
def test_vepa_needs_the_word_of_one_bridge_or_frames_or_the_operator_and_nothing_against_it(
    policy: Policy, facts: Facts
) -> None:
    decision = decide(policy, facts)  # all facts match a row, or this raises
    evidence, probe = facts.evidence, facts.probe
    word = (
        evidence.peers == 1
        and evidence.mode is EvbMode.BRIDGE
        and evidence.capable is True
        and evidence.control is True
        and evidence.acknowledged
        and evidence.answerable
    )
    silence = evidence.peers == 0 and evidence.mode is None
    frames = silence and probe is PROVEN
    kept = policy in (Policy.ASK, Policy.PASSIVE) and frames and facts.inside and evidence.lost is Loss.EXPIRED
    given_by_frames = policy is Policy.PROBE and frames
    given_by_operator = policy is Policy.ASSUME and silence
    earned = policy is not Policy.NO and probe.verified is not False
    earned = earned and (word or kept or given_by_frames or given_by_operator)
    assert decision.mode is (Mode.VEPA if earned else Mode.VEB)
    assert decision.backend is Backend.MACVTAP


def everything() -> list[RelayEvidence]:
    flag = (False, True)
    options = product((0, 1, 2), (None, *EvbMode), flag, flag, flag, flag, (None, *Loss))
    return [
        RelayEvidence(
            True,
            peers=peers,
            mode=mode,
            capable=capable,
            control=control,
            acknowledged=heard,
            answerable=answerable,
            lost=lost,
        )
        for peers, mode, capable, control, heard, answerable, lost in options
    ]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.numbers} {row.reason.value}")
def test_every_row_decides_something(row: Row) -> None:
    facts = product(everything(), (PROVEN, UNKNOWN, STOPPED, NEVER), (False, True))
    every = [Facts(evidence, probe, inside) for evidence, probe, inside in facts]
    for policy in row.policies:
        assert any(decide(policy, each).row is row for each in every), policy


def test_no_row_is_without_a_sentence() -> None:
    assert all(row.sentence for row in ROWS)


# --- settings


POLICIES = {
    (ConfiguredMode.AUTO, ReflectiveRelay.AUTO): (Policy.ASK, True),
    (ConfiguredMode.AUTO, ReflectiveRelay.PASSIVE): (Policy.PASSIVE, False),
    (ConfiguredMode.AUTO, ReflectiveRelay.PROBE): (Policy.PROBE, True),
    (ConfiguredMode.AUTO, ReflectiveRelay.ASSUME): (Policy.ASSUME, True),
    (ConfiguredMode.AUTO, ReflectiveRelay.OFF): (Policy.NO, False),
    (ConfiguredMode.VEPA, ReflectiveRelay.PROBE): (Policy.PROBE, True),
    (ConfiguredMode.VEB, ReflectiveRelay.ASSUME): (Policy.NO, False),
    (ConfiguredMode.OBSERVE, ReflectiveRelay.PROBE): (Policy.NO, False),
}


@pytest.mark.parametrize(("settings", "policy"), POLICIES.items(), ids=str)
def test_settings_come_to_a_policy(
    settings: tuple[ConfiguredMode, ReflectiveRelay], policy: tuple[Policy, bool]
) -> None:
    assert (policy_of(*settings), policy_of(*settings).asks) == policy


AUTO, VEPA, VEB, OBSERVE = ConfiguredMode
RELAY, OFF = ReflectiveRelay.AUTO, ReflectiveRelay.OFF
PENDING, ACTIVE = Would(Mode.VEB, Reason.RR_PENDING), Would(Mode.VEPA, Reason.RR_ACTIVE)
POLICY, FORCED_ON = Would(Mode.VEB, Reason.POLICY), Would(Mode.VEB, Reason.RR_FORCED_BY_BRIDGE)

SETTINGS: dict[tuple[ConfiguredMode, ReflectiveRelay, bool], tuple[bool, MacvlanMode | None, Would | None]] = {
    # mode, reflective_relay, apply -> asks; what a guest is put into by a switch that grants; what is told instead
    (AUTO, RELAY, True): (True, MacvlanMode.VEPA, None),
    (AUTO, RELAY, False): (True, None, ACTIVE),
    (AUTO, OFF, True): (False, MacvlanMode.BRIDGE, None),
    (AUTO, OFF, False): (False, None, POLICY),
    (VEPA, RELAY, True): (True, MacvlanMode.VEPA, None),
    (VEPA, RELAY, False): (True, None, ACTIVE),
    (VEPA, OFF, True): (False, MacvlanMode.BRIDGE, None),
    (VEPA, OFF, False): (False, None, POLICY),
    (VEB, RELAY, True): (False, MacvlanMode.BRIDGE, None),
    (VEB, RELAY, False): (False, None, POLICY),
    (VEB, OFF, True): (False, MacvlanMode.BRIDGE, None),
    (VEB, OFF, False): (False, None, POLICY),
    (OBSERVE, RELAY, True): (False, None, PENDING),
    (OBSERVE, RELAY, False): (False, None, PENDING),
    (OBSERVE, OFF, True): (False, None, PENDING),
    (OBSERVE, OFF, False): (False, None, PENDING),
}
EVERY = list(product(ConfiguredMode, (RELAY, OFF), (True, False)))


def settings_id(choice: tuple[ConfiguredMode, ReflectiveRelay, bool]) -> str:
    mode, relay, apply = choice
    return f"{mode.value}-{relay.value}-{'apply' if apply else 'hands off'}"


@pytest.mark.parametrize("choice", EVERY, ids=settings_id)
def test_settings_say_whether_to_ask_what_to_apply_and_what_to_tell(
    choice: tuple[ConfiguredMode, ReflectiveRelay, bool],
) -> None:
    expected_asks, put_into, would = SETTINGS[choice]
    mode, relay, apply = choice
    assert policy_of(mode, relay).asks is expected_asks
    uplink = Uplink(
        "eth0", UplinkSettings(mode, relay, apply=apply), IDENTITY, agents(), 0.0, EntrySettings(hold_up=0.0)
    )
    start = MacvlanMode.BRIDGE if put_into is MacvlanMode.VEPA else MacvlanMode.VEPA
    guest = LinkState(7, "macvtap0", None, True, True, 1, lower=2, mode=start)
    first = uplink.link(LinkState(2, "eth0", HOST, True, True, 1), [guest], 0.0)
    asked = octets(pdus(first)[0].optional[0])[3:5]
    assert asked == ("07" if expected_asks else "03")
    control = expected_asks  # the switch grants what it is asked for
    echo = StationStatus(expected_asks, RrStatus.UNKNOWN)
    second = uplink.receive(SWITCH.frame(bridge(control=control, echo=echo)), None, 1.0)
    wishes = [effect.modes for effect in (*first, *second) if isinstance(effect, SetModes)]
    assert ({7: put_into} in wishes) is (put_into is not None)
    assert bool(wishes) is (put_into is not None)
    assert uplink.status.would == would


def test_an_observer_tells_that_auto_would_use_relay_that_is_forced_on() -> None:
    status, _ = play(UplinkSettings(mode=OBSERVE), [hears(SWITCH.frame(bridge(echo=NO_ECHO)))])
    assert (status.would, status.reason) == (ACTIVE, Reason.RR_FORCED_BY_BRIDGE)


def test_hands_off_is_told_with_what_the_policy_makes_of_relay_that_is_forced_on() -> None:
    status, _ = play(UplinkSettings(mode=VEB, apply=False), [hears(SWITCH.frame(bridge(echo=NO_ECHO)))])
    assert status.would == FORCED_ON

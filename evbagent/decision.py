"""Settings and evidence to a decision: the truth table of reflective relay, one row after the other.

Source: 802.1Q-2014 40.4 for what the octets mean. The order of the rows is ours and it is the safety argument: a row
that keeps guests in VEB stands before the row that would let them into VEPA wherever both could match.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from evbagent.events import Loss, ProbeEvidence, ProbeFailure, RelayEvidence
from evbagent.status import Backend, ConfiguredMode, Mode, Reason, ReflectiveRelay
from evbagent.wire.evb import EvbMode

__all__ = ["ROWS", "Decision", "Facts", "Policy", "Row", "before", "decide", "policy_of", "probe_is_asked"]


class Policy(Enum):
    """What an uplink's settings come to: not to use relay, to ask for it, to take it where it is on anyway.

    With `PROBE` frames that come back are enough where the switch says nothing, with `ASSUME` the operator's word is.
    """

    NO = "no"
    ASK = "ask"
    PASSIVE = "passive"
    PROBE = "probe"
    ASSUME = "assume"

    @property
    def asks(self) -> bool:
        """Whether the switch is asked for relay (RRREQ)."""
        return self in (Policy.ASK, Policy.PROBE, Policy.ASSUME)


_POLICIES: Final = {
    ReflectiveRelay.AUTO: Policy.ASK,
    ReflectiveRelay.PASSIVE: Policy.PASSIVE,
    ReflectiveRelay.PROBE: Policy.PROBE,
    ReflectiveRelay.ASSUME: Policy.ASSUME,
    ReflectiveRelay.OFF: Policy.NO,
}
_USES: Final = frozenset(Policy) - {Policy.NO}
_BY_WORD: Final = frozenset({Policy.ASK, Policy.PASSIVE})  # of the switch, and by nothing else
_WITHOUT_WORD: Final = frozenset({Policy.PROBE, Policy.ASSUME})


_UNPROBED: Final = ProbeEvidence()


@dataclass(frozen=True, slots=True)
class Facts:
    """All that a row may look at; `inside` says that guests may be in VEPA by the decision before this one."""

    evidence: RelayEvidence
    probe: ProbeEvidence = _UNPROBED
    inside: bool = False

    @property
    def bridge(self) -> bool:
        return self.evidence.mode is EvbMode.BRIDGE

    @property
    def announced(self) -> bool:
        """The switch says that relay is on; whether it says so to us is another question (`acknowledged`)."""
        return self.bridge and self.evidence.control is True

    @property
    def unheard(self) -> bool:
        """Nobody speaks EVB."""
        return self.evidence.peers == 0 and self.evidence.mode is None

    @property
    def expired(self) -> bool:
        """The switch had relay on, and fell silent without a word."""
        return self.unheard and self.evidence.lost is Loss.EXPIRED


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its numbers in the table of the protocol notes (ours begin at 21), to whom it applies, when, and what
    follows.

    `sentence`, of which no two are the same, says what is so; `cure` what would have to change for VEPA, None where it
    is VEPA. Both are shown to operators as they stand.
    """

    numbers: tuple[int, ...]
    policies: frozenset[Policy]
    when: Callable[[Facts], bool]
    mode: Mode
    reason: Reason
    sentence: str
    cure: str | None


@dataclass(frozen=True, slots=True)
class Decision:
    """How guests should be bridged, and the row that said so."""

    mode: Mode
    backend: Backend
    row: Row

    @property
    def reason(self) -> Reason:
        return self.row.reason


ROWS: Final[tuple[Row, ...]] = (
    Row(
        (11,),
        frozenset({Policy.NO}),
        lambda f: f.announced,
        Mode.VEB,
        Reason.RR_FORCED_BY_BRIDGE,
        "the switch announces relay although nobody asked for it, and the policy is not to use it",
        "set mode: auto, and reflective_relay: auto or passive, on this uplink; or turn relay off at the switch port",
    ),
    Row(
        (9, 10),
        frozenset({Policy.NO}),
        lambda _: True,
        Mode.VEB,
        Reason.POLICY,
        "the policy is not to use relay",
        "set mode: auto and reflective_relay: auto on this uplink",
    ),
    Row(
        (8,),
        _USES,
        lambda f: f.evidence.peers > 1,
        Mode.VEB,
        Reason.MULTIPLE_PEERS,
        "more than one neighbor speaks EVB: it is unknown which of them the port belongs to",
        "leave one neighbor with EVB on the link: look for a hub, or a bridge in between that floods LLDP",
    ),
    Row(
        (6,),
        _USES,
        lambda f: f.evidence.mode is EvbMode.STATION,
        Mode.VEB,
        Reason.PEER_IS_STATION,
        "the neighbor is an EVB station, as this host is, and no bridge",
        "connect the uplink to a switch port with EVB; two hosts cannot reflect for each other",
    ),
    Row(
        (7,),
        _USES,
        lambda f: f.evidence.mode in (EvbMode.NOT_SUPPORTED, EvbMode.RESERVED),
        Mode.VEB,
        Reason.PEER_MODE,
        "the neighbor's EVB mode is neither bridge nor station",
        "make the switch port an EVB bridge port",
    ),
    Row(
        (17,),
        _USES,
        lambda f: f.bridge and not f.evidence.control and f.evidence.lost is Loss.WITHDRAWN,
        Mode.VEB,
        Reason.RR_WITHDRAWN,
        "the switch had relay on and has withdrawn it",
        "find out at the switch why it took relay back; guests go into VEPA when it announces relay again",
    ),
    Row(
        (20,),
        frozenset({Policy.ASSUME}),
        lambda f: f.bridge and not f.evidence.control,
        Mode.VEB,
        Reason.RR_CONTRADICTS,
        "relay is to be assumed, and the switch says that it is off",
        "allow reflective relay on the switch port, which is asked for it",
    ),
    Row(
        (22,),
        _USES,
        lambda f: f.announced and f.probe.failure is ProbeFailure.STOPPED,
        Mode.VEB,
        Reason.PROBE_FAILED,
        "the switch says that it reflects, and the frames of the probe no longer come back",
        "find out at the switch why the port no longer reflects; guests go into VEPA when the frames come back",
    ),
    Row(
        (23,),
        _USES,
        lambda f: f.announced and f.probe.failure is ProbeFailure.NEVER,
        Mode.VEB,
        Reason.PORT_SECURITY_SUSPECTED,
        "the switch says that it reflects, and no probe has come back: it does not forward yet, or secures its port",
        "wait until the port forwards, or allow it one more address; probe.enabled: false believes the switch's word",
    ),
    Row(
        (22,),
        frozenset({Policy.ASSUME}),
        lambda f: f.unheard and f.probe.verified is False,
        Mode.VEB,
        Reason.PROBE_FAILED,
        "relay is to be assumed, and the frames of the probe do not come back",
        "turn reflective relay (hairpin) on at the switch port; guests go into VEPA when the frames come back",
    ),
    Row(
        (22,),
        frozenset({Policy.PROBE}),
        lambda f: f.unheard and f.probe.failure is ProbeFailure.STOPPED,
        Mode.VEB,
        Reason.PROBE_FAILED,
        "the frames of the probe came back, and do so no more",
        "turn reflective relay (hairpin) on at the switch port; guests go into VEPA when the frames come back",
    ),
    Row(
        (21,),
        _BY_WORD,
        lambda f: f.inside and f.expired and f.probe.verified is True,
        Mode.VEPA,
        Reason.PROBE_PROVEN,
        "the switch has fallen silent, and the frames of the probe still come back",
        None,
    ),
    Row(
        (18,),
        _BY_WORD,
        lambda f: f.unheard and f.evidence.lost in (Loss.LOST, Loss.EXPIRED),
        Mode.VEB,
        Reason.PEER_LOST,
        "the switch that had relay on is no longer heard with EVB",
        "look at the switch's LLDP agent, the port and the cable; guests go into VEPA when the switch is heard again",
    ),
    Row(
        (5, 16),
        _USES,
        lambda f: f.announced and not f.evidence.capable,
        Mode.VEB,
        Reason.RR_INCONSISTENT,
        "the switch says that relay is on and that the port cannot do it",
        "correct the switch port: it sets RRCTR and not RRCAP, so relay is forced on, or its EVB is broken",
    ),
    Row(
        (14,),
        _USES,
        lambda f: f.bridge and bool(f.evidence.capable) and not f.evidence.answerable,
        Mode.VEB,
        Reason.RR_NOT_REQUESTED,
        "the switch speaks draft EVB on a scope that lldp.transmit does not name, so it can't be asked",
        "name that scope in lldp.transmit",
    ),
    Row(
        (4,),
        _USES,
        lambda f: f.announced and not f.evidence.acknowledged,
        Mode.VEB,
        Reason.HOLDING_UP,
        "relay is announced, but the switch has not yet shown that it heard our request",
        "wait for the switch's next LLDPDUs: one of them should answer our request",
    ),
    Row(
        (4, 15),
        _USES,
        lambda f: f.announced and f.evidence.peers == 1 and bool(f.evidence.capable) and f.evidence.acknowledged,
        Mode.VEPA,
        Reason.RR_ACTIVE,
        "the switch reflects: it announces relay on this port and has heard our request",
        None,
    ),
    Row(
        (24,),
        frozenset({Policy.PROBE}),
        lambda f: f.unheard and f.probe.verified is True,
        Mode.VEPA,
        Reason.PROBE_PROVEN,
        "the switch says nothing of relay, and the frames of the probe come back",
        None,
    ),
    Row(
        (19,),
        frozenset({Policy.ASSUME}),
        lambda f: f.unheard,
        Mode.VEPA,
        Reason.ASSUMED,
        "the switch says nothing of relay, and the operator says that it is on",
        None,
    ),
    Row(
        (14,),
        frozenset({Policy.PASSIVE}),
        lambda f: f.bridge and bool(f.evidence.capable),
        Mode.VEB,
        Reason.RR_NOT_REQUESTED,
        "the switch can reflect, and the policy is not to ask for it",
        "set reflective_relay: auto on this uplink, or turn relay on at the switch port",
    ),
    Row(
        (3,),
        frozenset({Policy.ASK, Policy.PROBE}),
        lambda f: f.bridge and bool(f.evidence.capable),
        Mode.VEB,
        Reason.RR_PENDING,
        "the switch can reflect and has not turned it on yet",
        "allow reflective relay on the switch port; it turns it on for a host that asks",
    ),
    Row(
        (2, 13),
        _USES - {Policy.ASSUME},
        lambda f: f.bridge,
        Mode.VEB,
        Reason.RR_NOT_CAPABLE,
        "the switch port cannot reflect",
        "turn EVB's reflective relay (hairpin) on at the switch port, if the switch has it",
    ),
    Row(
        (1, 12),
        _USES,
        lambda _: True,
        Mode.VEB,
        Reason.NO_PEER,
        "no switch with EVB is heard",
        "turn EVB on at the switch port, and LLDP to the nearest customer bridge (01-80-C2-00-00-00), where it lives",
    ),
)


def before(policy: Policy, row: Row) -> tuple[Row, ...]:
    """The rows that are looked at before that one where the policy is this, and that do not hold where it decides."""
    return tuple(other for other in ROWS[: ROWS.index(row)] if policy in other.policies)


def policy_of(mode: ConfiguredMode, relay: ReflectiveRelay) -> Policy:
    """What the settings come to."""
    return _POLICIES[relay] if mode in (ConfiguredMode.AUTO, ConfiguredMode.VEPA) else Policy.NO


def decide(policy: Policy, facts: Facts) -> Decision:
    """The first row that matches; the last ones match everything, so there always is one."""
    row = next(row for row in ROWS if policy in row.policies and row.when(facts))
    return Decision(row.mode, Backend.MACVTAP, row)


def probe_is_asked(policy: Policy, facts: Facts) -> bool:
    """Whether it matters what the probe proves: VEPA would follow, or would but for the probe."""
    if policy is Policy.NO or facts.evidence.peers > 1:
        return False
    if facts.announced or (facts.inside and facts.expired):
        return True
    return policy in _WITHOUT_WORD and facts.unheard

"""Settings and evidence to a decision: the truth table of reflective relay, one row after the other.

Source: 802.1Q-2014 40.4 for what the octets mean. The order of the rows is ours and it is the safety argument: a row
that keeps guests in VEB stands before the one row that lets them into VEPA wherever both could match.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from evbagent.events import Loss, RelayEvidence
from evbagent.status import Backend, ConfiguredMode, Mode, Reason, ReflectiveRelay
from evbagent.wire.evb import EvbMode

__all__ = ["ROWS", "Decision", "Row", "asks", "decide"]


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its numbers in the table of the protocol notes, who it applies to, when, and what follows.

    `asks` restricts it to uplinks whose policy is to ask for relay (True) or not (False).
    """

    numbers: tuple[int, ...]
    asks: bool
    when: Callable[[RelayEvidence], bool]
    mode: Mode
    reason: Reason
    sentence: str


@dataclass(frozen=True, slots=True)
class Decision:
    """How guests should be bridged, and the row that said so."""

    mode: Mode
    backend: Backend
    row: Row

    @property
    def reason(self) -> Reason:
        return self.row.reason


def _bridge(evidence: RelayEvidence) -> bool:
    return evidence.mode is EvbMode.BRIDGE


def _announced(evidence: RelayEvidence) -> bool:
    """The bridge says that relay is on; whether it says so to us is another question (`acknowledged`)."""
    return _bridge(evidence) and evidence.control is True


ROWS: Final[tuple[Row, ...]] = (
    Row(
        (11,),
        False,
        _announced,
        Mode.VEB,
        Reason.RR_FORCED_BY_BRIDGE,
        "the switch announces relay although nobody asked for it, and the policy is not to use it",
    ),
    Row((9, 10), False, lambda _: True, Mode.VEB, Reason.POLICY, "the policy is not to use relay"),
    Row(
        (8,),
        True,
        lambda e: e.peers > 1,
        Mode.VEB,
        Reason.MULTIPLE_PEERS,
        "more than one neighbor speaks EVB: it is unknown which of them the port belongs to",
    ),
    Row(
        (6,),
        True,
        lambda e: e.mode is EvbMode.STATION,
        Mode.VEB,
        Reason.PEER_IS_STATION,
        "the neighbor is an EVB station, as this host is, and no bridge",
    ),
    Row(
        (7,),
        True,
        lambda e: e.mode in (EvbMode.NOT_SUPPORTED, EvbMode.RESERVED),
        Mode.VEB,
        Reason.PEER_MODE,
        "the neighbor's EVB mode is neither bridge nor station",
    ),
    Row(
        (17,),
        True,
        lambda e: _bridge(e) and not e.control and e.lost is Loss.WITHDRAWN,
        Mode.VEB,
        Reason.RR_WITHDRAWN,
        "the switch had relay on and has withdrawn it",
    ),
    Row(
        (18,),
        True,
        lambda e: e.peers == 0 and e.lost is Loss.LOST,
        Mode.VEB,
        Reason.PEER_LOST,
        "the switch that had relay on is no longer heard with EVB",
    ),
    Row(
        (5,),
        True,
        lambda e: _announced(e) and not e.capable,
        Mode.VEB,
        Reason.RR_INCONSISTENT,
        "the switch says that relay is on and that the port cannot do it",
    ),
    Row(
        (14,),
        True,
        lambda e: _bridge(e) and bool(e.capable) and not e.answerable,
        Mode.VEB,
        Reason.RR_NOT_REQUESTED,
        "the switch speaks draft EVB on a scope that lldp.transmit does not name, so it can't be asked",
    ),
    Row(
        (4,),
        True,
        lambda e: _announced(e) and not e.acknowledged,
        Mode.VEB,
        Reason.HOLDING_UP,
        "relay is announced, but the switch has not yet shown that it heard our request",
    ),
    Row(
        (4,),
        True,
        lambda e: _announced(e) and bool(e.capable) and e.acknowledged and e.peers == 1,
        Mode.VEPA,
        Reason.RR_ACTIVE,
        "the switch reflects: it announces relay on this port and has heard our request",
    ),
    Row(
        (3,),
        True,
        lambda e: _bridge(e) and bool(e.capable),
        Mode.VEB,
        Reason.RR_PENDING,
        "the switch can reflect and has not turned it on yet",
    ),
    Row((2,), True, _bridge, Mode.VEB, Reason.RR_NOT_CAPABLE, "the switch port cannot reflect"),
    Row((1,), True, lambda _: True, Mode.VEB, Reason.NO_PEER, "no switch with EVB is heard"),
)


def asks(mode: ConfiguredMode, relay: ReflectiveRelay) -> bool:
    """Whether the policy is to ask the switch for relay (RRREQ)."""
    return mode in (ConfiguredMode.AUTO, ConfiguredMode.VEPA) and relay is ReflectiveRelay.AUTO


def decide(policy_asks: bool, evidence: RelayEvidence) -> Decision:
    """The first row that matches; the last ones match everything, so there always is one."""
    row = next(row for row in ROWS if row.asks is policy_asks and row.when(evidence))
    return Decision(row.mode, Backend.MACVTAP, row)

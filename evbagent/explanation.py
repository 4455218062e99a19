"""Why guests are bridged as they are: the row that decided, what stands in the way, what is known and since when."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields
from enum import Enum
from typing import Final

from evbagent.decision import Policy, Row
from evbagent.events import ProbeEvidence, RelayEvidence
from evbagent.obstacles import LINK_DOWN, NO_INTERFACE
from evbagent.status import Explanation, Fact, Obstacle, PeerStatus, Pending
from evbagent.wire.evb import EvbMode

__all__ = ["Explainer", "known"]

Value = bool | int | str
_UNSAID: Final = {
    field.name: field.default if isinstance(field.default, bool) else None for field in fields(RelayEvidence)
}
_OF_A_BRIDGE: Final = frozenset({"capable", "control", "echoed", "acknowledged"})  # of others, these octets say nothing


class Explainer:
    """Remembers since when each fact is as it is."""

    def __init__(self) -> None:
        self._facts: dict[str, Fact] = {}

    def explain(
        self,
        policy: Policy,
        row: Row,
        obstacles: tuple[Obstacle, ...],
        values: Mapping[str, Value],
        timers: Mapping[str, float],
        now: float,
    ) -> Explanation:
        """`values` as `known` has them; of `timers`, on the loop's clock, those that never ring are left out."""
        link = "absent" if NO_INTERFACE in obstacles else "down" if LINK_DOWN in obstacles else "up"
        return Explanation(
            policy=policy.value,
            rows=row.numbers,
            mode=row.mode,
            reason=row.reason,
            sentence=row.sentence,
            cure=row.cure,
            obstacles=obstacles,
            facts=self._since({"link": link, **values}, now),
            pending=tuple(Pending(what, due) for what, due in timers.items() if due < math.inf),
        )

    def _since(self, values: Mapping[str, Value], now: float) -> tuple[Fact, ...]:
        """What is as it was keeps its time."""
        old = self._facts
        self._facts = {
            what: old[what] if what in old and old[what].value == value else Fact(what, value, now)
            for what, value in values.items()
        }
        return tuple(self._facts.values())


def known(evidence: RelayEvidence, probe: ProbeEvidence, *, silent: bool) -> dict[str, Value]:
    """What is known of the switch port, by the names of the evidence's fields; what nobody said is left out.

    `silent`: the switch has said nothing for longer than it should.
    """
    of_a_bridge = evidence.mode is EvbMode.BRIDGE
    values = {name: getattr(evidence, name) for name in _UNSAID if of_a_bridge or name not in _OF_A_BRIDGE}
    values |= {"verified": probe.verified, "failure": probe.failure, "silent": silent or None}
    unsaid = {name for name, value in values.items() if value is None or value is _UNSAID.get(name)}
    return {name: _plain(value) for name, value in values.items() if name not in unsaid}


def _plain(value: object) -> Value:
    if isinstance(value, PeerStatus):
        return f"{value.system_name or value.chassis_id} {value.port_id}"
    if isinstance(value, Enum):
        return value.name.lower()
    assert isinstance(value, bool | int | str)
    return value

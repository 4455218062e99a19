"""The statistics of one LLDP agent (802.1AB-2016 9.2.6)."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from evbagent.status import LldpCounters
from evbagent.wire.ethernet import DiscardReason
from evbagent.wire.lldpdu import Lldpdu

__all__ = ["Counters"]

_FAULTLESS: Final = frozenset({DiscardReason.TOO_MANY_NEIGHBORS, DiscardReason.RATE_LIMITED})


@dataclass(slots=True)
class Counters:
    """Plain integers; the names are the standard's without `stats`."""

    frames_out_total: int = 0
    frames_in_total: int = 0
    frames_discarded_total: int = 0
    frames_in_errors_total: int = 0
    tlvs_discarded_total: int = 0
    tlvs_unrecognized_total: int = 0
    ageouts_total: int = 0
    discards: Counter[DiscardReason] = field(default_factory=Counter)

    def accepted(self, pdu: Lldpdu) -> None:
        """A valid LLDPDU, possibly with TLVs that had to go."""
        self.frames_in_total += 1
        self.frames_in_errors_total += bool(pdu.faults)
        self.tlvs_discarded_total += pdu.discarded
        self.tlvs_unrecognized_total += pdu.unrecognized

    def discarded(self, reason: DiscardReason) -> None:
        """An LLDPDU that had to go as a whole."""
        self.frames_in_total += 1
        self.frames_discarded_total += 1
        self.frames_in_errors_total += reason not in _FAULTLESS
        self.discards[reason] += 1

    def ignored(self, reason: DiscardReason) -> None:
        """A frame that was never meant for this agent (our own, reflected)."""
        self.discards[reason] += 1

    @property
    def status(self) -> LldpCounters:
        return LldpCounters(
            self.frames_out_total,
            self.frames_in_total,
            self.frames_discarded_total,
            self.frames_in_errors_total,
            self.tlvs_discarded_total,
            self.tlvs_unrecognized_total,
            self.ageouts_total,
            {reason.value: count for reason, count in self.discards.items()},
        )

"""ECP and VDP parameters that both ends of a link combine: the larger one holds (802.1Q-2014 D.2.12.4 to D.2.12.6)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from evbagent.wire.evb import BridgeStatus, Evb, EvbMode, StationStatus
from evbagent.wire.evb_draft import DraftMode, EvbDraft

__all__ = ["DEFAULTS", "Timing"]


@dataclass(frozen=True, slots=True)
class Timing:
    """R (retries) and the exponents RTE, RWD and RKA of 10 us * 2^n."""

    retries: int = 3
    rte: int = 14
    rwd: int = 20
    rka: int = 20

    def offer(self, mode: EvbMode, bridge: BridgeStatus, station: StationStatus, remote: Evb | None) -> Evb:
        """The TLV to send: the operational values, marked remote where the neighbor's were larger."""
        if remote is None:
            return Evb(mode, bridge, station, self.retries, self.rte, self.rwd, self.rka)
        return Evb(
            mode,
            bridge,
            station,
            retries=max(self.retries, remote.retries),
            rte=max(self.rte, remote.rte),
            rwd=max(self.rwd, remote.rwd),
            rka=max(self.rka, remote.rka),
            remote_rwd=remote.rwd > self.rwd,
            remote_rka=remote.rka > self.rka,
        )

    def offer_draft(self, supported: DraftMode, configured: DraftMode, remote: Iterable[EvbDraft]) -> EvbDraft:
        """The draft TLV to send; of the numbers it has RTE alone, where 0 stands for none given."""
        rte = max([self.rte, *(word.rte for word in remote)])
        return EvbDraft(supported, configured_mode=configured, rte=rte)


DEFAULTS: Final = Timing()

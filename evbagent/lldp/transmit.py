"""LLDP transmit machine (802.1AB-2016 9.2.9, figure 9-2)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from enum import Enum
from typing import ClassVar

from evbagent.effects import Effect, SendFrame
from evbagent.lldp.timers import Timer, TransmitSettings
from evbagent.machine import Machine
from evbagent.wire.ethernet import ETHERTYPE_LLDP, Frame, Scope
from evbagent.wire.lldpdu import Lldpdu, Msap
from evbagent.wire.octets import MacAddress
from evbagent.wire.tlv import Tlv

__all__ = ["Transmit", "TransmitState"]


class TransmitState(Enum):
    """The boxes of figure 9-2."""

    TX_LLDP_INITIALIZE = "TX_LLDP_INITIALIZE"
    TX_IDLE = "TX_IDLE"
    TX_INFO_FRAME = "TX_INFO_FRAME"
    TX_SHUTDOWN_FRAME = "TX_SHUTDOWN_FRAME"


class Transmit(Machine[TransmitState]):
    """Sends the LLDPDU of one scope; `permitted` is adminStatus, `port_enabled` the link's state."""

    S = TransmitState
    EDGES: ClassVar = frozenset(
        {
            (S.TX_LLDP_INITIALIZE, S.TX_IDLE),
            (S.TX_IDLE, S.TX_LLDP_INITIALIZE),
            (S.TX_IDLE, S.TX_INFO_FRAME),
            (S.TX_IDLE, S.TX_SHUTDOWN_FRAME),
            (S.TX_INFO_FRAME, S.TX_IDLE),
            (S.TX_SHUTDOWN_FRAME, S.TX_LLDP_INITIALIZE),
        }
    )

    def __init__(self, scope: Scope, settings: TransmitSettings, timer: Timer) -> None:
        super().__init__(TransmitState.TX_LLDP_INITIALIZE)
        self._scope = scope
        self._settings = settings
        self._timer = timer
        self._shutdown_until = -math.inf  # txShutdownWhile as a deadline
        self.permitted = True
        self.port_enabled = False
        self.port = 0
        self.source: MacAddress | None = None
        self.local: tuple[Msap, tuple[Tlv, ...]] | None = None

    @property
    def deadline(self) -> float:
        """When the wait after a shutdown LLDPDU ends; the timer machine knows everything else."""
        return self._shutdown_until if self.state is TransmitState.TX_SHUTDOWN_FRAME else math.inf

    @property
    def goodbye(self) -> SendFrame | None:
        """The shutdown LLDPDU as it would be sent now, None where there is nothing to take back."""
        speaks = self.permitted and self.local is not None and self.source is not None
        return self._frame(0) if speaks else None

    def _exit(self, now: float) -> TransmitState | None:
        state = self.state
        if state is TransmitState.TX_INFO_FRAME:
            return TransmitState.TX_IDLE
        if state is TransmitState.TX_SHUTDOWN_FRAME:
            return TransmitState.TX_LLDP_INITIALIZE if self._shutdown_until <= now or not self.port_enabled else None
        if state is TransmitState.TX_LLDP_INITIALIZE:
            ready = self.port_enabled and self.permitted and self.local is not None
            return TransmitState.TX_IDLE if ready else None
        if not self.port_enabled:
            return TransmitState.TX_LLDP_INITIALIZE
        if not self.permitted:
            return TransmitState.TX_SHUTDOWN_FRAME
        return TransmitState.TX_INFO_FRAME if self._timer.may_send(now) else None

    def _enter(self, now: float) -> Iterator[Effect]:
        if self.state is TransmitState.TX_INFO_FRAME:
            yield self._frame(self._settings.ttl)
            self._timer.sent(now)
        elif self.state is TransmitState.TX_SHUTDOWN_FRAME:
            yield self._frame(0)
            self._shutdown_until = now + self._settings.reinit_delay

    def _frame(self, ttl: int) -> SendFrame:
        """A shutdown LLDPDU (`ttl` 0) holds the three mandatory TLVs and nothing else (8.2.1)."""
        assert self.local is not None and self.source is not None, "TX_IDLE is not reached without them"
        msap, optional = self.local
        pdu = Lldpdu(msap.chassis, msap.port, ttl, optional if ttl else ())
        frame = Frame(self._scope.address, self.source, ETHERTYPE_LLDP, pdu.encode())
        return SendFrame(self.port, self._scope.value, frame.encode())

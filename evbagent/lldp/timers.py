"""LLDP transmit timer machine (802.1AB-2016 9.2.10, figure 9-3), its countdowns as deadlines."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Final

from evbagent.effects import Effect
from evbagent.machine import Machine

__all__ = ["Timer", "TimerState", "TransmitSettings"]


@dataclass(frozen=True, slots=True)
class TransmitSettings:
    """The parameters of 802.1AB-2016 9.2.5.

    `interval` (msgTxInterval), `fast_interval` (msgFastTx) and `reinit_delay` are seconds, `hold` (msgTxHold) is a
    multiplier, `fast_init` (txFastInit) and `credit` (txCreditMax) count frames. `phase` is how long the first
    periodic frame waits, so that the ports of a host do not send in one burst; the first frame itself leaves at once.
    """

    interval: float = 30.0
    hold: int = 4
    fast_interval: float = 1.0
    fast_init: int = 4
    credit: int = 5
    reinit_delay: float = 2.0
    phase: float = 30.0

    @property
    def ttl(self) -> int:
        """txTTL, seconds (9.2.5.22)."""
        return min(65535, int(self.interval * self.hold) + 1)


_EPSILON: Final = 1e-6  # what a sum of floats may lack


class TimerState(Enum):
    """The boxes of figure 9-3."""

    TX_TIMER_INITIALIZE = "TX_TIMER_INITIALIZE"
    TX_TIMER_IDLE = "TX_TIMER_IDLE"
    TX_TIMER_EXPIRES = "TX_TIMER_EXPIRES"
    SIGNAL_TX = "SIGNAL_TX"
    TX_FAST_START = "TX_FAST_START"


class Timer(Machine[TimerState]):
    """When an LLDPDU is due.

    TX_TICK of the figure, which gives a credit back each second, has no box here: credits are computed from the time
    gone by, so an idle agent never wakes up for them.
    """

    S = TimerState
    EDGES: ClassVar = frozenset(
        {
            (S.TX_TIMER_INITIALIZE, S.TX_TIMER_IDLE),
            (S.TX_TIMER_IDLE, S.TX_TIMER_INITIALIZE),
            (S.TX_TIMER_IDLE, S.SIGNAL_TX),
            (S.TX_TIMER_IDLE, S.TX_TIMER_EXPIRES),
            (S.TX_TIMER_IDLE, S.TX_FAST_START),
            (S.TX_FAST_START, S.TX_TIMER_EXPIRES),
            (S.TX_TIMER_EXPIRES, S.SIGNAL_TX),
            (S.SIGNAL_TX, S.TX_TIMER_IDLE),
        }
    )

    def __init__(self, settings: TransmitSettings) -> None:
        super().__init__(TimerState.TX_TIMER_INITIALIZE)
        self._settings = settings
        self.enabled = False  # portEnabled and transmission permitted by adminStatus
        self.new_neighbor = False
        self.local_change = False
        self.tx_now = False
        self._first = True
        self._tx_fast = 0
        self._tx_at = math.inf  # txTTR as a deadline
        self._credit = float(settings.credit)
        self._credit_at = 0.0

    @property
    def deadline(self) -> float:
        """When something is due: the next periodic frame, or the credit that a waiting one needs."""
        if self.state is TimerState.TX_TIMER_INITIALIZE:
            return math.inf
        if self.tx_now:
            return self._credit_at + (1.0 - self._credit)
        return self._tx_at

    def may_send(self, now: float) -> bool:
        """txNow, and txCredit > 0."""
        self._regain(now)
        return self.tx_now and self._credit >= 1.0 - _EPSILON

    def sent(self, now: float) -> None:
        self._regain(now)
        self._credit -= 1.0
        self.tx_now = False

    def retry(self, now: float) -> None:
        """The frame did not get out: once more after msgFastTx, unless the next first frame leaves at once anyway."""
        if self.state is TimerState.TX_TIMER_INITIALIZE:
            return
        self._tx_at = min(self._tx_at, now + self._settings.fast_interval)

    def _regain(self, now: float) -> None:
        gained = max(0.0, now - self._credit_at)
        self._credit = min(float(self._settings.credit), self._credit + gained)
        self._credit_at = now

    def _exit(self, now: float) -> TimerState | None:
        state = self.state
        if state is TimerState.TX_TIMER_IDLE:
            return self._leave_idle(now)
        if state is TimerState.TX_TIMER_INITIALIZE:
            return TimerState.TX_TIMER_IDLE if self.enabled else None
        return {
            TimerState.TX_FAST_START: TimerState.TX_TIMER_EXPIRES,
            TimerState.TX_TIMER_EXPIRES: TimerState.SIGNAL_TX,
            TimerState.SIGNAL_TX: TimerState.TX_TIMER_IDLE,
        }[state]

    def _leave_idle(self, now: float) -> TimerState | None:
        if not self.enabled:
            return TimerState.TX_TIMER_INITIALIZE
        if self.local_change:
            return TimerState.SIGNAL_TX
        if self._tx_at <= now:
            return TimerState.TX_TIMER_EXPIRES
        if self.new_neighbor:
            return TimerState.TX_FAST_START
        return None

    def _enter(self, now: float) -> Iterator[Effect]:
        state = self.state
        if state is TimerState.TX_TIMER_INITIALIZE:
            self.tx_now = self.local_change = self.new_neighbor = False
            self._first, self._tx_fast, self._tx_at = True, 0, math.inf
            self._credit, self._credit_at = float(self._settings.credit), now
        elif state is TimerState.TX_TIMER_IDLE and self._first and self._tx_at == math.inf:
            self._tx_at = now  # txTTR is 0 after initialization: the first frame leaves at once
        elif state is TimerState.TX_TIMER_EXPIRES:
            self._tx_fast = max(0, self._tx_fast - 1)
        elif state is TimerState.SIGNAL_TX:
            self._signal(now)
        elif state is TimerState.TX_FAST_START:
            self.new_neighbor = False
            self._tx_fast = self._tx_fast or self._settings.fast_init
        return iter(())

    def _signal(self, now: float) -> None:
        settings = self._settings
        period = settings.phase if self._first else settings.interval
        self._tx_at = now + (settings.fast_interval if self._tx_fast else period)
        self.tx_now, self.local_change, self._first = True, False, False

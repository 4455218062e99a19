"""How VEPA is earned: what allows it must hold for a while and must not flap; leaving is immediate."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, Final

from evbagent.effects import Effect, Moved
from evbagent.machine import Machine

__all__ = ["Entry", "EntrySettings", "EntryState", "FlapMemory"]

_PLANNED: Final = 10  # hold-ups; nobody plans to withdraw relay that has been in use for less


@dataclass(frozen=True, slots=True)
class EntrySettings:
    """Seconds, but for `flap_limit`: so many entries within `flap_window`, and the next one is locked out.

    The first lock-out lasts `lockout`, each further one twice as long, up to `longest_lockout`.
    """

    hold_up: float = 3.0
    flap_limit: int = 3
    flap_window: float = 600.0
    lockout: float = 600.0
    longest_lockout: float = 7200.0


@dataclass(frozen=True, slots=True)
class FlapMemory:
    """What must outlive a restart, in seconds before and after the moment it was asked for."""

    entries: tuple[float, ...] = ()  # how long ago
    locked_for: float = 0.0
    next_lockout: float | None = None  # None: that of the settings


class EntryState(Enum):
    """VEPA is not allowed; allowed and watched for `hold_up`; entered; allowed and flapping."""

    OUT = "OUT"
    HOLDING_UP = "HOLDING_UP"
    IN = "IN"
    LOCKED_OUT = "LOCKED_OUT"


class Entry(Machine[EntryState]):
    """From "the evidence allows VEPA" to "guests may be in VEPA"."""

    S = EntryState
    EDGES: ClassVar = frozenset(
        {
            (S.OUT, S.HOLDING_UP),
            (S.OUT, S.LOCKED_OUT),
            (S.OUT, S.IN),
            (S.HOLDING_UP, S.OUT),
            (S.HOLDING_UP, S.IN),
            (S.IN, S.OUT),
            (S.LOCKED_OUT, S.OUT),
            (S.LOCKED_OUT, S.HOLDING_UP),
        }
    )

    def __init__(self, subject: str, settings: EntrySettings) -> None:
        super().__init__(EntryState.OUT)
        self._subject = subject
        self._settings = settings
        self._came_from = EntryState.OUT
        self._allowed = self._announced = self._link_lost = self._adopted = False
        self._ground: tuple[object, ...] = ()
        self._since = -math.inf  # when the state was entered
        self._entries: list[float] = []  # at most `flap_limit`, the oldest first
        self._locked_until = -math.inf
        self._lockout = settings.lockout

    @property
    def inside(self) -> bool:
        """Whether guests may be in VEPA."""
        return self.state is EntryState.IN

    @property
    def deadline(self) -> float:
        """When time alone changes the state, the loop's clock in seconds."""
        if self.state is EntryState.HOLDING_UP:
            return self._since + self._settings.hold_up
        return self._locked_until if self.state is EntryState.LOCKED_OUT else math.inf

    def evaluate(self, *, allowed: bool, announced: bool, now: float, ground: tuple[object, ...] = ()) -> list[Effect]:
        """`allowed`: the evidence allows VEPA; where it no longer does, `announced` says that the switch said so.

        `ground` is what the evidence rests on: the link, then the switch. VEPA on another ground is earned anew, though
        nothing forbade it in between: one call can bring the end of a link, or of a switch, and the next one. Where
        it is the link that went, that was the cable's doing, and no flap of relay.
        """
        changed = [new != old for new, old in zip(ground, self._ground, strict=False)]
        another, self._link_lost = any(changed), any(changed[:1])
        self._ground = ground
        self._allowed, self._announced = allowed and not another, announced
        effects = self.run(now)
        if another:
            self._allowed = allowed
            effects += self.run(now)
        return effects

    def adopt(self, now: float) -> list[Effect]:
        """Guests are in VEPA by an earlier run of the agent, and what allowed it still does."""
        self._allowed = self._adopted = True
        return self.run(now)

    def memory(self, now: float) -> FlapMemory:
        entries = tuple(now - at for at in self._entries)
        return FlapMemory(entries, max(0.0, self._locked_until - now), self._lockout)

    def remember(self, memory: FlapMemory, now: float) -> None:
        """What an earlier run has seen."""
        self._entries = [now - ago for ago in memory.entries][-self._settings.flap_limit :]
        if memory.locked_for > 0.0:
            self._locked_until = now + min(memory.locked_for, self._settings.longest_lockout)
        if memory.next_lockout is not None:
            self._lockout = min(max(memory.next_lockout, self._settings.lockout), self._settings.longest_lockout)

    def _exit(self, now: float) -> EntryState | None:
        state = self.state
        if state is EntryState.OUT:
            return self._leave_out(now)
        if not self._allowed:
            return EntryState.OUT
        if state is EntryState.HOLDING_UP and now >= self.deadline:
            return EntryState.IN
        if state is EntryState.LOCKED_OUT and now >= self._locked_until:
            return EntryState.HOLDING_UP
        return None

    def _leave_out(self, now: float) -> EntryState | None:
        if not self._allowed:
            return None
        if self._adopted:
            return EntryState.IN
        if now < self._locked_until or self._flapping(now):
            return EntryState.LOCKED_OUT
        return EntryState.HOLDING_UP

    def _flapping(self, now: float) -> bool:
        self._entries = [at for at in self._entries if now - at < self._settings.flap_window]
        return len(self._entries) >= self._settings.flap_limit

    def _enter(self, now: float) -> Iterator[Effect]:
        state, stayed = self.state, now - self._since
        if state is EntryState.IN:
            if not (self._adopted and self._entries):  # else it is the last one of these that goes on
                self._entries = [*self._entries, now][-self._settings.flap_limit :]
            self._adopted = False
        elif state is EntryState.LOCKED_OUT and now >= self._locked_until:
            self._locked_until = now + self._lockout
            self._lockout = min(2 * self._lockout, self._settings.longest_lockout)
            self._entries = []
            why = f"relay came and went {self._settings.flap_limit} times, no VEPA for {self._locked_until - now:g} s"
            yield Moved("entry", self._subject, self._came_from.value, state.value, why)
        elif state is EntryState.OUT and self._came_from is EntryState.IN:
            self._judge(stayed)
        self._since, self._came_from = now, state

    def _judge(self, stayed: float) -> None:
        """Whether that was a flap. The switch's word makes it none, unless it takes back what it has barely given."""
        settings = self._settings
        planned = self._announced and stayed >= _PLANNED * settings.hold_up
        if planned or self._link_lost:
            self._entries.pop()
        if stayed >= settings.flap_window:
            self._lockout = settings.lockout

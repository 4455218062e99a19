"""State diagrams of IEEE 802: conditions are evaluated until none holds (802.1AB-2016 9.2.2, 802.1Q-2014 annex E)."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum
from typing import ClassVar, Final, Generic, TypeVar

from evbagent.effects import Effect

__all__ = ["Machine", "MachineError"]

S = TypeVar("S", bound=Enum)
_BOUND: Final = 64  # boxes entered in one evaluation; no figure here needs more than ten


class MachineError(AssertionError):
    """A machine left its figure: a bug of ours, never something a peer can cause."""


class Machine(Generic[S]):
    """A figure: `EDGES` are its arrows, `_exit` its conditions in their order, `_enter` its boxes."""

    EDGES: ClassVar[frozenset[tuple[Enum, Enum]]]

    def __init__(self, initial: S) -> None:
        self.state: S = initial

    def _exit(self, now: float) -> S | None:
        """The state that the first true exit condition leads to, None where none is true."""
        raise NotImplementedError

    def _enter(self, now: float) -> Iterator[Effect]:
        """The box of the state just entered."""
        raise NotImplementedError

    def run(self, now: float) -> list[Effect]:
        """Evaluate to the fixed point; the effects of the boxes entered, in order."""
        effects: list[Effect] = []
        for _ in range(_BOUND):
            target = self._exit(now)
            if target is None:
                return effects
            if (self.state, target) not in self.EDGES:
                raise MachineError(f"{type(self).__name__} has no arrow from {self.state} to {target}")
            self.state = target
            effects.extend(self._enter(now))
        raise MachineError(f"{type(self).__name__} finds no rest in {self.state}")

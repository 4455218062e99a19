"""Watches which arrows of its figure a machine takes."""

from __future__ import annotations

from enum import Enum
from itertools import pairwise
from typing import Generic, TypeVar

__all__ = ["Watched"]

S = TypeVar("S", bound=Enum)


class Watched(Generic[S]):
    """Stands before a machine among the bases of a class, and keeps every state that it was in."""

    visited: list[S]

    @property
    def state(self) -> S:
        return self.visited[-1]

    @state.setter
    def state(self, state: S) -> None:
        # The machine sets its first state in its constructor, before anything here could run.
        self.visited = [*getattr(self, "visited", []), state]

    @property
    def edges(self) -> set[tuple[S, S]]:
        """The arrows taken so far."""
        return set(pairwise(self.visited))

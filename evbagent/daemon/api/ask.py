"""How the API has questions answered by the daemon, which lives on another loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, TypeVar

__all__ = ["Ask", "TooBusy"]

T = TypeVar("T")


class TooBusy(Exception):
    """The daemon's loop did not answer in time."""


class Ask(Protocol):
    """Calls the question on the daemon's loop, for its answer; raises `TooBusy`, and what the question raises."""

    def __call__(self, question: Callable[[], T], /) -> Awaitable[T]: ...

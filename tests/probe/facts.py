"""What happens to a probe in front of a played switch, and when."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from evbagent.events import LinkState
from evbagent.wire.octets import MacAddress
from tests.probe.wire import LINK, Wire

__all__ = ["DOWN", "NO_RELAY", "Fact", "link", "overflow", "play", "put", "turn"]

Fact = tuple[float, Callable[[Wire], Any]]


def put(**fields: Any) -> Callable[[Wire], None]:
    """The world is another one from now on."""

    def change(wire: Wire) -> None:
        for name, value in fields.items():
            assert hasattr(wire, name)
            setattr(wire, name, value)

    return change


def turn(on: bool) -> Callable[[Wire], None]:
    return lambda wire: wire.perform(wire.probe.turn(on=on, now=wire.now))


def link(state: LinkState | None, *taken: MacAddress) -> Callable[[Wire], None]:
    return lambda wire: wire.perform(wire.probe.link(state, taken, wire.now))


def overflow(wire: Wire) -> None:
    wire.perform(wire.probe.missed(wire.now))


DOWN: Final = replace(LINK, carrier=False)
NO_RELAY: Final[Fact] = (0.0, put(relay=False))


def play(facts: list[Fact], until: float, wire: Wire | None = None) -> Wire:
    """What happens at these times, in front of a switch that reflects unless told otherwise."""
    wire = wire or Wire()
    for now, change in facts:
        if now == 0:
            change(wire)
    wire.start()
    for now, change in facts:
        if now > 0:
            change(wire.run(now))
    return wire.run(until)

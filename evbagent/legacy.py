"""What a daemon leaves behind of an uplink: enough for the next one to go on, and for a guard to end it; pure.

Whoever goes on takes a word of the switch for true that it has not heard itself, so anything that does not match speaks
against it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from msgspec import Meta

from evbagent.entry import FlapMemory
from evbagent.events import LinkState
from evbagent.status import MacvlanMode

__all__ = ["Goodbye", "Known", "Legacy"]

_MOST_FRAMES = 16
_Hex = Annotated[str, Meta(pattern="^([0-9a-f]{2})+$", max_length=2 * 2048)]
_Index = Annotated[int, Meta(ge=1, lt=1 << 31)]
_Count = Annotated[int, Meta(ge=0, lt=1 << 32)]
_Time = Annotated[float, Meta(ge=0.0, le=1e12)]


@dataclass(frozen=True, slots=True)
class Known:
    """A neighbor with EVB: its last frame, whole and in hexadecimal digits, and when what it says expires."""

    frame: _Hex
    expires: _Time


@dataclass(frozen=True, slots=True)
class Goodbye:
    """A shutdown LLDPDU, whole and in hexadecimal digits, and the interface that it leaves by."""

    ifindex: _Index
    frame: _Hex


@dataclass(frozen=True, slots=True)
class Flaps:
    """What makes a restart no way around a lock-out: `FlapMemory` with moments for ages."""

    entries: Annotated[tuple[_Time, ...], Meta(max_length=100)] = ()
    locked_until: _Time | None = None
    next_lockout: _Time | None = None

    @classmethod
    def of(cls, memory: FlapMemory, now: float) -> Flaps:
        entries = tuple(max(0.0, now - ago) for ago in memory.entries)
        locked_until = now + memory.locked_for if memory.locked_for else None
        return cls(entries, locked_until, memory.next_lockout)

    def memory(self, now: float) -> FlapMemory:
        entries = tuple(max(0.0, now - at) for at in self.entries)
        locked_for = 0.0 if self.locked_until is None else max(0.0, self.locked_until - now)
        return FlapMemory(entries, locked_for, self.next_lockout)

    def shifted(self, seconds: float) -> Flaps:
        """The same on a clock that is so far ahead."""
        entries = tuple(at + seconds for at in self.entries)
        locked_until = None if self.locked_until is None else self.locked_until + seconds
        return Flaps(entries, locked_until, self.next_lockout)


@dataclass(frozen=True, slots=True)
class Legacy:
    """One uplink; `vepa` says that its guests are in VEPA by decision, times are seconds of a clock of the writer's."""

    name: Annotated[str, Meta(min_length=1, max_length=15)]
    ifindex: _Index
    carrier_ups: _Count
    vepa: bool
    neighbors: Annotated[tuple[Known, ...], Meta(max_length=_MOST_FRAMES)] = ()
    goodbyes: Annotated[tuple[Goodbye, ...], Meta(max_length=_MOST_FRAMES)] = ()
    flaps: Flaps = Flaps()

    def shifted(self, seconds: float) -> Legacy:
        """The same on a clock that is so far ahead."""
        neighbors = tuple(replace(each, expires=each.expires + seconds) for each in self.neighbors)
        return replace(self, neighbors=neighbors, flaps=self.flaps.shifted(seconds))

    def refusal(self, port: LinkState | None, attachments: Sequence[LinkState], now: float) -> str | None:
        """Why nobody may go on from here, None where nothing speaks against it; `now` is of the clock of the times."""
        if port is None:
            return "the interface is not there"
        if port.ifindex != self.ifindex:
            return f"the name is another interface's now (ifindex {port.ifindex}, not {self.ifindex})"
        if not port.enabled:
            return "the link is down"
        if port.carrier_ups != self.carrier_ups:
            return "carrier was lost meanwhile"
        outside = [link.name for link in attachments if not link.foreign and link.mode is MacvlanMode.BRIDGE]
        if outside:
            return f"{outside[0]} is in bridge mode"
        if any(known.expires <= now for known in self.neighbors):
            return "what the switch said has expired"
        return None

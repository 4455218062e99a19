"""The state file: what the next daemon, the guard and `evbagent release` know of a daemon that is gone; pure.

Times are CLOCK_BOOTTIME, which goes on while the machine sleeps and means nothing after the next boot.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from evbagent import __version__
from evbagent.legacy import Legacy

__all__ = ["LARGEST", "STATE_SCHEMA", "Boot", "SavedState", "StateError"]

STATE_SCHEMA: Final = "evbagent/state/1"
LARGEST: Final = 8 << 20  # octets; a thousand uplinks with the longest frames stay far below
_NAP: Final = 0.5  # seconds that two readings of two clocks may differ by without a sleep between them


class StateError(ValueError):
    """A file that is no state of ours; the text says why."""


@dataclass(frozen=True, slots=True)
class Boot:
    """Where ifindexes and times mean something: one boot, one network namespace; `asleep` is how long it slept."""

    id: Annotated[str, Meta(min_length=1, max_length=64)]
    namespace: Annotated[int, Meta(ge=0)]
    asleep: Annotated[float, Meta(ge=0.0, le=1e12)]


@dataclass(frozen=True, slots=True)
class SavedState:
    """`started` tells daemons apart; `released` says that nobody has to be put anywhere any more.

    `probe_key`, in hexadecimal digits, makes the addresses of probes: the next daemon's are those that switches know.
    """

    boot: Boot
    started: Annotated[float, Meta(ge=0.0, le=1e12)]
    released: bool
    uplinks: Annotated[tuple[Legacy, ...], Meta(max_length=4096)]
    probe_key: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    version: Annotated[str, Meta(max_length=64)] = __version__
    schema: Literal["evbagent/state/1"] = STATE_SCHEMA

    @classmethod
    def decode(cls, content: bytes) -> SavedState:
        """Raises `StateError`: it is half a file, somebody else's, or of another version."""
        try:
            return msgspec.json.decode(content, type=cls)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise StateError(str(error)) from None

    def encode(self) -> bytes:
        fields: Mapping[str, Any] = msgspec.to_builtins(self)
        head = {key: fields[key] for key in ("schema", "version")}
        return msgspec.json.format(msgspec.json.encode({**head, **fields}), indent=1) + b"\n"

    def elsewhere(self, here: Boot) -> str | None:
        """Why its interfaces are not those of today, None where they are."""
        if self.boot.id != here.id:
            return "the machine was booted since"
        if self.boot.namespace != here.namespace:
            return "it is of another network namespace"
        return None

    def refusal(self, here: Boot) -> str | None:
        """Why no daemon may go on from here, whatever the uplink; None where nothing speaks against it."""
        asleep = here.asleep - self.boot.asleep > _NAP  # as good as carrier lost
        return self.elsewhere(here) or ("the machine slept since" if asleep else None)

"""What the API answers about neighbors and frames, as values: the daemon encodes them, clients decode them.

Text of peers is escaped already. `None` is null: every key is always there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

__all__ = [
    "CAPTURE_SCHEMA",
    "NEIGHBORS_SCHEMA",
    "Capture",
    "CapturedFrame",
    "Evb",
    "Neighbor",
    "Neighbors",
    "Port",
    "Refusal",
    "Refused",
    "Scope",
]

NEIGHBORS_SCHEMA: Final = "evbagent/neighbors/1"
CAPTURE_SCHEMA: Final = "evbagent/capture/1"


@dataclass(frozen=True, slots=True)
class Evb:
    """What a neighbor's EVB TLV says of relay; `role` is `bridge`, `station`, `none` or `reserved`.

    The draft's TLV (`version` `draft`) names no role and repeats no request.
    """

    version: str
    role: str | None
    relay_capable: bool
    relay_on: bool
    relay_requested: bool | None


@dataclass(frozen=True, slots=True)
class Neighbor:
    """One neighbor; `age_seconds` since it was first heard, `frame` its last frame as `evbagent/decode/1` has it.

    `rate_limited` counts frames that came too fast; `shared_identity`: two agents take turns under one name.
    """

    port: str
    scope: str
    chassis_id: str
    port_id: str
    system_name: str | None
    source: str
    first_heard: datetime
    last_heard: datetime
    age_seconds: float
    ttl: int
    expires_in_seconds: float
    rate_limited: int
    shared_identity: bool
    evb: Evb | None
    dcbx: tuple[str, ...]
    frame: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Scope:
    """What the agent of one scope has heard; `discards` by reason, `turned_away` the frames that found no room."""

    scope: str
    neighbors: int
    frames_in: int
    discards: Mapping[str, int]
    too_many_neighbors: bool
    turned_away: int


@dataclass(frozen=True, slots=True)
class Port:
    """One port; `discards` of frames that reached no agent, by reason.

    `missed` frames were lost unheard, and everybody had to be heard anew; of `overflowed` ones no EVB neighbor's was.
    """

    name: str
    carrier: bool
    scopes: tuple[Scope, ...]
    discards: Mapping[str, int]
    missed: int
    overflowed: int


@dataclass(frozen=True, slots=True)
class Neighbors:
    """The neighbors of the ports that were asked for."""

    schema: str
    ports: tuple[Port, ...]
    neighbors: tuple[Neighbor, ...]


@dataclass(frozen=True, slots=True)
class CapturedFrame:
    """One frame; `octets` are hexadecimal digits, with the VLAN tag, without FCS.

    `direction`: `in` or `out`. `verdict`: `sent`, `valid`, or why it went no further, as far as the frame alone tells.
    """

    time: datetime
    age_seconds: float
    direction: str
    verdict: str
    evb: Evb | None
    octets: str
    frame: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Capture:
    """The last frames of a port, the oldest first; `total` is how many there have been since the daemon began."""

    schema: str
    port: str
    total: int
    frames: tuple[CapturedFrame, ...]


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no answer: a label, a sentence, and the cure where there is one."""

    code: str
    message: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A refusal as it is sent."""

    error: Refusal

"""Facts that enter the core: links, neighbors, relay evidence (times are the loop's clock in seconds)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from evbagent.status import MacvlanMode, PeerStatus, RelayStatus
from evbagent.wire.ethernet import Scope
from evbagent.wire.evb import EvbMode
from evbagent.wire.lldpdu import Lldpdu, Msap
from evbagent.wire.octets import MacAddress

__all__ = [
    "Change",
    "EvbVersion",
    "LinkState",
    "Loss",
    "NeighborChange",
    "ProbeEvidence",
    "ProbeFailure",
    "RelayEvidence",
]


@dataclass(frozen=True, slots=True)
class LinkState:
    """One interface as the kernel has it; `lower` is the ifindex it hangs on, `foreign` that it lives elsewhere."""

    ifindex: int
    name: str
    address: MacAddress | None
    up: bool
    carrier: bool
    carrier_ups: int
    kind: str | None = None
    lower: int | None = None
    master: int | None = None
    mode: MacvlanMode | None = None
    stp: bool = False
    hairpin: bool | None = None
    foreign: bool = False

    @property
    def enabled(self) -> bool:
        """802.1AB's portEnabled; without an address a port can say nothing, so it need not listen either."""
        return self.up and self.carrier and self.address is not None


class Change(Enum):
    """What happened to a neighbor (802.1AB-2016 9.2.7.7)."""

    ADDED = "added"
    ADOPTED = "adopted"  # heard by the daemon before this one, and taken over from it
    UPDATED = "updated"
    REFRESHED = "refreshed"
    EXPIRED = "expired"
    SHUT_DOWN = "shut_down"
    EVICTED = "evicted"  # the table is full, and another one matters more
    CLEARED = "cleared"  # the port went down, or frames were lost: what was heard before counts no more


@dataclass(frozen=True, slots=True)
class NeighborChange:
    """A neighbor of one scope changed; `pdu` is the last LLDPDU that it sent with a TTL."""

    change: Change
    scope: Scope
    msap: Msap
    pdu: Lldpdu


class EvbVersion(Enum):
    """Which of the two EVB TLVs: 00-80-C2/0D, or the one before it was ratified, 00-1B-3F/00."""

    RATIFIED = "ratified"
    DRAFT = "draft"


class Loss(Enum):
    """How relay that was on went away: the switch said so, it did no longer say it, or it said nothing any more."""

    WITHDRAWN = "withdrawn"
    LOST = "lost"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class RelayEvidence:
    """What the EVB TLVs of a port's neighbors prove.

    `version`, `mode`, `capable` and `control` are those of the single EVB neighbor, None where there are none or
    several. `acknowledged` says that it has heard our request (or never echoes anything, `echoed` None); in the draft,
    which has no echo, that it followed our offer. `answerable` is False where relay is wanted of a neighbor that speaks
    where we may not send. `lost` is how relay that was on went, as long as nothing has happened since.
    """

    requested: bool
    peers: int = 0
    crowded: bool = False
    peer: PeerStatus | None = None
    version: EvbVersion | None = None
    mode: EvbMode | None = None
    capable: bool | None = None
    control: bool | None = None
    echoed: bool | None = None
    acknowledged: bool = False
    answerable: bool = True
    lost: Loss | None = None

    @property
    def operational(self) -> bool | None:
        """operReflectiveRelayStatus (802.1Q-2014 40.4): None is UNKNOWN. The draft's word alone is an intention."""
        if self.mode is not EvbMode.BRIDGE:
            return None
        return self.control and (self.version is not EvbVersion.DRAFT or self.acknowledged)

    def status(self, *, verified: bool | None, source: str | None) -> RelayStatus:
        """As it is shown, with what the probe proves, and whose word counts."""
        return RelayStatus(
            capable=self.capable,
            requested=self.requested,
            operational=self.operational,
            echoed=self.echoed,
            verified=verified,
            source=source,
            version=None if self.version is None else self.version.value,
            peers=self.peers,
            crowded=self.crowded,
            peer=self.peer,
        )


class ProbeFailure(Enum):
    """How the probe failed: whether a probe had come back since the link came up."""

    STOPPED = "stopped"
    NEVER = "never"  # where relay is announced: port security keeps our frames out, or the announcement is wrong


@dataclass(frozen=True, slots=True)
class ProbeEvidence:
    """What probe frames prove of a port: `verified` is None while the probe is off or nothing could be judged yet.

    `since` is when `verified` became so, None before it ever changed; `failure` is None unless `verified` is False.
    """

    verified: bool | None = None
    since: float | None = None
    failure: ProbeFailure | None = None

"""The frozen snapshot that everything shows: CLI, policy document, metrics, logs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from evbagent.portstatus import (
    DcbxStatus,
    Histogram,
    LldpCounters,
    NeighborStatus,
    PeerStatus,
    PortStatus,
    ProbeStatus,
    ScopeStatus,
)

__all__ = [
    "AttachmentStatus",
    "Backend",
    "ConfiguredMode",
    "DaemonStatus",
    "DcbxStatus",
    "DraftUse",
    "Explanation",
    "Fact",
    "Fallback",
    "Histogram",
    "LldpCounters",
    "MacvlanMode",
    "Mode",
    "NeighborStatus",
    "Obstacle",
    "PeerStatus",
    "Pending",
    "PortStatus",
    "ProbeStatus",
    "Reach",
    "Reason",
    "ReflectiveRelay",
    "RelayStatus",
    "ScopeStatus",
    "State",
    "UplinkStatus",
    "Would",
]


class Mode(Enum):
    """How guests on an uplink are bridged."""

    VEPA = "vepa"
    VEB = "veb"


class ConfiguredMode(Enum):
    """What the operator asked for; `observe` applies nothing and says what `auto` would do."""

    AUTO = "auto"
    VEPA = "vepa"
    VEB = "veb"
    OBSERVE = "observe"


class ReflectiveRelay(Enum):
    """Whether the agent asks the switch for relay, and what it believes besides the switch's word.

    `passive` does not ask and uses relay that is on anyway; with `probe` frames that come back are enough where the
    switch says nothing; with `assume` the operator's word is, unless the switch or the probe say otherwise.
    """

    AUTO = "auto"
    PASSIVE = "passive"
    PROBE = "probe"
    ASSUME = "assume"
    OFF = "off"


class DraftUse(Enum):
    """Whether EVB's draft version is spoken: with whom speaks it alone, with everybody until told better, never."""

    AUTO = "auto"
    ON = "on"
    OFF = "off"


class Fallback(Enum):
    """How guests are bridged while relay is not there; VEPA is none, and a type of its own keeps it out."""

    VEB = "veb"


class Backend(Enum):
    """What carries the guests."""

    MACVTAP = "macvtap"


class MacvlanMode(Enum):
    """The modes of macvlan and macvtap devices, by the kernel's names."""

    PRIVATE = "private"
    VEPA = "vepa"
    BRIDGE = "bridge"
    PASSTHRU = "passthru"
    SOURCE = "source"


class Reach(Enum):
    """What the agent may do with an attachment.

    `managed`: in `vepa` or `bridge` and in our namespace, the only ones that are ever changed. `chosen`: in
    `private`, `source` or `passthru`, somebody's choice. `foreign`: in another namespace, seen but not settable.
    """

    MANAGED = "managed"
    CHOSEN = "chosen"
    FOREIGN = "foreign"


class State(Enum):
    """Where an uplink stands on its way to what was decided."""

    SETTLED = "settled"
    ENTERING = "entering"
    LEAVING = "leaving"
    LOCKED_OUT = "locked_out"
    SUSPECT = "suspect"
    DOWN = "down"
    OBSERVING = "observing"


class Reason(Enum):
    """Why the mode is what it is: the labels of the truth table in decision.py."""

    NO_PEER = "no_peer"
    RR_NOT_CAPABLE = "rr_not_capable"
    RR_PENDING = "rr_pending"
    RR_NOT_REQUESTED = "rr_not_requested"
    RR_ACTIVE = "rr_active"
    RR_INCONSISTENT = "rr_inconsistent"
    PEER_IS_STATION = "peer_is_station"
    PEER_MODE = "peer_mode"
    MULTIPLE_PEERS = "multiple_peers"
    POLICY = "policy"
    RR_FORCED_BY_BRIDGE = "rr_forced_by_bridge"
    RR_WITHDRAWN = "rr_withdrawn"
    PEER_LOST = "peer_lost"
    HOLDING_UP = "holding_up"
    FLAP_LOCKOUT = "flap_lockout"
    PROBE_FAILED = "probe_failed"
    PORT_SECURITY_SUSPECTED = "port_security_suspected"
    PROBE_PROVEN = "probe_proven"
    ASSUMED = "assumed"
    RR_CONTRADICTS = "rr_contradicts"
    ATTACHMENT_OUT_OF_REACH = "attachment_out_of_reach"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class RelayStatus:
    """What is known about the switch port; None is "nobody said"."""

    capable: bool | None
    requested: bool
    operational: bool | None
    echoed: bool | None
    verified: bool | None
    source: str | None
    version: str | None
    peers: int
    crowded: bool
    peer: PeerStatus | None


@dataclass(frozen=True, slots=True)
class AttachmentStatus:
    """One guest's device on the uplink; `wanted` is None where the agent leaves it alone."""

    name: str
    ifindex: int
    reach: Reach
    mode: MacvlanMode | None
    wanted: MacvlanMode | None


@dataclass(frozen=True, slots=True)
class Would:
    """What `auto` would do where nothing is applied."""

    mode: Mode
    reason: Reason


@dataclass(frozen=True, slots=True)
class Fact:
    """One piece of evidence by its name, and since when it is so, the loop's clock in seconds."""

    what: str
    value: bool | int | str
    since: float


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What keeps guests out of VEPA beside the evidence; the cure says what would end it.

    `reason` is what it makes of the uplink's reason, None where that stays what the evidence makes it.
    """

    label: str
    sentence: str
    cure: str
    reason: Reason | None = None


@dataclass(frozen=True, slots=True)
class Pending:
    """Something will be looked at again by itself, `due` on the loop's clock in seconds."""

    what: str
    due: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why guests are bridged as they are, or would be where nothing is applied.

    The policy that the settings come to; the row of the table that decided, with its numbers, mode, reason, what it
    says, and what would have to change for VEPA (None where it is VEPA); what else stands in the way; what is known;
    what waits for its time.
    """

    policy: str = ""
    rows: tuple[int, ...] = ()
    mode: Mode = Mode.VEB
    reason: Reason = Reason.NO_PEER
    sentence: str = ""
    cure: str | None = None
    obstacles: tuple[Obstacle, ...] = ()
    facts: tuple[Fact, ...] = ()
    pending: tuple[Pending, ...] = ()


@dataclass(frozen=True, slots=True)
class UplinkStatus:
    """One uplink; `since` is the loop's clock in seconds at the last change of mode, state or reason."""

    name: str
    ports: tuple[str, ...]
    configured_mode: ConfiguredMode
    reflective_relay: ReflectiveRelay
    fallback: Fallback
    apply: bool
    mode: Mode
    backend: Backend
    state: State
    reason: Reason
    since: float
    relay: RelayStatus
    attachments: tuple[AttachmentStatus, ...]
    would: Would | None
    dcbx: tuple[DcbxStatus, ...] = ()  # by port
    explanation: Explanation = Explanation()

    @property
    def degraded(self) -> bool:
        """The operator demands VEPA, and evidence does not allow it."""
        return self.configured_mode is ConfiguredMode.VEPA and self.mode is not Mode.VEPA


@dataclass(frozen=True, slots=True)
class DaemonStatus:
    """All of it at one moment.

    `transitions` by (uplink, from, to, reason); `mode_errors` and `drifts` by uplink; `policy_errors` counts documents
    that could not be written; `reactions` from the kernel's stamp of the frame, or the moment of expiry, to the modes
    read back.
    """

    uplinks: tuple[UplinkStatus, ...]
    ports: tuple[PortStatus, ...]
    transitions: Mapping[tuple[str, str, str, str], int]
    mode_errors: Mapping[str, int]
    drifts: Mapping[str, int]
    policy_errors: int
    reactions: Histogram

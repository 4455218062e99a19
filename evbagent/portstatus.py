"""The frozen snapshot of one port: its LLDP agents, its neighbors, its probe and DCBX."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evbagent.dcb import Dcb, DcbxMismatch, DcbxMode, DcbxSource, Finding
from evbagent.wire.octets import MacAddress

__all__ = [
    "DcbxStatus",
    "Histogram",
    "LldpCounters",
    "NeighborStatus",
    "PeerStatus",
    "PortStatus",
    "ProbeStatus",
    "ScopeStatus",
]


@dataclass(frozen=True, slots=True)
class Histogram:
    """Observations in seconds: how many were at most each bound, all of them, and their sum."""

    bounds: tuple[float, ...]
    counts: tuple[int, ...]
    total: int
    sum: float


@dataclass(frozen=True, slots=True)
class PeerStatus:
    """The EVB neighbor, as text that is safe to show."""

    chassis_id: str
    port_id: str
    system_name: str | None


@dataclass(frozen=True, slots=True)
class LldpCounters:
    """The statistics of one LLDP agent under their names in 802.1AB-2016 9.2.6; `discards` by reason."""

    frames_out_total: int
    frames_in_total: int
    frames_discarded_total: int
    frames_in_errors_total: int
    tlvs_discarded_total: int
    tlvs_unrecognized_total: int
    ageouts_total: int
    discards: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class ScopeStatus:
    """One LLDP agent of a port; `shared_identities` counts neighbors that are two agents under one name."""

    scope: str
    neighbors: int
    too_many_neighbors: bool
    shared_identities: int
    counters: LldpCounters


@dataclass(frozen=True, slots=True)
class NeighborStatus:
    """One neighbor that a port knows; `octets` is the whole frame that it sent last, the times are the loop's clock.

    `rate_limited` counts frames that were one too many; `shared`: two agents take turns under its identity.
    """

    port: str
    scope: str
    source: MacAddress
    octets: bytes
    first_heard: float
    last_heard: float
    expires: float
    rate_limited: int
    shared: bool


@dataclass(frozen=True, slots=True)
class ProbeStatus:
    """The probe of one port; frames are counted since the start, `round_trips` and `last_round_trip` are seconds.

    `address` is None while the probe is off. `missed` probes did not come back, `voided` tries could not be judged
    (not sent in time, a stall of ours, frames lost unheard); `discards` are frames that proved nothing, by reason.
    """

    state: str
    address: str | None
    verified: bool | None
    sent: int
    reflected: int
    missed: int
    voided: int
    discards: Mapping[str, int]
    last_round_trip: float | None
    round_trips: Histogram


@dataclass(frozen=True, slots=True)
class DcbxStatus:
    """DCBX on one port: what the peer offers, what the kernel has, and where they differ.

    `peers` is how many neighbors speak DCBX; with several of them no offer counts, and `peer` is None. `own` and
    `mode` are the kernel's, None where the interface's driver does not say.
    """

    port: str
    peers: int
    peer: PeerStatus | None
    offer: Dcb | None
    source: DcbxSource | None
    own: Dcb | None
    mode: DcbxMode | None
    findings: tuple[Finding, ...]

    @property
    def mismatches(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.holds)

    @property
    def firmware_agent(self) -> bool | None:
        """Whether a firmware agent speaks DCBX, None where nobody says."""
        return next((finding.holds for finding in self.findings if finding.kind is DcbxMismatch.FIRMWARE_AGENT), None)

    @property
    def unknown(self) -> tuple[DcbxMismatch, ...]:
        """What can't be judged, as one side does not say."""
        return tuple(finding.kind for finding in self.findings if finding.holds is None)


@dataclass(frozen=True, slots=True)
class PortStatus:
    """One physical port; `discards` are frames that reached no agent, by reason.

    `missed` frames were lost unheard, and everybody had to be heard anew; `overflowed` ones were lost too, while those
    of the EVB neighbors were not. `probe` is None where the port has none.
    """

    name: str
    carrier: bool
    scopes: tuple[ScopeStatus, ...]
    discards: Mapping[str, int]
    missed: int
    overflowed: int
    probe: ProbeStatus | None
    dcbx: DcbxStatus

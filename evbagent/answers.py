"""Snapshots as the API's answers: loop times become wall clock, and a frame is decoded when somebody asks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from evbagent import shapes
from evbagent.capture import Captured
from evbagent.decode import decode
from evbagent.policy.document import Moment
from evbagent.status import NeighborStatus, PortStatus, ScopeStatus
from evbagent.wire.ethernet import DiscardReason
from evbagent.wire.evb import EvbMode
from evbagent.wire.evb_draft import DraftMode
from evbagent.wire.octets import MacAddress

__all__ = ["captured", "neighbor", "port"]

_ROLES: Final = {
    EvbMode.NOT_SUPPORTED: "none",
    EvbMode.BRIDGE: "bridge",
    EvbMode.STATION: "station",
    EvbMode.RESERVED: "reserved",
}
_TURNED_AWAY: Final = DiscardReason.TOO_MANY_NEIGHBORS.value


def neighbor(status: NeighborStatus, moment: Moment) -> shapes.Neighbor:
    """One neighbor as of that moment."""
    frame = decode(status.octets)
    return shapes.Neighbor(
        port=status.port,
        scope=status.scope,
        chassis_id=frame["chassis_id"]["value"],
        port_id=frame["port_id"]["value"],
        system_name=frame["system_name"],
        source=str(status.source),
        first_heard=_rounded(moment.at(status.first_heard)),
        last_heard=_rounded(moment.at(status.last_heard)),
        age_seconds=round(moment.loop - status.first_heard, 3),
        ttl=frame["ttl"],
        expires_in_seconds=max(0.0, round(status.expires - moment.loop, 3)),
        rate_limited=status.rate_limited,
        shared_identity=status.shared,
        evb=_evb(frame["evb"], frame["evb_draft"]),
        dcbx=tuple(version for version, said in frame["dcbx"].items() if said is not None),
        frame=frame,
    )


def _rounded(moment: datetime) -> datetime:
    """To the millisecond below."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def _evb(ratified: Mapping[str, Any] | None, draft: Mapping[str, Any] | None) -> shapes.Evb | None:
    """Of two TLVs the ratified one counts."""
    if ratified is not None:
        return shapes.Evb(
            version="ratified",
            role=_ROLES[EvbMode(ratified["mode"])],
            relay_capable=ratified["rr_capable"],
            relay_on=ratified["rr_control"],
            relay_requested=ratified["rr_request"],
        )
    if draft is not None:
        supported, configured = DraftMode(draft["supported_mode"]), DraftMode(draft["configured_mode"])
        return shapes.Evb(
            version="draft",
            role=None,
            relay_capable=DraftMode.REFLECTIVE_RELAY in supported,
            relay_on=DraftMode.REFLECTIVE_RELAY in configured,
            relay_requested=None,
        )
    return None


def port(status: PortStatus) -> shapes.Port:
    """What a port has heard, so that an empty list of neighbors says why."""
    scopes = tuple(_scope(scope) for scope in status.scopes)
    return shapes.Port(status.name, status.carrier, scopes, dict(status.discards), status.missed, status.overflowed)


def _scope(status: ScopeStatus) -> shapes.Scope:
    counters = status.counters
    return shapes.Scope(
        scope=status.scope,
        neighbors=status.neighbors,
        frames_in=counters.frames_in_total,
        discards=dict(counters.discards),
        too_many_neighbors=status.too_many_neighbors,
        turned_away=counters.discards.get(_TURNED_AWAY, 0),
    )


def captured(frame: Captured, own: frozenset[MacAddress], moment: Moment) -> shapes.CapturedFrame:
    """One frame; what comes from an address of `own` is discarded as reflected, as the agent does."""
    octets = frame.whole
    decoded = decode(octets)
    return shapes.CapturedFrame(
        time=datetime.fromtimestamp(frame.stamp, moment.wall.tzinfo),
        age_seconds=round(moment.wall.timestamp() - frame.stamp, 3),
        direction="out" if frame.sent else "in",
        verdict=_verdict(frame, decoded, own),
        evb=_evb(decoded["evb"], decoded["evb_draft"]),
        octets=octets.hex(),
        frame=decoded,
    )


def _verdict(frame: Captured, decoded: Mapping[str, Any], own: frozenset[MacAddress]) -> str:
    if frame.sent:
        return "sent"
    if decoded["vlan"]:
        return DiscardReason.TAGGED.value
    if decoded["source"] in map(str, own):
        return DiscardReason.OWN.value
    reason: str | None = decoded["discard_reason"]
    return reason or "valid"

"""The policy document and the status shown by the command line: one shape for an uplink, as plain JSON values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from evbagent import __version__
from evbagent.policy.dcbx import dcbx, peer
from evbagent.status import (
    AttachmentStatus,
    Explanation,
    MacvlanMode,
    Mode,
    Reach,
    Reason,
    RelayStatus,
    State,
    UplinkStatus,
)

__all__ = ["POLICY_SCHEMA", "STATUS_SCHEMA", "Moment", "abandoned", "document", "status", "status_of"]

POLICY_SCHEMA: Final = "evbagent/policy/1"
STATUS_SCHEMA: Final = "evbagent/status/1"


@dataclass(frozen=True, slots=True)
class Moment:
    """One instant on both clocks: the loop's in seconds, and the wall's with its zone."""

    loop: float
    wall: datetime

    def at(self, loop: float) -> datetime:
        """The wall clock at a moment of the loop's clock."""
        return self.wall - timedelta(seconds=self.loop - loop)


def document(
    uplinks: Sequence[UplinkStatus], *, host: str, generation: int, moment: Moment, guarded: bool = False
) -> dict[str, Any]:
    """The policy document: uplinks by name, because templates address them so. `guarded`: a guard watches us."""
    return {
        "schema": POLICY_SCHEMA,
        "agent": {"name": "evbagent", "version": __version__, "guard": guarded},
        "host": host,
        "generation": generation,
        "written_at": _timestamp(moment.wall),
        "stale": False,
        "uplinks": {uplink.name: _uplink(uplink, moment) for uplink in uplinks},
    }


def status(uplinks: Sequence[UplinkStatus], moment: Moment) -> dict[str, Any]:
    """The status of these uplinks at that moment."""
    return {"schema": STATUS_SCHEMA, "uplinks": [_uplink(uplink, moment) for uplink in uplinks]}


def abandoned(policy: Mapping[str, Any], modes: Mapping[str, Mapping[str, str]], wall: datetime) -> dict[str, Any]:
    """The document of a daemon that is gone, after somebody else has put its guests out of VEPA.

    `modes`: of the devices of each uplink as the kernel has them, by name. Raises what JSON of another shape may cause.
    """
    uplinks = {
        name: _abandoned(uplink, modes[name], wall) if name in modes else uplink
        for name, uplink in policy["uplinks"].items()
    }
    generation = policy["generation"] + 1
    return {**policy, "generation": generation, "written_at": _timestamp(wall), "stale": True, "uplinks": uplinks}


def _abandoned(uplink: Mapping[str, Any], modes: Mapping[str, str], wall: datetime) -> dict[str, Any]:
    mode = Mode.VEPA if MacvlanMode.VEPA.value in modes.values() else Mode.VEB
    foreign = [each for each in uplink["attachments"] if each["reach"] == Reach.FOREIGN.value]
    ours = [each for each in uplink["attachments"] if each["reach"] != Reach.FOREIGN.value and each["name"] in modes]
    return {
        **uplink,
        "effective": {**uplink["effective"], "mode": mode.value},
        "state": State.SETTLED.value if mode is Mode.VEB else State.LEAVING.value,
        "reason": Reason.RELEASED.value,
        "since": _timestamp(wall),
        "age_seconds": 0.0,
        "relay": dict.fromkeys(uplink["relay"]) | {"requested": False, "peers": 0, "crowded": False},
        "attachments": [*({**each, "mode": modes[each["name"]], "wanted": None} for each in ours), *foreign],
        "explanation": {
            **uplink["explanation"],
            "row": [],
            "mode": Mode.VEB.value,
            "reason": Reason.RELEASED.value,
            "sentence": "the daemon is gone, and nobody watches any more",
            "cure": "start the daemon",
            "obstacles": [],
            "evidence": [],
            "pending": [],
        },
    }


def status_of(policy: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """A policy document as a status: a list of uplinks, the ages of what they are and of what is known as of `now`."""
    uplinks = []
    for uplink in policy["uplinks"].values():
        explanation = uplink["explanation"]
        evidence = [_aged(fact, now) for fact in explanation["evidence"]]
        uplinks.append({**_aged(uplink, now), "explanation": {**explanation, "evidence": evidence}})
    return {"schema": STATUS_SCHEMA, "uplinks": uplinks}


def _aged(entry: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    age = (now - datetime.fromisoformat(entry["since"])).total_seconds()
    return {**entry, "age_seconds": max(0.0, round(age, 3))}


def _timestamp(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds")


def _uplink(uplink: UplinkStatus, moment: Moment) -> dict[str, Any]:
    would = uplink.would
    return {
        "name": uplink.name,
        "ports": list(uplink.ports),
        "configured": {
            "mode": uplink.configured_mode.value,
            "reflective_relay": uplink.reflective_relay.value,
            "fallback": uplink.fallback.value,
            "apply": uplink.apply,
        },
        "effective": {"mode": uplink.mode.value, "backend": uplink.backend.value},
        "state": uplink.state.value,
        "reason": uplink.reason.value,
        "since": _timestamp(moment.at(uplink.since)),
        "age_seconds": round(moment.loop - uplink.since, 3),
        "relay": _relay(uplink.relay),
        "attachments": [_attachment(attachment) for attachment in uplink.attachments],
        "would": None if would is None else {"mode": would.mode.value, "reason": would.reason.value},
        "dcbx": [dcbx(port) for port in uplink.dcbx],
        "explanation": _explanation(uplink.explanation, moment),
    }


def _explanation(explanation: Explanation, moment: Moment) -> dict[str, Any]:
    return {
        "policy": explanation.policy,
        "row": list(explanation.rows),
        "mode": explanation.mode.value,
        "reason": explanation.reason.value,
        "sentence": explanation.sentence,
        "cure": explanation.cure,
        "obstacles": [
            {"label": obstacle.label, "sentence": obstacle.sentence, "cure": obstacle.cure}
            for obstacle in explanation.obstacles
        ],
        "evidence": [
            {
                "what": fact.what,
                "value": fact.value,
                "since": _timestamp(moment.at(fact.since)),
                "age_seconds": round(moment.loop - fact.since, 3),
            }
            for fact in explanation.facts
        ],
        "pending": [{"what": each.what, "due": _timestamp(moment.at(each.due))} for each in explanation.pending],
    }


def _relay(relay: RelayStatus) -> dict[str, Any]:
    return {
        "capable": relay.capable,
        "requested": relay.requested,
        "operational": relay.operational,
        "echoed": relay.echoed,
        "verified": relay.verified,
        "source": relay.source,
        "version": relay.version,
        "peers": relay.peers,
        "crowded": relay.crowded,
        "peer": peer(relay.peer),
    }


def _attachment(attachment: AttachmentStatus) -> dict[str, Any]:
    return {
        "name": attachment.name,
        "ifindex": attachment.ifindex,
        "reach": attachment.reach.value,
        "mode": None if attachment.mode is None else attachment.mode.value,
        "wanted": None if attachment.wanted is None else attachment.wanted.value,
    }
